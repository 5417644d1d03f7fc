// The 95 % interval of a share of successes. Not here: intervals of means (core/evaluate/blocks.h).
#pragma once

namespace qroar {

struct ShareInterval {
    double low = 0, high = 0;
};
/// Wilson score interval (Wilson 1927) at z = 1.96; [0, 1] without trials.
ShareInterval wilsonInterval(long long successes, long long trials);

} // namespace qroar
