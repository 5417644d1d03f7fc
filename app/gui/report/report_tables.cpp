#include "app/gui/report/report_tables.h"

#include "core/base/strings.h"
#include "core/evaluate/divergence.h"
#include "core/evaluate/perplexity.h"
#include "core/session/search_record.h"
#include "core/session/what_if.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QCoreApplication>
#include <QFileInfo>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

QString translated(const char* text) {
    return QCoreApplication::translate("ReportTables", text);
}

QString text(const std::string& words) {
    return QString::fromStdString(words);
}

/// Four decimals, with a minus sign that is one; a dash for what is not there.
QString nats(double value) {
    if (std::isnan(value)) return QStringLiteral("–");
    return QString::number(value, 'f', 4).replace(u'-', QStringLiteral("−"));
}

QString interval(double low, double high) {
    if (std::isnan(low) || std::isnan(high)) return QStringLiteral("–");
    return QStringLiteral("[%1, %2]").arg(nats(low), nats(high));
}

QString interval(const std::optional<double>& low, const std::optional<double>& high) {
    return low && high ? interval(*low, *high) : QStringLiteral("–");
}

QString percent(double share) {
    return QStringLiteral("%1 %").arg(QString::number(100 * share, 'f', 1));
}

QString scalesName(const std::string& name) {
    return name.empty() ? QStringLiteral("–") : text(name);
}

/// "yarn:4 in force, attention factor 1.139".
QString ropeNote(const ConditionResult& condition) {
    const double m = condition.table.attentionFactor;
    return m == 1 ? QStringLiteral("1") : readableNumber(m, 5);
}

ReportTable settingsOf(const SearchRecord& search) {
    const SearchSettings& s = search.settings;
    const auto pair = [](const char* name, const QString& value) {
        return QStringList{translated(name), value};
    };
    QStringList contexts, edges;
    for (std::size_t at = 0; at < s.contexts.size(); ++at)
        contexts << translated("%1 (weight %2)")
                        .arg(groupedCount(s.contexts[at]),
                             readableNumber(at < s.contextWeights.size() ? s.contextWeights[at] : 1, 3));
    for (const int edge : s.bandEdges) edges << QString::number(edge);
    const SearchTrial* best = search.best();
    ReportTable table{translated("Settings and course")};
    table.rows = {
        pair("RoPE, weights", text(s.rope) + QStringLiteral(", ") + text(s.quant)),
        pair("Variant, scope, method",
             QStringLiteral("%1, %2, %3")
                 .arg(QLatin1String(searchVariantName(s.variant)), QLatin1String(searchScopeName(s.scope)),
                      QLatin1String(searchMethodName(s.method)))),
        pair("Contexts", contexts.join(QStringLiteral(", "))),
        pair("Band edges (pairs)", edges.join(QStringLiteral(", "))),
        pair("Short-context guard",
             translated("λ = %1, δ = %2 nats").arg(readableNumber(s.lambda, 3), readableNumber(s.delta, 3))),
        pair("L2 on ln g", readableNumber(s.l2, 3)),
        pair("Trials", translated("%1, costing %2 forward passes over the dev windows")
                           .arg(groupedCount(static_cast<long long>(search.trials.size())),
                                readableNumber(search.forwardEquivalents(), 3))),
        pair("Dev objective",
             best ? translated("%1 → %2").arg(nats(search.trials.front().objective), nats(best->objective))
                  : QStringLiteral("–")),
        pair("Ended", text(search.ending))};
    return table;
}

ReportTable controlsOf(const SearchRecord& search) {
    ReportTable table{
        translated("Controls on documents the search never saw"),
        translated("FP and Q are the model at full precision and quantized, +g with the gains folded in. "
                   "What FP+g gains over FP, the gains owe to RoPE, not to quantization."),
        {translated("Variant"), translated("RoPE"), translated("Weights"), translated("Context"),
         translated("Windows"), translated("Tokens"), translated("NLL (nats)"), translated("95 %")}};
    for (const SearchReportRow& row : search.report)
        table.rows.push_back({text(row.role), text(row.rope), text(row.quant), groupedCount(row.context),
                              groupedCount(row.windows), groupedCount(row.tokens), nats(row.nll),
                              interval(row.ciLow, row.ciHigh)});
    return table;
}

