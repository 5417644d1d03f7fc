// RopeAuditPanel's A - B: of two scalings, or of the checkpoints of two sessions, which one other loaders
// take further from what it says. What they have in common with one audit is in rope_audit_panel.cpp.
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/rope_audit_content.h"
#include "widgets/panels/rope_audit_panel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {

QString textOf(const std::string& text) {
    return QString::fromStdString(text);
}

/// "differs (85.3 rad)".
QString verdictOf(const LoaderVerdict& verdict) {
    if (!verdict.loaded.table) return RopeAuditPanel::tr("refuses");
    if (verdict.status == LoaderStatus::Same) return RopeAuditPanel::tr("same");
    return RopeAuditPanel::tr("differs (%1 rad)").arg(readableNumber(verdict.phaseError, 3));
}

std::vector<double> ratiosOf(const FrequencyTable& table) {
    std::vector<double> ratios;
    for (std::size_t pair = 0; pair < table.plain.size(); ++pair)
        ratios.push_back(table.omega[pair] / table.plain[pair]);
    return ratios;
}

/// Of one loader; ratios are to each model's own unscaled frequencies.
std::vector<double> numbersOf(const RopeAudit& audit, const LoaderVerdict& verdict, bool phase) {
    return phase ? phaseErrors(audit, verdict) : ratiosOf(*verdict.loaded.table);
}

std::vector<double> minus(std::vector<double> a, const std::vector<double>& b) {
    for (std::size_t at = 0; at < a.size(); ++at) a[at] -= b[at];
    return a;
}

} // namespace

QString RopeAuditPanel::whyNoAuditDifference() const {
    if (const QString problem = whyNotComparable(); !problem.isEmpty()) return problem;
    if (!followsBox() && !isTyped() && !hasOtherSession())
        return tr("A and B are conditions of one checkpoint, and the scaling of the checkpoint is audited: "
                  "nothing differs. Choose \"Scaling of the selected condition\" to compare those of A and "
                  "B.");
    return {};
}

void RopeAuditPanel::refreshDifference() {
    if (const QString problem = whyNoAuditDifference(); !problem.isEmpty()) return showEmpty(problem);
    const Audited a = auditedOf(sideA(), false), b = auditedOf(sideB(), true);
    auto ofA = auditScaling(a.spec, a.config, context()), ofB = auditScaling(b.spec, b.config, context());
    if (!ofA) return showEmpty(tr("A: %1").arg(textOf(ofA.error().message)));
    if (!ofB) return showEmpty(tr("B: %1").arg(textOf(ofB.error().message)));
    audit_ = std::move(*ofA);
    auditB_ = std::move(*ofB);
    drawDifference();
    listDifferences();
    fillDifferenceTables();
    QString nameA = specName(), nameB = scalingName(auditB_->ours, auditB_->context);
    if (const QString own = ownText(); !own.isEmpty()) nameA += tr(" (%1)").arg(own);
    if (hasOtherSession()) nameB += tr(" (%1)").arg(otherText());
    showContent(
        value() == Phase ? tr("Δ phase error of other loaders") : tr("Δ frequency ratio of each loader"),
        tr("%1 minus %2, at L = %3").arg(nameA, nameB, groupedCount(audit_->context)), differenceSummary());
}

void RopeAuditPanel::drawDifference() {
    std::vector<LinePlot::Series> series;
    const auto add = [&series](const QString& name, std::vector<double> y) {
        for (LinePlot::Series& one : series)
            if (one.y == y) { // curves that coincide share a name
                one.name += QStringLiteral(", ") + name;
                return;
            }
        LinePlot::Series line;
        line.name = name;
        for (std::size_t pair = 0; pair < y.size(); ++pair) line.x.push_back(static_cast<double>(pair));
        line.y = std::move(y);
        line.category = static_cast<int>(series.size());
        line.marker = QCPScatterStyle::ssDisc;
        series.push_back(std::move(line));
    };
    const bool phase = value() == Phase;
    if (!phase) add(tr("qroar"), minus(ratiosOf(audit_->ours), ratiosOf(auditB_->ours)));
    for (const LoaderVerdict& ofA : audit_->loaders) {
        const LoaderVerdict& ofB = auditB_->of(ofA.loaded.loader);
        if (!ofA.loaded.table || !ofB.loaded.table) continue;
        add(QLatin1String(ropeLoaderName(ofA.loaded.loader)),
            minus(numbersOf(*audit_, ofA, phase), numbersOf(*auditB_, ofB, phase)));
    }
    for (LinePlot::Series& one : series) {
        const QStringList names = one.name.split(QStringLiteral(", "));
        if (names.size() > 2) one.legendName = tr("%1 and %2 more").arg(names.front()).arg(names.size() - 1);
    }
    setUpPlot(std::move(series), phase ? tr("Δ |Δω′|·L, A − B (rad)") : tr("Δ ω′ / ω, A − B"), false, 0,
              tr("A = B"));
}

