// A plausible Session made in a blink, without a model or a forward pass: every field is filled, tails grow
// with position and in some pairs, NLL rises beyond the trained length and under quantization, and the two
// together hurt more than their sum. For tests of views, files and metrics. Not here: anything measured. The
// merged statistics and those of the documents agree in size and trend, not cell by cell.
#pragma once

#include "core/session/session.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qroar::test {

struct SyntheticOptions {
    int layers = 6, pairs = 16;
    int documents = 4;
    std::vector<int> contexts{256, 1024, 4096};
    std::vector<std::string> ropes{"none", "linear:4", "yarn:4"};
    std::vector<std::string> quants{"none", "rtn:4:g64"};
    int trainedContext = 256;
    std::uint64_t seed = 1;
    int windows = 2; ///< of each document, at every context
    int bands = 8;
    int groups = 1;          ///< head groups of the merged statistics; 2 = one per KV head
    bool capture = true;     ///< false: NLL only, statistics without cells
    bool divergence = false; ///< of every quantized condition, growing with position
    bool gradients = true;   ///< false: no sensitivities
};

/// Conditions in the order of a plan: quants x ropes x contexts. The same options give the same session, bit
/// for bit. Throws std::invalid_argument when a spec does not parse (a bug of the test).
std::shared_ptr<const Session> makeSyntheticSession(const SyntheticOptions& options = {});

} // namespace qroar::test
