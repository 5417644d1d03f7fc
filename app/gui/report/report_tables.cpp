#include "app/gui/report/report_tables.h"

#include "core/base/strings.h"
#include "core/controls/verdict.h"
#include "core/evaluate/divergence.h"
#include "core/evaluate/perplexity.h"
#include "core/session/search_record.h"
#include "core/session/what_if.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

class ReportTables {
    Q_DECLARE_TR_FUNCTIONS(ReportTables)
};

QString text(const std::string& words) {
    return QString::fromStdString(words);
}

/// Four decimals, with a minus sign that is one; a dash for what is not there.
QString nats(double value) {
    if (std::isnan(value)) return QStringLiteral("–");
    return QString::number(value, 'f', 4).replace(u'-', QStringLiteral("−"));
}

/// Stored words, with minus signs that are ones: those of numbers, not hyphens.
QString signedWords(const std::string& words) {
    static const QRegularExpression minus(QStringLiteral("(?<![\\w.-])-(?=[0-9])"));
    return text(words).replace(minus, QStringLiteral("−"));
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
        return QStringList{ReportTables::tr(name), value};
    };
    QStringList contexts, edges;
    for (std::size_t at = 0; at < s.contexts.size(); ++at)
        contexts << ReportTables::tr("%1 (weight %2)")
                        .arg(groupedCount(s.contexts[at]),
                             readableNumber(at < s.contextWeights.size() ? s.contextWeights[at] : 1, 3));
    for (const int edge : s.bandEdges) edges << QString::number(edge);
    const SearchTrial* best = search.best();
    ReportTable table{ReportTables::tr("Settings and course")};
    table.rows = {
        pair("RoPE, weights", text(s.rope) + QStringLiteral(", ") + text(s.quant)),
        pair("Variant, scope, method",
             QStringLiteral("%1, %2, %3")
                 .arg(QLatin1String(searchVariantName(s.variant)), QLatin1String(searchScopeName(s.scope)),
                      QLatin1String(searchMethodName(s.method)))),
        pair("Contexts", contexts.join(QStringLiteral(", "))),
        pair("Band edges (pairs)", edges.join(QStringLiteral(", "))),
        pair("Short-context guard", ReportTables::tr("λ = %1, δ = %2 nats")
                                        .arg(readableNumber(s.lambda, 3), readableNumber(s.delta, 3))),
        pair("L2 on ln g", readableNumber(s.l2, 3)),
        pair("Trials", ReportTables::tr("%1, costing %2 forward passes over the dev windows")
                           .arg(groupedCount(static_cast<long long>(search.trials.size())),
                                readableNumber(search.forwardEquivalents(), 3))),
        pair("Dev objective", best ? ReportTables::tr("%1 → %2").arg(nats(search.trials.front().objective),
                                                                     nats(best->objective))
                                   : QStringLiteral("–")),
        pair("Ended", text(search.ending))};
    return table;
}

