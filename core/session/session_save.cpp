// The layout of a session file (schema 1), top to bottom.
#include "core/base/files.h"
#include "core/session/document_storage.h"
#include "core/session/file_seal.h"
#include "core/session/hdf5_writer.h"
#include "core/session/noise_file.h"
#include "core/session/search_storage.h"
#include "core/session/sensitivity_file.h"
#include "core/session/session_checks.h"
#include "core/session/session_file.h"
#include "core/session/session_layout.h"
#include "core/session/what_if_storage.h"

#include <limits>
#include <set>

namespace qroar {

namespace {

using h5::GroupWriter;

/// `name`: the canonical text; the lists of longrope, which the text does not carry, beside it.
void writeRope(GroupWriter& to, const std::string& name, const RopeSpec& spec) {
    to.text(name, spec.text());
    to.list(name + "_short_factors", spec.shortFactors, {"1", "pair", "longrope divisors up to L0"});
    to.list(name + "_long_factors", spec.longFactors, {"1", "pair", "longrope divisors beyond L0"});
}

void writeFamily(GroupWriter& to, const ModelConfig& model) {
    for (const auto& field : layout::familyFlags)
        if (model.*field.member) to.integer(field.name, 1);
    for (const auto& field : layout::familyMultipliers)
        if (model.*field.member != 1) to.number(field.name, model.*field.member);
    for (const auto& field : layout::familyNumbers)
        if (model.*field.member) to.number(field.name, *(model.*field.member));
    for (const auto& field : layout::familyLayers) {
        const std::vector<bool>& layers = model.*field.member;
        to.list(field.name, std::vector<std::int32_t>(layers.begin(), layers.end()),
                {"1", "layer", field.description});
    }
    if (model.activation != Activation::Silu) to.text("activation", layout::geluTanh);
}

void writeModel(GroupWriter to, const Session& session) {
    const ModelConfig& model = session.model;
    to.text("path", session.modelPath);
    to.text("format", session.modelFormat);
    to.text("fingerprint", session.modelFingerprint);
    to.text("architecture", model.architecture);
    for (const auto& field : layout::modelIntegers) to.integer(field.name, model.*field.member);
    for (const auto& field : layout::modelFlags) to.integer(field.name, model.*field.member ? 1 : 0);
    for (const auto& field : layout::modelOptionals)
        if (model.*field.member) to.integer(field.name, *(model.*field.member));
    to.number("rms_eps", model.rmsEps);
    to.number("rope_theta", model.ropeTheta);
    to.text("pair_layout",
            model.pairLayout == PairLayout::HalfSplit ? layout::halfSplit : layout::interleaved);
    writeRope(to, "stored_rope", model.storedRope);
    writeFamily(to, model);
}

void writeTable(GroupWriter& to, const FrequencyTable& table) {
    writeRope(to, "resolved_rope", table.spec);
    to.number("attention_factor", table.attentionFactor);
    to.number("factor", table.factor);
    to.number("trained_context", table.trainedContext);
    if (table.rampLow) to.number("ramp_low", *table.rampLow);
    if (table.rampHigh) to.number("ramp_high", *table.rampHigh);
    to.list("inverse_frequency", table.omega,
            {"radians per position", "pair", "angular frequency of each rotary pair, after scaling"});
    to.list("plain_inverse_frequency", table.plain,
            {"radians per position", "pair", "theta^(-2i/d), before scaling"});
    to.list("ramp", table.ramp, {"1", "pair", "yarn: share of interpolation, 0 to 1"});
    to.list("unscaled_layers", table.unscaledLayers,
            {"1", "layer", "layers that turn otherwise than this table says, whatever the scaling"});
    to.strings("warnings", table.warnings, {"text", "warning", "what is unusual about the table"});
}

void writeWindows(GroupWriter to, const std::vector<WindowNll>& windows, int context) {
    if (windows.empty()) return;
    const auto tokens = static_cast<hsize_t>(context - 1);
    std::vector<std::int32_t> document, index;
    std::vector<float> values;
    values.reserve(windows.size() * tokens);
    for (const WindowNll& window : windows) {
        document.push_back(window.document);
        index.push_back(window.index);
        values.insert(values.end(), window.nll.begin(), window.nll.end());
    }
    to.list("document", document, {"1", "window", "document the window was cut from"});
    to.list("index", index, {"1", "window", "number of the window within its document"});
    to.array<float>(
        "values", values, {windows.size(), tokens},
        {"nats", "window, token", "negative log-likelihood of token t+1 of the window given tokens 0 to t"});
}

/// Of the same windows as the NLL, in their order.
void writeDivergence(GroupWriter to, const ConditionResult& condition) {
    const std::vector<hsize_t> dims{condition.divergence.size(),
                                    static_cast<hsize_t>(condition.key.context - 1)};
    std::vector<float> kl, deltaP;
    std::vector<std::int32_t> sameTop;
    for (const WindowDivergence& window : condition.divergence) {
        kl.insert(kl.end(), window.kl.begin(), window.kl.end());
        deltaP.insert(deltaP.end(), window.deltaP.begin(), window.deltaP.end());
        sameTop.insert(sameTop.end(), window.sameTop.begin(), window.sameTop.end());
    }
    to.text("reference", condition.reference);
    to.array<float>("kl", kl, dims,
                    {"nats", "window, token",
                     "KL(reference || this) of the prediction of token t+1; NaN without a reference"});
    to.array<float>("delta_p", deltaP, dims,
                    {"1", "window, token", "probability of the correct token here minus the reference's"});
    to.array<std::int32_t>("same_top", sameTop, dims,
                           {"1", "window, token", "1: the most probable token is the reference's"});
}

void writeDistortions(GroupWriter to, const std::vector<LayerDistortion>& distortions) {
    if (distortions.empty()) return;
    std::vector<std::int32_t> layer;
    std::vector<std::string> projection;
    std::vector<std::int64_t> count, clipped;
    for (const LayerDistortion& one : distortions) {
        layer.push_back(one.layer);
        projection.push_back(one.projection);
        count.push_back(one.distortion.count);
        clipped.push_back(one.distortion.clipped);
    }
    to.list("layer", layer, {"1", "tensor", "layer of the quantized tensor"});
    to.strings("projection", projection, {"text", "tensor", "which linear projection of the layer"});
    to.list("count", count, {"weights", "tensor", "number of weights"});
    to.list("clipped", clipped, {"weights", "tensor", "codes that had to be clamped"});
    for (const auto& field : layout::distortionNumbers) {
        std::vector<double> values;
        for (const LayerDistortion& one : distortions) values.push_back(one.distortion.*field.member);
        to.list(field.name, values, {"weight units", "tensor", field.description});
    }
    if (!distortions.front().output) return;
    std::vector<std::int64_t> outputs;
    for (const LayerDistortion& one : distortions) outputs.push_back(one.output ? one.output->count : 0);
    to.list("output_count", outputs, {"outputs", "tensor", "calibration tokens times outputs"});
    for (const auto& field : layout::outputNumbers) {
        std::vector<double> values;
        for (const LayerDistortion& one : distortions)
            values.push_back(one.output.value_or(Distortion{}).*field.member);
        to.list(field.name, values, {"activation units squared", "tensor", field.description});
    }
}

void writeCalibration(GroupWriter to, const CalibrationRecord& calibration) {
    if (!calibration.imatrix.empty()) return to.text("imatrix", calibration.imatrix);
    to.text("rope", calibration.rope);
    to.integer("context", calibration.context);
    to.integer("windows", calibration.windows);
    to.strings("fingerprint", calibration.documents,
               {"text", "document", "XXH3-128 of the token ids of the calibration documents"});
}

void writeStatistics(GroupWriter to, const QkStatistics& statistics) {
    static_assert(sizeof(PairMoments) == 8 * sizeof(double));
    const StatisticsShape& shape = statistics.shape();
    std::vector<hsize_t> dims{static_cast<hsize_t>(shape.layers),
                              2,
                              2,
                              static_cast<hsize_t>(shape.groups),
                              static_cast<hsize_t>(shape.pairs),
                              static_cast<hsize_t>(shape.buckets())};
    std::vector<std::int32_t> first(statistics.cells()), length(statistics.cells());
    std::vector<std::uint32_t> counts;
    std::size_t all = 0;
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell)
        all += statistics.histogram(cell).counts().size();
    counts.reserve(all); // grown step by step, they would be there three times
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
        const LogHistogram& histogram = statistics.histogram(cell);
        first[cell] = histogram.empty() ? 0 : histogram.firstBin();
        length[cell] = static_cast<std::int32_t>(histogram.counts().size());
        counts.insert(counts.end(), histogram.counts().begin(), histogram.counts().end());
    }
    const char* const cellAxes = "layer, tensor (q, k), stage (pre, post RoPE), head group, pair, bucket";
    to.list("bucket_edges", shape.bucketEdges, {"token positions", "edge", "edges of the position buckets"});
    to.array<std::int32_t>("histogram_first", first, dims, {"bin", cellAxes, "first stored bin of |x|"});
    to.array<std::int32_t>("histogram_length", length, dims, {"bins", cellAxes, "number of stored bins"});
    to.list("histogram_counts", counts,
            {"values", "bin",
             "counts of |x| in log-spaced bins, 40 per octave from 2^-14 to 2^16 and one bin at either end; "
             "the stretches of all cells one after the other"});
    dims.push_back(8);
    to.array<double>("moments", {&statistics.moments(0).count, statistics.cells() * 8}, dims,
                     {"samples, activation units and their squares",
                      "layer, tensor (q, k), stage (pre, post RoPE), head group, pair, bucket, moment",
                      "count, sum x, sum y, sum x^2, sum xy, sum y^2, sum sqrt(x^2+y^2), max |x| of the rows "
                      "(x, y) of each rotary pair"});
}

