#include "core/quant/packing.h"

#include "core/base/half.h"
#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace qroar {

namespace {

constexpr std::ptrdiff_t largestSide = std::ptrdiff_t{1} << 30; // no product of two overflows 64 bits
constexpr std::ptrdiff_t tile = 64; // outputs that a thread transposes at a time: one cache line each

/// Value `index` of a stream whose words lie `stride` apart.
inline std::uint32_t readValue(const std::uint32_t* words, std::ptrdiff_t stride, int bits,
                               std::ptrdiff_t index) {
    const std::ptrdiff_t bit = index * bits;
    const std::uint32_t* word = words + (bit / 32) * stride;
    const int offset = static_cast<int>(bit % 32);
    std::uint32_t value = word[0] >> offset;
    if (offset + bits > 32) value |= word[stride] << (32 - offset);
    return value & ((1U << bits) - 1);
}

/// Puts a value into a stream of zero bits.
inline void writeValue(std::uint32_t* words, std::ptrdiff_t stride, int bits, std::ptrdiff_t index,
                       std::uint32_t value) {
    const std::ptrdiff_t bit = index * bits;
    std::uint32_t* word = words + (bit / 32) * stride;
    const int offset = static_cast<int>(bit % 32);
    word[0] |= value << offset;
    if (offset + bits > 32) word[stride] |= value >> (32 - offset);
}

/// work(first, end) for pieces of [0, count), in parallel.
template<class Work>
void inTiles(std::ptrdiff_t count, std::ptrdiff_t size, Work work) {
    const std::ptrdiff_t tiles = (count + size - 1) / size;
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t at = 0; at < tiles; ++at) work(at * size, std::min(count, (at + 1) * size));
}

std::string text(std::ptrdiff_t number) {
    return formatCount(static_cast<long long>(number));
}

Status checkLength(const char* name, std::size_t found, std::ptrdiff_t first, std::ptrdiff_t second) {
    if (found == static_cast<std::size_t>(first) * static_cast<std::size_t>(second)) return Done{};
    return Error::bad(std::string(name) + ": expected " + text(first) + " x " + text(second)
                      + " values, found " + text(static_cast<std::ptrdiff_t>(found)));
}

