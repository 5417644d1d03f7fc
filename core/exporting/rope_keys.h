// RoPE scaling as config.json says it: the keys that make other loaders (and `--rope model`) compute the
// frequencies that are in force here. Written in the spelling the file already has: rope_scaling
// (transformers 4; with both "type" and "rope_type", as loaders disagree on the name) or rope_parameters
// (transformers 5). Frequencies themselves: core/rope.
#pragma once

#include "core/base/outcome.h"
#include "core/model/config.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace qroar {

/// What stands in config.json for a spec, in the order of the file.
struct RopeKeys {
    nlohmann::ordered_json object; ///< null: no scaling
    double theta = 10000;          ///< rope_theta
    int maxPositions = 0;          ///< max_position_embeddings
    std::optional<int> original;   ///< original_max_position_embeddings beside it, at the top level
    std::vector<std::string> notes;
};

/// The keys for `spec` (resolved: not `model`) on a model. Our policy for max_position_embeddings:
/// yarn, llama3, ntk, longrope: the stretched length s L0, with L0 named as the original; linear and dynamic:
/// L0 itself, because loaders multiply it by the factor (vLLM) or measure the context against it
/// (transformers' dynamic); none: L0. ntk has no name of its own in config.json: it is a larger rope_theta.
/// yarn and longrope name their attention factor. Errors: an L0 that is not a whole number, lengths beyond
/// what config.json may hold, longrope without lists.
Outcome<RopeKeys> ropeKeys(const RopeSpec& spec, const ModelConfig& model);

/// Puts the keys into a config.json, replacing what it says of RoPE. A spec that is what the model stores
/// changes nothing but the second name of the type where it is missing.
Status writeRope(nlohmann::ordered_json& config, const RopeSpec& spec, const ModelConfig& model,
                 std::vector<std::string>& notes);

} // namespace qroar