void writeCondition(GroupWriter to, const ConditionResult& condition) {
    writeRope(to, "rope", condition.key.rope);
    to.integer("context", condition.key.context);
    to.text("quant", condition.key.quant.text());
    if (!condition.key.scales.empty()) to.text("scales", condition.key.scales);
    to.number("seconds", condition.seconds);
    writeTable(to, condition.table);
    writeWindows(to.group("nll"), condition.windows, condition.key.context);
    if (!condition.divergence.empty()) writeDivergence(to.group("divergence"), condition);
    writeDistortions(to.group("distortion"), condition.distortions);
    if (condition.calibration) writeCalibration(to.group("calibration"), *condition.calibration);
    if (!condition.sensitivity.empty()) writeSensitivity(to.group("gradient"), condition.sensitivity);
    if (!condition.noise.empty()) writeNoise(to.group("noise"), condition.noise);
    if (!condition.damage.empty()) writeDamage(to.group("damage"), condition.damage);
    if (condition.statistics.cells() > 0) writeStatistics(to.group("statistics"), condition.statistics);
    if (condition.byDocument.empty()) return;
    GroupWriter byDocument = to.group("by_document");
    for (std::size_t document = 0; document < condition.byDocument.size(); ++document)
        writeStatistics(byDocument.group(layout::numbered(document)), condition.byDocument[document]);
}