bool allFinite(const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

// Packing
// -----------------------------------------------------------------------------------------------------

Status checkMatrix(const QuantizedMatrix& matrix) {
    if (!matrix.consistent())
        return Error::bad("the codes are inconsistent: a size, a code, a zero point or a group index is out "
                          "of range");
    if (!allFinite(matrix.scales)) return Error::bad("a scale is not finite");
    const int middle = 1 << (matrix.bits - 1);
    if (matrix.symmetric
        && std::any_of(matrix.zeros.begin(), matrix.zeros.end(),
                       [middle](std::uint8_t zero) { return zero != middle; }))
        return Error::bad("a symmetric matrix has a zero point other than " + std::to_string(middle));
    return Done{};
}

Status checkHalfScales(const QuantizedMatrix& matrix) {
    const bool half = std::all_of(matrix.scales.begin(), matrix.scales.end(),
                                  [](float scale) { return roundToF16(scale) == scale; });
    if (matrix.scaleType != ScaleType::F16 || !half)
        return Error::unsupported("the format stores F16 scales, these are not F16");
    return Done{};
}

Status checkFills(const char* side, std::ptrdiff_t count, std::ptrdiff_t unit) {
    if (count % unit == 0) return Done{};
    return Error::unsupported("the " + std::string(side) + " must be a multiple of " + text(unit) + ", found "
                              + text(count));
}

/// [groups, out] from [out, groups], or back with the arguments exchanged.
std::vector<float> transposed(const std::vector<float>& values, std::ptrdiff_t rows, std::ptrdiff_t cols) {
    std::vector<float> result(values.size());
    for (std::ptrdiff_t row = 0; row < rows; ++row)
        for (std::ptrdiff_t col = 0; col < cols; ++col)
            result[static_cast<std::size_t>(col * rows + row)] =
                values[static_cast<std::size_t>(row * cols + col)];
    return result;
}

// Unpacking
// ---------------------------------------------------------------------------------------------------

/// A matrix of this shape with room for its codes and zero points (the middle of the grid), once the sizes
/// are known to make sense. `groups` is what the scales show.
Outcome<QuantizedMatrix> emptyMatrix(const PackedShape& shape, std::size_t scaleCount) {
    if (shape.bits < 2 || shape.bits > 8)
        return Error::bad("expected 2 to 8 bits, found " + std::to_string(shape.bits));
    if (shape.out < 1 || shape.in < 1 || shape.out > largestSide || shape.in > largestSide)
        return Error::bad("expected a matrix of 1 to " + text(largestSide) + " outputs and inputs, found "
                          + text(shape.out) + " x " + text(shape.in));
    const auto out = static_cast<std::size_t>(shape.out);
    if (shape.groupSize < 0 || scaleCount == 0 || scaleCount % out != 0)
        return Error::bad("scales: expected a multiple of " + text(shape.out) + " values, found "
                          + text(static_cast<std::ptrdiff_t>(scaleCount)));
    QuantizedMatrix matrix;
    matrix.bits = shape.bits;
    matrix.groupSize = shape.groupSize;
    matrix.scaleType = shape.scaleType;
    matrix.rows = shape.out;
    matrix.cols = shape.in;
    matrix.groups = static_cast<std::ptrdiff_t>(scaleCount / out);
    if (matrix.groups > shape.in)
        return Error::bad("scales: expected at most one group for each of " + text(shape.in)
                          + " inputs, found " + text(matrix.groups) + " groups");
    return matrix;
}

void allocate(QuantizedMatrix& matrix) {
    matrix.codes.resize(static_cast<std::size_t>(matrix.rows * matrix.cols));
    matrix.zeros.assign(static_cast<std::size_t>(matrix.rows * matrix.groups),
                        static_cast<std::uint8_t>(1 << (matrix.bits - 1)));
}

/// Takes over a file's map of inputs to groups; drops it when it only says i / groupSize.
Status setGroups(QuantizedMatrix& matrix, const std::vector<std::int32_t>& groupIndex) {
    const std::ptrdiff_t size = matrix.groupSize > 0 ? matrix.groupSize : matrix.cols;
    const std::ptrdiff_t regular = (matrix.cols + size - 1) / size;
    if (groupIndex.empty()) {
        if (matrix.groups != regular)
            return Error::bad("scales: expected " + text(regular) + " groups for " + text(matrix.cols)
                              + " inputs in groups of " + text(size) + ", found " + text(matrix.groups));
        return Done{};
    }
    if (Status length = checkLength("group index", groupIndex.size(), matrix.cols, 1); !length) return length;
    bool plain = matrix.groups == regular;
    for (std::ptrdiff_t input = 0; input < matrix.cols; ++input) {
        const std::int32_t group = groupIndex[static_cast<std::size_t>(input)];
        if (group < 0 || group >= matrix.groups)
            return Error::bad("group index: expected 0 to " + text(matrix.groups - 1) + ", found "
                              + std::to_string(group) + " at input " + text(input));
        plain = plain && group == input / size;
    }
    if (!plain) matrix.groupOf = groupIndex;
    return Done{};
}

/// Last step: scales as [out, groups], and whether the grid is symmetric.
Outcome<QuantizedMatrix> finished(QuantizedMatrix matrix, std::vector<float> scales) {
    if (!allFinite(scales)) return Error::bad("scales: expected finite values, found NaN or infinity");
    matrix.scales = std::move(scales);
    const int middle = 1 << (matrix.bits - 1);
    matrix.symmetric = std::all_of(matrix.zeros.begin(), matrix.zeros.end(),
                                   [middle](std::uint8_t zero) { return zero == middle; });
    return matrix;
}

// AWQ
// ---------------------------------------------------------------------------------------------------------

constexpr std::ptrdiff_t awqPerWord = 8;
constexpr int awqNibble[awqPerWord] = {0, 4, 1, 5, 2, 6, 3, 7}; // where column 8c + k of word c lies

/// values [rows, lines] (a row is an output) into words [lines, rows / 8].
std::vector<std::uint32_t> packAwqWords(const std::vector<std::uint8_t>& values, std::ptrdiff_t rows,
                                        std::ptrdiff_t lines) {
    const std::ptrdiff_t words = rows / awqPerWord;
    std::vector<std::uint32_t> packed(static_cast<std::size_t>(words * lines));
    inTiles(words, tile / awqPerWord, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t line = 0; line < lines; ++line)
            for (std::ptrdiff_t word = first; word < end; ++word) {
                std::uint32_t bits = 0;
                for (std::ptrdiff_t k = 0; k < awqPerWord; ++k)
                    bits |= static_cast<std::uint32_t>(
                                values[static_cast<std::size_t>((word * awqPerWord + k) * lines + line)])
                            << (4 * awqNibble[k]);
                packed[static_cast<std::size_t>(line * words + word)] = bits;
            }
    });
    return packed;
}

