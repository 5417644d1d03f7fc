#include "tests/support/tiny_decoder.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace qroar::test {

namespace {

/// IEEE binary16 by its definition.
double halfValue(unsigned bits) {
    const double sign = bits & 0x8000U ? -1 : 1;
    const int exponent = static_cast<int>((bits >> 10) & 31U), mantissa = static_cast<int>(bits & 1023U);
    if (exponent == 0) return sign * std::ldexp(mantissa, -24);
    if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
    return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

unsigned shortAt(const std::string& bytes, std::size_t index) {
    const auto byte = [&](std::size_t at) {
        return static_cast<unsigned>(static_cast<unsigned char>(bytes.at(at)));
    };
    return byte(2 * index) | byte(2 * index + 1) << 8;
}

std::uint32_t wordAt(const std::string& bytes, std::size_t index) {
    std::uint32_t word = 0;
    for (std::size_t byte = 0; byte < 4; ++byte)
        word |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes.at(4 * index + byte)))
                << (8 * byte);
    return word;
}

float floatOf(std::uint32_t word) {
    float value = 0;
    std::memcpy(&value, &word, 4);
    return value;
}

void readFileInto(const std::filesystem::path& path, TinyCheckpoint& checkpoint) {
    const std::string file = wholeFile(path);
    const std::string header = headerOf(path);
    const std::size_t data = 8 + header.size();
    const auto json = nlohmann::json::parse(header);
    for (const auto& [name, entry] : json.items()) {
        if (name == "__metadata__") {
            checkpoint.metadata = entry.get<std::map<std::string, std::string>>();
            continue;
        }
        const auto begin = entry["data_offsets"][0].get<std::size_t>(),
                   end = entry["data_offsets"][1].get<std::size_t>();
        checkpoint.tensors[name] = {entry["dtype"], entry["shape"], file.substr(data + begin, end - begin),
                                    path.filename().string()};
    }
}

void multiplyOut(TinyLinear& linear, const std::vector<long long>& group) {
    linear.weights.resize(linear.codes.size());
    for (long long row = 0; row < linear.out; ++row)
        for (long long input = 0; input < linear.in; ++input) {
            const auto at = static_cast<std::size_t>(row * linear.in + input);
            const auto of =
                static_cast<std::size_t>(row * linear.groups + group[static_cast<std::size_t>(input)]);
            linear.weights[at] = (linear.codes[at] - linear.zeros[of]) * linear.scales[of];
        }
}

/// scales [groups, out] to [out, groups].
void turnScales(const std::vector<double>& stored, TinyLinear& linear) {
    linear.scales.resize(stored.size());
    for (long long row = 0; row < linear.out; ++row)
        for (long long group = 0; group < linear.groups; ++group)
            linear.scales[static_cast<std::size_t>(row * linear.groups + group)] =
                stored[static_cast<std::size_t>(group * linear.out + row)];
}

} // namespace

const TinyTensor& TinyCheckpoint::at(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw std::runtime_error("no tensor " + name);
    return found->second;
}

std::vector<double> TinyCheckpoint::floats(const std::string& name) const {
    const TinyTensor& tensor = at(name);
    const std::size_t size = tensor.dtype == "F32" ? 4 : 2;
    std::vector<double> values;
    for (std::size_t index = 0; index < tensor.bytes.size() / size; ++index)
        if (tensor.dtype == "F32")
            values.push_back(static_cast<double>(floatOf(wordAt(tensor.bytes, index))));
        else if (tensor.dtype == "BF16")
            values.push_back(static_cast<double>(floatOf(shortAt(tensor.bytes, index) << 16)));
        else
            values.push_back(halfValue(shortAt(tensor.bytes, index)));
    return values;
}

unsigned TinyCheckpoint::bitsAt(const std::string& name, long long first, long long stride, int bits,
                                long long index) const {
    const std::string& bytes = at(name).bytes;
    unsigned value = 0;
    for (int bit = 0; bit < bits; ++bit) {
        const long long position = index * bits + bit;
        const std::uint32_t word = wordAt(bytes, static_cast<std::size_t>(first + position / 32 * stride));
        value |= (word >> (position % 32) & 1U) << bit;
    }
    return value;
}

