// ReferenceFamily: the forward pass of a Qwen2, Qwen3, Phi-3, Gemma 2, Gemma 3, Granite or SmolLM3 in double
// precision, written as plain loops from what each family publishes of its equations. For tests only. Reads
// config.json and the tensors by itself (tiny_decoder.h), so that it shares nothing with the product, names
// and shapes included.
#pragma once

#include "tests/support/reference_rope.h"
#include "tests/support/tiny_decoder.h"

#include <functional>
#include <optional>
#include <vector>

namespace qroar::test {

class ReferenceFamily {
  public:
    explicit ReferenceFamily(const std::filesystem::path& folder);

    /// Of the layers that are scaled: what config.json says, unless set.
    std::optional<ReferenceRope> rope;
    /// Factors of pairs behind the norms of q and k and before RoPE: [layers, heads, pairs], [layers,
    /// kvHeads, pairs]; on a layer's frequencies: [layers, pairs]. Empty: none.
    std::vector<double> queryGains, keyGains, omegaFactors;
    /// What a linear layer's weights [out, in] become when they are read; by the name of the tensor.
    std::function<void(const std::string& name, std::vector<double>& weights, int out, int in)> transform;

    [[nodiscard]] std::vector<double> logits(const std::vector<int>& ids) const; ///< [T, vocab]
    /// [T-1]: -ln p(ids[t+1] | ids[0..t]).
    [[nodiscard]] std::vector<double> nll(const std::vector<int>& ids) const;
    [[nodiscard]] int vocabulary() const { return vocab_; }

  private:
    using Values = std::vector<double>;
    [[nodiscard]] Values rows(const std::string& stem, int first, int count, const Values& x, int in) const;
    [[nodiscard]] Values norm(const Values& x, const std::string& name) const;
    void rotate(Values& x, int layer, int heads) const;
    void gain(Values& x, int layer, int heads, const Values& gains) const;
    [[nodiscard]] Values attention(const Values& x, int layer) const;
    [[nodiscard]] Values feedForward(const Values& x, int layer) const;
    [[nodiscard]] bool isWindowed(int layer) const;
    [[nodiscard]] bool isRotated(int layer) const;
    [[nodiscard]] ReferenceRopeTable table(int layer, int tokens) const;
    [[nodiscard]] ReferenceRope storedRope() const;

    TinyCheckpoint checkpoint_;
    std::string type_;
    int hidden_ = 0, inner_ = 0, layers_ = 0, heads_ = 0, kvHeads_ = 0, headDim_ = 0, rotary_ = 0, vocab_ = 0;
    double eps_ = 0;
};

} // namespace qroar::test