void RopeAuditPanel::listDifferences() {
    findings_->clear();
    for (const LoaderVerdict& ofA : audit_->loaders) {
        const LoaderVerdict& ofB = auditB_->of(ofA.loaded.loader);
        const bool alike = ofA.status == ofB.status && ofA.phaseError == ofB.phaseError;
        const QString text =
            tr("%1: A %2, B %3")
                .arg(QLatin1String(ropeLoaderName(ofA.loaded.loader)), verdictOf(ofA), verdictOf(ofB));
        auto* item = new QListWidgetItem(
            style()->standardIcon(alike ? QStyle::SP_DialogApplyButton : QStyle::SP_MessageBoxWarning), text,
            findings_);
        QStringList tip{text};
        for (const auto& [name, verdict] : {std::pair{tr("A"), &ofA}, std::pair{tr("B"), &ofB}})
            for (const std::string& note : verdict->loaded.notes)
                tip << name + QStringLiteral(": ") + textOf(note);
        item->setToolTip(tip.join(u'\n'));
    }
    content_->fit();
}

void RopeAuditPanel::fillDifferenceTables() {
    std::vector<ResultTableModel::Row> rows, pairs;
    rowPairs_.clear();
    const auto three = [](ResultTableModel::Row& row, bool known, double a, double b) {
        for (const double number : {a, b, a - b}) row.push_back(known ? QVariant(number) : QVariant());
    };
    for (const LoaderVerdict& ofA : audit_->loaders) {
        const LoaderVerdict& ofB = auditB_->of(ofA.loaded.loader);
        const QString name = QLatin1String(ropeLoaderName(ofA.loaded.loader));
        const bool both = ofA.loaded.table && ofB.loaded.table;
        rows.push_back({name, verdictOf(ofA), verdictOf(ofB)});
        three(rows.back(), both, both ? ofA.loaded.table->attentionFactor : 0,
              both ? ofB.loaded.table->attentionFactor : 0);
        three(rows.back(), both, ofA.phaseError, ofB.phaseError);
        rowPairs_.push_back(ofA.pair >= 0 ? ofA.pair : ofB.pair);
        if (!both) continue;
        const auto errorsA = phaseErrors(*audit_, ofA), errorsB = phaseErrors(*auditB_, ofB);
        const auto ratiosA = ratiosOf(*ofA.loaded.table), ratiosB = ratiosOf(*ofB.loaded.table);
        for (std::size_t pair = 0; pair < errorsA.size(); ++pair) {
            ResultTableModel::Row row{name, static_cast<int>(pair)};
            three(row, true, ofA.loaded.table->omega[pair], ofB.loaded.table->omega[pair]);
            three(row, true, ratiosA[pair], ratiosB[pair]);
            three(row, true, errorsA[pair], errorsB[pair]);
            pairs.push_back(std::move(row));
        }
    }
    const auto columnsOf = [](const QString& key, const QString& title, const QString& tip) {
        return std::vector<ResultTableModel::Column>{
            {key + QStringLiteral("_a"), tr("%1, A").arg(title), tip},
            {key + QStringLiteral("_b"), tr("%1, B").arg(title), tip},
            {key + QStringLiteral("_difference"), tr("Δ %1, A − B").arg(title), tip}};
    };
    const auto put = [&](std::vector<ResultTableModel::Column>& columns, const QString& key,
                         const QString& title, const QString& tip) {
        for (ResultTableModel::Column& column : columnsOf(key, title, tip))
            columns.push_back(std::move(column));
    };
    const ResultTableModel::Column loader{"loader", tr("Loader"), tr("Program and version")};
    std::vector<ResultTableModel::Column> columns{
        loader,
        {"status_a", tr("Status, A"), tr("Against A's table here")},
        {"status_b", tr("Status, B"), tr("Against B's table here")}};
    put(columns, "attention_factor", tr("Attention factor"), tr("m: multiplies cos and sin"));
    put(columns, "phase_error", tr("Phase error"), tr("Largest over all pairs at L, rad"));
    table().setTable(std::move(columns), std::move(rows));
    std::vector<ResultTableModel::Column> ofPairs{loader, {"pair", tr("Pair"), tr("Rotary pair, from 0")}};
    put(ofPairs, "omega", tr("ω′"), tr("Frequency the loader turns at, rad/token"));
    put(ofPairs, "ratio", tr("ω′/ω"), tr("1 is unscaled"));
    put(ofPairs, "phase_error", tr("Phase error"), tr("At L, rad"));
    pairModel_->setTable(std::move(ofPairs), std::move(pairs));
    warningModel_->clear();
}

QString RopeAuditPanel::differenceSummary() const {
    const LoaderVerdict* most = nullptr;
    double difference = 0;
    int unlike = 0;
    for (const LoaderVerdict& ofA : audit_->loaders) {
        const LoaderVerdict& ofB = auditB_->of(ofA.loaded.loader);
        unlike += ofA.status != ofB.status;
        if (!ofA.loaded.table || !ofB.loaded.table) continue;
        if (most && std::abs(ofA.phaseError - ofB.phaseError) <= std::abs(difference)) continue;
        most = &ofA;
        difference = ofA.phaseError - ofB.phaseError;
    }
    QString text = unlike == 0 ? tr("Every loader has the same verdict on A and B")
                               : tr("%1 of %2 loaders have another verdict on A than on B")
                                     .arg(unlike)
                                     .arg(audit_->loaders.size());
    if (most && difference != 0)
        text += tr("; largest difference: %1, %2 rad (A %3, B %4)")
                    .arg(QLatin1String(ropeLoaderName(most->loaded.loader)), readableNumber(difference, 4),
                         readableNumber(most->phaseError, 4),
                         readableNumber(auditB_->of(most->loaded.loader).phaseError, 4));
    return text;
}

} // namespace qroar