void writeMetric(GroupWriter& to, const MetricTable& table, const std::string& bands) {
    const h5::About about{table.units.c_str(), table.axes.c_str(), table.description.c_str(),
                          table.perBand ? bands.c_str() : nullptr};
    const std::vector<hsize_t> dims(table.dims.begin(), table.dims.end());
    if (const auto* numbers = std::get_if<std::vector<double>>(&table.values); numbers && !numbers->empty())
        to.array<double>(table.name, *numbers, dims, about);
    else if (const auto* counts = std::get_if<std::vector<std::int64_t>>(&table.values);
             counts && !counts->empty())
        to.array<std::int64_t>(table.name, *counts, dims, about);
    else if (const auto* texts = std::get_if<std::vector<std::string>>(&table.values))
        to.strings(table.name, *texts, about);
}

void writeMetrics(GroupWriter to, const DerivedMetrics& metrics, const BandPartition& bands) {
    to.text("program", metrics.program);
    to.text("note", "computed from the other groups when the file was saved; qroar computes them anew");
    for (const MetricGroup& group : metrics.groups) {
        GroupWriter tables = to.group(group.name);
        tables.text("formula", group.formula);
        for (const MetricTable& table : group.tables) writeMetric(tables, table, bands.text());
    }
}

/// [bins + 1] bin b takes in edge b <= |x| < edge b + 1.
std::vector<double> histogramEdges() {
    std::vector<double> edges;
    for (int bin = 0; bin < LogHistogram::binCount; ++bin) edges.push_back(LogHistogram::binLower(bin));
    edges.push_back(std::numeric_limits<double>::infinity());
    return edges;
}

