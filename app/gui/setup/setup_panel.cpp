#include "app/gui/setup/setup_panel.h"

#include "app/gui/setup/column_area.h"
#include "core/base/strings.h"
#include "core/inference/layer_weights.h"
#include "widgets/common/cell_tips.h"
#include "widgets/common/number_format.h"
#include "widgets/common/theme.h"

#include <QEvent>
#include <QFileInfo>
#include <QFormLayout>
#include <QMenu>
#include <QSignalBlocker>
#include <QVBoxLayout>

namespace qroar {

namespace {

Outcome<std::string> checkRope(const std::string& text) {
    auto spec = RopeSpec::parse(text);
    if (!spec) return spec.error();
    return spec->text();
}

/// For a model when there is one, else for any.
Outcome<std::string> checkQuant(const std::string& text, const Model* model) {
    auto spec = QuantSpec::parse(text);
    if (!spec) return spec.error();
    if (model)
        if (Status supported = checkQuantSupported(*spec, *model); !supported) return supported.error();
    return spec->text();
}

QLabel* noteLabel(QWidget* parent) {
    auto* label = new QLabel(parent);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

/// A note is either information or a problem, which has a colour of its own.
void setNote(QLabel* label, const QString& text, bool problem = false) {
    label->setObjectName(problem ? QStringLiteral("problem") : QStringLiteral("note"));
    label->setForegroundRole(noteRole(problem));
    label->setText(text);
    label->setVisible(!text.isEmpty());
}

QLabel* sectionLabel(const QString& text, QWidget* buddy) {
    auto* label = new QLabel(text);
    QFont font = label->font();
    font.setBold(true);
    label->setFont(font);
    label->setBuddy(buddy);
    return label;
}

QString describeModel(const ModelConfig& config, const QString& format) {
    return SetupPanel::tr("%1, %2 layers, %3 heads (%4 KV) of %5, trained for %6 tokens, %7")
        .arg(QString::fromStdString(config.architecture))
        .arg(config.layers)
        .arg(config.heads)
        .arg(config.kvHeads)
        .arg(config.headDim)
        .arg(QString::fromStdString(formatCount(config.trainedContext())), format);
}

} // namespace

SetupPanel::SetupPanel(QWidget* parent) : QWidget(parent) {
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(5);
    buildModel(column);
    buildDocuments(column);
    buildConditions(column);
    buildOptions(column);
    column->addStretch(1);

    auto* scroll = new ColumnArea(this);
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->setSpacing(0);
    outer->addWidget(scroll, 1);
    buildRun(outer);

    updatePresets();
    ropes_->setChecked({"none", "yarn:4"});
    offerQuants();
    connect(ropes_, &SpecChips::changed, this, &SetupPanel::edited);
    connect(quants_, &SpecChips::changed, this, &SetupPanel::edited);
    edited();
}

void SetupPanel::buildModel(QVBoxLayout* column) {
    modelPath_ = new QLineEdit;
    modelPath_->setAcceptDrops(false); // the window opens it; a field would take its address as text
    modelPath_->setPlaceholderText(tr("Folder or file; drop it here"));
    modelPath_->setAccessibleName(tr("Model path"));
    auto* browse = new QPushButton(tr("Browse")); // a tool button draws its arrow over the text
    browse->setAccessibleName(tr("Browse for a model"));
    auto* menu = new QMenu(browse);
    menu->addAction(tr("Hugging Face &folder..."), this, &SetupPanel::browseModelFolder);
    menu->addAction(tr("Model f&ile (.safetensors, .gguf, .bin)..."), this, &SetupPanel::browseModelFile);
    browse->setMenu(menu);
    modelNote_ = noteLabel(this);
    auto* row = new QHBoxLayout;
    row->addWidget(modelPath_);
    row->addWidget(browse);
    column->addWidget(sectionLabel(tr("&Model"), modelPath_));
    column->addLayout(row);
    column->addWidget(modelNote_);
    setNote(modelNote_, {});
    connect(modelPath_, &QLineEdit::editingFinished, this, [this] {
        const QString path = modelPath_->text().trimmed();
        if (!path.isEmpty() && modelPath_->isModified()) {
            modelPath_->setModified(false);
            emit modelPathChosen(path);
        }
    });
}

void SetupPanel::buildDocuments(QVBoxLayout* column) {
    documents_ = new QListWidget;
    documents_->setAccessibleName(tr("Documents"));
    CellTips::watch(documents_);
    documents_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    documents_->setTextElideMode(Qt::ElideMiddle);
    documents_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    fitDocuments();
    auto* add = new QToolButton;
    add->setText(tr("Add..."));
    add->setAccessibleName(tr("Add documents"));
    removeDocument_ = new QToolButton;
    removeDocument_->setText(tr("Remove"));
    removeDocument_->setShortcut(QKeySequence()); // Delete works in the list
    documentsNote_ = noteLabel(this);
    auto* row = new QHBoxLayout;
    row->addWidget(sectionLabel(tr("D&ocuments"), documents_));
    row->addStretch(1);
    row->addWidget(add);
    row->addWidget(removeDocument_);
    column->addLayout(row);
    column->addWidget(documents_);
    column->addWidget(documentsNote_);
    setNote(documentsNote_, {});
    removeDocument_->setEnabled(false);
    connect(add, &QToolButton::clicked, this, &SetupPanel::browseDocuments);
    connect(removeDocument_, &QToolButton::clicked, this, &SetupPanel::removeSelectedDocuments);
    connect(documents_, &QListWidget::itemSelectionChanged, this,
            [this] { removeDocument_->setEnabled(!documents_->selectedItems().isEmpty()); });
    auto* remove = new QAction(tr("Remove"), documents_);
    remove->setShortcut(QKeySequence::Delete);
    remove->setShortcutContext(Qt::WidgetShortcut);
    documents_->addAction(remove);
    documents_->setContextMenuPolicy(Qt::ActionsContextMenu);
    connect(remove, &QAction::triggered, this, &SetupPanel::removeSelectedDocuments);
}

void SetupPanel::buildConditions(QVBoxLayout* column) {
    factor_ = new QSpinBox;
    factor_->setRange(2, 1024);
    factor_->setValue(4);
    factor_->setPrefix(QStringLiteral("\u00d7 "));
    factor_->setAccessibleName(tr("Scaling factor of the RoPE presets"));
    factor_->setToolTip(tr("Scaling factor of the presets below"));
    ropes_ = new SpecChips(checkRope, tr("another, e.g. yarn:8:beta_fast=16"), this);
    ropes_->setFieldName(tr("Another RoPE spec"));
    auto* row = new QHBoxLayout;
    row->addWidget(sectionLabel(tr("RoP&E scaling"), ropes_->field()));
    row->addStretch(1);
    row->addWidget(new QLabel(tr("factor")));
    row->addWidget(factor_);
    column->addLayout(row);
    column->addWidget(ropes_);
    connect(factor_, &QSpinBox::valueChanged, this, &SetupPanel::updatePresets);

    contexts_ = new QLineEdit(QStringLiteral("256, 1024"));
    contexts_->setAccessibleName(tr("Context lengths in tokens"));
    contexts_->setToolTip(tr("Tokens of a window, separated by commas"));
    contextsNote_ = noteLabel(this);
    column->addWidget(sectionLabel(tr("&Context lengths"), contexts_));
    column->addWidget(contexts_);
    column->addWidget(contextsNote_);
    setNote(contextsNote_, {});
    connect(contexts_, &QLineEdit::textEdited, this, [this] { contextsTouched_ = true; });
    connect(contexts_, &QLineEdit::textChanged, this, &SetupPanel::edited);

    const auto check = [this](const std::string& text) { return checkQuant(text, model_.model.get()); };
    quants_ = new SpecChips(check, tr("another, e.g. rtn:4:g32:sym"), this);
    quants_->setFieldName(tr("Another weight variant"));
    column->addWidget(sectionLabel(tr("&Weight variants"), quants_->field()));
    column->addWidget(quants_);
}

void SetupPanel::buildOptions(QVBoxLayout* column) {
    maxWindows_ = new QSpinBox;
    maxWindows_->setRange(0, 1'000'000);
    maxWindows_->setSpecialValueText(tr("all"));
    maxWindows_->setAccessibleName(tr("Windows of each document"));
    maxWindows_->setToolTip(tr("At most so many windows of each document and context; 0 takes all"));
    bands_ = new QSpinBox;
    bands_->setRange(1, 64);
    bands_->setValue(8);
    bands_->setToolTip(tr("Frequency bands of a new session; their edges can be moved at any time"));
    groups_ = new QComboBox;
    groups_->addItems({tr("pooled"), tr("per KV head")});
    groups_->setToolTip(tr("Per KV head keeps the statistics of every key/value head apart (larger file)"));
    divergence_ = new QCheckBox(tr("Di&vergence"));
    divergence_->setObjectName(QStringLiteral("divergence"));
    divergence_->setToolTip(
        tr("Also KL and same top-1 of quantized conditions from full precision, which runs beside them: "
           "one more pass for each of them, two where they were run without"));
    gradients_ = new QCheckBox(tr("Grad&ients"));
    gradients_->setObjectName(QStringLiteral("gradients"));
    gradients_->setToolTip(
        tr("Also how the loss reacts to gains and frequencies of every layer, head and pair: "
           "one reverse pass a condition, about as long as three forward passes"));
    noise_ = new QCheckBox(tr("Quantization &noise"));
    noise_->setObjectName(QStringLiteral("noise"));
    noise_->setToolTip(
        tr("Also how far q, k and the attention logits of quantized conditions are from full precision: "
           "two more passes for each of them"));
    damage_ = new QComboBox;
    damage_->setObjectName(QStringLiteral("damage"));
    damage_->addItems({tr("not measured"), tr("layer by layer"), tr("layers and bands")});
    damage_->setToolTip(
        tr("What quantizing one layer alone costs, or one band of Q or K in it: many passes, take few "
           "windows"));
    auto* form = new QFormLayout;
    form->setSpacing(5);
    form->addRow(tr("W&indows per document"), maxWindows_);
    form->addRow(tr("Bands"), bands_);
    form->addRow(tr("&Head groups"), groups_);
    form->addRow(divergence_);
    form->addRow(gradients_);
    form->addRow(noise_);
    form->addRow(tr("Damage"), damage_);
    column->addWidget(sectionLabel(tr("Options"), nullptr));
    column->addLayout(form);
    connect(maxWindows_, &QSpinBox::valueChanged, this, &SetupPanel::edited);
    connect(bands_, &QSpinBox::valueChanged, this, &SetupPanel::edited);
    connect(groups_, &QComboBox::currentIndexChanged, this, &SetupPanel::edited);
    connect(divergence_, &QCheckBox::toggled, this, &SetupPanel::edited);
    connect(gradients_, &QCheckBox::toggled, this, &SetupPanel::edited);
    connect(noise_, &QCheckBox::toggled, this, &SetupPanel::edited);
    connect(damage_, &QComboBox::currentIndexChanged, this, &SetupPanel::edited);
}

void SetupPanel::buildRun(QVBoxLayout* column) {
    auto* foot = new QWidget(this);
    auto* inner = new QVBoxLayout(foot);
    inner->setContentsMargins(8, 4, 8, 8);
    estimate_ = noteLabel(foot);
    estimate_->setAccessibleName(tr("Estimate"));
    run_ = new QPushButton(tr("Run"), foot);
    run_->setObjectName(QStringLiteral("runButton"));
    inner->addWidget(estimate_);
    inner->addWidget(run_);
    column->addWidget(foot);
    connect(run_, &QPushButton::clicked, this, &SetupPanel::runRequested);
}

void SetupPanel::updatePresets() {
    const QString factor = QString::number(factor_->value());
    QStringList wanted; // a checked preset follows the factor
    for (QString text : ropes_->checkedTexts()) {
        for (const char* kind : {"linear:", "ntk:", "dynamic:", "yarn:"})
            if (text.startsWith(kind) && text.count(':') == 1) text = kind + factor;
        wanted << text;
    }
    ropes_->setChecked(wanted);
    ropes_->setPresets({"none", "linear:" + factor, "ntk:" + factor, "dynamic:" + factor, "yarn:" + factor});
}

/// A checkpoint that is quantized runs as it is and not otherwise; what is checked stays when it can run.
void SetupPanel::offerQuants() {
    const bool quantized = model_.model && model_.model->isQuantized();
    QStringList wanted;
    for (const QString& text : quants_->checkedTexts())
        if (checkQuant(text.toStdString(), model_.model.get())) wanted << text;
    if (wanted.isEmpty()) wanted = quantized ? QStringList{"stored"} : QStringList{"none", "rtn:4:g64"};
    const QSignalBlocker blocker(quants_);
    quants_->setChecked({}); // an unchecked preset makes room for the others
    quants_->setPresets(quantized ? QStringList{"stored"}
                                  : QStringList{"none", "rtn:4:g128", "rtn:4:g64", "rtn:3:g64"});
    quants_->setChecked(wanted);
}

SetupRequest SetupPanel::request() const {
    SetupRequest request;
    request.modelPath = modelPath_->text().trimmed();
    for (int row = 0; row < documents_->count(); ++row)
        request.documents << documents_->item(row)->data(Qt::UserRole).toString();
    for (const QString& text : ropes_->checkedTexts())
        if (auto spec = RopeSpec::parse(text.toStdString())) request.ropes.push_back(*spec);
    for (const QString& text : quants_->checkedTexts())
        if (auto spec = QuantSpec::parse(text.toStdString())) request.quants.push_back(*spec);
    if (auto contexts = parseContexts(contexts_->text())) request.contexts = *contexts;
    request.maxWindows = maxWindows_->value();
    request.bands = bands_->value();
    request.groupPerKvHead = groups_->currentIndex() == 1;
    request.divergence = divergence_->isChecked();
    request.gradients = gradients_->isChecked();
    request.noise = noise_->isChecked();
    request.damage = static_cast<DamageScope>(damage_->currentIndex());
    return request;
}

QString SetupPanel::problem() const {
    if (running_) return tr("An analysis is running.");
    if (modelBusy_) return tr("The model is being opened.");
    if (!modelProblem_.isEmpty()) return tr("The model could not be opened: %1").arg(modelProblem_);
    if (!model_.model) return tr("Choose a model first.");
    if (documents_->count() == 0) return tr("Add at least one document.");
    if (documentsBusy_) return tr("The documents are being read.");
    if (!documentsProblem_.isEmpty()) return tr("The documents could not be read: %1").arg(documentsProblem_);
    if (!ropes_->fieldProblem().isEmpty()) return tr("The RoPE spec being typed is not valid.");
    if (!quants_->fieldProblem().isEmpty()) return tr("The weight variant being typed is not valid.");
    if (ropes_->checkedTexts().isEmpty()) return tr("Choose at least one RoPE spec.");
    if (!parseContexts(contexts_->text())) return tr("The context lengths are not valid.");
    if (quants_->checkedTexts().isEmpty()) return tr("Choose at least one weight variant.");
    if (!estimateProblem_.isEmpty()) return estimateProblem_;
    return {};
}

int SetupPanel::requestedConditions() const {
    const SetupRequest asked = request();
    return static_cast<int>(asked.ropes.size() * asked.contexts.size() * asked.quants.size());
}

void SetupPanel::updateContextMessage() {
    auto contexts = parseContexts(contexts_->text());
    setNote(contextsNote_, contexts ? QString() : QString::fromStdString(contexts.error().message), true);
}

void SetupPanel::edited() {
    estimateProblem_.clear();
    updateContextMessage();
    updateRun();
    emit requestChanged();
}

void SetupPanel::updateRun() {
    const QString reason = problem();
    run_->setEnabled(reason.isEmpty());
    run_->setAccessibleDescription(reason);
    const int conditions = requestedConditions();
    if (done_ > 0 && done_ >= conditions)
        run_->setText(conditions == 1 ? tr("Run: the condition is done")
                                      : tr("Run: all %1 conditions are done").arg(conditions));
    else if (done_ > 0)
        run_->setText(conditions - done_ == 1 ? tr("Run 1 more condition")
                                              : tr("Run %1 more conditions").arg(conditions - done_));
    else
        run_->setText(conditions == 1 ? tr("Run 1 condition") : tr("Run %1 conditions").arg(conditions));
    if (reason.isEmpty() && done_ >= conditions && done_ > 0) run_->setEnabled(false);
    run_->setToolTip(!reason.isEmpty()             ? reason
                     : newSessionReason_.isEmpty() ? QString()
                                                   : tr("Starts a new session: %1.").arg(newSessionReason_));
    if (!reason.isEmpty()) setNote(estimate_, reason, !estimateProblem_.isEmpty());
}

void SetupPanel::setRequest(const SetupRequest& request) {
    setModelPath(request.modelPath);
    documents_->clear();
    listDocuments(request.documents);
    documentsBusy_ = false;
    setNote(documentsNote_, {});
    const auto texts = [](const auto& specs) {
        QStringList list;
        for (const auto& spec : specs) list << QString::fromStdString(spec.text());
        return list;
    };
    if (!request.ropes.empty()) setRopes(texts(request.ropes));
    if (!request.quants.empty()) setQuants(texts(request.quants));
    if (!request.contexts.empty()) setContexts(request.contexts);
    setMaxWindows(request.maxWindows);
    bands_->setValue(request.bands);
    groups_->setCurrentIndex(request.groupPerKvHead ? 1 : 0);
    divergence_->setChecked(request.divergence);
    gradients_->setChecked(request.gradients);
    noise_->setChecked(request.noise);
    damage_->setCurrentIndex(static_cast<int>(request.damage));
    edited();
}

void SetupPanel::setModelPath(const QString& path) {
    modelPath_->setText(path);
    modelPath_->setModified(false);
    modelPath_->setToolTip(path);
}

void SetupPanel::setDocuments(const QStringList& paths) {
    documents_->clear();
    addDocuments(paths);
}

void SetupPanel::addDocuments(const QStringList& paths) {
    emit documentsChosen(listDocuments(paths));
    edited();
}

/// Adds what the list lacks; returns all of it.
QStringList SetupPanel::listDocuments(const QStringList& paths) {
    QStringList known = request().documents;
    for (const QString& path : paths) {
        if (known.contains(path)) continue;
        known << path;
        auto* item = new QListWidgetItem(QFileInfo(path).fileName(), documents_);
        item->setData(Qt::UserRole, path);
        item->setToolTip(path);
    }
    tokens_ = nullptr;
    documentsProblem_.clear();
    return known;
}

void SetupPanel::removeSelectedDocuments() {
    qDeleteAll(documents_->selectedItems());
    addDocuments({});
}

void SetupPanel::setRopes(const QStringList& texts) {
    ropes_->setChecked(texts);
}
void SetupPanel::setQuants(const QStringList& texts) {
    quants_->setChecked(texts);
}
void SetupPanel::setMaxWindows(int windows) {
    maxWindows_->setValue(windows);
}

void SetupPanel::setContexts(const std::vector<int>& contexts) {
    contextsTouched_ = true;
    writeContexts(contexts);
}

void SetupPanel::writeContexts(const std::vector<int>& contexts) {
    QStringList parts;
    for (const int context : contexts) parts << QString::number(context);
    contexts_->setText(parts.join(", "));
}

void SetupPanel::showModelBusy() {
    model_ = {};
    modelBusy_ = true;
    modelProblem_.clear();
    setNote(modelNote_, tr("Opening..."));
    edited();
}

void SetupPanel::showModel(const OpenedModel& model) {
    model_ = model;
    modelBusy_ = false;
    modelProblem_.clear();
    QString text = describeModel(model.model->config(), QString::fromStdString(model.model->format()));
    if (!model.tokenizer) text += tr("\nNo tokenizer: only token ids (.npy, .u16, .u32) can be read.");
    for (const StoredKind& kind : storedKinds(*model.model))
        text += tr("\nQuantized: %1 (%n projection(s))", nullptr, kind.projections)
                    .arg(QString::fromStdString(kind.like.text()));
    setNote(modelNote_, text);
    offerQuants();
    suggestContexts();
    edited();
}

void SetupPanel::showModelProblem(const QString& message) {
    model_ = {};
    modelBusy_ = false;
    modelProblem_ = message;
    setNote(modelNote_, message, true);
    edited();
}

void SetupPanel::showDocumentsBusy() {
    documentsBusy_ = true;
    documentsProblem_.clear();
    setNote(documentsNote_, tr("Reading..."));
    edited();
}

void SetupPanel::showDocuments(const SharedDocuments& documents) {
    tokens_ = documents;
    documentsBusy_ = false;
    documentsProblem_.clear();
    long long total = 0, longest = 0;
    for (const Document& document : *documents) {
        total += static_cast<long long>(document.tokens.size());
        longest = std::max(longest, static_cast<long long>(document.tokens.size()));
    }
    setNote(documentsNote_, tr("%1, %2 tokens, the longest %3")
                                .arg(counted(documents->size(), tr("document"), tr("documents")),
                                     groupedCount(total), groupedCount(longest)));
    suggestContexts();
    edited();
}

void SetupPanel::showDocumentsProblem(const QString& message) {
    documentsBusy_ = false;
    documentsProblem_ = message;
    setNote(documentsNote_, message, true);
    edited();
}

/// L0 and four times L0, unless the user wrote something or no document is that long.
void SetupPanel::suggestContexts() {
    if (contextsTouched_ || !model_.model) return;
    const int trained = model_.model->config().trainedContext();
    std::size_t longest = 0;
    if (tokens_)
        for (const Document& document : *tokens_) longest = std::max(longest, document.tokens.size());
    std::vector<int> contexts;
    for (const int context : {trained, 4 * trained})
        if (context >= 2 && (!tokens_ || static_cast<std::size_t>(context) <= longest))
            contexts.push_back(context);
    if (contexts.empty() && longest >= 2) contexts.push_back(static_cast<int>(longest));
    if (!contexts.empty()) writeContexts(contexts);
}

void SetupPanel::showEstimate(const AnalysisEstimate& estimate) {
    estimateProblem_.clear();
    updateRun();
    if (!problem().isEmpty()) return;
    if (done_ > 0 && done_ >= requestedConditions()) {
        setNote(estimate_, tr("The open session holds all of this."));
        return;
    }
    QString text = (done_ > 0 ? tr("About %1 more · %2 of memory · file + %3 · %4 tokens")
                              : tr("About %1 · %2 of memory · file %3 · %4 tokens"))
                       .arg(QString::fromStdString(formatDuration(estimate.seconds)),
                            QString::fromStdString(formatBytes(estimate.peakBytes)),
                            QString::fromStdString(formatBytes(estimate.fileBytes)),
                            QString::fromStdString(formatCount(estimate.tokens)));
    if (!newSessionReason_.isEmpty()) text += "\n" + tr("Starts a new session: %1.").arg(newSessionReason_);
    for (const std::string& note : estimate.notes) text += "\n" + QString::fromStdString(note);
    setNote(estimate_, text);
}

void SetupPanel::showEstimateProblem(const QString& message) {
    estimateProblem_ = message;
    updateRun();
}

void SetupPanel::showEstimateBusy() {
    if (problem().isEmpty()) setNote(estimate_, tr("Estimating..."));
}

void SetupPanel::setRunning(bool running) {
    running_ = running;
    updateRun();
    if (!running) emit requestChanged();
}

void SetupPanel::setDone(int done, const QString& reason) {
    done_ = done;
    newSessionReason_ = reason;
    updateRun();
}

void SetupPanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange && documents_) fitDocuments();
}

/// Four lines of whatever font.
void SetupPanel::fitDocuments() {
    documents_->setFixedHeight(4 * documents_->fontMetrics().lineSpacing() + 12);
}

} // namespace qroar
