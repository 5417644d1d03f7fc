#include "core/session/session_checks.h"

#include "core/base/strings.h"
#include "core/session/noise_file.h"
#include "core/session/session_layout.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

Error unexpected(const std::string& what, const std::string& expected, long long found) {
    return Error::bad(what + ": expected " + expected + ", found " + std::to_string(found));
}

Status checkFrequencies(const std::string& name, const std::vector<double>& values, int pairs) {
    if (static_cast<int>(values.size()) != pairs)
        return unexpected(name, std::to_string(pairs) + " pairs", static_cast<long long>(values.size()));
    for (const double value : values)
        if (!std::isfinite(value) || value <= 0)
            return Error::bad(name + ": expected positive frequencies, found " + formatNumber(value));
    return Done{};
}

Status checkTable(const FrequencyTable& table, int pairs) {
    if (Status fine = checkFrequencies("inverse_frequency", table.omega, pairs); !fine) return fine;
    if (Status fine = checkFrequencies("plain_inverse_frequency", table.plain, pairs); !fine) return fine;
    if (!table.ramp.empty() && static_cast<int>(table.ramp.size()) != pairs)
        return unexpected("ramp", std::to_string(pairs) + " pairs or none",
                          static_cast<long long>(table.ramp.size()));
    if (table.spec.kind == RopeKind::Model) return Error::bad("resolved_rope: expected anything but model");
    return Done{};
}

Status checkWindows(const Session& session, const ConditionResult& condition) {
    const auto documents = static_cast<int>(session.documents.size());
    const WindowNll* previous = nullptr;
    for (const WindowNll& window : condition.windows) {
        if (window.document < 0 || window.document >= documents)
            return unexpected("nll/document", "0 to " + std::to_string(documents - 1), window.document);
        if (window.index < 0) return unexpected("nll/index", "0 or more", window.index);
        if (static_cast<long long>(window.nll.size()) != condition.key.context - 1LL)
            return unexpected("nll/values", std::to_string(condition.key.context - 1) + " tokens of a window",
                              static_cast<long long>(window.nll.size()));
        if (previous
            && std::pair(previous->document, previous->index) >= std::pair(window.document, window.index))
            return unexpected("nll/index", "windows ordered by document and index", window.index);
        previous = &window;
    }
    return Done{};
}

Status checkDivergence(const ConditionResult& condition) {
    if (condition.divergence.empty()) return Done{};
    if (condition.divergence.size() != condition.windows.size())
        return unexpected("divergence", std::to_string(condition.windows.size()) + " windows",
                          static_cast<long long>(condition.divergence.size()));
    for (std::size_t at = 0; at < condition.windows.size(); ++at) {
        const WindowDivergence& found = condition.divergence[at];
        const WindowNll& window = condition.windows[at];
        if (found.document != window.document || found.index != window.index)
            return unexpected("divergence", "the windows of the NLL", found.index);
        const std::size_t tokens = window.nll.size();
        if (found.kl.size() != tokens || found.deltaP.size() != tokens || found.sameTop.size() != tokens)
            return unexpected("divergence", std::to_string(tokens) + " tokens of a window",
                              static_cast<long long>(found.kl.size()));
    }
    return Done{};
}

Status checkStatistics(const std::string& name, const QkStatistics& statistics, const ModelConfig& model,
                       int context) {
    const StatisticsShape& shape = statistics.shape();
    if (shape.layers != model.layers)
        return unexpected(name + "/moments", std::to_string(model.layers) + " layers", shape.layers);
    if (shape.pairs != model.pairs())
        return unexpected(name + "/moments", std::to_string(model.pairs()) + " pairs", shape.pairs);
    if (shape.groups < 1 || shape.groups > model.heads)
        return unexpected(name + "/moments", "1 to " + std::to_string(model.heads) + " head groups",
                          shape.groups);
    const std::vector<int>& edges = shape.bucketEdges;
    for (std::size_t edge = 1; edge < edges.size(); ++edge)
        if (edges[edge] <= edges[edge - 1])
            return unexpected(name + "/bucket_edges", "increasing positions", edges[edge]);
    if (edges.size() < 2 || edges.front() != 0 || edges.back() != context)
        return unexpected(name + "/bucket_edges", "0 to " + std::to_string(context),
                          edges.empty() ? 0 : edges.back());
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
        const double count = statistics.moments(cell).count;
        if (!std::isfinite(count) || count < 0)
            return Error::bad(name + "/moments: expected a count of samples, found " + formatNumber(count));
    }
    return Done{};
}

/// Empty, or of the model's shape with finite numbers.
Status checkSensitivity(const Sensitivity& sensitivity, const ModelConfig& model) {
    if (sensitivity.empty()) return Done{};
    const auto rows = static_cast<std::size_t>(model.layers) * static_cast<std::size_t>(model.pairs());
    const struct {
        const char* name;
        const std::vector<double>& values;
        std::size_t expected;
    } arrays[] = {{"ln_gain_q", sensitivity.lnGainQ, rows * static_cast<std::size_t>(model.heads)},
                  {"ln_gain_k", sensitivity.lnGainK, rows * static_cast<std::size_t>(model.kvHeads)},
                  {"ln_omega", sensitivity.lnOmega, rows},
                  {"block_ln_gain", sensitivity.blockGain,
                   rows * static_cast<std::size_t>(std::max(0, sensitivity.blocks))}};
    const bool shape = sensitivity.layers == model.layers && sensitivity.heads == model.heads
                       && sensitivity.kvHeads == model.kvHeads && sensitivity.pairs == model.pairs();
    for (const auto& array : arrays) {
        if (!shape || array.values.size() != array.expected)
            return Error::bad(std::string("gradient/") + array.name + ": expected "
                              + std::to_string(array.expected) + " numbers, found "
                              + std::to_string(array.values.size()));
        if (!std::all_of(array.values.begin(), array.values.end(),
                         [](double value) { return std::isfinite(value); }))
            return Error::bad(std::string("gradient/") + array.name + ": expected finite numbers");
    }
    return Done{};
}

