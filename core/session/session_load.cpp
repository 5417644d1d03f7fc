// Reads what session_save.cpp lays out, and believes nothing.
#include "core/base/strings.h"
#include "core/session/document_storage.h"
#include "core/session/hdf5_reader.h"
#include "core/session/noise_file.h"
#include "core/session/search_storage.h"
#include "core/session/sensitivity_file.h"
#include "core/session/session_checks.h"
#include "core/session/session_file.h"
#include "core/session/session_layout.h"
#include "core/session/what_if_storage.h"

#include <algorithm>
#include <limits>
#include <new>
#include <set>

namespace qroar {

namespace {

using h5::GroupReader;

constexpr double anyNumber = std::numeric_limits<double>::max();
constexpr int anyInt = std::numeric_limits<int>::max();
constexpr long long anyLong = std::numeric_limits<long long>::max();

template<class Spec>
Spec readSpec(const GroupReader& from, const std::string& name) {
    const std::string text = from.text(name);
    if (from.failed()) return {};
    auto parsed = Spec::parse(text);
    if (parsed) return *parsed;
    from.fail(name, parsed.error().message);
    return {};
}

RopeSpec readRope(const GroupReader& from, const std::string& name) {
    auto spec = readSpec<RopeSpec>(from, name);
    spec.shortFactors = from.list<double>(name + "_short_factors");
    spec.longFactors = from.list<double>(name + "_long_factors");
    return spec;
}

/// 0 or 1 for each layer, or nothing (checkModel() sees how many).
std::vector<bool> readLayerFlags(const GroupReader& from, const char* name) {
    const auto values = from.list<std::int32_t>(name);
    std::vector<bool> flags;
    for (const std::int32_t value : values) {
        if (value != 0 && value != 1) from.fail(name, "expected 0 or 1, found " + std::to_string(value));
        flags.push_back(value == 1);
    }
    return flags;
}

void readFamily(const GroupReader& from, ModelConfig& model) {
    for (const auto& field : layout::familyFlags)
        if (from.hasAttribute(field.name)) model.*field.member = from.flag(field.name);
    for (const auto& field : layout::familyMultipliers)
        if (from.hasAttribute(field.name))
            model.*field.member = from.number(field.name, -anyNumber, anyNumber);
    for (const auto& field : layout::familyNumbers)
        if (from.hasAttribute(field.name))
            model.*field.member = from.number(field.name, -anyNumber, anyNumber);
    for (const auto& field : layout::familyLayers) model.*field.member = readLayerFlags(from, field.name);
    if (!from.hasAttribute("activation")) return;
    const std::string activation = from.text("activation");
    if (activation != layout::silu && activation != layout::geluTanh)
        from.fail("activation", "expected silu or gelu_tanh, found " + activation);
    model.activation = activation == layout::geluTanh ? Activation::GeluTanh : Activation::Silu;
}

void readModel(const GroupReader& from, Session& session) {
    ModelConfig& model = session.model;
    session.modelPath = from.text("path");
    session.modelFormat = from.text("format");
    session.modelFingerprint = from.text("fingerprint");
    model.architecture = from.text("architecture");
    for (const auto& field : layout::modelIntegers)
        model.*field.member = static_cast<int>(from.integer(field.name, field.least, anyInt));
    for (const auto& field : layout::modelFlags) model.*field.member = from.flag(field.name);
    for (const auto& field : layout::modelOptionals)
        if (from.hasAttribute(field.name))
            model.*field.member = static_cast<int>(from.integer(field.name, 0, anyInt));
    model.rmsEps = from.number("rms_eps", 0, anyNumber);
    model.ropeTheta = from.number("rope_theta", 0, anyNumber);
    const std::string pairs = from.text("pair_layout");
    if (pairs != layout::halfSplit && pairs != layout::interleaved)
        from.fail("pair_layout", "expected half-split or interleaved");
    model.pairLayout = pairs == layout::interleaved ? PairLayout::Interleaved : PairLayout::HalfSplit;
    model.storedRope = readRope(from, "stored_rope");
    readFamily(from, model);
}

FrequencyTable readTable(const GroupReader& from) {
    FrequencyTable table;
    table.spec = readRope(from, "resolved_rope");
    table.attentionFactor = from.number("attention_factor", -anyNumber, anyNumber);
    table.factor = from.number("factor", -anyNumber, anyNumber);
    table.trainedContext = from.number("trained_context", 0, anyNumber);
    if (from.hasAttribute("ramp_low")) table.rampLow = from.number("ramp_low", -anyNumber, anyNumber);
    if (from.hasAttribute("ramp_high")) table.rampHigh = from.number("ramp_high", -anyNumber, anyNumber);
    table.omega = from.list<double>("inverse_frequency");
    table.plain = from.list<double>("plain_inverse_frequency");
    table.ramp = from.list<double>("ramp");
    table.unscaledLayers = from.list<std::int32_t>("unscaled_layers");
    table.warnings = from.strings("warnings");
    return table;
}

std::vector<WindowNll> readWindows(const GroupReader& from, int context) {
    std::vector<WindowNll> windows;
    if (!from.hasChild("values")) {
        if (from.hasChild("document")) from.fail("values", "missing");
        return windows;
    }
    const auto tokens = static_cast<hsize_t>(context - 1);
    const auto values = from.array<float>("values", {0, tokens});
    if (from.failed()) return windows;
    const auto document = from.array<std::int32_t>("document", {values.dims[0]});
    const auto index = from.array<std::int32_t>("index", {values.dims[0]});
    if (from.failed()) return windows;
    for (std::size_t window = 0; window < values.dims[0]; ++window) {
        const auto first = values.values.begin() + static_cast<std::ptrdiff_t>(window * tokens);
        windows.push_back({document.values[window], index.values[window],
                           std::vector<float>(first, first + static_cast<std::ptrdiff_t>(tokens))});
    }
    return windows;
}

/// Of the windows that `condition` holds already.
void readDivergence(const GroupReader& from, ConditionResult& condition) {
    const auto tokens = static_cast<hsize_t>(condition.key.context - 1);
    const std::vector<hsize_t> dims{condition.windows.size(), tokens};
    condition.reference = from.text("reference");
    const auto kl = from.array<float>("kl", dims);
    const auto deltaP = from.array<float>("delta_p", dims);
    const auto sameTop = from.array<std::int32_t>("same_top", dims);
    if (from.failed()) return;
    for (std::size_t window = 0; window < condition.windows.size(); ++window) {
        WindowDivergence one{condition.windows[window].document, condition.windows[window].index, {}, {}, {}};
        for (std::size_t token = 0; token < tokens; ++token) {
            const std::size_t at = window * tokens + token;
            if (sameTop.values[at] < 0 || sameTop.values[at] > 1)
                return from.fail("same_top", "expected 0 or 1, found " + std::to_string(sameTop.values[at]));
            one.kl.push_back(kl.values[at]);
            one.deltaP.push_back(deltaP.values[at]);
            one.sameTop.push_back(static_cast<std::uint8_t>(sameTop.values[at]));
        }
        condition.divergence.push_back(std::move(one));
    }
}

void readOutputs(const GroupReader& from, std::vector<LayerDistortion>& distortions) {
    const auto count = from.array<std::int64_t>("output_count", {distortions.size()});
    if (from.failed()) return;
    for (std::size_t row = 0; row < distortions.size(); ++row) {
        distortions[row].output.emplace();
        distortions[row].output->count = count.values[row];
    }
    for (const auto& field : layout::outputNumbers) {
        const auto values = from.array<double>(field.name, {distortions.size()});
        if (from.failed()) return;
        for (std::size_t row = 0; row < distortions.size(); ++row)
            (*distortions[row].output).*field.member = values.values[row];
    }
}

std::vector<LayerDistortion> readDistortions(const GroupReader& from) {
    std::vector<LayerDistortion> distortions;
    const auto layer = from.list<std::int32_t>("layer");
    const auto projection = from.strings("projection");
    if (projection.size() != layer.size()) from.fail("projection", "another length than layer");
    if (layer.empty() || from.failed()) return distortions;
    const auto count = from.array<std::int64_t>("count", {layer.size()});
    const auto clipped = from.array<std::int64_t>("clipped", {layer.size()});
    if (from.failed()) return distortions;
    for (std::size_t row = 0; row < layer.size(); ++row) {
        LayerDistortion one{layer[row], projection[row], {}, {}};
        one.distortion.count = count.values[row];
        one.distortion.clipped = clipped.values[row];
        distortions.push_back(std::move(one));
    }
    for (const auto& field : layout::distortionNumbers) {
        const auto values = from.array<double>(field.name, {layer.size()});
        if (from.failed()) return {};
        for (std::size_t row = 0; row < layer.size(); ++row)
            distortions[row].distortion.*field.member = values.values[row];
    }
    if (from.hasChild("output_count")) readOutputs(from, distortions);
    return distortions;
}

CalibrationRecord readCalibration(const GroupReader& from) {
    CalibrationRecord calibration;
    if (from.hasAttribute("imatrix")) {
        calibration.imatrix = from.text("imatrix");
        return calibration;
    }
    calibration.rope = from.text("rope");
    calibration.context = static_cast<int>(from.integer("context", 1, mostContext));
    calibration.windows = static_cast<int>(from.integer("windows", 1, anyInt));
    calibration.documents = from.strings("fingerprint");
    return calibration;
}

/// All cells' counts stay in the one array that they are read into.
void readHistograms(const GroupReader& from, const std::vector<hsize_t>& dims, QkStatistics& statistics) {
    const auto first = from.array<std::int32_t>("histogram_first", dims);
    const auto length = from.array<std::int32_t>("histogram_length", dims);
    if (from.failed()) return;
    std::shared_ptr<std::uint32_t[]> counts;
    std::size_t size = 0, used = 0;
    if (from.hasChild("histogram_counts"))
        from.read<std::uint32_t>("histogram_counts", {0}, [&](const std::vector<hsize_t>& found) {
            size = found[0];
            counts = std::make_shared_for_overwrite<std::uint32_t[]>(size);
            return counts.get();
        });
    if (from.failed()) return;
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
        const int begin = first.values[cell], bins = length.values[cell];
        if (begin < 0 || bins < 0 || begin > LogHistogram::binCount || bins > LogHistogram::binCount - begin)
            return from.fail("histogram_length", "bins " + std::to_string(begin) + " + "
                                                     + std::to_string(bins) + " are outside 0 to "
                                                     + std::to_string(LogHistogram::binCount));
        const auto stretch = static_cast<std::size_t>(bins);
        if (stretch > size - used) return from.fail("histogram_counts", "shorter than histogram_length says");
        if (bins > 0)
            statistics.histogram(cell) = LogHistogram::sharing(begin, {counts, counts.get() + used}, stretch);
        used += stretch;
    }
    if (used != size) from.fail("histogram_counts", "longer than histogram_length says");
}

/// The expected shape is that of the session's model: a file cannot ask for more.
QkStatistics readStatistics(const GroupReader& from, const ModelConfig& model) {
    static_assert(sizeof(PairMoments) == 8 * sizeof(double));
    StatisticsShape shape;
    shape.bucketEdges = from.list<std::int32_t>("bucket_edges");
    if (!from.failed() && shape.bucketEdges.size() < 2) from.fail("bucket_edges", "expected two or more");
    if (from.failed()) return {};
    shape.layers = model.layers;
    shape.pairs = model.pairs();
    std::vector<hsize_t> dims{
        static_cast<hsize_t>(shape.layers),    2, 2, 0, static_cast<hsize_t>(shape.pairs),
        static_cast<hsize_t>(shape.buckets()), 8};
    QkStatistics statistics;
    const bool whole = from.read<double>("moments", dims, [&](const std::vector<hsize_t>& found) -> double* {
        if (found[3] > static_cast<hsize_t>(model.heads)) {
            from.fail("moments", "more head groups than heads");
            return nullptr;
        }
        dims = found;
        shape.groups = static_cast<int>(found[3]);
        statistics = QkStatistics(shape);
        return &statistics.moments(0).count;
    });
    if (!whole) return {};
    dims.pop_back();
    readHistograms(from, dims, statistics);
    return statistics;
}

std::shared_ptr<const ConditionResult> readCondition(const GroupReader& from, const Session& session) {
    auto condition = std::make_shared<ConditionResult>();
    condition->key.rope = readRope(from, "rope");
    condition->key.context = static_cast<int>(from.integer("context", 2, mostContext));
    condition->key.quant = readSpec<QuantSpec>(from, "quant");
    if (from.hasAttribute("scales")) condition->key.scales = from.text("scales");
    condition->seconds = from.number("seconds", 0, anyNumber);
    condition->table = readTable(from);
    condition->windows = readWindows(from.group("nll"), condition->key.context);
    if (!from.failed() && from.hasChild("divergence")) readDivergence(from.group("divergence"), *condition);
    condition->distortions = readDistortions(from.group("distortion"));
    if (from.hasChild("calibration")) condition->calibration = readCalibration(from.group("calibration"));
    if (from.hasChild("gradient"))
        condition->sensitivity = readSensitivity(from.group("gradient"), session.model);
    if (from.hasChild("noise"))
        condition->noise = readNoise(from.group("noise"), session.model, condition->key.context);
    if (from.hasChild("damage")) condition->damage = readDamage(from.group("damage"), session.model);
    if (from.hasChild("statistics"))
        condition->statistics = readStatistics(from.group("statistics"), session.model);
    if (from.hasChild("by_document")) {
        const GroupReader byDocument = from.group("by_document");
        for (std::size_t document = 0; document < session.documents.size() && !from.failed(); ++document)
            condition->byDocument.push_back(
                readStatistics(byDocument.group(layout::numbered(document)), session.model));
    }
    if (from.failed()) return condition;
    if (Status fine = checkCondition(session, *condition); !fine)
        from.fail("condition " + condition->key.text(), fine.error().message);
    return condition;
}

/// Both lists are optional; checkSessionHead judges what they hold.
BandStyles readBandStyles(const GroupReader& bands) {
    const auto names = bands.strings("names"), colours = bands.strings("colours");
    BandStyles styles(std::max(names.size(), colours.size()));
    if (!names.empty() && !colours.empty() && names.size() != colours.size())
        bands.fail("colours", "another length than names");
    for (std::size_t band = 0; band < names.size(); ++band) styles[band].name = names[band];
    for (std::size_t band = 0; band < colours.size(); ++band) styles[band].colour = colours[band];
    return styles;
}

void readHead(const GroupReader& root, Session& session) {
    session.provenance = {root.text("program"), root.text("created"), root.text("command"),
                          root.text("host")};
    session.maxWindows = static_cast<int>(root.integer("max_windows", 0, anyInt));
    readModel(root.group("model"), session);
    if (Status fine = checkModel(session.model); !root.failed() && !fine)
        root.fail("model", fine.error().message);
    session.documents = readDocuments(root.group("documents"));
    const GroupReader bands = root.group("bands");
    const auto edges = bands.list<std::int32_t>("edges");
    const auto view = root.strings("view");
    if (!view.empty()) session.viewState = view.front();
    if (root.failed()) return;
    auto partition = BandPartition::fromEdges(edges, session.model.pairs());
    if (!partition || partition->edges() != edges)
        return bands.fail("edges",
                          partition ? "expected 0 to the number of pairs" : partition.error().message);
    session.bands = std::move(*partition);
    session.bandStyles = readBandStyles(bands);
    if (root.failed()) return;
    if (Status fine = checkBandStyles(session); !fine) return bands.fail("names", fine.error().message);
    if (Status fine = checkSessionHead(session); !fine) root.fail("documents", fine.error().message);
}

std::shared_ptr<const Session> readSession(const GroupReader& root) {
    auto session = std::make_shared<Session>();
    if (!root.hasAttribute("schema")) root.fail("schema", "missing: an HDF5 file, but not a session");
    const long long schema = root.integer("schema", 1, anyLong);
    if (schema > Session::schemaVersion)
        root.fail("schema", "expected version " + std::to_string(Session::schemaVersion) + ", found "
                                + std::to_string(schema) + ": written by a newer version of this program");
    readHead(root, *session);
    const GroupReader conditions = root.group("conditions");
    const long long count = conditions.integer("count", 0, 1 << 20);
    std::set<std::string> seen;
    for (long long index = 0; index < count && !root.failed(); ++index) {
        const std::string name = layout::numbered(static_cast<std::size_t>(index));
        auto condition = readCondition(conditions.group(name), *session);
        if (!seen.insert(condition->key.text()).second)
            conditions.fail(name, "the condition " + condition->key.text() + " is there twice");
        session->conditions.push_back(std::move(condition));
    }
    session->searches = readSearches(root, session->model);
    if (Status fine = checkSearches(*session); !root.failed() && !fine)
        root.fail("searches", fine.error().message);
    session->whatIfs = readWhatIfs(root, session->model);
    if (Status fine = checkWhatIfs(*session); !root.failed() && !fine)
        root.fail("what_ifs", fine.error().message);
    return session;
}

} // namespace

Outcome<std::shared_ptr<const Session>> loadSession(const std::filesystem::path& path) {
    const h5::QuietErrors quiet;
    h5::ReadState state;
    auto file = h5::openFile(path, state);
    if (!file) return file.error();
    try {
        const GroupReader root(h5::group(H5Gopen2(file->get(), "/", H5P_DEFAULT)), "", state);
        auto session = readSession(root);
        if (state.error) return *state.error;
        return session;
    } catch (const std::bad_alloc&) {
        return Error::outOfMemory(path.string() + ": not enough memory to load this session");
    }
}

} // namespace qroar
