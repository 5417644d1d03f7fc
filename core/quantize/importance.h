// ImportanceMatrix: what llama.cpp's imatrix program measured on some text: the mean square of every input
// channel of every linear layer. Read from both of its layouts (legacy binary, GGUF), checked like a
// stranger's file. Not here: how weights are quantized by it (importance_weights.h).
#pragma once

#include "core/base/outcome.h"
#include "core/model/model.h"

#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace qroar {

class ImportanceMatrix {
  public:
    /// The legacy layout ("imatrix.dat") or GGUF with general.type "imatrix". Errors name the file and the
    /// entry: sizes beyond the file, names twice, numbers that are negative or not finite, entries that
    /// counted nothing.
    static Outcome<ImportanceMatrix> open(const std::filesystem::path& path);

    /// Mean of x^2 over the tokens, [in], of what a projection reads. Taken from the projection's own entry,
    /// else from that of another one that reads the same (q, k, v; gate, up).
    [[nodiscard]] Outcome<std::vector<float>> of(const ModelConfig& config, int layer,
                                                 Projection projection) const;
    /// That of() gives every projection of a model its numbers, and that the file is not of a larger model or
    /// of a mixture of experts.
    [[nodiscard]] Status fits(const ModelConfig& config) const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; } ///< of the whole file
    [[nodiscard]] std::size_t entries() const { return meanSquares_.size(); }
    [[nodiscard]] int chunks() const { return chunks_; } ///< 0: the file does not say
    /// "imatrix.dat (112 entries, 100 chunks of wiki.train.raw)".
    [[nodiscard]] std::string text() const;
    /// What a result records: the name of the file and its fingerprint.
    [[nodiscard]] std::string record() const;

  private:
    friend class LegacyImportance;
    Status add(const std::string& name, std::vector<float> sums, double count);
    static Outcome<ImportanceMatrix> openGguf(const std::filesystem::path& path);

    std::filesystem::path path_;
    std::string fingerprint_, datasets_;
    std::unordered_map<std::string, std::vector<float>> meanSquares_;
    int chunks_ = 0;
};

} // namespace qroar
