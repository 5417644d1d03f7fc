#include "app/gui/export/export_panel.h"

#include "app/gui/setup/column_area.h"
#include "core/base/strings.h"
#include "core/exporting/gguf_export.h"
#include "core/session/what_if.h"
#include "widgets/common/number_format.h"
#include "widgets/common/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {

constexpr ExportFormat formats[] = {ExportFormat::Hf,
                                    ExportFormat::Awq,
                                    ExportFormat::Gptq,
                                    ExportFormat::GptqV2,
                                    ExportFormat::CompressedTensors,
                                    ExportFormat::Gguf,
                                    ExportFormat::Llama2c};

QComboBox* choice(const QString& name, const QString& tip, bool editable = false) {
    auto* box = new QComboBox;
    box->setAccessibleName(name);
    box->setToolTip(tip);
    box->setEditable(editable);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    return box;
}

QLabel* words() {
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

/// Keeps what is chosen when it is still there.
void offer(QComboBox* box, const QStringList& items) {
    const QSignalBlocker quiet(box);
    const QString before = box->currentText();
    box->clear();
    box->addItems(items);
    if (!before.isEmpty() && (box->isEditable() || items.contains(before))) box->setCurrentText(before);
}

} // namespace

ExportPanel::ExportPanel(QWidget* parent) : QWidget(parent) {
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(5);
    auto* form = new QFormLayout;
    form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    form->setSpacing(4);
    buildForm(form);
    column->addLayout(form);
    note_ = words();
    result_ = words();
    column->addWidget(note_);
    column->addWidget(result_);
    column->addStretch(1);
    auto* scroll = new ColumnArea;
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(scroll, 1);
    export_ = new QPushButton(tr("Export and verify"));
    connect(export_, &QPushButton::clicked, this, &ExportPanel::exportRequested);
    auto* row = new QHBoxLayout;
    row->setContentsMargins(8, 6, 8, 6);
    row->addWidget(export_);
    outer->addLayout(row);
    edited();
}

void ExportPanel::buildForm(QFormLayout* form) {
    quant_ = choice(tr("Weights to export"), tr("none, stored, or a quantizer such as rtn:4:g64"), true);
    scales_ = choice(tr("Gains to fold in"), tr("Accepted searches and what-ifs of the open session"));
    rope_ = choice(tr("RoPE scaling to store"),
                   tr("Written to config.json; model: what the checkpoint stores"), true);
    format_ = choice(tr("Format"), tr("What the serving stack loads"));
    for (const ExportFormat format : formats)
        format_->addItem(QLatin1String(exportFormatName(format)), static_cast<int>(format));
    type_ = choice(tr("Type of dense weights and scales"), tr("Default: that of the checkpoint or format"));
    type_->addItems({tr("default"), "f16", "bf16", "f32"});
    patch_ = new QCheckBox(tr("Patch: change only what the gains change"));
    patch_->setToolTip(
        tr("A byte-for-byte copy of the checkpoint in which only scales, biases or the rows of "
           "q and k differ. The format is that of the checkpoint."));
    snap_ = new QCheckBox(tr("Snap gains to powers of two"));
    snap_->setToolTip(tr("Powers of two fold into stored scales without any rounding"));
    replace_ = new QCheckBox(tr("Replace a model that is there"));
    target_ = new QLineEdit;
    target_->setAccessibleName(tr("Folder to write"));
    target_->setPlaceholderText(tr("Folder of the new model"));
    auto* browse = new QToolButton;
    browse->setText(tr("..."));
    browse->setAccessibleName(tr("Choose the folder to write"));
    connect(browse, &QToolButton::clicked, this, &ExportPanel::browseRequested);
    auto* where = new QHBoxLayout;
    where->addWidget(target_, 1);
    where->addWidget(browse);
    form->addRow(tr("&Weights"), quant_);
    form->addRow(tr("Gai&ns"), scales_);
    form->addRow(tr("RoPE"), rope_);
    form->addRow(tr("&Format"), format_);
    form->addRow(tr("&Type"), type_);
    auto* to = new QLabel(tr("T&o")); // a row of two widgets has no buddy of its own
    to->setBuddy(target_);
    form->addRow(to, where);
    form->addRow(patch_);
    form->addRow(snap_);
    form->addRow(replace_);
    for (QComboBox* box : {quant_, scales_, rope_, format_, type_})
        connect(box, &QComboBox::currentTextChanged, this, &ExportPanel::edited);
    for (QCheckBox* box : {patch_, snap_, replace_})
        connect(box, &QCheckBox::toggled, this, &ExportPanel::edited);
    connect(target_, &QLineEdit::textChanged, this, &ExportPanel::edited);
    setSession(nullptr);
}