/// What is written only of families that differ from Llama.
Status checkFamily(const ModelConfig& model) {
    for (const auto& field : layout::familyLayers)
        if (const std::vector<bool>& layers = model.*field.member;
            !layers.empty() && layers.size() != static_cast<std::size_t>(model.layers))
            return unexpected(field.name, std::to_string(model.layers) + " layers or none",
                              static_cast<long long>(layers.size()));
    for (const auto& field : layout::familyMultipliers)
        if (!std::isfinite(model.*field.member))
            return Error::bad(std::string(field.name) + ": expected a finite number");
    for (const auto& field : layout::familyNumbers)
        if (const auto& number = model.*field.member; number && !(std::isfinite(*number) && *number > 0))
            return Error::bad(std::string(field.name) + ": expected a number above 0, found "
                              + formatNumber(*number));
    return Done{};
}

} // namespace

Status checkModel(const ModelConfig& model) {
    const auto within = [](long long value, long long least, long long most) {
        return value >= least && value <= most;
    };
    if (!within(model.layers, 1, mostLayers)) return unexpected("layers", "1 or more", model.layers);
    if (!within(model.pairs(), 1, mostPairs) || model.rotaryDim % 2 != 0 || model.rotaryDim > model.headDim)
        return unexpected("rotary_dim", "an even number up to head_dim", model.rotaryDim);
    if (!within(model.heads, 1, mostHeads))
        return unexpected("heads", "1 to " + std::to_string(mostHeads), model.heads);
    if (!within(model.headDim, 1, 2 * mostPairs))
        return unexpected("head_dim", "1 to " + std::to_string(2 * mostPairs), model.headDim);
    if (model.kvHeads < 1 || model.heads % model.kvHeads != 0)
        return unexpected("kv_heads", "a divisor of " + std::to_string(model.heads), model.kvHeads);
    if (model.trainedContext() < 1) return unexpected("max_positions", "1 or more", model.trainedContext());
    return checkFamily(model);
}

Status checkBandStyles(const Session& session) {
    const std::size_t styles = session.bandStyles.size();
    if (styles != 0 && static_cast<int>(styles) != session.bands.count())
        return unexpected("bands/names", std::to_string(session.bands.count()) + " bands or none",
                          static_cast<long long>(styles));
    for (const BandStyle& style : session.bandStyles) {
        if (style.name.size() > longestBandName)
            return unexpected("bands/names", "at most " + std::to_string(longestBandName) + " bytes",
                              static_cast<long long>(style.name.size()));
        if (!style.colour.empty() && !isBandColour(style.colour))
            return Error::bad("bands/colours: expected #rrggbb, found " + style.colour.substr(0, 20));
    }
    return Done{};
}

Status checkSessionHead(const Session& session) {
    if (Status fine = checkModel(session.model); !fine) return fine;
    if (session.documents.size() > mostDocuments)
        return unexpected("documents", "at most " + std::to_string(mostDocuments),
                          static_cast<long long>(session.documents.size()));
    for (const SessionDocument& document : session.documents)
        if (document.tokens < 0) return unexpected("documents/tokens", "0 or more", document.tokens);
    if (session.bands.pairs() != session.model.pairs())
        return unexpected("bands/edges", std::to_string(session.model.pairs()) + " at the end",
                          session.bands.pairs());
    return checkBandStyles(session);
}

Status checkCondition(const Session& session, const ConditionResult& condition) {
    const int context = condition.key.context;
    if (context < 2 || context > mostContext) return unexpected("context", "2 or more", context);
    if (Status fine = checkTable(condition.table, session.model.pairs()); !fine) return fine;
    if (Status fine = checkWindows(session, condition); !fine) return fine;
    if (Status fine = checkDivergence(condition); !fine) return fine;
    if (condition.statistics.cells() > 0) {
        Status fine = checkStatistics("statistics", condition.statistics, session.model, context);
        if (!fine) return fine;
    }
    if (Status fine = checkSensitivity(condition.sensitivity, session.model); !fine) return fine;
    if (Status fine = checkNoise(condition.noise, session.model, context); !fine) return fine;
    if (Status fine = checkDamage(condition.damage, session.model); !fine) return fine;
    const std::size_t perDocument = condition.byDocument.size();
    if (perDocument != 0 && perDocument != session.documents.size())
        return unexpected("by_document", std::to_string(session.documents.size()) + " documents or none",
                          static_cast<long long>(perDocument));
    for (std::size_t document = 0; document < perDocument; ++document) {
        const std::string name = "by_document/" + std::to_string(document);
        Status fine = checkStatistics(name, condition.byDocument[document], session.model, context);
        if (!fine) return fine;
    }
    if (const auto& calibration = condition.calibration; calibration && calibration->imatrix.empty()) {
        if (calibration->context < 1 || calibration->context > mostContext)
            return unexpected("calibration/context", "1 or more", calibration->context);
        if (calibration->windows < 1)
            return unexpected("calibration/windows", "1 or more", calibration->windows);
    }
    for (const LayerDistortion& one : condition.distortions)
        if (one.output.has_value() != condition.distortions.front().output.has_value())
            return Error::bad("distortion/output_count: expected outputs of every projection or of none");
    for (const LayerDistortion& one : condition.distortions)
        if (one.layer < 0 || one.layer >= session.model.layers)
            return unexpected("distortion/layer", "0 to " + std::to_string(session.model.layers - 1),
                              one.layer);
    return Done{};
}

} // namespace qroar
