#include "widgets/panels/rope_audit_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/rope_audit_content.h"
#include "widgets/plot/line_plot.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QLineEdit>
#include <QMenu>
#include <QToolButton>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {

constexpr double twoPi = 2 * std::numbers::pi;
constexpr double floorOfPhases = 1e-4; ///< radians: smaller errors are drawn here, hollow

QString textOf(const std::string& text) {
    return QString::fromStdString(text);
}

QString statusText(LoaderStatus status) {
    return status == LoaderStatus::Same      ? RopeAuditPanel::tr("same")
           : status == LoaderStatus::Differs ? RopeAuditPanel::tr("differs")
                                             : RopeAuditPanel::tr("refuses");
}

QString formulaOf(bool phase) {
    const QString formula =
        phase
            ? RopeAuditPanel::tr("|ω′(loader) − ω′(here)|·L: by how many radians the loader turns the pair "
                                 "otherwise at the last position L. [std]")
            : RopeAuditPanel::tr("ω′(loader) / ω: what the loader's scaling does to the frequency of a pair; "
                                 "1 is unscaled, 1/s is scaled in full. [std]");
    return formula + u'\n' + RopeAuditPanel::tr("Handbook (F1): theory.md#rope-audit-std");
}

/// Hollow points over those that are smaller than where they are drawn.
std::vector<LinePlot::Series> onTheFloor(const std::vector<LinePlot::Series>& series) {
    std::vector<LinePlot::Series> all;
    for (const LinePlot::Series& one : series) {
        LinePlot::Series hollow;
        hollow.name = one.name;
        hollow.category = one.category;
        hollow.marker = QCPScatterStyle::ssCircle;
        hollow.line = hollow.inLegend = false;
        for (std::size_t at = 0; at < one.readout.size(); ++at) {
            if (one.readout[at] >= floorOfPhases) continue;
            hollow.x.push_back(one.x[at]);
            hollow.y.push_back(one.y[at]);
            hollow.readout.push_back(one.readout[at]);
        }
        if (!hollow.x.empty()) all.push_back(std::move(hollow));
    }
    return all;
}

QVariant orNothing(const LoaderVerdict& verdict, double value) {
    return verdict.loaded.table ? QVariant(value) : QVariant();
}

/// "transformers 4.57: differs, 85.3 rad in pair 21, attention factor × 0.759".
QString verdictLine(const LoaderVerdict& verdict) {
    QStringList parts{RopeAuditPanel::tr("%1: %2").arg(QLatin1String(ropeLoaderName(verdict.loaded.loader)),
                                                       statusText(verdict.status))};
    if (verdict.phaseError > samePhase)
        parts << RopeAuditPanel::tr("%1 rad in pair %2")
                     .arg(readableNumber(verdict.phaseError, 4))
                     .arg(verdict.pair);
    if (std::abs(verdict.attentionRatio - 1) > sameAttention)
        parts << RopeAuditPanel::tr("attention factor × %1").arg(readableNumber(verdict.attentionRatio, 4));
    return parts.join(QStringLiteral(", "));
}

/// "transformers 4.57, 5, llama.cpp": the family's name is said once.
QString joinedLoaders(const QStringList& names) {
    const QString family = QStringLiteral("transformers ");
    QStringList parts;
    bool said = false;
    for (const QString& name : names) {
        const bool member = name.startsWith(family);
        parts << (member && said ? name.mid(family.size()) : name);
        said = member;
    }
    return parts.join(QStringLiteral(", "));
}

} // namespace

RopeAuditPanel::RopeAuditPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("RoPE audit"), selection, parent), pairModel_(new ResultTableModel(this)),
      warningModel_(new ResultTableModel(this)) {
    buildControls();
    buildContent();
}