void writeBands(GroupWriter to, const Session& session) {
    to.list("edges", session.bands.edges(),
            {"pair", "edge", "first pair of each band, and the number of pairs"});
    std::vector<std::string> names, colours;
    bool anyName = false, anyColour = false;
    for (const BandStyle& style : session.bandStyles) {
        names.push_back(style.name);
        colours.push_back(style.colour);
        anyName = anyName || !style.name.empty();
        anyColour = anyColour || !style.colour.empty();
    }
    if (anyName) to.strings("names", names, {"text", "band", "what people call the band; empty: nothing"});
    if (anyColour)
        to.strings("colours", colours, {"#rrggbb", "band", "colour it is shown in; empty: by its index"});
}

void writeSession(GroupWriter root, const Session& session, const DerivedMetrics& metrics) {
    root.integer("schema", Session::schemaVersion);
    root.text("content", "qroar session");
    root.text("program", session.provenance.program);
    root.text("created", session.provenance.created);
    root.text("command", session.provenance.command);
    root.text("host", session.provenance.host);
    root.integer("max_windows", session.maxWindows);
    writeModel(root.group("model"), session);
    writeDocuments(root.group("documents"), session.documents);
    writeBands(root.group("bands"), session);
    if (!session.viewState.empty())
        root.strings("view", {session.viewState}, {"JSON", "one", "state of the window"});
    root.list("histogram_edges", histogramEdges(),
              {"activation units", "edge", "edges of the bins of all histograms of |x|"});
    if (!metrics.groups.empty()) writeMetrics(root.group("metrics"), metrics, session.bands);
    GroupWriter conditions = root.group("conditions");
    conditions.integer("count", static_cast<long long>(session.conditions.size()));
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        writeCondition(conditions.group(layout::numbered(index)), *session.conditions[index]);
    writeSearches(root, session.searches);
    writeWhatIfs(root, session.whatIfs);
}

/// A spec that its text does not carry could not be loaded again.
Status checkSpecs(const Session& session) {
    const auto survives = [](RopeSpec spec) {
        spec.shortFactors.clear();
        spec.longFactors.clear();
        const auto parsed = RopeSpec::parse(spec.text());
        return parsed && *parsed == spec;
    };
    if (!survives(session.model.storedRope))
        return Error::bad("model/stored_rope: " + session.model.storedRope.text() + " cannot be stored");
    for (const auto& condition : session.conditions) {
        const auto quant = QuantSpec::parse(condition->key.quant.text());
        if (!survives(condition->key.rope) || !survives(condition->table.spec) || !quant
            || !(*quant == condition->key.quant))
            return Error::bad("condition " + condition->key.text() + " cannot be stored");
    }
    return Done{};
}

Status checkAll(const Session& session) {
    if (Status fine = checkSessionHead(session); !fine) return fine;
    if (Status fine = checkSpecs(session); !fine) return fine;
    std::set<std::string> seen;
    for (const auto& condition : session.conditions) {
        const std::string name = "condition " + condition->key.text();
        if (!seen.insert(name).second) return Error::bad(name + " is there twice");
        if (Status fine = checkCondition(session, *condition); !fine) return fine.error().in(name);
    }
    if (Status fine = checkSearches(session); !fine) return fine;
    return checkWhatIfs(session);
}

} // namespace

Status saveSession(const Session& session, const std::filesystem::path& path, const DerivedMetrics& metrics) {
    if (Status fine = checkAll(session); !fine) return fine.error().in(path.string() + ": not saved");
    const h5::QuietErrors quiet;
    return writeAtomically(path, [&](const std::filesystem::path& temporary) -> Status {
        h5::Handle file = h5::createFile(temporary);
        if (!file) return Error::io(path.string() + ": cannot be created: is its folder there and writable?");
        h5::WriteState state;
        writeSession(GroupWriter(h5::openRoot(file), "", state), session, metrics);
        const bool flushed = H5Fflush(file.get(), H5F_SCOPE_GLOBAL) >= 0;
        if (!file.reset() || !flushed || !state.failed.empty())
            return Error::io(path.string() + ": cannot be written"
                             + (state.failed.empty() ? std::string() : " (" + state.failed + ")")
                             + ": is the disk full?");
        return sealFile(temporary);
    });
}

} // namespace qroar
