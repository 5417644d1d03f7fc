// qroar inspect MODEL: config, tensors, quantization, RoPE, checks.
#include "app/cli/commands.h"
#include "app/cli/rope_tables.h"
#include "core/base/strings.h"
#include "core/model/finite_scan.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

#include <iostream>
#include <memory>

namespace qroar::cli {

namespace {

struct Options {
    Common common;
    std::string model;
};

std::vector<int> windowedLayers(const ModelConfig& c) {
    std::vector<int> layers;
    for (int layer = 0; layer < c.layers; ++layer)
        if (c.windowOf(layer) > 0) layers.push_back(layer);
    return layers;
}

/// Sentences about layers and norms that are not Llama's; empty for most models.
std::string familyText(const ModelConfig& c) {
    std::string text;
    if (const std::size_t windowed = windowedLayers(c).size(); windowed > 0)
        text +=
            "\n  " + std::to_string(windowed) + " layers see " + formatCount(*c.slidingWindow) + " positions";
    if (const std::size_t unscaled = c.ropeModel().unscaledLayers.size(); unscaled > 0)
        text += "\n  " + std::to_string(unscaled) + " layers are changed by no scaling: "
                + (c.localTheta ? "base " + significant(*c.localTheta, 7) : "no RoPE");
    if (c.qkNorms) text += "\n  queries and keys are normalised head by head: gains fold into these norms";
    return text;
}

Json configJson(const ModelConfig& c) {
    return {{"architecture", c.architecture},
            {"layers", c.layers},
            {"hidden_size", c.hiddenSize},
            {"intermediate_size", c.intermediateSize},
            {"heads", c.heads},
            {"kv_heads", c.kvHeads},
            {"head_dim", c.headDim},
            {"rotary_dim", c.rotaryDim},
            {"vocab_size", c.vocabSize},
            {"max_positions", c.maxPositions},
            {"trained_context", c.trainedContext()},
            {"rope_theta", c.ropeTheta},
            {"rope_scaling", c.storedRope.text()},
            {"rms_eps", c.rmsEps},
            {"sliding_window", c.slidingWindow ? Json(*c.slidingWindow) : Json(nullptr)},
            {"windowed_layers", windowedLayers(c)},
            {"unscaled_layers", c.ropeModel().unscaledLayers},
            {"local_rope_theta", c.localTheta ? Json(*c.localTheta) : Json(nullptr)},
            {"qk_norms", c.qkNorms},
            {"tied_embeddings", c.tiedEmbeddings},
            {"attention_bias", c.attentionBias},
            {"mlp_bias", c.mlpBias},
            {"pair_layout", c.pairLayout == PairLayout::HalfSplit ? "half-split" : "interleaved"},
            {"parameters", c.parameterCount()}};
}

/// What is stored quantized, the most frequent layout first; null for a dense model.
Json quantizationJson(const Model& model) {
    const auto kinds = storedKinds(model);
    const auto blocks = blockKinds(model);
    if (kinds.empty() && blocks.empty()) return nullptr;
    Json layouts = Json::array();
    int projections = 0;
    for (const auto& [name, count] : blocks) {
        projections += count;
        layouts.push_back({{"format", name}, {"projections", count}});
    }
    for (const StoredKind& kind : kinds) {
        const StoredQuant& like = kind.like;
        projections += kind.projections;
        layouts.push_back(
            {{"format", storedFormatName(like.format)},
             {"bits", like.shape.bits},
             {"group_size", like.shape.groupSize > 0 ? Json(like.shape.groupSize) : Json(nullptr)},
             {"symmetric", like.symmetric},
             {"act_order", like.actOrder},
             {"scale_type", dtypeName(like.scales.type)},
             {"projections", kind.projections}});
    }
    return {{"quantized_projections", projections},
            {"dense_projections", 7 * model.config().layers - projections},
            {"layouts", std::move(layouts)}};
}

std::string quantizationText(const Model& model) {
    const auto kinds = storedKinds(model);
    std::string text;
    for (const auto& [name, count] : blockKinds(model))
        text += (text.empty() ? "" : "; ") + formatCount(count) + " of "
                + formatCount(7LL * model.config().layers) + " projections: " + name;
    for (const StoredKind& kind : kinds)
        text += (text.empty() ? "" : "; ") + formatCount(kind.projections) + " of "
                + formatCount(7LL * model.config().layers) + " projections: " + kind.like.text() + ", "
                + dtypeName(kind.like.scales.type) + " scales";
    return text.empty() ? "none" : text;
}

/// The stored RoPE at max_position_embeddings as every loader reads it; none when it makes no table.
struct StoredRopeTables {
    int context = 0;
    std::optional<RopeAudit> audit;
    std::vector<std::string> warnings; ///< what is odd, and where loaders disagree
};

StoredRopeTables storedRopeTables(const ModelConfig& c) {
    RopeSpec stored;
    stored.kind = RopeKind::Model;
    StoredRopeTables result{c.maxPositions, std::nullopt, {}};
    auto audit = auditScaling(stored, c, std::max(1, c.maxPositions));
    if (!audit) {
        result.warnings.push_back("RoPE: " + audit.error().message);
        return result;
    }
    for (const RopeWarning& warning : audit->warnings)
        result.warnings.push_back("RoPE: " + warning.key + ": " + warning.text);
    for (const LoaderVerdict& verdict : audit->loaders)
        if (const std::string text = verdictText(verdict, c.maxPositions); !text.empty())
            result.warnings.push_back("RoPE: " + text);
    result.audit = std::move(*audit);
    return result;
}

void printRopeTable(const StoredRopeTables& rope) {
    if (!rope.audit) return;
    const FrequencyTable& table = rope.audit->ours;
    std::cout << "RoPE table at " << formatCount(rope.context)
              << " tokens: angular frequency omega in radians per "
                 "position, omega' after scaling, wavelength 2 pi / omega' in tokens; attention factor "
              << significant(table.attentionFactor, 7) << "\n\n";
    Table rows({"pair", "omega", "omega'", "scaled wavelength", "turns in the trained context"});
    for (std::size_t pair = 0; pair < table.omega.size(); ++pair)
        rows.add({std::to_string(pair), significant(table.plain[pair], 6), significant(table.omega[pair], 6),
                  fixed(table.wavelength(static_cast<int>(pair)), 1),
                  fixed(table.trainedContext / table.wavelength(static_cast<int>(pair)), 2)});
    rows.print();
    std::cout << '\n';
}

void printText(const Model& model, const std::string& tokenizer, const StoredRopeTables& rope) {
    const ModelConfig& c = model.config();
    std::cout << model.path().string() << "\n  " << model.format() << ", " << c.architecture << ", "
              << formatCount(c.parameterCount()) << " parameters, fingerprint " << model.fingerprint()
              << "\n  " << c.layers << " layers, width " << c.hiddenSize << ", MLP " << c.intermediateSize
              << ", " << c.heads << " query heads, " << c.kvHeads << " KV heads, head size " << c.headDim
              << ", vocabulary " << formatCount(c.vocabSize) << "\n  RoPE: " << c.pairs() << " pairs, base "
              << significant(c.ropeTheta, 7) << ", trained context " << formatCount(c.trainedContext())
              << ", stored scaling " << readable(c.storedRope.text()) << ", "
              << (c.pairLayout == PairLayout::HalfSplit ? "half-split" : "interleaved") << " pairs"
              << familyText(c) << "\n  quantization: " << quantizationText(model)
              << "\n  tokenizer: " << tokenizer << "\n\n";
    printRopeTable(rope);
    const bool damaged = !model.damage().empty();
    std::vector<std::string> header{"tensor", "type", "shape", "bytes"};
    if (damaged) header.insert(header.end(), {"NaN", "infinite"});
    Table table(header);
    for (const TensorView& tensor : model.tensors()) {
        std::vector<std::string> row{tensor.name, tensor.typeName(), formatShape(tensor.shape),
                                     formatCount(static_cast<long long>(tensor.bytes))};
        if (damaged) {
            const NonFiniteCount bad = countNonFinite(tensor);
            row.insert(row.end(), {formatCount(bad.nan), formatCount(bad.infinite)});
        }
        table.add(std::move(row));
    }
    table.print();
    for (const auto* warnings : {&model.warnings(), &rope.warnings})
        for (const std::string& warning : *warnings) std::cout << "note: " << readable(warning) << '\n';
}

Json tensorsJson(const Model& model) {
    Json tensors = Json::array();
    for (const TensorView& tensor : model.tensors()) {
        Json row{{"name", tensor.name},
                 {"type", tensor.typeName()},
                 {"shape", tensor.shape},
                 {"bytes", tensor.bytes},
                 {"file", tensor.file}};
        if (!model.damage().empty()) {
            const NonFiniteCount bad = countNonFinite(tensor);
            row["nan"] = bad.nan;
            row["infinite"] = bad.infinite;
        }
        tensors.push_back(std::move(row));
    }
    return tensors;
}

/// A model with NaN or infinite weights is listed, with their number, and is an error all the same.
int run(const Options& options) {
    auto model = inspectModel(options.model);
    if (!model) return fail(model.error());
    const std::string& damage = (*model)->damage();
    const auto done = [&damage] { return damage.empty() ? exitDone : fail(Error::bad(damage)); };
    auto tokenizer = loadTokenizerFor((*model)->path(), (*model)->config().vocabSize);
    const std::string tokenizerText =
        tokenizer ? (*tokenizer)->description() : "none (" + tokenizer.error().message + ")";
    StoredRopeTables rope = storedRopeTables((*model)->config());
    if (!options.common.json) {
        printText(**model, tokenizerText, rope);
        return done();
    }
    std::vector<std::string> warnings = (*model)->warnings();
    warnings.insert(warnings.end(), rope.warnings.begin(), rope.warnings.end());
    print({{"schema", 1},
           {"model",
            {{"path", (*model)->path().string()},
             {"format", (*model)->format()},
             {"fingerprint", (*model)->fingerprint()}}},
           {"config", configJson((*model)->config())},
           {"rope", rope.audit ? tableJson("model", rope.audit->ours) : Json(nullptr)},
           {"quantization", quantizationJson(**model)},
           {"tokenizer", tokenizer ? Json(tokenizerText) : Json(nullptr)},
           {"tensors", tensorsJson(**model)},
           {"damage", damage.empty() ? Json(nullptr) : Json(damage)},
           {"warnings", std::move(warnings)}});
    return done();
}

} // namespace

void addInspect(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command =
        program.add_subcommand("inspect", "config, tensors, quantization, RoPE and checks of a model");
    command->add_option("MODEL", options->model, "HF folder, .safetensors or .gguf file, or llama2.c .bin")
        ->required();
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
