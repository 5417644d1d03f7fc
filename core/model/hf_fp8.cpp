#include "core/model/hf_fp8.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr float largestE4m3 = 448;

long long ceilDiv(long long count, long long size) {
    return (count + size - 1) / size;
}

} // namespace

bool Fp8Reader::stores(const std::string& name) const {
    const TensorView* weight = picker_.find(name + ".weight");
    return weight && weight->type == DType::F8E4M3;
}

/// How far each of `scales` reaches: the tensor, a row, a block of the config's sizes, or equal groups of a
/// row.
bool Fp8Reader::fitGrid(const TensorView& weight, const TensorView& scales, ScaleGrid& grid) const {
    const long long out = weight.shape[0], in = weight.shape[1], count = scales.count();
    const auto& shape = scales.shape;
    grid.gridCols = 1;
    grid.blockRows = out;
    grid.blockCols = in;
    if (count == 1 && shape.size() <= 2) return true;
    grid.blockRows = 1;
    if (shape.size() == 1) return shape[0] == out;
    if (shape.size() != 2) return false;
    if (shape[0] == out && shape[1] == 1) return true;
    grid.gridCols = shape[1];
    const auto fits = [&](long long rows, long long cols) {
        grid.blockRows = rows;
        grid.blockCols = cols;
        return rows > 0 && cols > 0 && ceilDiv(out, rows) == shape[0] && ceilDiv(in, cols) == shape[1];
    };
    for (const BlockSize& block : blocks_)
        if (fits(block.rows, block.cols)) return true;
    for (const int group : groups_)
        if (fits(1, group)) return true;
    return shape[0] == out && shape[1] > 0 && in % shape[1] == 0 && fits(1, in / shape[1]);
}

TensorView Fp8Reader::take(const std::string& name, const std::vector<long long>& shape) {
    const TensorView* weight = picker_.find(name + ".weight");
    if (!weight || !picker_.accept(*weight, DType::F8E4M3, shape, "from config.json")) return {};
    const TensorView* inverse = picker_.find(name + ".weight_scale_inv");
    const TensorView* scales = picker_.find(name + ".weight_scale");
    if (inverse && scales)
        picker_.fail(*scales, "expected either weight_scale or weight_scale_inv, found both");
    if (!scales) scales = inverse;
    if (!scales) {
        picker_.fail(*weight, "is FP8, but neither \"model." + name
                                  + ".weight_scale\" nor weight_scale_inv is "
                                  + "there to say what its numbers are multiplied with");
        return {};
    }
    picker_.take(*scales);
    if (!scales->isFloat()) {
        picker_.fail(*scales, std::string("expected F32, F16 or BF16, found ") + dtypeName(scales->type));
        return {};
    }
    auto grid = std::make_shared<ScaleGrid>();
    if (!fitGrid(*weight, *scales, *grid)) {
        std::string sizes;
        for (const BlockSize& block : blocks_)
            sizes += (sizes.empty() ? " of " : ", ") + std::to_string(block.rows) + " x "
                     + std::to_string(block.cols);
        picker_.fail(*scales, "expected one scale, one for each of " + std::to_string(shape[0])
                                  + " rows, or one a block" + (sizes.empty() ? " of the config" : sizes)
                                  + ", found shape " + formatShape(scales->shape));
        return {};
    }
    grid->values = scales->toFloat();
    const auto tooLarge = [](float scale) {
        return std::isfinite(scale) && std::abs(scale) > std::numeric_limits<float>::max() / largestE4m3;
    };
    if (std::any_of(grid->values.begin(), grid->values.end(), tooLarge))
        picker_.fail(*scales, "expected scales whose products with 448 are finite, found larger ones");
    grid->stored = std::make_shared<const TensorView>(*scales);
    TensorView readable = *weight;
    readable.scaleGrid = std::move(grid);
    return readable;
}

} // namespace qroar
