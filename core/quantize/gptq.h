// GPTQ (Frantar, Ashkboos, Hoefler & Alistarh 2023, arXiv 2210.17323): rounds the columns of a weight matrix
// one after the other and lets the columns to come make up for each error, as the Hessian H = 2 X X^T of the
// layer's squared output error says they best can. Pure functions of weights and Hessian. Where we differ
// from the authors' program is said below and marked ours. Not here: collecting H (input_moments.h), the
// order of layers (calibrate.h).
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/quant/quantized_matrix.h"
#include "core/quantize/input_moments.h"

#include <cstdint>
#include <vector>

namespace qroar {

/// What the columns of every matrix that reads the same inputs need of H: U with (H + damping)^-1 = U^T U,
/// upper triangular, and the order in which columns are rounded.
struct GptqFactor {
    Matrix upper;                    ///< [in, in] U, rows and columns in the order of `order`
    std::vector<std::int32_t> order; ///< [in] inputs in the order of processing

    /// `hessian` [in, in] is used up; its scale does not matter. `damping` of the mean of its diagonal is
    /// added to the diagonal (1 % in the paper). An input that was always 0 is left out of the mean and its
    /// weights are rounded to nearest (ours; the authors' program sets them to 0: but silent on some text is
    /// not silent on all). `actOrder`: falling diagonal of H, ties by index; else 0, 1, 2, ... We factorise
    /// the reversed matrix, P (H + damping) P = L L^T, and U = P L^-1 P: the same U as from the Cholesky
    /// decomposition of the inverse, without forming the inverse. Errors: H is not positive definite although
    /// damped (ten times the damping is tried, then a hundred times); cancelled.
    static Outcome<GptqFactor> make(std::vector<double> hessian, std::ptrdiff_t inputs, bool actOrder,
                                    double damping, WorkMeter& meter);
    /// The same from H = 2 / tokens X^T X.
    static Outcome<GptqFactor> make(const InputMoments& inputs, bool actOrder, WorkMeter& meter);
    static double operations(std::ptrdiff_t inputs);
};

inline constexpr double gptqDamping = 0.01;

/// Codes of `weight` [out, in] on the grid of `spec` (bits, group size, symmetric or not: rtnGrid). The grid
/// of a group is found when its first column is reached, from the weights as they are then; blocks of at most
/// 128 columns begin where groups do, so that these weights are up to date (ours: the authors' program takes
/// those of the block's start). With act-order, groups are consecutive in the order of processing and
/// `groupOf` says which input is in which (the g_idx of files with desc_act). `clipped` (may be null) counts
/// codes that had to be clamped. The result does not depend on the number of threads.
QuantizedMatrix quantizeGptq(const QuantSpec& spec, ConstMatrixView weight, const GptqFactor& factor,
                             WorkMeter& meter, long long* clipped = nullptr);
double gptqOperations(std::ptrdiff_t rows, std::ptrdiff_t inputs);

} // namespace qroar
