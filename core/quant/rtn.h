// Round-to-nearest quantization, exactly as product.md defines it, with fp16 scales. Writes what a kernel
// that dequantizes would multiply with, and says how far that is from the original.
#pragma once

#include "core/base/matrix.h"
#include "core/quant/quant_spec.h"

namespace qroar {

/// The grid of one group. Codes: asymmetric 0..2^b-1 with w_hat = (code - zero) * scale; symmetric
/// -2^(b-1)..2^(b-1)-1 with w_hat = code * scale (zero is 0).
struct RtnGrid {
    float scale = 0; ///< a number fp16 can hold; 0: every weight of the group becomes 0
    int zero = 0;
    int least = 0, most = 0; ///< range of the codes
};
/// The grid for `count` consecutive weights of a row [standard; product.md]. The scale is computed in double
/// and rounded once to fp16 (half to even). A scale too small for fp16 becomes 0; one too large becomes
/// 65504, the largest finite fp16 (ours), so that codes clip and nothing overflows. spec.kind must be Rtn.
RtnGrid rtnGrid(const QuantSpec& spec, const float* weights, std::ptrdiff_t count);
/// clamp(round(weight / scale) + zero, least, most); round is half away from zero, as std::round. The code of
/// 0 when scale is 0.
int rtnCode(const RtnGrid& grid, float weight);

/// How far a quantized tensor is from the original. Mergeable (add).
struct Distortion {
    double sumSquaredError = 0;  ///< sum (w - w_hat)^2
    double sumSquaredWeight = 0; ///< sum w^2
    double sumProduct = 0;       ///< sum w w_hat
    double sumSquaredQuantized = 0;
    double maxError = 0; ///< max |w - w_hat|
    long long count = 0;
    long long clipped = 0; ///< codes that had to be clamped
    void add(const Distortion& other);
    [[nodiscard]] double rmse() const;   ///< 0 when nothing was counted
    [[nodiscard]] double snrDb() const;  ///< 10 log10(sum w^2 / sum (w - w_hat)^2); +inf when exact
    [[nodiscard]] double cosine() const; ///< 1 when both are all zeros, 0 when only one is
};

/// Quantizes and dequantizes weight [out, in] in place, rows in parallel, each group of `groupSize` inputs by
/// itself (the last may be shorter). Each weight becomes exactly (rtnCode - zero) * scale of its group's
/// rtnGrid. spec.kind must be Rtn with 2..8 bits (std::logic_error otherwise: a bug of the caller). The
/// result and the distortion do not depend on the number of threads; NaN becomes the least code of its group.
Distortion applyRtn(const QuantSpec& spec, MatrixView weight);

} // namespace qroar
