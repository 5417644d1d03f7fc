// qroar inspect MODEL: config, tensors, quantization, RoPE, checks.
#include "app/cli/commands.h"
#include "core/base/strings.h"
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
            {"tied_embeddings", c.tiedEmbeddings},
            {"attention_bias", c.attentionBias},
            {"mlp_bias", c.mlpBias},
            {"pair_layout", c.pairLayout == PairLayout::HalfSplit ? "half-split" : "interleaved"},
            {"parameters", c.parameterCount()}};
}

/// What is stored quantized, the most frequent layout first; null for a dense model.
Json quantizationJson(const Model& model) {
    const auto kinds = storedKinds(model);
    if (kinds.empty()) return nullptr;
    Json layouts = Json::array();
    int projections = 0;
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
    for (const StoredKind& kind : kinds)
        text += (text.empty() ? "" : "; ") + formatCount(kind.projections) + " of "
                + formatCount(7LL * model.config().layers) + " projections: " + kind.like.text() + ", "
                + dtypeName(kind.like.scales.type) + " scales";
    return text.empty() ? "none" : text;
}

void printText(const Model& model, const std::string& tokenizer) {
    const ModelConfig& c = model.config();
    std::cout << model.path().string() << "\n  " << model.format() << ", " << c.architecture << ", "
              << formatCount(c.parameterCount()) << " parameters, fingerprint " << model.fingerprint()
              << "\n  " << c.layers << " layers, width " << c.hiddenSize << ", MLP " << c.intermediateSize
              << ", " << c.heads << " query heads, " << c.kvHeads << " KV heads, head size " << c.headDim
              << ", vocabulary " << formatCount(c.vocabSize) << "\n  RoPE: " << c.pairs() << " pairs, base "
              << formatNumber(c.ropeTheta) << ", trained context " << formatCount(c.trainedContext())
              << ", stored scaling " << c.storedRope.text() << ", "
              << (c.pairLayout == PairLayout::HalfSplit ? "half-split" : "interleaved")
              << " pairs\n  quantization: " << quantizationText(model) << "\n  tokenizer: " << tokenizer
              << "\n\n";
    Table table({"tensor", "type", "shape", "bytes"});
    for (const TensorView& tensor : model.tensors())
        table.add({tensor.name, dtypeName(tensor.type), formatShape(tensor.shape),
                   formatCount(static_cast<long long>(tensor.bytes))});
    table.print();
    for (const std::string& warning : model.warnings()) std::cout << "note: " << warning << '\n';
}

int run(const Options& options) {
    auto model = openModel(options.model);
    if (!model) return fail(model.error());
    auto tokenizer = loadTokenizerFor((*model)->path(), (*model)->config().vocabSize);
    const std::string tokenizerText =
        tokenizer ? (*tokenizer)->description() : "none (" + tokenizer.error().message + ")";
    if (!options.common.json) {
        printText(**model, tokenizerText);
        return exitDone;
    }
    Json tensors = Json::array();
    for (const TensorView& tensor : (*model)->tensors())
        tensors.push_back({{"name", tensor.name},
                           {"type", dtypeName(tensor.type)},
                           {"shape", tensor.shape},
                           {"bytes", tensor.bytes},
                           {"file", tensor.file}});
    print({{"schema", 1},
           {"model",
            {{"path", (*model)->path().string()},
             {"format", (*model)->format()},
             {"fingerprint", (*model)->fingerprint()}}},
           {"config", configJson((*model)->config())},
           {"quantization", quantizationJson(**model)},
           {"tokenizer", tokenizer ? Json(tokenizerText) : Json(nullptr)},
           {"tensors", std::move(tensors)},
           {"warnings", (*model)->warnings()}});
    return exitDone;
}

} // namespace

void addInspect(CLI::App& program, int& result) {
    auto options = std::make_shared<Options>();
    CLI::App* command =
        program.add_subcommand("inspect", "config, tensors, quantization, RoPE and checks of a model");
    command->add_option("MODEL", options->model, "HF folder, .safetensors file, or llama2.c .bin")
        ->required();
    addCommon(*command, options->common);
    command->callback([options, &result] { result = run(*options); });
}

} // namespace qroar::cli