void RopeAuditPanel::buildControls() {
    valueBox_ = new CompactComboBox(this);
    valueBox_->setAccessibleName(tr("Value"));
    valueBox_->addEntry(tr("Phase error at L, radians"), tr("phase error"));
    valueBox_->addEntry(tr("Frequency ratio ω′/ω"), tr("ratio"));
    for (int entry = 0; entry < 2; ++entry)
        valueBox_->setItemData(entry, formulaOf(entry == Phase), Qt::ToolTipRole);
    sourceBox_ = new CompactComboBox(this);
    sourceBox_->setAccessibleName(tr("Scaling"));
    sourceBox_->setToolTip(tr("Whose RoPE scaling is audited. That of a condition or a typed one is audited "
                              "as an export would write it."));
    sourceBox_->addEntry(tr("Scaling of the checkpoint"), tr("checkpoint"));
    sourceBox_->addEntry(tr("Scaling of the selected condition"), tr("condition"));
    specEdit_ = new QLineEdit(this);
    specEdit_->setAccessibleName(tr("Another RoPE spec"));
    specEdit_->setPlaceholderText(tr("other spec: yarn:8"));
    specEdit_->setToolTip(tr("Audits this RoPE spec instead: none, linear:4, ntk:4, dynamic:4, yarn:8, "
                             "llama3:8"));
    specEdit_->setClearButtonEnabled(true);
    specEdit_->setMinimumWidth(specEdit_->fontMetrics().horizontalAdvance(specEdit_->placeholderText())
                               + 2 * fontMetrics().height()); // and the room of the clear button
    addOption(QStringLiteral("value"), valueBox_, {QStringLiteral("phase"), QStringLiteral("ratio")});
    addOption(QStringLiteral("scaling"), sourceBox_,
              {QStringLiteral("checkpoint"), QStringLiteral("condition")});
    addOption(QStringLiteral("spec"), specEdit_, [](const QString& text, QString* wrong) {
        if (text.trimmed().isEmpty()) return QString();
        const auto spec = RopeSpec::parse(text.toStdString());
        if (!spec) *wrong = textOf(spec.error().message);
        return spec ? textOf(spec->text()) : QString();
    });
    const auto button = [this](const QString& text, const QString& tip, const char* name) {
        auto* made = new QToolButton(this);
        made->setText(text);
        made->setToolTip(tip);
        made->setAccessibleName(text);
        made->setObjectName(QLatin1String(name));
        made->setFocusPolicy(Qt::StrongFocus);
        return made;
    };
    flagsButton_ = button(tr("Copy as llama.cpp flags"),
                          tr("Arguments for llama.cpp's programs that give this scaling to a GGUF file which "
                             "stores none"),
                          "copyFlags");
    connect(flagsButton_, &QToolButton::clicked, this, &RopeAuditPanel::copyFlags);
    configButton_ = button(tr("Copy as config.json"),
                           tr("The keys of config.json that say this scaling: read back, they give the same "
                              "table bit for bit"),
                           "copyConfig");
    configButton_->setPopupMode(QToolButton::InstantPopup);
    auto* menu = new QMenu(configButton_);
    menu->addAction(tr("for transformers &4 (rope_scaling)"), this,
                    [this] { copyConfig(ConfigSpelling::Transformers4); });
    menu->addAction(tr("for transformers &5 (rope_parameters)"), this,
                    [this] { copyConfig(ConfigSpelling::Transformers5); });
    configButton_->setMenu(menu);
    for (QWidget* control :
         std::initializer_list<QWidget*>{valueBox_, sourceBox_, specEdit_, flagsButton_, configButton_})
        addControl(control);
    for (CompactComboBox* box : {valueBox_, sourceBox_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] {
            home();
            invalidate(OptionsChanged);
        });
    connect(specEdit_, &QLineEdit::editingFinished, this, [this] { invalidate(OptionsChanged); });
}

void RopeAuditPanel::buildContent() {
    plot_ = new LinePlot(this);
    plot_->setLegendAbove(true);
    findings_ = new FindingList(this);
    findings_->setAccessibleName(tr("Verdicts and warnings"));
    content_ = new RopeAuditContent(plot_, findings_, this);
    setContent(content_);
    addFigurePart(plot_);
    connect(plot_, &LinePlot::seriesClicked, this, [this](int, double x) {
        Selection next = this->selection();
        next.pair = std::clamp(static_cast<int>(std::lround(x)), 0, shownBands().pairs() - 1);
        next.band = shownBands().bandOf(next.pair);
        selectionModel()->setSelection(next);
    });
}

QListWidget* RopeAuditPanel::findings() const {
    return findings_;
}

QString RopeAuditPanel::noSessionText() const {
    return tr("Open a model to see what other programs make of its RoPE.");
}

RopeAuditPanel::Value RopeAuditPanel::value() const {
    return static_cast<Value>(valueBox_->currentIndex());
}

bool RopeAuditPanel::isTyped() const {
    return !specEdit_->text().trimmed().isEmpty();
}

bool RopeAuditPanel::followsBox() const {
    return sourceBox_->currentIndex() == 1;
}

bool RopeAuditPanel::showsB() const {
    return selection().compare == CompareMode::B && sideB().condition != nullptr;
}