void ExportPanel::setModel(const OpenedModel& model) {
    model_ = model;
    edited();
}

void ExportPanel::setSession(const std::shared_ptr<const Session>& session) {
    session_ = session;
    QStringList quants{"none"}, ropes{"model"}, scales{tr("none")};
    if (session_) {
        for (const auto& condition : session_->conditions) {
            const QString rope = QString::fromStdString(condition->key.rope.text());
            const QString quant = QString::fromStdString(condition->key.quant.text());
            if (!ropes.contains(rope)) ropes << rope;
            if (!quants.contains(quant)) quants << quant;
        }
        for (const NamedScales& one : allScales(*session_))
            scales << QString::fromStdString(one.scales->name);
    }
    offer(quant_, quants);
    offer(rope_, ropes);
    offer(scales_, scales);
    edited();
}

Outcome<ExportTask> ExportPanel::task() const {
    if (!model_.model) return Error::bad(tr("Choose a model in Setup first.").toStdString());
    if (target_->text().trimmed().isEmpty())
        return Error::bad(tr("Choose the folder of the new model.").toStdString());
    ExportTask task;
    auto quant = QuantSpec::parse(quant_->currentText().trimmed().toStdString());
    if (!quant) return quant.error();
    auto rope = RopeSpec::parse(rope_->currentText().trimmed().toStdString());
    if (!rope) return rope.error();
    task.quant = *quant;
    ExportRequest& request = task.request;
    request.model = model_.model;
    if (rope->kind != RopeKind::Model) request.rope = *rope;
    request.format = static_cast<ExportFormat>(format_->currentData().toInt());
    if (type_->currentIndex() > 0) {
        const std::string name = type_->currentText().toStdString();
        if (request.format == ExportFormat::Gguf) {
            auto type = parseGgufType(name);
            if (!type) return type.error();
            request.ggufType = *type;
        } else {
            auto type = parseExportType(name);
            if (!type) return type.error();
            request.dtype = *type;
        }
    }
    if (scales_->currentIndex() > 0 && session_) {
        const NamedScales chosen =
            allScales(*session_)[static_cast<std::size_t>(scales_->currentIndex() - 1)];
        request.gains = chosen.scales->gains;
        request.scalesName = chosen.scales->name;
        // The weights that the search (or the evaluation) measured: calibrated at its longest context.
        const std::vector<int>& contexts = chosen.contexts;
        task.calibrationContext = contexts.empty() ? 0 : *std::max_element(contexts.begin(), contexts.end());
    }
    request.patch = patch_->isChecked();
    request.snapToPowersOfTwo = snap_->isChecked();
    request.replace = replace_->isChecked();
    request.target = QDir::cleanPath(target_->text().trimmed()).toStdString();
    task.calibration = documents_;
    if (documents_ && !documents_->empty()) {
        const auto& tokens = documents_->front().tokens;
        request.verifyTokens.assign(
            tokens.begin(),
            tokens.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(tokens.size(), 512)));
    }
    return task;
}

