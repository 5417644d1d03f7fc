#include "core/exporting/foldability.h"

#include "core/exporting/encode.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Collects sentences about the projections of a model in one format, one for each kind of trouble.
class ShapeCheck {
  public:
    ShapeCheck(const Model& model, const ExportLayout& layout, Foldability& result)
        : layout_(layout), result_(result) {
        for (const TensorSpec& tensor : layoutTensors(model, {ExportFormat::Hf, layout.dense, {}}))
            if (tensor.name.ends_with("_proj.weight") && tensor.name.starts_with("model.layers.0."))
                shapes_.push_back(
                    {tensor.name.substr(15, tensor.name.size() - 22), tensor.shape[0], tensor.shape[1]});
    }
    void awq() {
        const CodeGrid& grid = layout_.grid;
        if (grid.bits != 4) refuse("AWQ GEMM stores 4 bits, the codes have " + std::to_string(grid.bits));
        if (grid.actOrder) refuse("AWQ GEMM cannot store act-order: its groups are consecutive inputs");
        refuseEach("AWQ GEMM needs outputs in eights", [](const Shape& shape) {
            return shape.out % 8 != 0 ? std::to_string(shape.out) : std::string();
        });
        const int size = grid.groupSize;
        refuseEach("AWQ GEMM needs whole groups of " + std::to_string(size) + " inputs",
                   [size](const Shape& shape) {
                       return size > 0 && shape.in % size != 0 ? std::to_string(shape.in) : std::string();
                   });
    }
    void gptq() {
        const CodeGrid& grid = layout_.grid;
        if (grid.bits != 2 && grid.bits != 3 && grid.bits != 4 && grid.bits != 8)
            return refuse("GPTQ stores 2, 3, 4 or 8 bits, the codes have " + std::to_string(grid.bits));
        const long long unit = grid.bits == 3 ? 32 : 32 / grid.bits;
        refuseEach("GPTQ with " + std::to_string(grid.bits)
                       + " bits needs outputs and inputs in multiples of " + std::to_string(unit),
                   [unit](const Shape& shape) {
                       return shape.in % unit != 0 || shape.out % unit != 0
                                  ? std::to_string(shape.out) + " x " + std::to_string(shape.in)
                                  : std::string();
                   });
        noteUnevenGroups();
        if (layout_.format == ExportFormat::Gptq && grid.noZeroPoint > 0)
            refuse(
                std::to_string(grid.noZeroPoint)
                + " zero points are 0, which GPTQ version 1 stores as -1 and loaders read differently; use "
                  "--format gptq-v2, a symmetric quantizer or another format");
        if (layout_.format == ExportFormat::GptqV2)
            result_.notes.push_back(
                "gptq-v2: loaders must know checkpoint_format \"gptq_v2\" (GPTQModel does); "
                "those that ignore it read every zero point one too high");
        if (layout_.format == ExportFormat::Gptq && !grid.symmetric)
            result_.notes.push_back(
                "asymmetric GPTQ: vLLM's Marlin kernels take symmetric codes only, slower "
                "kernels are used");
    }
    void compressed() {
        const CodeGrid& grid = layout_.grid;
        noteUnevenGroups();
        if (grid.bits != 4 && grid.bits != 8)
            result_.notes.push_back(
                "compressed-tensors with " + std::to_string(grid.bits)
                + " bits: many loaders read 4 and 8 only, and older versions packed other "
                  "widths differently");
    }

  private:
    struct Shape {
        std::string name;
        long long out = 0, in = 0;
    };
    void refuse(const std::string& text) { result_.refusals.push_back(text); }
    /// One refusal that lists the projections for which `trouble` has a text.
    template<class Trouble>
    void refuseEach(const std::string& rule, Trouble trouble) {
        std::string list;
        for (const Shape& shape : shapes_)
            if (const std::string found = trouble(shape); !found.empty())
                list += (list.empty() ? "" : ", ") + shape.name + " has " + found;
        if (!list.empty()) refuse(rule + ": " + list);
    }
    void noteUnevenGroups() {
        const int size = layout_.grid.groupSize;
        for (const Shape& shape : shapes_)
            if (size > 0 && shape.in % size != 0) {
                result_.notes.push_back("the last group of " + shape.name + " is shorter ("
                                        + std::to_string(shape.in) + " inputs in groups of "
                                        + std::to_string(size) + "): many loaders need whole groups");
                return;
            }
    }
    const ExportLayout& layout_;
    Foldability& result_;
    std::vector<Shape> shapes_;
};

