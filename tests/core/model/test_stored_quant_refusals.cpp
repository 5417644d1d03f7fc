// Quantized Hugging Face checkpoints that cannot be read: refused by name.
#include "tests/core/model/stored_quant_fixture.h"

#include <cstring>
#include <fstream>

using namespace qroar;
using namespace qroar::test;

class TestStoredQuantRefusals : public QObject, private StoredQuantFixture {
    Q_OBJECT
  private slots:
    void refusedByName_data();
    void refusedByName();
    void missingTensors_data();
    void missingTensors();
    void wrongShapes();
    void hostileValues();
};

void TestStoredQuantRefusals::refusedByName_data() {
    QTest::addColumn<std::string>("config");
    QTest::addColumn<std::string>("key");
    QTest::addColumn<std::string>("value");
    const auto add = [](const char* config, const char* key, const char* value) {
        QTest::addRow("%s", config) << std::string(config) << std::string(key) << std::string(value);
    };
    add(R"({"quant_method": "bitsandbytes", "load_in_4bit": true})", "quant_method", "\"bitsandbytes\"");
    add(R"({"quant_method": "aqlm"})", "quant_method", "sums of codebook vectors");
    add(R"({"quant_method": "hqq"})", "quant_method", "zero points are floats");
    add(R"({"quant_method": "modelopt"})", "quant_method", "\"modelopt\"");
    add(R"({"quant_method": "mxfp4"})", "quant_method", "power-of-two block scales");
    add(R"({"quant_method": "marlin", "bits": 4})", "quant_method", "\"marlin\"");
    add(R"({"quant_method": "auto-round", "packing_format": "auto_round:marlin"})", "quant_method",
        "auto_round:marlin");
    add(R"({})", "quant_method", "\"none\"");
    add(R"({"quant_method": 4})", "quant_method", "a text");
    add(R"("awq")", "quantization_config", "an object");
    add(R"({"quant_method": "awq", "version": "gemv"})", "version", "\"gemv\"");
    add(R"({"quant_method": "awq", "version": "gemv_fast"})", "version", "\"gemv_fast\"");
    add(R"({"quant_method": "awq", "version": "marlin"})", "version", "\"marlin\"");
    add(R"({"quant_method": "awq", "version": "gemm", "backend": "llm-awq"})", "backend", "llm-awq");
    add(R"({"quant_method": "awq", "bits": 8})", "bits", "8");
    add(R"({"quant_method": "awq", "w_bit": 3})", "w_bit", "3");
    add(R"({"quant_method": "gptq", "checkpoint_format": "marlin"})", "checkpoint_format", "\"marlin\"");
    add(R"({"quant_method": "gptq", "format": "gptq_p", "bits": 5})", "format", "\"gptq_p\"");
    add(R"({"quant_method": "gptq", "is_marlin_format": true})", "is_marlin_format", "true");
    add(R"({"quant_method": "gptq", "pack_dtype": "int16"})", "pack_dtype", "\"int16\"");
    add(R"({"quant_method": "gptq", "bits": 5})", "bits", "5");
    add(R"({"quant_method": "gptq", "bits": 1000000})", "bits", "1000000");
    add(R"({"quant_method": "gptq", "bits": -4})", "bits", "-4");
    add(R"({"quant_method": "gptq", "bits": "4"})", "bits", "\"4\"");
    add(R"({"quant_method": "gptq", "bits": 4, "group_size": -2})", "group_size", "-2");
    add(R"({"quant_method": "gptq", "bits": 4, "group_size": 1e30})", "group_size", "1e");
    add(R"({"quant_method": "gptq", "bits": 4, "sym": "yes"})", "sym", "\"yes\"");
    add(R"({"quant_method": "compressed-tensors", "config_groups": {}})", "format", "\"none\"");
    for (const char* format :
         {"nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized", "marlin-24", "dense"})
        QTest::addRow("%s", format)
            << R"({"quant_method": "compressed-tensors", "config_groups": {}, "format": ")"
                   + std::string(format) + "\"}"
            << std::string("format") << std::string(format);
    const auto group = [&](const char* inside, const char* key, const char* value) {
        const std::string config =
            R"({"format": "pack-quantized", "config_groups": {"group_0": )" + std::string(inside) + "}}";
        add(config.c_str(), key, value);
    };
    add(R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})", "config_groups", "none");
    group(R"({"weights": {"type": "float", "num_bits": 4}})", "type", "\"float\"");
    group(R"({"weights": {"num_bits": 4, "strategy": "tensor_group"}})", "strategy", "\"tensor_group\"");
    group(R"({"weights": {"num_bits": 4, "strategy": "block"}})", "strategy", "\"block\"");
    group(R"({"weights": {"num_bits": 16}})", "num_bits", "16");
    group(R"({"format": "nvfp4-pack-quantized", "weights": {"num_bits": 4}})", "format", "FP8 block scales");
    add(R"({"format": "pack-quantized", "config_groups": {}, "transform_config": {"a": 1}})",
        "transform_config", "rotated");
    add(R"({"format": "pack-quantized", "config_groups": {}, "sparsity_config": {"format":
            "sparse-24-bitmask"}})",
        "format", "\"sparse-24-bitmask\"");
}

