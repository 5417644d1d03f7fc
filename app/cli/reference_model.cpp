#include "app/cli/reference_model.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

namespace qroar::cli {

namespace {

/// Half a unit in the last place of BF16, relative, and what F16 loses below its normal numbers.
constexpr double roundingOf16Bits = 0x1p-8, smallestOf16Bits = 0x1p-24;

Status checkConfigs(const std::string& path, const ModelConfig& found, const ModelConfig& expected) {
    const auto text = [](bool value) { return std::string(value ? "yes" : "no"); };
    const auto layout = [](PairLayout value) {
        return std::string(value == PairLayout::HalfSplit ? "half-split" : "interleaved");
    };
    const auto number = [](double value) { return formatNumber(value); };
    const auto window = [](const std::optional<int>& value) {
        return value ? std::to_string(*value) : std::string("none");
    };
    struct Field {
        const char* name;
        std::string found, expected;
    };
    const Field fields[] = {
        {"layers", number(found.layers), number(expected.layers)},
        {"hidden_size", number(found.hiddenSize), number(expected.hiddenSize)},
        {"intermediate_size", number(found.intermediateSize), number(expected.intermediateSize)},
        {"heads", number(found.heads), number(expected.heads)},
        {"kv_heads", number(found.kvHeads), number(expected.kvHeads)},
        {"head_dim", number(found.headDim), number(expected.headDim)},
        {"rotary_dim", number(found.rotaryDim), number(expected.rotaryDim)},
        {"vocab_size", number(found.vocabSize), number(expected.vocabSize)},
        {"rope_theta", number(found.ropeTheta), number(expected.ropeTheta)},
        {"rms_eps", number(found.rmsEps), number(expected.rmsEps)},
        {"sliding_window", window(found.slidingWindow), window(expected.slidingWindow)},
        {"attention_bias", text(found.attentionBias), text(expected.attentionBias)},
        {"mlp_bias", text(found.mlpBias), text(expected.mlpBias)},
        {"pair_layout", layout(found.pairLayout), layout(expected.pairLayout)}};
    for (const Field& field : fields)
        if (field.found != field.expected)
            return Error::bad(path + ": " + field.name + ": expected " + field.expected
                              + ", as in the quantized model, found " + field.found);
    return Done{};
}

/// The largest relative difference of two tensors of one shape; more than a rounding to 16 bits is an error.
Outcome<double> differenceOf(const std::string& path, const char* what, const TensorView& found,
                             const TensorView& expected) {
    double largest = 0;
    constexpr long long chunk = 1 << 16;
    std::vector<float> a(chunk), b(chunk);
    for (long long first = 0; first < expected.count(); first += chunk) {
        const long long n = std::min(chunk, expected.count() - first);
        found.toFloat(a.data(), first, n);
        expected.toFloat(b.data(), first, n);
        for (std::size_t at = 0; at < static_cast<std::size_t>(n); ++at) {
            const double x = a[at], y = b[at], off = std::abs(x - y);
            if (off <= smallestOf16Bits + roundingOf16Bits * std::abs(x)) {
                if (off > 0) largest = std::max(largest, off / std::max(std::abs(x), smallestOf16Bits));
                continue;
            }
            return Error::bad(path + ": " + what + ", element "
                              + std::to_string(first + static_cast<long long>(at)) + ": expected "
                              + formatNumber(y) + ", as in the quantized model, found " + formatNumber(x)
                              + ": not the model that it was made from");
        }
    }
    return largest;
}

} // namespace

Outcome<ReferenceModel> openReferenceModel(const std::filesystem::path& path, const Model& model) {
    const std::string name = path.string();
    if (!model.isQuantized())
        return Error::bad("--reference-model: " + model.path().string()
                          + ": expected a quantized checkpoint, found full precision: it is its own "
                            "reference, use --reference");
    ReferenceModel reference;
    auto opened = openModel(path);
    if (!opened) return opened.error();
    reference.model = *opened;
    if (reference.model->isQuantized())
        return Error::bad(name + ": expected a full-precision checkpoint, found quantized projections");
    if (Status fits = checkConfigs(name, reference.model->config(), model.config()); !fits)
        return fits.error();
    const Model& full = *reference.model;
    const std::tuple<const char*, const TensorView*, const TensorView*> shared[] = {
        {"embedding", &full.embedding(), &model.embedding()},
        {"final norm", &full.finalNorm(), &model.finalNorm()},
        {"output head", &full.head(), &model.head()}};
    for (const auto& [what, found, expected] : shared) {
        auto difference = differenceOf(name, what, *found, *expected);
        if (!difference) return difference.error();
        reference.rounding = std::max(reference.rounding, *difference);
    }
    auto weights = openWeights(reference.model, QuantSpec{});
    if (!weights) return weights.error();
    reference.weights = std::move(*weights);
    return reference;
}

} // namespace qroar::cli