RopeAuditPanel::Audited RopeAuditPanel::auditedOf(const Side& side, bool isB) const {
    const auto of = side.session ? side.session : session();
    Audited result{{}, configOf(*of), of};
    result.spec.kind = RopeKind::Model;
    if (followsBox() && side.condition) result.spec = side.condition->key.rope;
    if (isTyped() && !isB)
        if (const auto typed = RopeSpec::parse(specEdit_->text().toStdString())) result.spec = *typed;
    return result;
}

RopeAuditPanel::Audited RopeAuditPanel::audited() const {
    return showsB() ? auditedOf(sideB(), true) : auditedOf(sideA(), false);
}

bool RopeAuditPanel::followsCondition() const {
    return followsBox() && !isTyped();
}

QString RopeAuditPanel::specName() const {
    return audit_ ? scalingName(audit_->ours, audit_->context) : QString();
}

/// L: of the longest condition, and at least what the models are made for.
long long RopeAuditPanel::context() const {
    int longest = 2;
    for (const auto& one : {session(), other()}) {
        if (!one) continue;
        longest = std::max(longest, one->model.maxPositions);
        for (const auto& condition : one->conditions) longest = std::max(longest, condition->key.context);
    }
    return longest;
}

void RopeAuditPanel::setModel(const ModelConfig& config, const std::string& fingerprint) {
    opened_ = config;
    fingerprint_ = fingerprint;
    if (session()) invalidate(SessionChanged);
}

ModelConfig RopeAuditPanel::configOf(const Session& of) const {
    if (opened_ && fingerprint_ == of.modelFingerprint) return *opened_;
    ModelConfig config = of.model;
    if (of.modelFormat.starts_with("GGUF")) config.ropeSource.gguf = true; // a file does not keep it
    return config;
}

QString RopeAuditPanel::whyNoAudit() const {
    const Audited what = audited();
    if (what.config.pairs() < 1) return tr("This model has no rotary frequencies.");
    if (isTyped() && !showsB())
        if (const auto parsed = RopeSpec::parse(specEdit_->text().trimmed().toStdString()); !parsed)
            return textOf(parsed.error().message);
    return {};
}

void RopeAuditPanel::refresh(Changes) {
    audit_.reset();
    auditB_.reset();
    if (const QString problem = whyNoAudit(); !problem.isEmpty()) return showEmpty(problem);
    if (selection().compare == CompareMode::Difference) return refreshDifference();
    const Audited what = audited();
    auto audit = auditScaling(what.spec, what.config, context());
    if (!audit) return showEmpty(textOf(audit.error().message));
    audit_ = std::move(*audit);
    draw();
    listFindings();
    fillTables();
    const QString of = showsB() ? tr("B, %1").arg(hasOtherSession() ? otherText() : specName()) : QString();
    const QString name = of.isEmpty()        ? specName()
                         : hasOtherSession() ? tr("%1: %2").arg(of, specName())
                                             : of;
    showContent(value() == Phase ? tr("Phase error of other loaders") : tr("Frequency ratio of each loader"),
                tr("%1, at L = %2").arg(name, groupedCount(audit_->context)), summaryText());
}

void RopeAuditPanel::draw() {
    const FrequencyTable& ours = audit_->ours;
    std::vector<LinePlot::Series> series;
    std::vector<QStringList> names;
    const auto add = [&](const QString& name, std::vector<double> y) {
        for (std::size_t at = 0; at < series.size(); ++at)
            if (series[at].readout == y) { // curves that coincide share a name
                names[at] << name;
                return;
            }
        names.push_back({name});
        LinePlot::Series line;
        for (std::size_t pair = 0; pair < y.size(); ++pair) line.x.push_back(static_cast<double>(pair));
        line.readout = y; // what it is, wherever it is drawn
        if (value() == Phase)
            for (double& error : y) error = std::max(error, floorOfPhases);
        line.y = std::move(y);
        line.category = static_cast<int>(series.size());
        line.marker = QCPScatterStyle::ssDisc;
        series.push_back(std::move(line));
    };
    const auto ratios = [&ours](const FrequencyTable& table) {
        std::vector<double> y;
        for (std::size_t pair = 0; pair < ours.plain.size(); ++pair)
            y.push_back(table.omega[pair] / ours.plain[pair]);
        return y;
    };
    if (value() == Ratio) add(tr("qroar"), ratios(ours));
    for (const LoaderVerdict& verdict : audit_->loaders) {
        if (!verdict.loaded.table) continue;
        std::vector<double> y =
            value() == Ratio ? ratios(*verdict.loaded.table) : phaseErrors(*audit_, verdict);
        add(QLatin1String(ropeLoaderName(verdict.loaded.loader)), std::move(y));
    }
    for (std::size_t at = 0; at < series.size(); ++at) {
        series[at].name = joinedLoaders(names[at]);
        if (names[at].size() > 2)
            series[at].legendName = tr("%1 and %2 more").arg(names[at].front()).arg(names[at].size() - 1);
    }
    if (value() == Phase) {
        std::vector<LinePlot::Series> hollow = onTheFloor(series);
        series.insert(series.end(), std::make_move_iterator(hollow.begin()),
                      std::make_move_iterator(hollow.end()));
    }
    setUpPlot(std::move(series), value() == Phase ? tr("|Δω′|·L (rad)") : tr("ω′ / ω"), true,
              value() == Phase ? twoPi : 1.0, value() == Phase ? tr("2π: one turn") : tr("1: unscaled"));
}