void TestStoredQuantRefusals::refusedByName() {
    QFETCH(std::string, config);
    QFETCH(std::string, key);
    QFETCH(std::string, value);
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    checkpoint.quantizationConfig = config;
    QROAR_REFUSED(opened(checkpoint), "config.json", "quantization_config", key, value);
}

void TestStoredQuantRefusals::missingTensors_data() {
    QTest::addColumn<int>("format");
    QTest::addColumn<std::string>("suffix");
    for (const char* suffix : {".qzeros", ".scales", ".qweight"}) {
        QTest::addRow("AWQ %s", suffix) << static_cast<int>(StoredFormat::AwqGemm) << std::string(suffix);
        QTest::addRow("GPTQ %s", suffix) << static_cast<int>(StoredFormat::Gptq) << std::string(suffix);
    }
    for (const char* suffix : {".weight_packed", ".weight_scale"})
        QTest::addRow("compressed %s", suffix)
            << static_cast<int>(StoredFormat::CompressedPack) << std::string(suffix);
}

void TestStoredQuantRefusals::missingTensors() {
    QFETCH(int, format);
    QFETCH(std::string, suffix);
    const auto checkpoint = QuantizedCheckpoint::make(static_cast<StoredFormat>(format), rtn("rtn:4:g32"));
    auto valid = checkpoint;
    valid.zeros = GptqZeros::V2;
    const std::string name = "model.layers.1.mlp.gate_proj" + suffix;
    const auto without = [&](Tensors& tensors) {
        tensors.erase(tensors.begin() + (named(tensors, name) - tensors.data()));
    };
    const bool codes = suffix == ".qweight" || suffix == ".weight_packed"; // then it looks like a dense layer
    QROAR_REFUSED(opened(valid, without), codes ? "model.layers.1.mlp.gate_proj.weight" : name, "is missing");
}