ReportTable controlsOf(const SearchRecord& search) {
    ReportTable table{
        ReportTables::tr("Controls on documents the search never saw"),
        ReportTables::tr(
            "FP and Q are the model at full precision and quantized, +g with the gains folded in. "
            "What FP+g gains over FP is not repair of quantization: it may be repair of the "
            "interpolation, a better attention temperature, or a fit to this kind of text."),
        {ReportTables::tr("Variant"), ReportTables::tr("RoPE"), ReportTables::tr("Weights"),
         ReportTables::tr("Context"), ReportTables::tr("Windows"), ReportTables::tr("Tokens"),
         ReportTables::tr("NLL (nats)"), ReportTables::tr("95 %")}};
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
    ReportTable table{ReportTables::tr("Effective gains gQ·gK per layer and band"),
                      ReportTables::tr("Two numbers where query heads differ: the least and the largest."),
                      {ReportTables::tr("Layer")}};
    if (gains.empty() || edges.size() < 2) return table;
    for (std::size_t band = 0; band + 1 < edges.size(); ++band)
        table.columns
            << ReportTables::tr("band %1 (%2)").arg(band).arg(pairsText(edges[band], edges[band + 1] - 1));
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

bool isTold(const PairedDifference& paired) {
    return paired.ciLow && paired.ciHigh && paired.blocks >= leastBlocks;
}

/// "3 places", "1 place with enough text": those that can be told, the latter where others cannot.
QString toldPlaces(std::size_t told, bool all) {
    const QString places = told == 1 ? ReportTables::tr("1 place") : ReportTables::tr("%1 places").arg(told);
    return all ? places : ReportTables::tr("%1 with enough text").arg(places);
}

/// Of places of which none hurts; `untold` of them are too short to tell.
QString nothingHurts(std::size_t told, std::size_t untold) {
    if (told == 0) {
        const QString where = untold == 1
                                  ? ReportTables::tr("the one place where they meet has")
                                  : ReportTables::tr("all %1 places where they meet have").arg(untold);
        return ReportTables::tr("Whether interpolation and quantization hurt each other cannot be told: %1 "
                                "too little text (fewer than %2 blocks).")
            .arg(where)
            .arg(leastBlocks);
    }
    const QString places = toldPlaces(told, untold == 0);
    return told == 1 ? ReportTables::tr("No measurable interaction that hurts: the interval of %1 is not "
                                        "above 0.")
                           .arg(places)
                     : ReportTables::tr("No measurable interaction that hurts: of %1, none has an interval "
                                        "above 0.")
                           .arg(places);
}

/// What the interactions say, in sentences that claim no more than their intervals: those from fewer than
/// leastBlocks blocks cannot tell (verdict.h), and are among no others.
QString interactionFinding(const Session& session, const std::vector<Interaction>& all) {
    struct Judged {
        const Interaction* one;
        PairedDifference paired;
    };
    std::vector<Judged> hurting;
    std::size_t relieving = 0, untold = 0;
    for (const Interaction& one : all) {
        const PairedDifference paired = intervalOf(session, one);
        if (effectOf(paired) == Effect::Hurts) hurting.push_back({&one, paired});
        if (effectOf(paired) == Effect::Helps) ++relieving;
        if (!isTold(paired)) ++untold;
    }
    const std::size_t told = all.size() - untold;
    QString words;
    if (!hurting.empty()) {
        const Judged& worst =
            *std::max_element(hurting.begin(), hurting.end(),
                              [](const Judged& a, const Judged& b) { return a.one->value < b.one->value; });
        words = ReportTables::tr(
                    "Interpolation and quantization hurt each other at %1 of %2, most under %3, %4 at %5 "
                    "tokens: together they cost %6 nats %7 more than the sum of both.")
                    .arg(hurting.size())
                    .arg(toldPlaces(told, untold == 0))
                    .arg(text(worst.one->rope), text(worst.one->quant), groupedCount(worst.one->context),
                         nats(worst.one->value), interval(worst.paired.ciLow, worst.paired.ciHigh));
    } else {
        words = nothingHurts(told, untold);
    }
    if (relieving > 0)
        words += ReportTables::tr(" At %1 they cost measurably less together than apart.").arg(relieving);
    if (untold > 0 && told > 0)
        words +=
            (untold == 1 ? ReportTables::tr(" %1 more has too little text to tell (fewer than %2 blocks).")
                         : ReportTables::tr(" %1 more have too little text to tell (fewer than %2 blocks)."))
                .arg(untold)
                .arg(leastBlocks);
    return words;
}

/// "a/run.h5": the reports of two runs of one name say which they are of.
QString withFolder(const QString& path) {
    const QFileInfo file(QDir::cleanPath(QFileInfo(path).absoluteFilePath()));
    return path.isEmpty() ? QString() : QDir(file.dir().dirName()).filePath(file.fileName());
}

} // namespace

ReportTable provenanceTable(const Session& session, const QString& sessionPath) {
    ReportTable table{ReportTables::tr("Provenance")};
    table.rows = {{ReportTables::tr("Session"), withFolder(sessionPath)},
                  {ReportTables::tr("Made by"), text(session.provenance.program)},
                  {ReportTables::tr("When (UTC)"), text(session.provenance.created)},
                  {ReportTables::tr("On"), text(session.provenance.host)},
                  {ReportTables::tr("Command"), text(session.provenance.command)}};
    return table;
}

ReportTable modelTable(const Session& session) {
    const ModelConfig& model = session.model;
    ReportTable table{ReportTables::tr("Model")};
    table.rows = {{ReportTables::tr("Name"), modelName(session)},
                  {ReportTables::tr("Format"), text(session.modelFormat)},
                  {ReportTables::tr("Architecture"), text(model.architecture)},
                  {ReportTables::tr("Parameters"), groupedCount(model.parameterCount())},
                  {ReportTables::tr("Layers, query heads, key heads"),
                   QStringLiteral("%1, %2, %3").arg(model.layers).arg(model.heads).arg(model.kvHeads)},
                  {ReportTables::tr("Dimensions of a head, rotary pairs"),
                   QStringLiteral("%1, %2").arg(model.headDim).arg(model.pairs())},
                  {ReportTables::tr("RoPE base"), QString::fromStdString(formatNumber(model.ropeTheta))},
                  {ReportTables::tr("Stored RoPE scaling"), text(model.storedRope.text())},
                  {ReportTables::tr("Trained length L₀ (tokens)"), groupedCount(model.trainedContext())},
                  {ReportTables::tr("Fingerprint"), text(session.modelFingerprint)}};
    return table;
}

ReportTable documentTable(const std::vector<SessionDocument>& documents) {
    ReportTable table{
        ReportTables::tr("Documents"),
        {},
        {ReportTables::tr("Name"), ReportTables::tr("Tokens"), ReportTables::tr("Fingerprint")}};
    for (const SessionDocument& document : documents)
        table.rows.push_back(
            {text(document.name), groupedCount(document.tokens), text(document.fingerprint)});
    return table;
}

