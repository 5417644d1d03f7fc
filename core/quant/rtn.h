// Round-to-nearest quantization, exactly as product.md defines it, with fp16 scales. Writes what a kernel
// that dequantizes would multiply with, and says how far that is from the original.
#pragma once

#include "core/base/matrix.h"
#include "core/quant/quant_spec.h"

namespace qroar {

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
    [[nodiscard]] double rmse() const;
    [[nodiscard]] double snrDb() const; ///< 10 log10(sum w^2 / sum (w - w_hat)^2); +inf when exact
    [[nodiscard]] double cosine() const;
};

/// Quantizes and dequantizes weight [out, in] in place, rows in parallel, each group of `groupSize` inputs by
/// itself (the last may be shorter). spec.kind must be Rtn. The result does not depend on the number of
/// threads.
Distortion applyRtn(const QuantSpec& spec, MatrixView weight);

} // namespace qroar