void unpackAwqWords(const std::vector<std::uint32_t>& packed, std::vector<std::uint8_t>& values,
                    std::ptrdiff_t rows, std::ptrdiff_t lines) {
    const std::ptrdiff_t words = rows / awqPerWord;
    inTiles(words, tile / awqPerWord, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t line = 0; line < lines; ++line)
            for (std::ptrdiff_t word = first; word < end; ++word) {
                const std::uint32_t bits = packed[static_cast<std::size_t>(line * words + word)];
                for (std::ptrdiff_t k = 0; k < awqPerWord; ++k)
                    values[static_cast<std::size_t>((word * awqPerWord + k) * lines + line)] =
                        static_cast<std::uint8_t>((bits >> (4 * awqNibble[k])) & 15U);
            }
    });
}

Status checkAwqShape(std::ptrdiff_t out, std::ptrdiff_t in, int bits, int groupSize) {
    if (bits != 4) return Error::unsupported("AWQ GEMM stores 4 bits, found " + std::to_string(bits));
    if (Status fills = checkFills("outputs of AWQ GEMM", out, awqPerWord); !fills) return fills;
    return checkFills("inputs of AWQ GEMM", in, groupSize > 0 ? groupSize : in);
}

// GPTQ
// --------------------------------------------------------------------------------------------------------

Status checkGptqShape(std::ptrdiff_t out, std::ptrdiff_t in, int bits) {
    if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
        return Error::unsupported("GPTQ stores 2, 3, 4 or 8 bits, found " + std::to_string(bits));
    const std::ptrdiff_t unit = bits == 3 ? 32 : 32 / bits;
    if (Status fills = checkFills("outputs of GPTQ", out, unit); !fills) return fills;
    return checkFills("inputs of GPTQ", in, unit);
}

/// A word of ones, one per value: what version 1 as GPTQModel writes it subtracts from a word of zero points.
constexpr std::uint32_t onesOf(int bits) {
    std::uint32_t ones = 0;
    for (int bit = 0; bit < 32; bit += bits) ones |= 1U << bit;
    return ones;
}

/// GPTQModel shifts 3-bit zero points value by value, as they straddle words.
bool shiftsWords(GptqZeros zeros, int bits) {
    return zeros == GptqZeros::V1Packed && bits != 3;
}

/// What is added to a zero point, modulo 2^bits, when it is stored.
std::uint32_t zeroShift(GptqZeros zeros, int bits) {
    return zeros == GptqZeros::V2 || shiftsWords(zeros, bits) ? 0 : (1U << bits) - 1;
}

std::vector<std::uint32_t> packGptqZeros(const QuantizedMatrix& matrix, GptqZeros zeros) {
    const std::ptrdiff_t words = packedWords(matrix.rows, matrix.bits);
    const std::uint32_t shift = zeroShift(zeros, matrix.bits), mask = (1U << matrix.bits) - 1;
    std::vector<std::uint32_t> packed(static_cast<std::size_t>(matrix.groups * words));
    for (std::ptrdiff_t group = 0; group < matrix.groups; ++group)
        for (std::ptrdiff_t row = 0; row < matrix.rows; ++row) {
            const std::uint32_t zero = matrix.zeros[static_cast<std::size_t>(row * matrix.groups + group)];
            writeValue(packed.data() + group * words, 1, matrix.bits, row, (zero + shift) & mask);
        }
    if (shiftsWords(zeros, matrix.bits))
        for (std::uint32_t& word : packed) word -= onesOf(matrix.bits);
    return packed;
}

