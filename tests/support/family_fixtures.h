// Tiny checkpoints of every model family with random weights, as Hugging Face folders: config.json in the
// words of the family, tensors under its names. Each has a list of variations, one key changed, that must
// change what the model computes: a fixture that does not notice a feature tests nothing. Deterministic.
#pragma once

#include "tests/support/safetensors_writer.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace qroar::test {

struct FamilyVariation {
    std::string name;
    nlohmann::json change; ///< merged into config.json (null removes a key's value, not the key)
};

struct FamilyFixture {
    std::string name;
    nlohmann::json config;
    std::vector<FamilyVariation> variations;
};

/// All families, some in several spellings.
std::vector<FamilyFixture> familyFixtures();
const FamilyFixture& familyFixture(const std::string& name);

/// The tensors that a model of this config has, in file order.
std::vector<StoredTensor> familyTensors(const nlohmann::json& config, std::uint64_t seed,
                                        const std::string& dtype = "F32");
/// A folder with both.
void writeFamily(const std::filesystem::path& folder, const nlohmann::json& config, std::uint64_t seed = 5,
                 const std::string& dtype = "F32");

} // namespace qroar::test