void RopeAuditPanel::setUpPlot(std::vector<LinePlot::Series> series, const QString& title, bool logarithmic,
                               double reference, const QString& referenceName) {
    const FrequencyTable& ours = audit_->ours;
    plot_->setAxes(tr("Pair, below it its wavelength 2π/ω (tokens)"), LinePlot::Scale::Linear, title,
                   logarithmic ? LinePlot::Scale::Log : LinePlot::Scale::Linear);
    plot_->setShortTitles(tr("Pair, wavelength (tokens)"), {});
    if (logarithmic && value() == Phase) plot_->setFloor(floorOfPhases);
    std::vector<double> ticks;
    QStringList labels;
    const int pairs = static_cast<int>(ours.plain.size()), step = std::max(1, (pairs + 7) / 8);
    for (int pair = 0; pair < pairs; pair += step) {
        ticks.push_back(pair);
        labels << QString::number(pair) + u'\n'
                      + readableNumber(twoPi / ours.plain[static_cast<std::size_t>(pair)], 3);
    }
    plot_->setXTicks(ticks, labels);
    plot_->setReadoutNames(tr("pair"), value() == Phase ? tr("phase error") : tr("ratio"), QString(),
                           value() == Phase ? tr("rad") : QString());
    plot_->setReferenceLine(reference, referenceName);
    plot_->setSeries(std::move(series));
    plot_->fitRanges(true, reference);
}

void RopeAuditPanel::listFindings() {
    findings_->clear();
    const auto add = [this](const QString& text, const QString& tip, QStyle::StandardPixmap icon) {
        auto* item = new QListWidgetItem(style()->standardIcon(icon), text, findings_);
        item->setToolTip(tip);
    };
    for (const RopeWarning& warning : audit_->warnings) {
        const QString text = tr("%1: %2").arg(textOf(warning.key), textOf(warning.text));
        add(text, text, QStyle::SP_MessageBoxWarning);
    }
    QStringList same; // those that have nothing to add share a line
    for (const LoaderVerdict& verdict : audit_->loaders) {
        if (verdict.status == LoaderStatus::Same && verdict.loaded.notes.empty()) {
            same << QLatin1String(ropeLoaderName(verdict.loaded.loader));
            continue;
        }
        QStringList notes;
        for (const std::string& note : verdict.loaded.notes) notes << textOf(note);
        QString text = verdictLine(verdict);
        if (!notes.isEmpty()) text += QStringLiteral(". ") + notes.join(QStringLiteral("; "));
        add(text, text,
            verdict.status == LoaderStatus::Same ? QStyle::SP_DialogApplyButton
                                                 : QStyle::SP_MessageBoxCritical);
    }
    if (!same.isEmpty()) {
        const QString text = tr("%1: %2").arg(joinedLoaders(same), statusText(LoaderStatus::Same));
        add(text, text, QStyle::SP_DialogApplyButton);
    }
    content_->fit();
}