void unpackGptqZeros(std::vector<std::uint32_t> packed, GptqZeros zeros, QuantizedMatrix& matrix) {
    const std::ptrdiff_t words = packedWords(matrix.rows, matrix.bits);
    const std::uint32_t shift = zeroShift(zeros, matrix.bits), mask = (1U << matrix.bits) - 1;
    if (shiftsWords(zeros, matrix.bits))
        for (std::uint32_t& word : packed) word += onesOf(matrix.bits);
    for (std::ptrdiff_t group = 0; group < matrix.groups; ++group)
        for (std::ptrdiff_t row = 0; row < matrix.rows; ++row)
            matrix.zeros[static_cast<std::size_t>(row * matrix.groups + group)] = static_cast<std::uint8_t>(
                (readValue(packed.data() + group * words, 1, matrix.bits, row) - shift) & mask);
}

} // namespace

Outcome<AwqTensors> packAwq(const QuantizedMatrix& matrix) {
    if (Status checked = checkMatrix(matrix); !checked) return checked.error();
    if (Status fits = checkAwqShape(matrix.rows, matrix.cols, matrix.bits, matrix.groupSize); !fits)
        return fits.error();
    if (!matrix.groupOf.empty())
        return Error::unsupported("AWQ GEMM cannot store act-order: its groups are consecutive inputs");
    if (Status half = checkHalfScales(matrix); !half) return half.error();
    AwqTensors tensors;
    tensors.qweight = packAwqWords(matrix.codes, matrix.rows, matrix.cols);
    tensors.qzeros = packAwqWords(matrix.zeros, matrix.rows, matrix.groups);
    tensors.scales = transposed(matrix.scales, matrix.rows, matrix.groups);
    return tensors;
}

Outcome<QuantizedMatrix> unpackAwq(const AwqTensors& tensors, const PackedShape& shape) {
    auto matrix = emptyMatrix(shape, tensors.scales.size());
    if (!matrix) return matrix.error();
    if (Status fits = checkAwqShape(shape.out, shape.in, shape.bits, shape.groupSize); !fits)
        return fits.error();
    if (Status groups = setGroups(*matrix, {}); !groups) return groups.error();
    const std::ptrdiff_t words = shape.out / awqPerWord;
    if (Status length = checkLength("qweight", tensors.qweight.size(), shape.in, words); !length)
        return length.error();
    if (Status length = checkLength("qzeros", tensors.qzeros.size(), matrix->groups, words); !length)
        return length.error();
    allocate(*matrix);
    unpackAwqWords(tensors.qweight, matrix->codes, shape.out, shape.in);
    unpackAwqWords(tensors.qzeros, matrix->zeros, shape.out, matrix->groups);
    auto scales = transposed(tensors.scales, matrix->groups, shape.out);
    return finished(*std::move(matrix), std::move(scales));
}

