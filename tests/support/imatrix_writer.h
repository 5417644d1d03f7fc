// Importance matrices for tests, as llama.cpp's imatrix program writes them. Not a copy of its code: the
// layouts are written down from their description.
#pragma once

#include "tests/support/gguf_writer.h"
#include "tests/support/safetensors_writer.h"

#include <cstring>
#include <string>
#include <vector>

namespace qroar::test {

struct ImatrixEntry {
    std::string name;
    std::vector<float> meanSquares;
    int count = 1; ///< calls of the legacy layout, tokens of GGUF
};

inline std::string legacyImatrix(const std::vector<ImatrixEntry>& entries, int chunks = 0,
                                 const std::string& text = {}) {
    std::string bytes;
    const auto integer = [&bytes](std::int32_t value) {
        bytes.append(reinterpret_cast<const char*>(&value), 4);
    };
    integer(static_cast<std::int32_t>(entries.size()));
    for (const ImatrixEntry& entry : entries) {
        integer(static_cast<std::int32_t>(entry.name.size()));
        bytes += entry.name;
        integer(entry.count);
        integer(static_cast<std::int32_t>(entry.meanSquares.size()));
        std::vector<float> sums = entry.meanSquares;
        for (float& sum : sums) sum *= static_cast<float>(entry.count);
        bytes += encodeFloats(sums, "F32");
    }
    if (chunks == 0) return bytes;
    integer(chunks);
    integer(static_cast<std::int32_t>(text.size()));
    return bytes + text;
}

inline GgufWriter ggufImatrix(const std::vector<ImatrixEntry>& entries, int chunks = 3,
                              const std::string& text = "wiki.txt") {
    GgufWriter file;
    file.text("general.type", "imatrix");
    file.texts("imatrix.datasets", {text});
    file.u32("imatrix.chunk_count", static_cast<std::uint32_t>(chunks));
    file.u32("imatrix.chunk_size", 512);
    for (const ImatrixEntry& entry : entries) {
        std::vector<float> sums = entry.meanSquares;
        for (float& sum : sums) sum *= static_cast<float>(entry.count);
        file.tensorF32(entry.name + ".in_sum2", {sums.size()}, sums);
        file.tensorF32(entry.name + ".counts", {1}, {static_cast<float>(entry.count)});
    }
    return file;
}

} // namespace qroar::test
