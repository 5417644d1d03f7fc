// Rules every RopeSpec obeys, whether a user typed it or a checkpoint stored it. For core/rope only: others
// get these checks through RopeSpec::parse and buildFrequencyTable.
#pragma once

#include "core/rope/rope_spec.h"

namespace qroar {

inline constexpr double yarnBetaFast = 32;       ///< default of beta_fast (YaRN paper; transformers)
inline constexpr double yarnBetaSlow = 1;        ///< default of beta_slow
inline constexpr double llama3LowFrequency = 1;  ///< default of low_freq_factor (Llama 3.1)
inline constexpr double llama3HighFrequency = 4; ///< default of high_freq_factor

/// "none", "linear", ... as the grammar spells it.
const char* ropeKindName(RopeKind kind);

/// Refuses a missing factor, numbers outside their range (NaN included) and pairs of options that contradict
/// each other (beta_fast < beta_slow, low >= high). The message names the option as the grammar spells it.
Status checkRopeSpec(const RopeSpec& spec);

} // namespace qroar