Outcome<GptqTensors> packGptq(const QuantizedMatrix& matrix, GptqZeros zeros) {
    if (Status checked = checkMatrix(matrix); !checked) return checked.error();
    if (Status fits = checkGptqShape(matrix.rows, matrix.cols, matrix.bits); !fits) return fits.error();
    if (Status half = checkHalfScales(matrix); !half) return half.error();
    const auto none = std::count(matrix.zeros.begin(), matrix.zeros.end(), std::uint8_t{0});
    if (zeros == GptqZeros::V1 && none > 0)
        return Error::unsupported(
            text(none) + " of " + text(static_cast<std::ptrdiff_t>(matrix.zeros.size()))
            + " zero points are 0: GPTQ version 1 stores zero - 1, and readers do not agree on what -1 is; "
              "use version 2, a symmetric grid or another format");
    GptqTensors tensors;
    tensors.qweight.resize(static_cast<std::size_t>(packedWords(matrix.cols, matrix.bits) * matrix.rows));
    inTiles(matrix.rows, tile, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t input = 0; input < matrix.cols; ++input)
            for (std::ptrdiff_t row = first; row < end; ++row)
                writeValue(tensors.qweight.data() + row, matrix.rows, matrix.bits, input,
                           matrix.codes[static_cast<std::size_t>(row * matrix.cols + input)]);
    });
    tensors.qzeros = packGptqZeros(matrix, zeros);
    tensors.scales = transposed(matrix.scales, matrix.rows, matrix.groups);
    tensors.groupIndex.resize(static_cast<std::size_t>(matrix.cols));
    for (std::ptrdiff_t input = 0; input < matrix.cols; ++input)
        tensors.groupIndex[static_cast<std::size_t>(input)] =
            static_cast<std::int32_t>(matrix.groupIndex(input));
    return tensors;
}

Outcome<QuantizedMatrix> unpackGptq(const GptqTensors& tensors, const PackedShape& shape, GptqZeros zeros) {
    auto matrix = emptyMatrix(shape, tensors.scales.size());
    if (!matrix) return matrix.error();
    if (Status fits = checkGptqShape(shape.out, shape.in, shape.bits); !fits) return fits.error();
    if (Status groups = setGroups(*matrix, tensors.groupIndex); !groups) return groups.error();
    const std::ptrdiff_t inWords = packedWords(shape.in, shape.bits);
    if (Status length = checkLength("qweight", tensors.qweight.size(), inWords, shape.out); !length)
        return length.error();
    if (Status length =
            checkLength("qzeros", tensors.qzeros.size(), matrix->groups, packedWords(shape.out, shape.bits));
        !length)
        return length.error();
    allocate(*matrix);
    inTiles(shape.out, tile, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
        for (std::ptrdiff_t input = 0; input < shape.in; ++input)
            for (std::ptrdiff_t row = first; row < end; ++row)
                matrix->codes[static_cast<std::size_t>(row * shape.in + input)] = static_cast<std::uint8_t>(
                    readValue(tensors.qweight.data() + row, shape.out, shape.bits, input));
    });
    unpackGptqZeros(tensors.qzeros, zeros, *matrix);
    auto scales = transposed(tensors.scales, matrix->groups, shape.out);
    return finished(*std::move(matrix), std::move(scales));
}

StoredZeros countStoredZeros(std::span<const std::uint32_t> qzeros, std::ptrdiff_t out, int bits) {
    const std::ptrdiff_t words = packedWords(out, bits);
    const std::ptrdiff_t lines = words > 0 ? static_cast<std::ptrdiff_t>(qzeros.size()) / words : 0;
    const std::uint32_t middle = 1U << (bits - 1), full = (1U << bits) - 1;
    StoredZeros zeros;
    for (std::ptrdiff_t line = 0; line < lines; ++line)
        for (std::ptrdiff_t row = 0; row < out; ++row) {
            const std::uint32_t value = readValue(qzeros.data() + line * words, 1, bits, row);
            ++zeros.values;
            zeros.below += value + 1 == middle;
            zeros.middle += value == middle;
            zeros.full += value == full;
        }
    return zeros;
}