bool allPowersOfTwo(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) {
        int exponent = 0;
        return std::frexp(value, &exponent) == 0.5;
    });
}

/// What is known of the gains themselves.
void noteGains(const QkGains& gains, Foldability& result) {
    if (gains.isIdentity()) return;
    bool cancels = true;
    for (int layer = 0; layer < gains.layers; ++layer)
        for (int head = 0; head < gains.heads; ++head)
            for (int pair = 0; pair < gains.pairs; ++pair)
                cancels = cancels && std::abs(gains.effective(layer, head, pair) - 1) < 1e-6;
    if (cancels)
        result.notes.push_back("gQ gK = 1 everywhere: these scales cancel in the logits, the export computes "
                               "what the model without them does, up to rounding");
}

void noteScaleType(ScaleType type, bool rounds, bool patch, Foldability& result) {
    if (type == ScaleType::BF16 && rounds)
        result.notes.push_back(
            "BF16 scales keep 8 bits: folding rounds them by up to 0.4 %, eight times as much as F16; "
            + std::string(patch ? "--snap-pow2, or writing the model anew with --dtype f16 or f32,"
                                : "--dtype f16 or f32, or --snap-pow2,")
            + " avoids it");
}

/// A scale that several rows share cannot take the gains of each of them.
void refuseSharedScales(const Model& model, const QkGains& gains, Foldability& result) {
    if (gains.isIdentity() || model.config().qkNorms) return;
    for (int layer = 0; layer < model.config().layers; ++layer)
        for (const Projection p : {Projection::Q, Projection::K}) {
            const StoredQuant* stored = model.stored(layer, p);
            std::string shared;
            if (stored && stored->oneScale) shared = "one scale";
            if (!stored)
                if (const TensorView& weight = model.weight(layer, p);
                    weight.isScaled() && !weight.scaleGrid->isPerRow())
                    shared = weight.scaleGrid->text();
            if (shared.empty()) continue;
            result.refusals.push_back(
                "layer " + std::to_string(layer) + " " + projectionName(p) + " is stored with " + shared
                + ", which rows of different gains share: a patch cannot scale them apart; "
                  "write the model anew (--format hf)");
            return;
        }
}

} // namespace

Foldability foldability(const Model& model, const ExportLayout& layout, const QkGains& gains) {
    Foldability result;
    noteGains(gains, result);
    if (!isPacked(layout.format)) return result;
    if ((layout.format == ExportFormat::Awq || isGptq(layout.format)) && layout.dense != DType::F16)
        result.refusals.push_back(std::string(exportFormatName(layout.format)) + " is stored in F16; --dtype "
                                  + dtypeName(layout.dense) + " is for hf and compressed-tensors");
    if (model.config().fusedProjections)
        result.refusals.push_back(model.config().architecture
                                  + " stores q, k, v and gate, up as fused projections, whose codes are not "
                                    "written; use --format hf or --patch");
    ShapeCheck check(model, layout, result);
    if (layout.format == ExportFormat::Awq) check.awq();
    if (isGptq(layout.format)) check.gptq();
    if (layout.format != ExportFormat::CompressedTensors) return result;
    check.compressed();
    const bool rounds =
        layout.grid.scales != ScaleType::BF16 || !allPowersOfTwo(gains.q) || !allPowersOfTwo(gains.k);
    noteScaleType(scaleTypeOf(layout.dense), rounds, false, result);
    return result;
}

Foldability patchability(const Model& model, const WeightSource& weights, const QkGains& gains) {
    Foldability result;
    noteGains(gains, result);
    if (model.config().architecture == "llama2.c")
        result.refusals.push_back("a llama2.c file cannot be patched; write it anew (--format hf)");
    const QuantKind kind = weights.spec().kind;
    if (model.isQuantized() ? kind != QuantKind::Stored : kind != QuantKind::None)
        result.refusals.push_back("a patch keeps the weights that the checkpoint stores; --quant "
                                  + weights.spec().text()
                                  + " makes others: write the model anew, or use --quant "
                                  + (model.isQuantized() ? "stored" : "none"));
    refuseSharedScales(model, gains, result);
    const bool rounds = !allPowersOfTwo(gains.q) || !allPowersOfTwo(gains.k);
    for (int layer = 0; layer < model.config().layers; ++layer)
        if (const StoredQuant* stored = model.stored(layer, Projection::Q);
            stored && stored->shape.scaleType == ScaleType::BF16) {
            noteScaleType(ScaleType::BF16, rounds, true, result);
            break;
        }
    return result;
}

} // namespace qroar