void ExportPanel::edited() {
    if (!note_ || !result_ || !export_ || !target_) return; // the form is being built
    format_->setEnabled(!patch_->isChecked());
    offerTypes();
    const auto asked = task();
    export_->setEnabled(asked.ok() && !blocked_);
    result_->clear();
    if (asked) {
        note({}, false);
        emit requestChanged();
    } else {
        note(QString::fromStdString(asked.error().message), false);
    }
}

void ExportPanel::offerTypes() {
    QStringList types{tr("default"), QStringLiteral("f16"), QStringLiteral("bf16"), QStringLiteral("f32")};
    const auto format = static_cast<ExportFormat>(format_->currentData().toInt());
    if (format == ExportFormat::Gguf)
        for (const char* name : {"q8_0", "q6_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0"})
            types << QLatin1String(name);
    if (type_->count() != types.size()) offer(type_, types);
    target_->setPlaceholderText(isFile(format)
                                    ? tr("File of the new model (%1)")
                                          .arg(QLatin1String(format == ExportFormat::Gguf ? ".gguf" : ".bin"))
                                    : tr("Folder of the new model"));
}

void ExportPanel::note(const QString& text, bool problem) {
    note_->setObjectName(problem ? QStringLiteral("problem") : QStringLiteral("note"));
    note_->setForegroundRole(noteRole(problem));
    note_->setText(text);
    note_->setVisible(!text.isEmpty());
}

void ExportPanel::setBlocked(bool blocked) {
    blocked_ = blocked;
    export_->setEnabled(!blocked_ && task().ok());
}

void ExportPanel::showEstimate(const ExportEstimate& estimate) {
    QStringList lines{tr("Writes %1 (%2 free).")
                          .arg(QString::fromStdString(formatBytes(static_cast<double>(estimate.bytes))),
                               QString::fromStdString(formatBytes(static_cast<double>(estimate.freeBytes))))};
    for (const std::string& line : estimate.notes) lines << QString::fromStdString(line);
    note(lines.join(QStringLiteral("\n")), false);
}

void ExportPanel::showProblem(const QString& message) {
    note(message, true);
}

void ExportPanel::showReport(const ExportReport& report) {
    QStringList lines{tr("Written and verified: %1").arg(QString::fromStdString(report.path.string())),
                      tr("Largest logit difference after reading back: %1")
                          .arg(readableNumber(report.verification.maxLogitDifference, 3)),
                      tr("The same against gains without rounding: %1")
                          .arg(readableNumber(report.verification.maxUnroundedDifference, 3))};
    if (report.verification.codesChanged)
        lines << tr("Codes changed: %1").arg(groupedCount(*report.verification.codesChanged));
    if (const auto& audit = report.verification.rope) {
        QStringList same;
        for (const LoaderVerdict& verdict : audit->loaders)
            if (verdict.status == LoaderStatus::Same)
                same << QLatin1String(ropeLoaderName(verdict.loaded.loader));
        lines << tr("The same RoPE in: %1")
                     .arg(same.isEmpty() ? tr("no other loader") : same.join(QStringLiteral(", ")));
    }
    std::size_t ranges = 0;
    for (const ExportedFile& file : report.files) ranges += file.changed.size();
    if (report.patched)
        lines << tr("Byte ranges that differ from the checkpoint: %1")
                     .arg(groupedCount(static_cast<long long>(ranges)));
    for (const std::string& line : report.notes) lines << QString::fromStdString(line);
    result_->setText(lines.join(QStringLiteral("\n")));
}

void ExportPanel::setTarget(const QString& folder) {
    target_->setText(folder);
}
void ExportPanel::setFormat(ExportFormat format) {
    format_->setCurrentIndex(format_->findData(static_cast<int>(format)));
}
void ExportPanel::setQuant(const QString& text) {
    quant_->setCurrentText(text);
}
void ExportPanel::setScales(const QString& name) {
    scales_->setCurrentText(name);
}

} // namespace qroar