ReportTable conditionTable(const Session& session) {
    ReportTable table{
        ReportTables::tr("Conditions"),
        ReportTables::tr(
            "NLL: mean over the predicted tokens, convention \"all\"; 95 % interval by bootstrap over "
            "documents (or runs of windows where documents are few)."),
        {ReportTables::tr("RoPE"), ReportTables::tr("Weights"), ReportTables::tr("Gains"),
         ReportTables::tr("Context"), ReportTables::tr("Attention factor"), ReportTables::tr("Windows"),
         ReportTables::tr("Tokens"), ReportTables::tr("NLL (nats)"), ReportTables::tr("95 %"),
         ReportTables::tr("Perplexity")}};
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
    ReportTable table{ReportTables::tr("Divergence from full precision"),
                      ReportTables::tr("KL(reference ‖ condition) per predicted token, nats."),
                      {ReportTables::tr("Condition"), ReportTables::tr("Mean"), ReportTables::tr("95 %"),
                       ReportTables::tr("Median"), ReportTables::tr("90 %"), ReportTables::tr("99 %"),
                       ReportTables::tr("Largest"), ReportTables::tr("Same top token"),
                       ReportTables::tr("RMS Δp")}};
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
    ReportTable table{
        ReportTables::tr("Interpolation and quantization: the four-way split"),
        ReportTables::tr("Interaction = ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP), with its "
                         "paired 95 % interval; "
                         "positive: together they cost more than the sum of both. Fewer than %1 blocks of "
                         "text tell nothing, whatever the interval.")
            .arg(leastBlocks),
        {ReportTables::tr("RoPE"), ReportTables::tr("Weights"), ReportTables::tr("Context"),
         ReportTables::tr("FP"), ReportTables::tr("PI"), ReportTables::tr("Q"), ReportTables::tr("Q+PI"),
         ReportTables::tr("Interaction (nats)"), ReportTables::tr("95 %"), ReportTables::tr("Blocks")}};
    for (const Interaction& one : interactions(session.conditions, Convention::All)) {
        const PairedDifference paired = intervalOf(session, one);
        table.rows.push_back({text(one.rope), text(one.quant), groupedCount(one.context), nats(one.fp),
                              nats(one.pi), nats(one.q), nats(one.qpi), nats(one.value),
                              interval(paired.ciLow, paired.ciHigh), groupedCount(paired.blocks)});
    }
    return table;
}

ReportTable bandTable(const Session& session) {
    ReportTable table{ReportTables::tr("Bands"),
                      ReportTables::tr("Wavelengths 2π/ω of the unscaled frequencies, in tokens."),
                      {ReportTables::tr("Band"), ReportTables::tr("Pairs"),
                       ReportTables::tr("Shortest wavelength (unscaled)"),
                       ReportTables::tr("Longest wavelength (unscaled)")}};
    const double d = session.model.rotaryDim;
    const auto wavelength = [&](int pair) {
        return readableNumber(2 * M_PI * std::pow(session.model.ropeTheta, 2.0 * pair / d), 4);
    };
    for (int band = 0; band < session.bands.count(); ++band)
        table.rows.push_back(
            {bandName(session, band),
             session.bands.end(band) - session.bands.begin(band) == 1
                 ? QString::number(session.bands.begin(band))
                 : QStringLiteral("%1–%2").arg(session.bands.begin(band)).arg(session.bands.end(band) - 1),
             wavelength(session.bands.begin(band)), wavelength(session.bands.end(band) - 1)});
    return table;
}

ReportTable whatIfTable(const Session& session) {
    ReportTable table{
        ReportTables::tr("What-ifs"),
        ReportTables::tr(
            "Gains set by hand. The prediction is first order, from gradients; the rest was measured."),
        {ReportTables::tr("Name"), ReportTables::tr("Condition"), ReportTables::tr("Predicted (nats)"),
         ReportTables::tr("(Q+g) − Q"), ReportTables::tr("95 %"), ReportTables::tr("(FP+g) − FP"),
         ReportTables::tr("95 %"), ReportTables::tr("Verdict")}};
    for (const auto& one : session.whatIfs)
        table.rows.push_back(
            {text(one->scales.name),
             QStringLiteral("%1 · %2 · %3")
                 .arg(text(one->scales.rope), groupedCount(one->context), text(one->scales.quant)),
             nats(one->predicted), nats(one->quantized.mean),
             interval(one->quantized.low, one->quantized.high), nats(one->full.mean),
             interval(one->full.low, one->full.high),
             one->words.empty() ? ReportTables::tr("not measured") : signedWords(one->words)});
    return table;
}

std::vector<ReportSearch> reportSearches(const Session& session) {
    std::vector<ReportSearch> result;
    for (const auto& search : session.searches) {
        ReportSearch one;
        one.name = text(search->scales.name);
        one.verdict = signedWords(search->verdict.words);
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
        findings << (search->verdict.words.empty()
                         ? ReportTables::tr("Gains %1 were not judged on documents the search never saw.")
                               .arg(text(search->scales.name))
                         : ReportTables::tr("Gains %1: %2")
                               .arg(text(search->scales.name), signedWords(search->verdict.words)));
    const auto all = interactions(session.conditions, Convention::All);
    if (!all.empty()) findings << interactionFinding(session, all);
    if (all.empty())
        findings << ReportTables::tr(
            "The four-way split needs FP and quantized conditions with and without interpolation at one "
            "context length.");
    return findings;
}

} // namespace qroar
