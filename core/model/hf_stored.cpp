#include "core/model/hf_stored.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cstring>

namespace qroar {

namespace {

/// The words of an I32 tensor, which may lie unaligned in the file.
template<class Integer>
std::vector<Integer> wordsOf(const TensorView& tensor) {
    std::vector<Integer> words(tensor.bytes / sizeof(Integer));
    if (!words.empty()) std::memcpy(words.data(), tensor.data, words.size() * sizeof(Integer));
    return words;
}

bool holds(const std::vector<int>& values, long long value) {
    return std::any_of(values.begin(), values.end(), [value](int one) { return one == value; });
}

std::string bitsText(long long bits) {
    return "for " + std::to_string(bits) + " bits";
}

} // namespace

bool StoredReader::stores(const std::string& name) const {
    if (picker_.find(name + ".qweight") || picker_.find(name + ".weight_packed")) return true;
    const TensorView* weight = picker_.find(name + ".weight");
    return config_.method == QuantMethod::CompressedTensors && weight && weight->type == DType::I8;
}

void StoredReader::passOver(const std::string& name) {
    bool found = false;
    for (const char* suffix : {".input_scale", ".input_zero_point", ".output_scale", ".output_zero_point",
                               ".activation_scale", ".input_scale_ub", ".k_scale", ".v_scale", ".q_scale"})
        if (const TensorView* scale = picker_.find(name + suffix)) {
            picker_.take(*scale);
            found = true;
        }
    passedOver_ += found ? 1 : 0;
}

StoredQuant StoredReader::take(const std::string& name, long long out, long long in) {
    StoredQuant stored;
    stored.shape.out = stored.rows = static_cast<std::ptrdiff_t>(out);
    stored.shape.in = static_cast<std::ptrdiff_t>(in);
    ++layers_;
    const TensorView* weight = picker_.find(name + ".weight");
    const bool packed = picker_.find(name + ".qweight") || picker_.find(name + ".weight_packed");
    if (weight && packed) picker_.fail(*weight, "expected either dense or quantized weights, found both");
    switch (config_.method) {
    case QuantMethod::Awq:
        stored.format = StoredFormat::AwqGemm;
        takeAwq(name, stored);
        break;
    case QuantMethod::Gptq:
        stored.format = StoredFormat::Gptq;
        takeGptq(name, stored);
        break;
    case QuantMethod::CompressedTensors:
        stored.format = packed ? StoredFormat::CompressedPack : StoredFormat::CompressedInt;
        packed ? takePacked(name, stored) : takeInt8(name, stored);
        break;
    case QuantMethod::Fp8:
        picker_.fail("layer \"model." + name
                     + "\" is stored as packed codes, the quantization config says FP8");
        break;
    }
    if (!picker_.error() && !config_.bits.empty() && !holds(config_.bits, stored.shape.bits)) ++otherBits_;
    return stored;
}

TensorView StoredReader::needWords(const std::string& name, const std::vector<long long>& shape,
                                   const std::string& why) {
    const TensorView* tensor = picker_.find(name);
    if (!tensor) {
        picker_.fail("tensor \"model." + name + "\" is missing: expected I32 " + formatShape(shape) + " "
                     + why);
        return {};
    }
    return picker_.accept(*tensor, DType::I32, shape, why) ? *tensor : TensorView{};
}

const TensorView* StoredReader::needRank2(const std::string& name) {
    const TensorView* tensor = picker_.find(name);
    if (!tensor) {
        picker_.fail("tensor \"model." + name + "\" is missing: the layer is stored quantized as "
                     + quantMethodName(config_.method));
        return nullptr;
    }
    picker_.take(*tensor);
    if (tensor->shape.size() == 2) return tensor;
    picker_.fail(*tensor, "expected a matrix, found shape " + formatShape(tensor->shape));
    return nullptr;
}

/// The scales' type and shape ([groups, out] or [out, groups]) and with them the groups of a row; 0 after a
/// failure. More groups than inputs make no sense, and would cost memory.
long long StoredReader::takeScales(const std::string& name, bool groupsFirst, StoredQuant& stored) {
    const TensorView* scales = needRank2(name);
    if (!scales) return 0;
    const long long groups = scales->shape[groupsFirst ? 0 : 1], out = scales->shape[groupsFirst ? 1 : 0];
    if (out != stored.shape.out || groups < 1 || groups > stored.shape.in) {
        const std::string wanted = std::to_string(stored.shape.out);
        picker_.fail(*scales, "expected shape "
                                  + (groupsFirst ? "[groups, " + wanted : "[" + wanted + ", groups")
                                  + "] with 1 to " + std::to_string(stored.shape.in) + " groups, found "
                                  + formatShape(scales->shape));
        return 0;
    }
    return acceptScaleType(*scales, stored) ? groups : 0;
}

bool StoredReader::acceptScaleType(const TensorView& scales, StoredQuant& stored) {
    if (!scales.isFloat()) {
        picker_.fail(scales, std::string("expected F16, BF16 or F32, found ") + dtypeName(scales.type));
        return false;
    }
    stored.shape.scaleType = scales.type == DType::F16    ? ScaleType::F16
                             : scales.type == DType::BF16 ? ScaleType::BF16
                                                          : ScaleType::F32;
    stored.scales = scales;
    return true;
}

/// compressed-tensors: [out, groups], or [out] or [out, 1] for whole rows, or one number for the whole
/// tensor.
long long StoredReader::takeRowScales(const std::string& name, StoredQuant& stored) {
    const TensorView* scales = picker_.find(name);
    if (!scales) {
        picker_.fail("tensor \"model." + name + "\" is missing: the layer is stored quantized as "
                     + quantMethodName(config_.method));
        return 0;
    }
    picker_.take(*scales);
    const auto& shape = scales->shape;
    const bool one = scales->count() == 1 && shape.size() <= 2 && stored.shape.out > 1;
    if (!one && shape != std::vector<long long>{stored.shape.out}) return takeScales(name, false, stored);
    stored.oneScale = one;
    return acceptScaleType(*scales, stored) ? 1 : 0;
}

/// Group size and order, from the number of groups and the group index: the config's size when it fits, else
/// equal groups.
void StoredReader::settleGroups(long long groups, StoredQuant& stored) {
    const long long in = stored.shape.in;
    const auto fits = std::find_if(config_.groups.begin(), config_.groups.end(), [&](int size) {
        const bool whole = config_.method != QuantMethod::Awq || in % std::max(size, 1) == 0;
        return size > 0 && size <= in && whole && (in + size - 1) / size == groups;
    });
    if (fits != config_.groups.end()) {
        stored.shape.groupSize = *fits;
    } else {
        const bool row = groups == 1, equal = in % groups == 0;
        const bool wide = std::any_of(config_.groups.begin(), config_.groups.end(), [in](int size) {
            return size == 0 || size > in;
        }); // a row is one group
        if (!config_.groups.empty() && !(row && wide) && !stored.oneScale) ++otherGroups_;
        if (!equal && !stored.groupIndex)
            picker_.fail(stored.scales, "expected groups of one size for " + std::to_string(in)
                                            + " inputs, found " + std::to_string(groups) + " groups");
        stored.shape.groupSize = row || !equal ? 0 : static_cast<int>(in / groups);
    }
    if (!stored.groupIndex) return;
    const long long size = stored.shape.groupSize > 0 ? stored.shape.groupSize : in;
    const auto index = wordsOf<std::int32_t>(stored.groupIndex);
    for (std::size_t input = 0; input < index.size(); ++input)
        stored.actOrder = stored.actOrder || index[input] != static_cast<long long>(input) / size;
}

void StoredReader::takeGroupIndex(const std::string& name, long long groups, StoredQuant& stored) {
    const TensorView* tensor = picker_.find(name);
    if (!tensor) {
        if (config_.actOrder && groups > 1)
            picker_.fail("tensor \"model." + name
                         + "\" is missing: the config says that the groups are ordered by activation");
        return;
    }
    if (!picker_.accept(*tensor, DType::I32, {stored.shape.in}, "for the groups of the inputs")) return;
    const auto index = wordsOf<std::int32_t>(*tensor);
    // compressed-tensors writes -1 everywhere for "no order".
    if (config_.method == QuantMethod::CompressedTensors
        && std::all_of(index.begin(), index.end(), [](std::int32_t group) { return group == -1; }))
        return;
    // Some GPTQ files hold zeros everywhere where groups are consecutive (ExLlama reads them so).
    if (stored.format == StoredFormat::Gptq && groups > 1
        && std::all_of(index.begin(), index.end(), [](std::int32_t group) { return group == 0; })) {
        ++emptyIndex_;
        return;
    }
    for (std::size_t input = 0; input < index.size(); ++input)
        if (index[input] < 0 || index[input] >= groups)
            return picker_.fail(*tensor, "expected groups 0 to " + std::to_string(groups - 1) + ", found "
                                             + std::to_string(index[input]) + " at [" + std::to_string(input)
                                             + "]");
    stored.groupIndex = *tensor;
}

void StoredReader::takeAwq(const std::string& name, StoredQuant& stored) {
    const long long in = stored.shape.in, out = stored.shape.out;
    stored.shape.bits = 4;
    const long long groups = takeScales(name + ".scales", true, stored);
    if (groups == 0) return;
    settleGroups(groups, stored);
    if (out % 8 != 0 || in % groups != 0)
        picker_.fail(stored.scales, "AWQ GEMM needs outputs in eights and whole groups, found "
                                        + std::to_string(out) + " outputs, " + std::to_string(in)
                                        + " inputs, " + std::to_string(groups) + " groups");
    if (picker_.find(name + ".g_idx"))
        picker_.fail("tensor \"model." + name + ".g_idx\": AWQ GEMM has no such tensor, GPTQ has");
    if (picker_.error()) return;
    stored.codes = needWords(name + ".qweight", {in, out / 8}, "for AWQ GEMM");
    stored.zeroPoints = needWords(name + ".qzeros", {groups, out / 8}, "for AWQ GEMM");
    if (picker_.error()) return;
    const auto zeros = countStoredZeros(wordsOf<std::uint32_t>(stored.zeroPoints), stored.shape.out, 4);
    stored.symmetric = zeros.middle == zeros.values; // in whatever order the columns are
}

void StoredReader::takeGptq(const std::string& name, StoredQuant& stored) {
    const long long in = stored.shape.in, out = stored.shape.out;
    const TensorView* codes = needRank2(name + ".qweight");
    if (!codes) return;
    const long long rows = codes->shape[0];
    for (const int bits : {2, 3, 4, 8})
        if (in * bits % 32 == 0 && out * bits % 32 == 0 && rows == in * bits / 32) stored.codes = *codes;
    if (!stored.codes || codes->shape[1] != out || codes->type != DType::I32)
        return picker_.fail(*codes, "expected I32 [inputs * bits / 32, outputs] for " + std::to_string(in)
                                        + " inputs, " + std::to_string(out)
                                        + " outputs and 2, 3, 4 or 8 bits, found " + dtypeName(codes->type)
                                        + " " + formatShape(codes->shape));
    stored.shape.bits = static_cast<int>(rows * 32 / in);
    const long long groups = takeScales(name + ".scales", true, stored);
    if (groups == 0) return;
    takeGroupIndex(name + ".g_idx", groups, stored);
    settleGroups(groups, stored);
    stored.zeroPoints =
        needWords(name + ".qzeros", {groups, out * stored.shape.bits / 32}, bitsText(stored.shape.bits));
    if (!picker_.error()) judgeZeros(stored);
}

/// Which way the zero points are stored: files of symmetric grids show it themselves and are believed before
/// the config (some say "gptq" and hold version 2); others leave it to the config and the program that wrote
/// them.
void StoredReader::judgeZeros(StoredQuant& stored) {
    const auto zeros =
        countStoredZeros(wordsOf<std::uint32_t>(stored.zeroPoints), stored.shape.out, stored.shape.bits);
    stored.zeros = config_.zeros;
    const bool one = zeros.below == zeros.values, two = zeros.middle == zeros.values;
    const bool saysTwo = config_.zeros == GptqZeros::V2;
    if (config_.symmetric && (one || two)) {
        if (two != saysTwo) {
            ++relabelled_;
            stored.zeros = two ? GptqZeros::V2 : GptqZeros::V1;
        }
    } else if (config_.symmetric) {
        ++notSymmetric_;
    }
    stored.symmetric = stored.zeros == GptqZeros::V2 ? two : one;
    if (stored.zeros != GptqZeros::V2) doubtfulZeros_ += zeros.full;
}

void StoredReader::takePacked(const std::string& name, StoredQuant& stored) {
    const long long in = stored.shape.in, out = stored.shape.out;
    const TensorView* codes = needRank2(name + ".weight_packed");
    if (!codes) return;
    std::vector<int> fitting;
    for (int bits = 2; bits <= 8; ++bits)
        if (codes->shape[1] == packedWords(static_cast<std::ptrdiff_t>(in), bits)) fitting.push_back(bits);
    if (fitting.size() > 1) // few inputs: several widths need as many words, the config has to say
        fitting.erase(std::remove_if(fitting.begin(), fitting.end(),
                                     [this](int bits) { return !holds(config_.bits, bits); }),
                      fitting.end());
    if (fitting.size() != 1 || codes->shape[0] != out || codes->type != DType::I32)
        return picker_.fail(*codes, "expected I32 [outputs, ceil(inputs * bits / 32)] for "
                                        + std::to_string(in) + " inputs, " + std::to_string(out)
                                        + " outputs and 2 to 8 bits, found " + dtypeName(codes->type) + " "
                                        + formatShape(codes->shape));
    stored.shape.bits = fitting.front();
    stored.codes = *codes;
    const long long groups = takeRowScales(name + ".weight_scale", stored);
    if (groups == 0) return;
    takeGroupIndex(name + ".weight_g_idx", groups, stored);
    settleGroups(groups, stored);
    const bool zeros = picker_.find(name + ".weight_zero_point") != nullptr || !config_.symmetric;
    if (stored.oneScale) {
        takeInt8Zeros(name + ".weight_zero_point", stored);
    } else {
        stored.symmetric = !zeros;
        if (zeros)
            stored.zeroPoints = needWords(name + ".weight_zero_point",
                                          {packedWords(stored.shape.out, stored.shape.bits), groups},
                                          bitsText(stored.shape.bits));
    }
    takeDeclaredShape(name + ".weight_shape", stored);
}

/// What a layer says of its own shape, when it does.
void StoredReader::takeDeclaredShape(const std::string& name, const StoredQuant& stored) {
    const TensorView* shape = picker_.find(name);
    if (!shape) return;
    if (!picker_.accept(*shape, DType::I64, {2}, "for the shape of the weight")) return;
    std::int64_t declared[2];
    std::memcpy(declared, shape->data, sizeof declared);
    if (declared[0] != stored.shape.out || declared[1] != stored.shape.in)
        picker_.fail(*shape, "expected " + formatShape({stored.shape.out, stored.shape.in})
                                 + " from config.json, found " + formatShape({declared[0], declared[1]}));
}

/// A byte a code. How wide they are is only in the config: the narrowest width it names that holds them all.
void StoredReader::takeInt8(const std::string& name, StoredQuant& stored) {
    const TensorView* codes = picker_.find(name + ".weight");
    if (!codes || !picker_.accept(*codes, DType::I8, {stored.shape.out, stored.shape.in}, "from config.json"))
        return;
    stored.codes = *codes;
    std::vector<int> widths = config_.bits;
    widths.push_back(8);
    std::sort(widths.begin(), widths.end());
    const auto* bytes = reinterpret_cast<const std::int8_t*>(codes->data);
    for (const int bits : widths) {
        stored.shape.bits = bits;
        const int middle = 1 << (bits - 1);
        if (bits == 8 || std::all_of(bytes, bytes + codes->bytes, [middle](std::int8_t code) {
                return code >= -middle && code < middle;
            }))
            break;
    }
    const long long groups = takeRowScales(name + ".weight_scale", stored);
    if (groups == 0) return;
    takeGroupIndex(name + ".weight_g_idx", groups, stored);
    settleGroups(groups, stored);
    takeInt8Zeros(name + ".weight_zero_point", stored);
    takeDeclaredShape(name + ".weight_shape", stored);
}

/// Zero points that are not packed: I8 in the shape of the scales.
void StoredReader::takeInt8Zeros(const std::string& name, StoredQuant& stored) {
    const TensorView* zeros = picker_.find(name);
    stored.symmetric = !zeros;
    if (!zeros && !config_.symmetric)
        picker_.fail("tensor \"model." + name
                     + "\" is missing: the config says that the codes are not symmetric");
    if (!zeros) return;
    picker_.take(*zeros);
    if (zeros->type != DType::I8 || zeros->count() != stored.scales.count() || zeros->shape.size() > 2)
        return picker_.fail(*zeros, "expected I8 " + formatShape(stored.scales.shape)
                                        + " like the scales, found " + dtypeName(zeros->type) + " "
                                        + formatShape(zeros->shape));
    const auto* values = reinterpret_cast<const std::int8_t*>(zeros->data);
    const int middle = 1 << (stored.shape.bits - 1);
    for (std::size_t at = 0; at < zeros->bytes; ++at)
        if (values[at] < -middle || values[at] >= middle)
            return picker_.fail(*zeros, "expected zero points of " + std::to_string(stored.shape.bits)
                                            + " bits, found " + std::to_string(values[at]));
    stored.zeroPoints = *zeros;
    stored.symmetric = std::all_of(values, values + zeros->bytes, [](std::int8_t zero) { return zero == 0; });
}

std::vector<std::string> StoredReader::warnings() const {
    std::vector<std::string> texts = config_.warnings;
    const auto say = [&](long long count, const std::string& text) {
        if (count > 0) texts.push_back(formatCount(count) + text);
    };
    const std::string of = " of " + formatCount(layers_) + " quantized layers ";
    say(otherBits_, of + "have other bits than the quantization config says: their shapes are believed");
    say(otherGroups_, of + "have other groups than the quantization config says: their shapes are believed");
    say(relabelled_, of
                         + (config_.zeros == GptqZeros::V2
                                ? "hold zero points of GPTQ version 1 although the config says version 2"
                                : "hold zero points of GPTQ version 2 although the config says version 1")
                         + " (the grid is symmetric, so they show it): read as what they are");
    say(notSymmetric_, of + "are not symmetric although the config says so: zero points are used as stored");
    say(emptyIndex_, of + "have a group index of zeros: their groups are taken to be consecutive inputs");
    if (passedOver_ > 0)
        texts.push_back(formatCount(passedOver_)
                        + " layers store scales of quantized activations or caches: they are not used");
    say(doubtfulZeros_,
        std::string(
            " zero points are 0, which GPTQ version 1 stores as -1 and programs read differently; here ")
            + (config_.zeros == GptqZeros::V1Packed
                   ? "as GPTQModel does, which wrote the file: borrows cross "
                     "values"
                   : "value by value, modulo 2^bits"));
    return texts;
}

} // namespace qroar
