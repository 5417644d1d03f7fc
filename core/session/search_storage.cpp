#include "core/session/search_storage.h"

#include "core/rope/bands.h"
#include "core/session/document_storage.h"
#include "core/session/session_layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace qroar {

namespace {

using h5::GroupReader;
using h5::GroupWriter;

constexpr double anyNumber = std::numeric_limits<double>::max();
constexpr int anyInt = std::numeric_limits<int>::max();
constexpr int mostSearches = 1 << 16;

/// Coordinates of a search over this model.
std::size_t dimensionOf(const SearchSettings& settings, const ModelConfig& model) {
    const int layers = settings.scope == SearchScope::Model ? 1 : model.layers;
    const int heads = settings.variant == SearchVariant::Query ? model.heads : model.kvHeads;
    const std::size_t groups = settings.scope == SearchScope::Head ? static_cast<std::size_t>(heads) : 1;
    return static_cast<std::size_t>(layers) * groups * (settings.bandEdges.size() - 1);
}

bool allFinite(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

Status checkTrial(const SearchTrial& trial, std::size_t dimension, std::size_t contexts) {
    const bool gradientFits = trial.gradient.empty() ? trial.gradientError.empty()
                                                     : trial.gradient.size() == dimension
                                                           && trial.gradientError.size() == dimension;
    if (trial.theta.size() != dimension || trial.nll.size() != contexts || !gradientFits)
        return Error::bad("expected " + std::to_string(dimension) + " gains and " + std::to_string(contexts)
                          + " contexts in every trial");
    if (!allFinite(trial.theta) || !allFinite(trial.gradient) || !(trial.seconds >= 0)
        || !(trial.forwardEquivalents >= 0))
        return Error::bad("expected finite numbers in every trial");
    const auto isInfinite = [](double nll) { return nll == std::numeric_limits<double>::infinity(); };
    const bool overflowed = trial.overflowed() && !trial.accepted && trial.kind != TrialKind::Start
                            && trial.gradient.empty()
                            && std::all_of(trial.nll.begin(), trial.nll.end(), isInfinite);
    if (!overflowed && !(allFinite(trial.nll) && std::isfinite(trial.objective)))
        return Error::bad("expected a finite loss in every trial but rejected ones, which may be infinite");
    return Done{};
}

Status checkSearch(const SearchRecord& record, const ModelConfig& model) {
    const SearchSettings& settings = record.settings;
    const auto bands = BandPartition::fromEdges(settings.bandEdges, model.pairs());
    if (!bands || bands->edges() != settings.bandEdges)
        return Error::bad("band_edges: expected 0 to " + std::to_string(model.pairs()));
    const std::size_t cells =
        static_cast<std::size_t>(model.layers) * static_cast<std::size_t>(bands->count());
    const auto isTau = [](double tau) { return std::isfinite(tau) && tau >= 1; };
    if (settings.windows.size() != cells || settings.priority.size() != cells || !allFinite(settings.priority)
        || !std::all_of(settings.windows.begin(), settings.windows.end(), isTau))
        return Error::bad("windows: expected a bound of 1 or more and a priority for every layer and band");
    if (settings.contexts.empty() || settings.contextWeights.size() != settings.contexts.size())
        return Error::bad("contexts: expected one or more, with a weight each");
    const auto positive = [](double gain) { return std::isfinite(gain) && gain > 0; };
    const QkGains& gains = record.scales.gains;
    if (!gains.fits(model) || !std::all_of(gains.q.begin(), gains.q.end(), positive)
        || !std::all_of(gains.k.begin(), gains.k.end(), positive))
        return Error::bad("scales: expected positive gains of the model's shape");
    const std::size_t dimension = dimensionOf(settings, model);
    for (const SearchTrial& trial : record.trials)
        if (Status fine = checkTrial(trial, dimension, settings.contexts.size()); !fine) return fine;
    return Done{};
}

void writeSettings(GroupWriter& to, const SearchSettings& settings, hsize_t layers) {
    to.text("rope", settings.rope);
    to.text("quant", settings.quant);
    to.text("variant", searchVariantName(settings.variant));
    to.text("scope", searchScopeName(settings.scope));
    to.text("method", searchMethodName(settings.method));
    to.integer("max_windows", settings.maxWindows);
    to.number("lambda", settings.lambda);
    to.number("delta", settings.delta);
    to.number("l2", settings.l2);
    to.integer("steps", settings.steps);
    to.integer("grid_points", settings.gridPoints);
    to.number("budget", settings.budget);
    to.text("window_source", settings.windowSource);
    to.list("band_edges", settings.bandEdges,
            {"pair", "edge", "first pair of each band, and the number of pairs"});
    to.list("contexts", settings.contexts, {"tokens", "context", "context lengths of the dev windows"});
    to.list("context_weights", settings.contextWeights, {"1", "context", "w_L of the objective"});
    const std::vector<hsize_t> table{layers, settings.bandEdges.size() - 1};
    to.array<double>("windows", settings.windows, table,
                     {"1", "layer, band", "tau: gains were searched in [1/tau, tau]"});
    to.array<double>("priority", settings.priority, table,
                     {"1", "layer, band", "order in which a grid search visits the bands, falling"});
}

} // namespace

void writeGains(GroupWriter to, const QkGains& gains) {
    const auto layers = static_cast<hsize_t>(gains.layers), pairs = static_cast<hsize_t>(gains.pairs);
    to.array<double>("q", gains.q, {layers, static_cast<hsize_t>(gains.heads), pairs},
                     {"1", "layer, query head, pair", "factor of both rows of the pair in W_Q and its bias"});
    to.array<double>("k", gains.k, {layers, static_cast<hsize_t>(gains.kvHeads), pairs},
                     {"1", "layer, key head, pair", "factor of both rows of the pair in W_K and its bias"});
}

namespace {

/// The rows of all trials, one behind the other.
template<class Field>
void writeRows(GroupWriter& to, const char* name, const std::vector<SearchTrial>& trials, Field field,
               const h5::About& about) {
    std::vector<double> values;
    hsize_t rows = 0;
    for (const SearchTrial& trial : trials) {
        const std::vector<double>& row = field(trial);
        values.insert(values.end(), row.begin(), row.end());
        if (!row.empty()) ++rows;
    }
    if (rows > 0) to.array<double>(name, values, {rows, values.size() / rows}, about);
}

void writeTrials(GroupWriter to, const std::vector<SearchTrial>& trials) {
    std::vector<std::int32_t> kind, accepted, withGradient;
    std::vector<double> objective, seconds, cost;
    for (const SearchTrial& trial : trials) {
        kind.push_back(static_cast<std::int32_t>(trial.kind));
        accepted.push_back(trial.accepted ? 1 : 0);
        withGradient.push_back(trial.gradient.empty() ? 0 : 1);
        objective.push_back(trial.objective);
        seconds.push_back(trial.seconds);
        cost.push_back(trial.forwardEquivalents);
    }
    to.list("kind", kind, {"1", "trial", "0 start, 1 grid, 2 step, 3 backtrack"});
    to.list("accepted", accepted, {"1", "trial", "1: the objective fell, and the search went on from here"});
    to.list("with_gradient", withGradient, {"1", "trial", "1: has a row in gradient and gradient_error"});
    to.list("objective", objective, {"nats", "trial", "J; infinite: the model overflowed"});
    to.list("seconds", seconds, {"s", "trial", "wall time"});
    to.list("forward_equivalents", cost, {"1", "trial", "cost, in forward passes over all dev windows"});
    writeRows(to, "nll", trials, [](const SearchTrial& t) -> auto& { return t.nll; },
              {"nats", "trial, context", "mean NLL of the dev windows"});
    writeRows(to, "theta", trials, [](const SearchTrial& t) -> auto& { return t.theta; },
              {"1", "trial, coordinate", "ln effective gain; coordinates ordered by layer, head, band"});
    writeRows(to, "gradient", trials, [](const SearchTrial& t) -> auto& { return t.gradient; },
              {"nats", "trial with gradient, coordinate", "d J / d theta without the part of l2"});
    writeRows(
        to, "gradient_error", trials, [](const SearchTrial& t) -> auto& { return t.gradientError; },
        {"nats", "trial with gradient, coordinate", "its standard error over documents; NaN: not known"});
}

void writeReport(GroupWriter to, const std::vector<SearchReportRow>& report) {
    std::vector<std::string> role, rope, quant, scales;
    std::vector<std::int32_t> context, documents, windows;
    std::vector<std::int64_t> tokens;
    std::vector<double> nll, low, high;
    for (const SearchReportRow& row : report) {
        role.push_back(row.role);
        rope.push_back(row.rope);
        quant.push_back(row.quant);
        scales.push_back(row.scales);
        context.push_back(row.context);
        documents.push_back(row.documents);
        windows.push_back(row.windows);
        tokens.push_back(row.tokens);
        nll.push_back(row.nll);
        low.push_back(row.ciLow);
        high.push_back(row.ciHigh);
    }
    to.strings("role", role, {"text", "row", "FP, FP+g, Q or Q+g"});
    to.strings("rope", rope, {"text", "row", "RoPE spec"});
    to.strings("quant", quant, {"text", "row", "weight variant"});
    to.strings("scales", scales, {"text", "row", "name of the scales, empty without"});
    to.list("context", context, {"tokens", "row", "context length"});
    to.list("documents", documents, {"1", "row", "documents that contributed"});
    to.list("windows", windows, {"1", "row", "windows that contributed"});
    to.list("tokens", tokens, {"tokens", "row", "predicted tokens"});
    to.list("nll", nll, {"nats", "row", "mean NLL on documents the search never saw"});
    to.list("ci_low", low, {"nats", "row", "lower bound of its 95 % interval; NaN without"});
    to.list("ci_high", high, {"nats", "row", "upper bound of its 95 % interval; NaN without"});
}

void writeSearch(GroupWriter to, const SearchRecord& record) {
    to.text("name", record.scales.name);
    to.text("model_fingerprint", record.scales.modelFingerprint);
    to.text("program", record.provenance.program);
    to.text("created", record.provenance.created);
    to.text("command", record.provenance.command);
    to.text("host", record.provenance.host);
    to.integer("finished", record.finished ? 1 : 0);
    to.text("ending", record.ending);
    to.text("verdict", record.verdict.words);
    to.text("verdict_long", record.verdict.longEffect);
    to.text("verdict_short", record.verdict.shortEffect);
    to.text("verdict_cause", record.verdict.cause);
    writeSettings(to, record.settings, static_cast<hsize_t>(record.scales.gains.layers));
    writeGains(to.group("scales"), record.scales.gains);
    writeTrials(to.group("trials"), record.trials);
    writeDocuments(to.group("documents"), record.documents);
    writeDocuments(to.group("report_documents"), record.reportDocuments);
    writeReport(to.group("report"), record.report);
}

template<class Value>
Value readName(const GroupReader& from, const char* attribute, Outcome<Value> (*parse)(std::string_view)) {
    const std::string text = from.text(attribute);
    if (from.failed()) return {};
    auto value = parse(text);
    if (value) return *value;
    from.fail(attribute, value.error().message);
    return {};
}

SearchSettings readSettings(const GroupReader& from, const ModelConfig& model) {
    SearchSettings settings;
    settings.rope = from.text("rope");
    settings.quant = from.text("quant");
    settings.variant = readName(from, "variant", parseSearchVariant);
    settings.scope = readName(from, "scope", parseSearchScope);
    settings.method = readName(from, "method", parseSearchMethod);
    settings.maxWindows = static_cast<int>(from.integer("max_windows", 0, anyInt));
    settings.lambda = from.number("lambda", 0, anyNumber);
    settings.delta = from.number("delta", 0, anyNumber);
    settings.l2 = from.number("l2", 0, anyNumber);
    settings.steps = static_cast<int>(from.integer("steps", 0, anyInt));
    settings.gridPoints = static_cast<int>(from.integer("grid_points", 0, anyInt));
    settings.budget = from.number("budget", 0, anyNumber);
    settings.windowSource = from.text("window_source");
    settings.bandEdges = from.list<std::int32_t>("band_edges");
    settings.contexts = from.list<std::int32_t>("contexts");
    settings.contextWeights = from.list<double>("context_weights");
    if (!from.failed() && settings.bandEdges.size() < 2) from.fail("band_edges", "expected two or more");
    if (!from.failed() && settings.contexts.empty()) from.fail("contexts", "expected one or more");
    if (from.failed()) return settings;
    const std::vector<hsize_t> table{static_cast<hsize_t>(model.layers), settings.bandEdges.size() - 1};
    settings.windows = from.array<double>("windows", table).values;
    settings.priority = from.array<double>("priority", table).values;
    return settings;
}

/// Cuts values [rows, columns] into rows.
std::vector<std::vector<double>> readRows(const GroupReader& from, const std::string& name, std::size_t rows,
                                          std::size_t columns) {
    std::vector<std::vector<double>> result;
    if (rows == 0) return result;
    const auto array = from.array<double>(name, {rows, columns});
    if (from.failed()) return result;
    for (auto row = array.values.begin(); row != array.values.end();
         row += static_cast<std::ptrdiff_t>(columns))
        result.emplace_back(row, row + static_cast<std::ptrdiff_t>(columns));
    return result;
}

std::vector<SearchTrial> readTrials(const GroupReader& from, std::size_t dimension, std::size_t contexts) {
    const auto kind = from.list<std::int32_t>("kind");
    const std::size_t count = kind.size();
    if (count == 0 || from.failed()) return {};
    const auto accepted = from.array<std::int32_t>("accepted", {count});
    const auto withGradient = from.array<std::int32_t>("with_gradient", {count});
    const auto objective = from.array<double>("objective", {count});
    const auto seconds = from.array<double>("seconds", {count});
    const auto cost = from.array<double>("forward_equivalents", {count});
    const auto nll = readRows(from, "nll", count, contexts);
    const auto theta = readRows(from, "theta", count, dimension);
    if (from.failed()) return {};
    const auto gradients = static_cast<std::size_t>(std::count_if(
        withGradient.values.begin(), withGradient.values.end(), [](int has) { return has != 0; }));
    const auto gradient = readRows(from, "gradient", gradients, dimension);
    const auto error = readRows(from, "gradient_error", gradients, dimension);
    if (from.failed()) return {};
    std::vector<SearchTrial> trials;
    std::size_t next = 0; // row of gradient
    for (std::size_t at = 0; at < count; ++at) {
        if (kind[at] < 0 || kind[at] > static_cast<int>(TrialKind::Backtrack)) {
            from.fail("kind", "expected 0 to 3, found " + std::to_string(kind[at]));
            return {};
        }
        SearchTrial trial;
        trial.kind = static_cast<TrialKind>(kind[at]);
        trial.theta = theta[at];
        trial.nll = nll[at];
        trial.objective = objective.values[at];
        if (withGradient.values[at] != 0) {
            trial.gradient = gradient[next];
            trial.gradientError = error[next++];
        }
        trial.forwardEquivalents = cost.values[at];
        trial.seconds = seconds.values[at];
        trial.accepted = accepted.values[at] != 0;
        trials.push_back(std::move(trial));
    }
    return trials;
}

std::vector<SearchReportRow> readReport(const GroupReader& from) {
    const auto role = from.strings("role");
    const std::size_t count = role.size();
    if (count == 0 || from.failed()) return {};
    const auto rope = from.strings("rope"), quant = from.strings("quant"), scales = from.strings("scales");
    const auto context = from.array<std::int32_t>("context", {count});
    const auto documents = from.array<std::int32_t>("documents", {count});
    const auto windows = from.array<std::int32_t>("windows", {count});
    const auto tokens = from.array<std::int64_t>("tokens", {count});
    const auto nll = from.array<double>("nll", {count}), low = from.array<double>("ci_low", {count}),
               high = from.array<double>("ci_high", {count});
    if (rope.size() != count || quant.size() != count || scales.size() != count)
        from.fail("role", "role, rope, quant and scales have different lengths");
    if (from.failed()) return {};
    std::vector<SearchReportRow> rows;
    for (std::size_t at = 0; at < count; ++at)
        rows.push_back({role[at], rope[at], quant[at], scales[at], context.values[at], documents.values[at],
                        windows.values[at], tokens.values[at], nll.values[at], low.values[at],
                        high.values[at]});
    return rows;
}

std::shared_ptr<const SearchRecord> readSearch(const GroupReader& from, const ModelConfig& model) {
    auto record = std::make_shared<SearchRecord>();
    record->scales = readScales(from, model);
    record->settings = readSettings(from, model);
    record->provenance = {from.text("program"), from.text("created"), from.text("command"),
                          from.text("host")};
    record->finished = from.flag("finished");
    record->ending = from.text("ending");
    record->verdict = {from.text("verdict_long"), from.text("verdict_short"), from.text("verdict_cause"),
                       from.text("verdict")};
    if (from.failed()) return record;
    record->trials = readTrials(from.group("trials"), dimensionOf(record->settings, model),
                                record->settings.contexts.size());
    record->documents = readDocuments(from.group("documents"));
    record->reportDocuments = readDocuments(from.group("report_documents"));
    record->report = readReport(from.group("report"));
    return record;
}

} // namespace

ScaleSet readScales(const GroupReader& from, const ModelConfig& model) {
    ScaleSet scales;
    scales.name = from.text("name");
    scales.modelFingerprint = from.text("model_fingerprint");
    scales.rope = from.text("rope");
    scales.quant = from.text("quant");
    const GroupReader gains = from.group("scales");
    if (from.failed()) return scales;
    const auto layers = static_cast<hsize_t>(model.layers), pairs = static_cast<hsize_t>(model.pairs());
    scales.gains = {model.layers, model.heads, model.kvHeads, model.pairs(), {}, {}};
    scales.gains.q = gains.array<double>("q", {layers, static_cast<hsize_t>(model.heads), pairs}).values;
    scales.gains.k = gains.array<double>("k", {layers, static_cast<hsize_t>(model.kvHeads), pairs}).values;
    return scales;
}

Status checkSearches(const Session& session) {
    if (session.searches.size() > mostSearches)
        return Error::bad("searches: expected at most " + std::to_string(mostSearches));
    std::set<std::string> names;
    for (const auto& record : session.searches) {
        const std::string name = "search '" + record->scales.name + "'";
        if (record->scales.name.empty()) return Error::bad("searches: expected a name for every one");
        if (!names.insert(record->scales.name).second) return Error::bad(name + " is there twice");
        if (Status fine = checkSearch(*record, session.model); !fine) return fine.error().in(name);
    }
    return Done{};
}

void writeSearches(GroupWriter& root, const std::vector<std::shared_ptr<const SearchRecord>>& searches) {
    if (searches.empty()) return;
    GroupWriter group = root.group("searches");
    group.integer("count", static_cast<long long>(searches.size()));
    for (std::size_t index = 0; index < searches.size(); ++index)
        writeSearch(group.group(layout::numbered(index)), *searches[index]);
}

std::vector<std::shared_ptr<const SearchRecord>> readSearches(const GroupReader& root,
                                                              const ModelConfig& model) {
    std::vector<std::shared_ptr<const SearchRecord>> searches;
    if (!root.hasChild("searches")) return searches;
    const GroupReader group = root.group("searches");
    const long long count = group.integer("count", 0, mostSearches);
    for (long long index = 0; index < count && !root.failed(); ++index)
        searches.push_back(readSearch(group.group(layout::numbered(static_cast<std::size_t>(index))), model));
    return searches;
}

} // namespace qroar