std::string wholeFile(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("no file " + path.string());
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string headerOf(const std::filesystem::path& safetensors) {
    const std::string file = wholeFile(safetensors);
    std::uint64_t length = 0;
    for (std::size_t byte = 0; byte < 8; ++byte)
        length |= static_cast<std::uint64_t>(static_cast<unsigned char>(file.at(byte))) << (8 * byte);
    return file.substr(8, length);
}

TinyCheckpoint readTiny(const std::filesystem::path& folder) {
    TinyCheckpoint checkpoint;
    checkpoint.config = nlohmann::json::parse(wholeFile(folder / "config.json"));
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".safetensors") readFileInto(entry.path(), checkpoint);
    return checkpoint;
}

TinyLinear decodeAwq(const TinyCheckpoint& checkpoint, const std::string& stem) {
    static constexpr int order[] = {0, 2, 4, 6, 1, 3, 5, 7}; // nibble p holds column 8c + order[p]
    TinyLinear linear;
    const auto& words = checkpoint.at(stem + ".qweight").shape;
    linear.in = words[0];
    linear.out = words[1] * 8;
    linear.groups = checkpoint.at(stem + ".scales").shape[0];
    linear.codes.resize(static_cast<std::size_t>(linear.in * linear.out));
    linear.zeros.resize(static_cast<std::size_t>(linear.groups * linear.out));
    for (long long word = 0; word < words[1]; ++word)
        for (int nibble = 0; nibble < 8; ++nibble) {
            const long long row = 8 * word + order[nibble];
            for (long long input = 0; input < linear.in; ++input)
                linear.codes[static_cast<std::size_t>(row * linear.in + input)] = static_cast<int>(
                    checkpoint.bitsAt(stem + ".qweight", input * words[1] + word, 1, 4, nibble));
            for (long long group = 0; group < linear.groups; ++group)
                linear.zeros[static_cast<std::size_t>(row * linear.groups + group)] = static_cast<int>(
                    checkpoint.bitsAt(stem + ".qzeros", group * words[1] + word, 1, 4, nibble));
        }
    turnScales(checkpoint.floats(stem + ".scales"), linear);
    std::vector<long long> group;
    for (long long input = 0; input < linear.in; ++input)
        group.push_back(input / (linear.in / linear.groups));
    multiplyOut(linear, group);
    return linear;
}

TinyLinear decodeGptq(const TinyCheckpoint& checkpoint, const std::string& stem, bool versionTwo) {
    TinyLinear linear;
    const auto& scales = checkpoint.at(stem + ".scales").shape;
    const auto& index = checkpoint.at(stem + ".g_idx");
    linear.groups = scales[0];
    linear.out = scales[1];
    linear.in = index.shape[0];
    const long long zeroWords = checkpoint.at(stem + ".qzeros").shape[1];
    const int bits = static_cast<int>(checkpoint.at(stem + ".qweight").shape[0] * 32 / linear.in);
    std::vector<long long> group;
    for (long long input = 0; input < linear.in; ++input)
        group.push_back(wordAt(index.bytes, static_cast<std::size_t>(input)));
    for (long long row = 0; row < linear.out; ++row) {
        for (long long input = 0; input < linear.in; ++input)
            linear.codes.push_back(
                static_cast<int>(checkpoint.bitsAt(stem + ".qweight", row, linear.out, bits, input)));
        for (long long of = 0; of < linear.groups; ++of)
            linear.zeros.push_back(
                static_cast<int>(checkpoint.bitsAt(stem + ".qzeros", of * zeroWords, 1, bits, row))
                + (versionTwo ? 0 : 1));
    }
    turnScales(checkpoint.floats(stem + ".scales"), linear);
    multiplyOut(linear, group);
    return linear;
}