void RopeAuditPanel::fillTables() {
    std::vector<ResultTableModel::Row> rows, pairs, warnings;
    rowPairs_.clear();
    for (const LoaderVerdict& verdict : audit_->loaders) {
        QStringList notes;
        for (const std::string& note : verdict.loaded.notes) notes << textOf(note);
        const QString name = QLatin1String(ropeLoaderName(verdict.loaded.loader));
        const bool off = verdict.pair >= 0;
        const double factor = verdict.loaded.table ? verdict.loaded.table->attentionFactor : 0;
        rows.push_back({name, statusText(verdict.status), orNothing(verdict, factor),
                        orNothing(verdict, verdict.phaseError),
                        orNothing(verdict, verdict.phaseError / twoPi),
                        off ? QVariant(verdict.pair) : QVariant(), notes.join(QStringLiteral("; "))});
        rowPairs_.push_back(verdict.pair);
        if (!verdict.loaded.table) continue;
        const auto errors = phaseErrors(*audit_, verdict);
        for (std::size_t pair = 0; pair < errors.size(); ++pair) {
            const double omega = verdict.loaded.table->omega[pair], plain = audit_->ours.plain[pair];
            pairs.push_back(
                {name, static_cast<int>(pair), twoPi / plain, omega, omega / plain, errors[pair]});
        }
    }
    for (const RopeWarning& warning : audit_->warnings)
        warnings.push_back({textOf(warning.key), textOf(warning.text)});
    table().setTable({{"loader", tr("Loader"), tr("Program and version")},
                      {"status", tr("Status"), tr("Against this program's table")},
                      {"attention_factor", tr("Attention factor"), tr("m: multiplies cos and sin")},
                      {"phase_error", tr("Phase error"), tr("Largest over all pairs at L, rad")},
                      {"phase_turns", tr("Turns"), tr("The same divided by 2π")},
                      {"pair", tr("Pair"), tr("Where the phase error is largest")},
                      {"notes", tr("Notes"), tr("What the loader does differently")}},
                     std::move(rows));
    pairModel_->setTable({{"loader", tr("Loader"), tr("Program and version")},
                          {"pair", tr("Pair"), tr("Rotary pair, from 0")},
                          {"wavelength", tr("λ"), tr("2π/ω before scaling, tokens")},
                          {"omega", tr("ω′"), tr("Frequency the loader turns at, rad/token")},
                          {"ratio", tr("ω′/ω"), tr("1 is unscaled")},
                          {"phase_error", tr("Phase error"), tr("At L, rad")}},
                         std::move(pairs));
    warningModel_->setTable({{"key", tr("Key"), tr("Of config.json or GGUF")},
                             {"warning", tr("Warning"), tr("What loaders stumble over")}},
                            std::move(warnings));
}

std::vector<DiagnosticPanel::Table> RopeAuditPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    all.push_back({QStringLiteral("pairs"), tr("by pair"), pairModel_});
    if (warningModel_->rowCount() > 0)
        all.push_back({QStringLiteral("warnings"), tr("warnings"), warningModel_});
    return all;
}

QString RopeAuditPanel::summaryText() const {
    QStringList off, same;
    for (const LoaderVerdict& verdict : audit_->loaders)
        if (verdict.status == LoaderStatus::Same)
            same << QLatin1String(ropeLoaderName(verdict.loaded.loader));
        else
            off << verdictLine(verdict);
    if (off.isEmpty()) return tr("All loaders compute the same for %1").arg(specName());
    if (!same.isEmpty()) off << tr("%1: same").arg(joinedLoaders(same));
    return off.join(QStringLiteral("; "));
}

void RopeAuditPanel::copy(const Outcome<std::string>& text, const QString& what) {
    if (!text) {
        emit failed(textOf(text.error().message));
        return;
    }
    QGuiApplication::clipboard()->setText(textOf(*text));
    emit message(tr("Copied %1").arg(what));
}

void RopeAuditPanel::copyFlags() {
    ensureFresh();
    if (!audit_) return;
    copy(llamaCppFlags(audit_->ours, audited().config.ropeModel(), audit_->context),
         tr("flags for llama.cpp"));
}

void RopeAuditPanel::copyConfig(ConfigSpelling spelling) {
    ensureFresh();
    if (!audit_) return;
    const Audited what = audited();
    copy(ropeConfigText(what.spec, what.config, spelling), spelling == ConfigSpelling::Transformers4
                                                               ? tr("rope_scaling for transformers 4")
                                                               : tr("rope_parameters for transformers 5"));
}

void RopeAuditPanel::tableRowActivated(int row) {
    if (static_cast<std::size_t>(row) >= rowPairs_.size() || rowPairs_[static_cast<std::size_t>(row)] < 0)
        return;
    Selection next = selection();
    next.pair = rowPairs_[static_cast<std::size_t>(row)];
    next.band = shownBands().bandOf(next.pair);
    selectionModel()->setSelection(next);
}

} // namespace qroar
