#include "core/quant/ggml_k_blocks.h"

#include "core/base/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace qroar {

namespace {

constexpr double unreached = std::numeric_limits<double>::infinity();

void setHalf(std::byte* at, float value) {
    const std::uint16_t bits = floatToF16(value);
    std::memcpy(at, &bits, sizeof bits);
}

/// Sums go through as many lanes, so that they vectorise and are the same on every machine.
constexpr int lanes = 16;
using Lanes = std::array<float, lanes>;
double total(const Lanes& values) {
    double sum = 0;
    for (const float value : values) sum += static_cast<double>(value);
    return sum;
}

/// A grid of a sub-block: value = step * code - low.
struct Grid {
    float step = 0, low = 0;
};

/// Nearest codes of `count` numbers (a multiple of the lanes), as floats.
void codesOn(const Grid& grid, const float* x, int count, float least, float most, float* codes) {
    const float inverse = std::isnormal(grid.step) ? 1 / grid.step : 0; // never infinite
    for (int at = 0; at < count; ++at) {
        const float code = std::rint((x[at] + grid.low) * inverse);
        codes[at] = code < least ? least : code > most ? most : code;
    }
}

/// sum (step * code - low - x)^2 of those.
double errorOf(const Grid& grid, const float* x, int count, const float* codes) {
    Lanes sums{};
    for (int first = 0; first < count; first += lanes)
        for (int lane = 0; lane < lanes; ++lane) {
            const float off = grid.step * codes[first + lane] - grid.low - x[first + lane];
            sums[static_cast<std::size_t>(lane)] += off * off;
        }
    return total(sums);
}

/// Of codes and numbers: what least squares needs.
struct Moments {
    double q = 0, qq = 0, qx = 0;
};
Moments momentsOf(const float* codes, const float* x, int count) {
    Lanes q{}, qq{}, qx{};
    for (int first = 0; first < count; first += lanes)
        for (int lane = 0; lane < lanes; ++lane) {
            const float code = codes[first + lane];
            const auto at = static_cast<std::size_t>(lane);
            q[at] += code;
            qq[at] += code * code;
            qx[at] += code * x[first + lane];
        }
    return {total(q), total(qq), total(qx)};
}

// ---- Q4_K: sub-blocks of 32, codes 0..15, step and low not negative ----

/// The grid that least squares finds for these codes.
Grid refined(const Grid& grid, const float* codes, const float* x, double sumX) {
    const Moments m = momentsOf(codes, x, 32);
    const double determinant = 32 * m.qq - m.q * m.q;
    double step = determinant > 0 ? (32 * m.qx - m.q * sumX) / determinant : 0;
    double low = determinant > 0 ? (m.q * m.qx - m.qq * sumX) / determinant : 0;
    if (low < 0) { // the file holds no positive offset
        low = 0;
        step = m.qq > 0 ? m.qx / m.qq : 0;
    }
    return step > 0 ? Grid{static_cast<float>(step), static_cast<float>(low)} : grid;
}

/// The best of what a few starting grids lead to.
Grid bestGrid(const float* x) {
    const auto [least, most] = std::minmax_element(x, x + 32);
    const float low = std::max(-*least, 0.0F), range = *most + low;
    if (!(range > 0)) return {0, low}; // one value, not above 0
    double sumX = 0;
    for (int at = 0; at < 32; ++at) sumX += x[at];
    Grid best;
    double lowest = unreached;
    float codes[32];
    for (int start = -6; start <= 4; ++start) {
        Grid grid{range / (15 + 0.25F * static_cast<float>(start)), low};
        for (int round = 0; round < 2; ++round) {
            codesOn(grid, x, 32, 0, 15, codes);
            grid = refined(grid, codes, x, sumX);
        }
        codesOn(grid, x, 32, 0, 15, codes);
        if (const double error = errorOf(grid, x, 32, codes); error < lowest) {
            lowest = error;
            best = grid;
        }
    }
    return best;
}

/// 6-bit numbers of a scale and its neighbours that give the least error, and the grid they mean.
struct SixBits {
    int scale = 0, low = 0;
    Grid grid;
};
SixBits nearestSixBits(const Grid& wanted, float d, float dmin, const float* x) {
    // Beyond 63 where F16 has rounded a small d or dmin down.
    const auto six = [](float value, float unit) {
        return unit > 0 ? static_cast<int>(std::min(std::rint(value / unit), 63.0F)) : 0;
    };
    const int scale = six(wanted.step, d), low = six(wanted.low, dmin);
    SixBits best;
    double lowest = unreached;
    float codes[32];
    for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, 63); ++s)
        for (int m = std::max(low - 1, 0); m <= std::min(low + 1, 63); ++m) {
            const Grid grid{d * static_cast<float>(s), dmin * static_cast<float>(m)};
            codesOn(grid, x, 32, 0, 15, codes);
            if (const double error = errorOf(grid, x, 32, codes); error < lowest) {
                lowest = error;
                best = {s, m, grid};
            }
        }
    return best;
}