Outcome<CompressedTensors> packCompressed(const QuantizedMatrix& matrix) {
    if (Status checked = checkMatrix(matrix); !checked) return checked.error();
    if (matrix.bits < 2) return Error::unsupported("expected 2 to 8 bits, found " + text(matrix.bits));
    const std::ptrdiff_t words = packedWords(matrix.cols, matrix.bits);
    CompressedTensors tensors;
    tensors.weightPacked.resize(static_cast<std::size_t>(matrix.rows * words));
    inTiles(matrix.rows, 1, [&](std::ptrdiff_t row, std::ptrdiff_t) {
        for (std::ptrdiff_t input = 0; input < matrix.cols; ++input)
            writeValue(tensors.weightPacked.data() + row * words, 1, matrix.bits, input,
                       matrix.codes[static_cast<std::size_t>(row * matrix.cols + input)]);
    });
    tensors.weightScale = matrix.scales;
    tensors.groupIndex = matrix.groupOf;
    if (matrix.symmetric) return tensors;
    tensors.zeroPoint.resize(static_cast<std::size_t>(packedWords(matrix.rows, matrix.bits) * matrix.groups));
    for (std::ptrdiff_t group = 0; group < matrix.groups; ++group)
        for (std::ptrdiff_t row = 0; row < matrix.rows; ++row)
            writeValue(tensors.zeroPoint.data() + group, matrix.groups, matrix.bits, row,
                       matrix.zeros[static_cast<std::size_t>(row * matrix.groups + group)]);
    return tensors;
}

Outcome<QuantizedMatrix> unpackCompressed(const CompressedTensors& tensors, const PackedShape& shape) {
    auto matrix = emptyMatrix(shape, tensors.weightScale.size());
    if (!matrix) return matrix.error();
    if (Status groups = setGroups(*matrix, tensors.groupIndex); !groups) return groups.error();
    const std::ptrdiff_t words = packedWords(shape.in, shape.bits);
    if (Status length = checkLength("weight_packed", tensors.weightPacked.size(), shape.out, words); !length)
        return length.error();
    if (!tensors.zeroPoint.empty())
        if (Status length = checkLength("weight_zero_point", tensors.zeroPoint.size(),
                                        packedWords(shape.out, shape.bits), matrix->groups);
            !length)
            return length.error();
    allocate(*matrix);
    inTiles(shape.out, 1, [&](std::ptrdiff_t row, std::ptrdiff_t) {
        for (std::ptrdiff_t input = 0; input < shape.in; ++input)
            matrix->codes[static_cast<std::size_t>(row * shape.in + input)] = static_cast<std::uint8_t>(
                readValue(tensors.weightPacked.data() + row * words, 1, shape.bits, input));
    });
    if (!tensors.zeroPoint.empty())
        for (std::ptrdiff_t group = 0; group < matrix->groups; ++group)
            for (std::ptrdiff_t row = 0; row < shape.out; ++row)
                matrix->zeros[static_cast<std::size_t>(row * matrix->groups + group)] =
                    static_cast<std::uint8_t>(
                        readValue(tensors.zeroPoint.data() + group, matrix->groups, shape.bits, row));
    return finished(*std::move(matrix), tensors.weightScale);
}

Outcome<QuantizedMatrix> unpackInt8(const Int8Tensors& tensors, const PackedShape& shape) {
    auto matrix = emptyMatrix(shape, tensors.scales.size());
    if (!matrix) return matrix.error();
    if (Status groups = setGroups(*matrix, tensors.groupIndex); !groups) return groups.error();
    if (Status length = checkLength("weight", tensors.weight.size(), shape.out, shape.in); !length)
        return length.error();
    if (!tensors.zeroPoint.empty())
        if (Status length =
                checkLength("weight_zero_point", tensors.zeroPoint.size(), shape.out, matrix->groups);
            !length)
            return length.error();
    const int middle = 1 << (shape.bits - 1);
    const auto outside = [middle](std::int8_t code) { return code < -middle || code >= middle; };
    for (const std::vector<std::int8_t>* codes : {&tensors.weight, &tensors.zeroPoint})
        if (const auto bad = std::find_if(codes->begin(), codes->end(), outside); bad != codes->end())
            return Error::bad("expected codes of " + std::to_string(shape.bits) + " bits, found "
                              + std::to_string(*bad));
    allocate(*matrix);
    const auto unsignedOf = [middle](std::int8_t code) { return static_cast<std::uint8_t>(code + middle); };
    std::transform(tensors.weight.begin(), tensors.weight.end(), matrix->codes.begin(), unsignedOf);
    std::transform(tensors.zeroPoint.begin(), tensors.zeroPoint.end(), matrix->zeros.begin(), unsignedOf);
    return finished(*std::move(matrix), tensors.scales);
}

} // namespace qroar