TinyLinear decodeCompressed(const TinyCheckpoint& checkpoint, const std::string& stem) {
    TinyLinear linear;
    const auto& weights = checkpoint.config["quantization_config"]["config_groups"]["group_0"]["weights"];
    const int bits = weights["num_bits"], middle = 1 << (bits - 1);
    const auto& shape = checkpoint.at(stem + ".weight_shape").bytes;
    linear.out = wordAt(shape, 0);
    linear.in = wordAt(shape, 2);
    linear.groups = checkpoint.at(stem + ".weight_scale").shape[1];
    const long long words = checkpoint.at(stem + ".weight_packed").shape[1];
    const long long size =
        weights["group_size"].is_number() ? weights["group_size"].get<long long>() : linear.in;
    linear.scales = checkpoint.floats(stem + ".weight_scale");
    std::vector<long long> group;
    for (long long input = 0; input < linear.in; ++input)
        group.push_back(checkpoint.has(stem + ".weight_g_idx") ? wordAt(
                            checkpoint.at(stem + ".weight_g_idx").bytes, static_cast<std::size_t>(input))
                                                               : input / size);
    const bool zeros = checkpoint.has(stem + ".weight_zero_point");
    for (long long row = 0; row < linear.out; ++row) {
        for (long long input = 0; input < linear.in; ++input)
            linear.codes.push_back(
                static_cast<int>(checkpoint.bitsAt(stem + ".weight_packed", row * words, 1, bits, input))
                - middle);
        for (long long of = 0; of < linear.groups; ++of)
            linear.zeros.push_back(zeros ? static_cast<int>(checkpoint.bitsAt(stem + ".weight_zero_point", of,
                                                                              linear.groups, bits, row))
                                               - middle
                                         : 0);
    }
    multiplyOut(linear, group);
    return linear;
}

TinyLinear decodeInt8(const TinyCheckpoint& checkpoint, const std::string& stem) {
    const auto& weight = checkpoint.at(stem + ".weight");
    TinyLinear linear;
    linear.out = weight.shape[0];
    linear.in = weight.shape[1];
    std::vector<double> scales = checkpoint.floats(stem + ".weight_scale");
    const auto bytesOf = [&](const std::string& name) {
        std::vector<int> values;
        for (const char byte : checkpoint.at(name).bytes)
            values.push_back(static_cast<int>(static_cast<signed char>(byte)));
        return values;
    };
    linear.codes = bytesOf(stem + ".weight");
    const bool zeros = checkpoint.has(stem + ".weight_zero_point");
    linear.zeros = zeros ? bytesOf(stem + ".weight_zero_point") : std::vector<int>(scales.size(), 0);
    if (scales.size() == 1) {
        scales.assign(static_cast<std::size_t>(linear.out), scales.front());
        linear.zeros.assign(static_cast<std::size_t>(linear.out), linear.zeros.front());
    }
    linear.scales = scales;
    linear.groups = static_cast<long long>(scales.size()) / linear.out;
    std::vector<long long> group;
    for (long long input = 0; input < linear.in; ++input)
        group.push_back(
            checkpoint.has(stem + ".weight_g_idx")
                ? wordAt(checkpoint.at(stem + ".weight_g_idx").bytes, static_cast<std::size_t>(input))
                : input / ((linear.in + linear.groups - 1) / linear.groups));
    multiplyOut(linear, group);
    return linear;
}

std::vector<double> decodeFp8(const TinyCheckpoint& checkpoint, const std::string& stem, long long blockRows,
                              long long blockCols) {
    const auto& weight = checkpoint.at(stem + ".weight");
    const long long out = weight.shape[0], in = weight.shape[1], gridCols = (in + blockCols - 1) / blockCols;
    const bool inverse = checkpoint.has(stem + ".weight_scale_inv");
    const auto scales = checkpoint.floats(stem + (inverse ? ".weight_scale_inv" : ".weight_scale"));
    std::vector<double> values;
    for (long long row = 0; row < out; ++row)
        for (long long column = 0; column < in; ++column) {
            const auto code =
                static_cast<unsigned char>(weight.bytes.at(static_cast<std::size_t>(row * in + column)));
            const int exponent = code >> 3 & 15, mantissa = code & 7;
            double number =
                exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
            if (exponent == 15 && mantissa == 7) number = NAN;
            if (code & 128) number = -number;
            values.push_back(
                number
                * scales.at(static_cast<std::size_t>(row / blockRows * gridCols + column / blockCols)));
        }
    return values;
}

} // namespace qroar::test