/// Effective gain per layer and band: least and largest over heads.
ReportTable gainsOf(const SearchRecord& search) {
    const QkGains& gains = search.scales.gains;
    const std::vector<int>& edges = search.settings.bandEdges;
    ReportTable table{translated("Effective gains gQ·gK per layer and band"),
                      translated("Two numbers where query heads differ: the least and the largest."),
                      {translated("Layer")}};
    if (gains.empty() || edges.size() < 2) return table;
    for (std::size_t band = 0; band + 1 < edges.size(); ++band)
        table.columns
            << translated("band %1 (pairs %2–%3)").arg(band).arg(edges[band]).arg(edges[band + 1] - 1);
    for (int layer = 0; layer < gains.layers; ++layer) {
        QStringList row{QString::number(layer)};
        for (std::size_t band = 0; band + 1 < edges.size(); ++band) {
            double least = INFINITY, largest = 0;
            for (int head = 0; head < gains.heads; ++head)
                for (int pair = edges[band]; pair < std::min(edges[band + 1], gains.pairs); ++pair) {
                    least = std::min(least, gains.effective(layer, head, pair));
                    largest = std::max(largest, gains.effective(layer, head, pair));
                }
            const QString low = readableNumber(least, 4), high = readableNumber(largest, 4);
            row << (low == high ? low : QStringLiteral("%1–%2").arg(low, high));
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

/// The windows of one corner of the four-way split; null when it is not in the session.
const std::vector<WindowNll>* cornerOf(const Session& session, const std::string& rope,
                                       const std::string& quant, int context) {
    for (const auto& condition : session.conditions) {
        const ConditionKey& key = condition->key;
        const std::string ropeText = condition->table.spec.kind == RopeKind::None ? "none" : key.rope.text();
        if (key.context == context && key.scales.empty() && ropeText == rope && key.quant.text() == quant)
            return &condition->windows;
    }
    return nullptr;
}

/// The interaction again, paired by token, for its interval.
PairedDifference intervalOf(const Session& session, const Interaction& one) {
    const ContrastTerm terms[] = {{1, cornerOf(session, one.rope, one.quant, one.context)},
                                  {-1, cornerOf(session, "none", one.quant, one.context)},
                                  {-1, cornerOf(session, one.rope, "none", one.context)},
                                  {1, cornerOf(session, "none", "none", one.context)}};
    for (const ContrastTerm& term : terms)
        if (!term.windows) return {};
    return pairedContrast(terms, one.context, Convention::All);
}

/// What the largest interaction says: a sentence that claims no more than its interval.
QString interactionFinding(const Session& session, const Interaction& worst) {
    const PairedDifference paired = intervalOf(session, worst);
    const QString where = translated("%1, %2 at %3 tokens")
                              .arg(text(worst.rope), text(worst.quant), groupedCount(worst.context));
    const QString size =
        paired.ciLow
            ? QStringLiteral("%1 nats %2").arg(nats(worst.value), interval(paired.ciLow, paired.ciHigh))
            : translated("%1 nats, no interval").arg(nats(worst.value));
    if (paired.ciLow && *paired.ciLow > 0)
        return translated("Interpolation and quantization hurt each other, most under %1: together they cost "
                          "%2 more than "
                          "the sum of both.")
            .arg(where, size);
    return translated(
               "No measurable interaction of interpolation and quantization: the largest is under %1, %2.")
        .arg(where, size);
}

} // namespace

ReportTable provenanceTable(const Session& session, const QString& sessionPath) {
    ReportTable table{translated("Provenance")};
    table.rows = {{translated("Session"), QFileInfo(sessionPath).fileName()},
                  {translated("Made by"), text(session.provenance.program)},
                  {translated("When (UTC)"), text(session.provenance.created)},
                  {translated("On"), text(session.provenance.host)},
                  {translated("Command"), text(session.provenance.command)}};
    return table;
}

ReportTable modelTable(const Session& session) {
    const ModelConfig& model = session.model;
    ReportTable table{translated("Model")};
    table.rows = {{translated("Name"), modelName(session)},
                  {translated("Format"), text(session.modelFormat)},
                  {translated("Architecture"), text(model.architecture)},
                  {translated("Parameters"), groupedCount(model.parameterCount())},
                  {translated("Layers, query heads, key heads"),
                   QStringLiteral("%1, %2, %3").arg(model.layers).arg(model.heads).arg(model.kvHeads)},
                  {translated("Dimensions of a head, rotary pairs"),
                   QStringLiteral("%1, %2").arg(model.headDim).arg(model.pairs())},
                  {translated("RoPE base"), QString::fromStdString(formatNumber(model.ropeTheta))},
                  {translated("Stored RoPE scaling"), text(model.storedRope.text())},
                  {translated("Trained length L₀ (tokens)"), groupedCount(model.trainedContext())},
                  {translated("Fingerprint"), text(session.modelFingerprint)}};
    return table;
}

ReportTable documentTable(const std::vector<SessionDocument>& documents) {
    ReportTable table{
        translated("Documents"), {}, {translated("Name"), translated("Tokens"), translated("Fingerprint")}};
    for (const SessionDocument& document : documents)
        table.rows.push_back(
            {text(document.name), groupedCount(document.tokens), text(document.fingerprint)});
    return table;
}

ReportTable conditionTable(const Session& session) {
    ReportTable table{
        translated("Conditions"),
        translated("NLL: mean over the predicted tokens, convention \"all\"; 95 % interval by bootstrap over "
                   "documents (or runs of windows where documents are few)."),
        {translated("RoPE"), translated("Weights"), translated("Gains"), translated("Context"),
         translated("Attention factor"), translated("Windows"), translated("Tokens"),
         translated("NLL (nats)"), translated("95 %"), translated("Perplexity")}};
    for (const auto& condition : session.conditions) {
        const ConditionKey& key = condition->key;
        const NllSummary nll =
            summarizeNll(condition->windows, key.context, static_cast<int>(condition->table.trainedContext),
                         Convention::All);
        table.rows.push_back({text(key.rope.text()), text(key.quant.text()), scalesName(key.scales),
                              groupedCount(key.context), ropeNote(*condition), groupedCount(nll.windows),
                              groupedCount(nll.tokens), nats(nll.nll), interval(nll.ciLow, nll.ciHigh),
                              readableNumber(nll.perplexity, 5)});
    }
    return table;
}

ReportTable divergenceTable(const Session& session) {
    ReportTable table{translated("Divergence from full precision"),
                      translated("KL(reference ‖ condition) per predicted token, nats."),
                      {translated("Condition"), translated("Mean"), translated("95 %"), translated("Median"),
                       translated("90 %"), translated("99 %"), translated("Largest"),
                       translated("Same top token"), translated("RMS Δp")}};
    for (const auto& condition : session.conditions) {
        if (condition->divergence.empty()) continue;
        const auto kl =
            summarizeDivergence(condition->divergence, condition->key.context,
                                static_cast<int>(condition->table.trainedContext), Convention::All);
        table.rows.push_back({conditionName(condition->key), nats(kl.mean), interval(kl.ciLow, kl.ciHigh),
                              nats(kl.median), nats(kl.p90), nats(kl.p99), nats(kl.max), percent(kl.sameTop),
                              percent(kl.rmsDeltaP)});
    }
    return table;
}

ReportTable interactionTable(const Session& session) {
    ReportTable table{translated("Interpolation and quantization: the four-way split"),
                      translated("Interaction = ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP), with its "
                                 "paired 95 % interval; "
                                 "positive: together they cost more than the sum of both."),
                      {translated("RoPE"), translated("Weights"), translated("Context"), translated("FP"),
                       translated("PI"), translated("Q"), translated("Q+PI"),
                       translated("Interaction (nats)"), translated("95 %")}};
    for (const Interaction& one : interactions(session.conditions, Convention::All)) {
        const PairedDifference paired = intervalOf(session, one);
        table.rows.push_back({text(one.rope), text(one.quant), groupedCount(one.context), nats(one.fp),
                              nats(one.pi), nats(one.q), nats(one.qpi), nats(one.value),
                              interval(paired.ciLow, paired.ciHigh)});
    }
    return table;
}

ReportTable bandTable(const Session& session) {
    ReportTable table{translated("Bands"),
                      translated("Wavelengths 2π/ω before scaling, in tokens."),
                      {translated("Band"), translated("Pairs"), translated("Shortest wavelength"),
                       translated("Longest wavelength")}};
    const double d = session.model.rotaryDim;
    const auto wavelength = [&](int pair) {
        return readableNumber(2 * M_PI * std::pow(session.model.ropeTheta, 2.0 * pair / d), 4);
    };
    for (int band = 0; band < session.bands.count(); ++band)
        table.rows.push_back(
            {bandName(session, band),
             QStringLiteral("%1–%2").arg(session.bands.begin(band)).arg(session.bands.end(band) - 1),
             wavelength(session.bands.begin(band)), wavelength(session.bands.end(band) - 1)});
    return table;
}

ReportTable whatIfTable(const Session& session) {
    ReportTable table{
        translated("What-ifs"),
        translated(
            "Gains set by hand. The prediction is first order, from gradients; the rest was measured."),
        {translated("Name"), translated("Condition"), translated("Predicted (nats)"), translated("(Q+g) − Q"),
         translated("95 %"), translated("(FP+g) − FP"), translated("95 %"), translated("Verdict")}};
    for (const auto& one : session.whatIfs)
        table.rows.push_back(
            {text(one->scales.name),
             QStringLiteral("%1 · %2 · %3")
                 .arg(text(one->scales.rope), groupedCount(one->context), text(one->scales.quant)),
             nats(one->predicted), nats(one->quantized.mean),
             interval(one->quantized.low, one->quantized.high), nats(one->full.mean),
             interval(one->full.low, one->full.high),
             one->words.empty() ? translated("not measured") : text(one->words)});
    return table;
}

std::vector<ReportSearch> reportSearches(const Session& session) {
    std::vector<ReportSearch> result;
    for (const auto& search : session.searches) {
        ReportSearch one;
        one.name = text(search->scales.name);
        one.verdict = text(search->verdict.words);
        one.settings = settingsOf(*search);
        one.controls = controlsOf(*search);
        one.gains = gainsOf(*search);
        result.push_back(std::move(one));
    }
    return result;
}

QStringList reportFindings(const Session& session) {
    QStringList findings;
    for (const auto& search : session.searches)
        findings
            << (search->verdict.words.empty()
                    ? translated("Gains %1 were not judged on documents the search never saw.")
                          .arg(text(search->scales.name))
                    : translated("Gains %1: %2").arg(text(search->scales.name), text(search->verdict.words)));
    const auto all = interactions(session.conditions, Convention::All);
    if (const auto worst =
            std::max_element(all.begin(), all.end(),
                             [](const Interaction& a, const Interaction& b) { return a.value < b.value; });
        worst != all.end())
        findings << interactionFinding(session, *worst);
    if (all.empty())
        findings << translated(
            "The four-way split needs FP and quantized conditions with and without interpolation at one "
            "context length.");
    return findings;
}

} // namespace qroar