void TestStoredQuantRefusals::wrongShapes() {
    for (const StoredFormat format :
         {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack}) {
        auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32"));
        checkpoint.zeros = GptqZeros::V2;
        const Tensors tensors = quantizedTensors(checkpoint);
        for (const StoredTensor& tensor : tensors) {
            const std::string &name = tensor.name, layer = "layers.0.mlp.down_proj.";
            if (name.find(layer) == std::string::npos) continue;
            const bool optional = name.find("weight_shape") != std::string::npos;
            const auto reshaped = [&](const std::vector<long long>& shape, const char* dtype = nullptr) {
                return opened(checkpoint, tensors, [&](Tensors& all) {
                    StoredTensor& one = *named(all, name);
                    if (dtype) one.dtype = dtype;
                    long long count = one.dtype.find("64") != std::string::npos   ? 8
                                      : one.dtype.find("16") != std::string::npos ? 2
                                                                                  : 4;
                    for (const long long extent : shape) count *= extent;
                    one.shape = shape;
                    one.bytes.resize(static_cast<std::size_t>(count));
                });
            };
            const auto less = [&](std::size_t axis, long long by) {
                auto shape = tensor.shape;
                shape[axis] -= by;
                return shape;
            };
            for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
                QROAR_REFUSED(reshaped(less(axis, 1)), layer, "expected");
                QROAR_REFUSED(reshaped(less(axis, -1)), layer, "expected");
                QROAR_REFUSED(reshaped(less(axis, tensor.shape[axis])), layer, "expected");
            }
            QROAR_REFUSED(reshaped({}), layer, "expected"); // one scale alone would be that of a tensor
            QROAR_REFUSED(reshaped({1, 1, 1}), name, "expected");
            const bool half = tensor.dtype == "F16";
            QROAR_REFUSED(reshaped(tensor.shape, half ? "I16" : optional ? "F64" : "F32"), name, "expected");
        }
    }
    auto compressed = QuantizedCheckpoint::make(StoredFormat::CompressedPack, rtn("rtn:4:g32"));
    const auto declared = [](Tensors& tensors) {
        const std::int64_t shape[] = {64, 97};
        std::memcpy(named(tensors, "model.layers.0.mlp.down_proj.weight_shape")->bytes.data(), shape, 16);
    };
    QROAR_REFUSED(opened(compressed, declared), "weight_shape", "[64, 96]", "[64, 97]");
    // Codes of one format under the name of another.
    auto mislabelled = QuantizedCheckpoint::make(StoredFormat::AwqGemm, rtn("rtn:4:g32"));
    mislabelled.quantizationConfig = R"({"quant_method": "gptq", "bits": 4})";
    QROAR_REFUSED(opened(mislabelled), "q_proj.qweight", "expected I32 [inputs * bits / 32, outputs]");
    auto swapped = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    swapped.quantizationConfig = R"({"quant_method": "awq", "bits": 4})";
    QROAR_REFUSED(opened(swapped), "g_idx", "AWQ GEMM has no such tensor");
    swapped.quantizationConfig = R"({"quant_method": "fp8"})";
    QROAR_REFUSED(opened(swapped), "q_proj", "packed codes", "says FP8");
}

void TestStoredQuantRefusals::hostileValues() {
    for (const StoredFormat format :
         {StoredFormat::AwqGemm, StoredFormat::Gptq, StoredFormat::CompressedPack})
        for (const char* type : {"F16", "BF16", "F32"}) {
            auto checkpoint = QuantizedCheckpoint::make(format, rtn("rtn:4:g32:sym"));
            checkpoint.scaleType = type;
            const Tensors tensors = quantizedTensors(checkpoint);
            const std::string name =
                "model.layers.1.self_attn.v_proj"
                + std::string(format == StoredFormat::CompressedPack ? ".weight_scale" : ".scales");
            for (const float value : {NAN, INFINITY, -INFINITY}) {
                const auto poison = [&](Tensors& all) {
                    const std::string bytes = encodeFloats({value}, type);
                    named(all, name)->bytes.replace(bytes.size(), bytes.size(), bytes);
                };
                QROAR_REFUSED(opened(checkpoint, tensors, poison), "\"" + name + "\"",
                              "expected finite values", std::isnan(value) ? "NaN" : "infinity", "[0, 1]");
            }
        }
    auto checkpoint = QuantizedCheckpoint::make(StoredFormat::Gptq, rtn("rtn:4:g32:sym"));
    const auto both = [](Tensors& tensors) {
        tensors.push_back(makeTensor("model.layers.0.self_attn.k_proj.weight", {32, 64},
                                     std::vector<float>(32 * 64), "F16"));
    };
    QROAR_REFUSED(opened(checkpoint, both), "k_proj.weight", "found both");
    const auto head = [](Tensors& tensors) {
        tensors.push_back({"lm_head.qweight", "I32", {1, 1}, std::string(4, '\0')});
    };
    QROAR_REFUSED(opened(checkpoint, head), "lm_head.qweight", "a quantized head");
    checkpoint.model.tied = false;
    const auto onlyHead = [&](Tensors& tensors) {
        tensors.erase(tensors.begin() + (named(tensors, "lm_head.weight") - tensors.data()));
        head(tensors);
    };
    QROAR_REFUSED(opened(checkpoint, onlyHead), "lm_head.qweight", "a quantized head");
}

QTEST_APPLESS_MAIN(TestStoredQuantRefusals)
#include "test_stored_quant_refusals.moc"
