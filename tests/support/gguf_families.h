// GGUF files of model families, made from the tensors of their fixtures as llama.cpp's converter does it
// (conversion of each model class): renamed, fused, permuted, norms with their 1 added.
#pragma once

#include "tests/support/family_fixtures.h"
#include "tests/support/gguf_writer.h"

#include <string>

namespace qroar::test {

/// What the reference reads and the file are made from.
struct GgufPair {
    nlohmann::json config;
    GgufWriter gguf;
};
/// A fixture with some members of its config changed; keys that only one family has are for the caller.
GgufPair ggufPair(const char* fixture, const std::string& architecture,
                  const nlohmann::json& change = nlohmann::json::object());

} // namespace qroar::test