/// Where scaleMin() of ggml_blocks.cpp finds them.
void packSixBits(const std::array<SixBits, 8>& six, std::byte* packed) {
    for (std::size_t j = 0; j < 4; ++j) {
        packed[j] = static_cast<std::byte>(six[j].scale | ((six[j + 4].scale >> 4) << 6));
        packed[j + 4] = static_cast<std::byte>(six[j].low | ((six[j + 4].low >> 4) << 6));
        packed[j + 8] = static_cast<std::byte>((six[j + 4].scale & 15) | ((six[j + 4].low & 15) << 4));
    }
}

// ---- Q6_K: sub-blocks of 16, codes -32..31, step of any sign ----

float bestStep(const float* x) {
    float extreme = 0;
    for (int at = 0; at < 16; ++at)
        if (std::fabs(x[at]) > std::fabs(extreme)) extreme = x[at];
    if (extreme == 0) return 0;
    float best = 0, codes[16];
    double lowest = unreached;
    for (int start = -9; start <= 9; ++start) { // the extreme near code -32, of which there is one more
        Grid grid{-extreme / (32 + 0.1F * static_cast<float>(start)), 0};
        codesOn(grid, x, 16, -32, 31, codes);
        if (const Moments m = momentsOf(codes, x, 16); m.qq > 0) grid.step = static_cast<float>(m.qx / m.qq);
        codesOn(grid, x, 16, -32, 31, codes);
        if (const double error = errorOf(grid, x, 16, codes); error < lowest) {
            lowest = error;
            best = grid.step;
        }
    }
    return best;
}

/// The signed byte for a step, or a neighbour, that gives the least error.
int nearestByte(float step, float d, const float* x) {
    if (d == 0) return 0;
    const int scale = static_cast<int>(std::clamp(std::round(step / d), -128.0F, 127.0F));
    int best = 0;
    double lowest = unreached;
    float codes[16];
    for (int s = std::max(scale - 1, -128); s <= std::min(scale + 1, 127); ++s) {
        const Grid grid{d * static_cast<float>(s), 0};
        codesOn(grid, x, 16, -32, 31, codes);
        if (const double error = errorOf(grid, x, 16, codes); error < lowest) {
            lowest = error;
            best = s;
        }
    }
    return best;
}

} // namespace

void toQ4K(const float* x, std::byte* block) {
    std::array<Grid, 8> grids;
    float mostStep = 0, mostLow = 0;
    for (std::size_t sub = 0; sub < 8; ++sub) {
        grids[sub] = bestGrid(x + 32 * sub);
        mostStep = std::max(mostStep, grids[sub].step);
        mostLow = std::max(mostLow, grids[sub].low);
    }
    const float d = roundToF16(mostStep / 63), dmin = roundToF16(mostLow / 63);
    std::array<SixBits, 8> six;
    for (std::size_t sub = 0; sub < 8; ++sub) six[sub] = nearestSixBits(grids[sub], d, dmin, x + 32 * sub);
    setHalf(block, d);
    setHalf(block + 2, dmin);
    packSixBits(six, block + 4);
    float codes[64];
    for (std::size_t sub = 0; sub < 8; sub += 2) {
        codesOn(six[sub].grid, x + 32 * sub, 32, 0, 15, codes);
        codesOn(six[sub + 1].grid, x + 32 * sub + 32, 32, 0, 15, codes + 32);
        for (std::size_t l = 0; l < 32; ++l)
            block[16 + 16 * sub + l] =
                static_cast<std::byte>(static_cast<int>(codes[l]) | (static_cast<int>(codes[l + 32]) << 4));
    }
}

void toQ6K(const float* x, std::byte* block) {
    std::array<float, 16> steps{};
    float extreme = 0;
    for (std::size_t sub = 0; sub < 16; ++sub) {
        steps[sub] = bestStep(x + 16 * sub);
        if (std::fabs(steps[sub]) > std::fabs(extreme)) extreme = steps[sub];
    }
    const float d = roundToF16(extreme / -128);
    std::fill(block, block + 192, std::byte{0});
    for (std::size_t sub = 0; sub < 16; ++sub) {
        const int scale = nearestByte(steps[sub], d, x + 16 * sub);
        block[192 + sub] = static_cast<std::byte>(static_cast<std::int8_t>(scale));
        float codes[16];
        codesOn({d * static_cast<float>(scale), 0}, x + 16 * sub, 16, -32, 31, codes);
        for (std::size_t l = 0; l < 16; ++l) {
            const std::size_t element = 16 * sub + l, half = element / 128, run = element % 128 / 32;
            const int code = static_cast<int>(codes[l]) + 32;
            block[64 * half + element % 32 + 32 * (run % 2)] |=
                static_cast<std::byte>((code & 15) << (run < 2 ? 0 : 4));
            block[128 + 32 * half + element % 32] |= static_cast<std::byte>((code >> 4) << (2 * run));
        }
    }
    setHalf(block + 208, d);
}

} // namespace qroar
