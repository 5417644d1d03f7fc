// LayerWeights: one layer's weights as floats, converted from the mapped file (and quantized, when the
// variant says so) just before the layer runs, and dropped or overwritten by the next one; OutputHead: what
// comes after the last layer.
#pragma once

#include "core/base/matrix.h"
#include "core/base/outcome.h"
#include "core/model/model.h"
#include "core/quant/quant_spec.h"
#include "core/quant/rtn.h"

#include <array>
#include <vector>

namespace qroar {

struct LayerWeights {
    std::array<Matrix, 7> projection;                            ///< [out, in], by Projection
    std::array<std::vector<float>, 7> bias;                      ///< [out] or empty
    std::vector<float> attentionNorm, feedForwardNorm;           ///< [hidden]
    std::vector<float> afterAttentionNorm, afterFeedForwardNorm; ///< [hidden] or empty (Norm, model.h)
    /// [heads * headDim], [kvHeads * headDim] or empty: what multiplies the normalised heads of q and k.
    std::vector<float> queryNorm, keyNorm;
    int index = 0;                        ///< which layer of the model it is
    std::array<Distortion, 7> distortion; ///< filled when quantized

    [[nodiscard]] ConstMatrixView matrix(Projection p) const {
        return projection[static_cast<std::size_t>(p)].view();
    }
    [[nodiscard]] const std::vector<float>& biasOf(Projection p) const {
        return bias[static_cast<std::size_t>(p)];
    }

    /// Norms and biases of a layer as the checkpoint stores them.
    void loadVectors(const Model& model, int layer);
    /// Those of another one.
    void copyVectors(const LayerWeights& other);
    /// Everything of a layer as the checkpoint stores it; stored codes are dequantized.
    void load(const Model& model, int layer);
};

/// The final norm and the classifier; read when first needed.
struct OutputHead {
    Matrix weights;          ///< [vocab, hidden]
    std::vector<float> norm; ///< [hidden]
    void load(const Model& model);
};

/// Whether makeWeights() can make the variant for this model (core/quantize/calibrate.h): `stored` needs one
/// that stores codes, and such a model offers nothing else. The error names what is missing.
Status checkQuantSupported(const QuantSpec& quant, const Model& model);
/// The variant that shows a model as it is: `stored` when it stores codes, else `none`.
QuantSpec plainQuant(const Model& model);

/// Codes that a checkpoint stores; std::runtime_error when its file has changed since it was opened.
QuantizedMatrix readCodes(const StoredQuant& stored);
/// A projection [out, in] as floats: the tensor, or its stored codes dequantized (errors as readCodes).
void readProjection(const Model& model, int layer, Projection projection, Matrix& target);
/// A whole tensor [rows, cols] as floats, converted in parallel.
void readMatrix(const TensorView& tensor, Matrix& target);

} // namespace qroar
