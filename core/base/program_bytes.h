// What the program takes before it has read anything (measured): a part of every estimate of memory.
#pragma once

namespace qroar {

inline constexpr double programBytes = 22e6;

} // namespace qroar
