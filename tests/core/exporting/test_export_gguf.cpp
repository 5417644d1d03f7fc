// GGUF exports: what is written computes what the model with its gains does, in every type and under every
// RoPE scaling that GGUF can say; patches change only the factors of blocks of q and k; tokenizers survive;
// what cannot be said is refused.
#include "core/model/gguf_file.h"
#include "core/text/tokenizer.h"
#include "tests/core/exporting/exporting_test.h"
#include "tests/core/text/sentencepiece_models.h"
#include "tests/support/gguf_twin.h"

#include <fstream>

using namespace qroar;
using namespace qroar::test;

namespace {

RandomModelOptions modelOptions() {
    RandomModelOptions options = ofSize(64, 16, 96);
    options.attentionBias = true;
    return options;
}

std::vector<int> someIds() {
    std::vector<int> ids;
    std::mt19937 random(9);
    for (int count = 0; count < 60; ++count) ids.push_back(static_cast<int>(random() % 64));
    return ids;
}

/// NLL of a file by the naive reference, frequencies given by hand.
double worstNll(const std::filesystem::path& file, const std::vector<double>& expected,
                const ReferenceRope& rope) {
    ReferenceLlama reference(*opened(file));
    reference.rope = rope;
    const auto found = reference.nll(someIds());
    double worst = 0;
    for (std::size_t at = 0; at < expected.size(); ++at)
        worst = std::max(worst, std::abs(found[at] - expected[at]));
    return worst;
}

} // namespace

class TestExportGguf : public QObject {
    Q_OBJECT
    Scratch scratch_;
    int number_ = 0;

    std::filesystem::path fresh(const std::string& extension = ".gguf") {
        return scratch_.path("out" + std::to_string(number_++) + extension);
    }
    std::shared_ptr<const Model> randomModel(const RandomModelOptions& options = modelOptions()) {
        const auto folder = scratch_.path("m" + std::to_string(number_++));
        makeRandomHfModel(folder, options, 5);
        return opened(folder);
    }
    ExportRequest requestFor(const std::shared_ptr<const Model>& model, GgmlType type) {
        auto request =
            requestOf(model, model->isQuantized() ? "stored" : "none", ExportFormat::Gguf, fresh());
        request.ggufType = type;
        return request;
    }

  private slots:
    void gainsAreInTheFile() {
        const auto model = randomModel();
        auto request = requestFor(model, GgmlType::F32);
        request.gains = randomGains(model->config(), 3);
        QROAR_EXPORTED(exportModel(request, silent));
        ReferenceLlama wanted(*model);
        const ModelConfig& config = model->config();
        for (int layer = 0; layer < config.layers; ++layer)
            for (const bool query : {true, false}) {
                ReferenceLinear& linear = query ? wanted.layers[static_cast<std::size_t>(layer)].q
                                                : wanted.layers[static_cast<std::size_t>(layer)].k;
                for (int row = 0; row < linear.rows; ++row) {
                    const double gain = rowGain(request.gains, config, query, layer, row);
                    for (int col = 0; col < linear.cols; ++col)
                        linear.weights[static_cast<std::size_t>(row * linear.cols + col)] *= gain;
                    linear.bias[static_cast<std::size_t>(row)] *= gain;
                }
            }
        QVERIFY(worstNll(request.target, wanted.nll(someIds()), {}) < 1e-4);
        const auto file = opened(request.target);
        QVERIFY(file->config().pairLayout == PairLayout::Interleaved);
        QVERIFY(!file->isQuantized());
    }

    void everyType_data() {
        QTest::addColumn<int>("type");
        QTest::addColumn<double>("rms");
        QTest::newRow("f32") << static_cast<int>(GgmlType::F32) << 1e-5;
        QTest::newRow("f16") << static_cast<int>(GgmlType::F16) << 2e-3;
        QTest::newRow("bf16") << static_cast<int>(GgmlType::BF16) << 2e-2;
        QTest::newRow("q8_0") << static_cast<int>(GgmlType::Q8_0) << 3e-2;
        QTest::newRow("q5_1") << static_cast<int>(GgmlType::Q5_1) << 0.15;
        QTest::newRow("q5_0") << static_cast<int>(GgmlType::Q5_0) << 0.15;
        QTest::newRow("q4_1") << static_cast<int>(GgmlType::Q4_1) << 0.3;
        QTest::newRow("q4_0") << static_cast<int>(GgmlType::Q4_0) << 0.3;
    }
    void everyType() {
        QFETCH(int, type);
        QFETCH(double, rms);
        const auto model = randomModel();
        const auto request = requestFor(model, static_cast<GgmlType>(type));
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY2(report->verification.relativeUnroundedRms < rms,
                 qPrintable(QString::number(report->verification.relativeUnroundedRms)));
        const auto file = opened(request.target);
        QCOMPARE(file->isQuantized(), ggmlTypeFacts(static_cast<GgmlType>(type)).isBlocked);
        QCOMPARE(std::string(file->weight(1, Projection::Down).typeName()),
                 std::string(ggmlTypeFacts(static_cast<GgmlType>(type)).name));
        const auto estimate = estimateExport(requestFor(model, static_cast<GgmlType>(type)));
        QROAR_OPENED(estimate);
        QCOMPARE(estimate->bytes, report->files.front().bytes);
    }

    void ropeScalings_data() {
        QTest::addColumn<QString>("rope");
        QTest::addColumn<QString>("stored");
        QTest::newRow("none") << "none"
                              << "none";
        QTest::newRow("linear") << "linear:4"
                                << "linear:4";
        QTest::newRow("ntk") << "ntk:4"
                             << "none"; // a larger base
        QTest::newRow("yarn") << "yarn:4"
                              << "yarn:4";
        QTest::newRow("yarn, other ramp") << "yarn:4:orig=64:beta_fast=8"
                                          << "longrope"; // llama.cpp reads no ramp ends from the file
        QTest::newRow("yarn, attention") << "yarn:4:attn=1.5"
                                         << "yarn:4";
        QTest::newRow("yarn, not truncated") << "yarn:4:truncate=0"
                                             << "longrope";
        QTest::newRow("llama3") << "llama3:8:orig=64"
                                << "longrope";
    }
    void ropeScalings() {
        QFETCH(QString, rope);
        QFETCH(QString, stored);
        const auto model = randomModel();
        auto request = requestFor(model, GgmlType::F32);
        request.rope = ropeOf(rope.toStdString());
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->verification.rotaryDifference < 2e-6);
        QVERIFY(report->verification.relativeUnroundedRms < 1e-4);
        QVERIFY(report->verification.rope && report->verification.rope->gguf);
        QVERIFY(report->verification.rope->of(RopeLoader::LlamaCpp).status == LoaderStatus::Same);
        const auto config = opened(request.target)->config();
        QVERIFY2(config.storedRope.text().rfind(stored.toStdString(), 0) == 0,
                 config.storedRope.text().c_str());
        const auto wanted = buildFrequencyTable(*request.rope, model->config().ropeModel(), 500);
        const auto found = buildFrequencyTable(ropeOf("model"), config.ropeModel(), 500);
        QROAR_OPENED(found);
        QVERIFY(std::abs(found->attentionFactor / wanted->attentionFactor - 1) < 1e-6);
        for (std::size_t pair = 0; pair < wanted->omega.size(); ++pair)
            QVERIFY(std::abs(found->omega[pair] / wanted->omega[pair] - 1) < 2e-6);
    }

    void refusals() {
        const auto model = randomModel();
        auto request = requestFor(model, GgmlType::F16);
        request.rope = ropeOf("dynamic:4");
        QROAR_REFUSED(exportModel(request, silent), "dynamic:4", "changes with the length");
        request = requestFor(model, GgmlType::F16);
        request.target = scratch_.path("folder");
        QROAR_REFUSED(exportModel(request, silent), ".gguf");
        std::filesystem::create_directories(scratch_.path("folder.gguf"));
        request.target = scratch_.path("folder.gguf");
        QROAR_REFUSED(exportModel(request, silent), "found a folder");
        request.target = scratch_.file("there.gguf", "mine");
        QROAR_REFUSED(exportModel(request, silent), "exists");
        QCOMPARE(wholeFile(request.target), std::string("mine"));
        RandomModelOptions partial = modelOptions();
        partial.partialRotaryFactor = 0.5;
        QROAR_REFUSED(exportModel(requestFor(randomModel(partial), GgmlType::F16), silent), "partial rotary");
    }

    /// Super-blocks where rows are whole ones, else the next finer type with small blocks.
    void superBlocks() {
        RandomModelOptions options = modelOptions();
        options.hidden = 256;
        options.headDim = 64;
        options.intermediate = 320;
        const auto model = randomModel(options);
        const std::tuple<GgmlType, const char*, const char*, double> cases[] = {
            {GgmlType::Q4_K, "Q4_K", "Q5_0", 0.2}, {GgmlType::Q6_K, "Q6_K", "Q8_0", 0.05}};
        for (const auto& [type, wide, narrow, rms] : cases) {
            const auto request = requestFor(model, type);
            const auto report = exportModel(request, silent);
            QROAR_OPENED(report);
            QVERIFY2(report->verification.relativeUnroundedRms < rms,
                     qPrintable(QString::number(report->verification.relativeUnroundedRms)));
            const auto file = opened(request.target);
            QCOMPARE(std::string(file->weight(0, Projection::Q).typeName()), std::string(wide));
            QCOMPARE(std::string(file->weight(0, Projection::Down).typeName()), std::string(narrow));
            QVERIFY(std::any_of(report->notes.begin(), report->notes.end(), [&](const std::string& note) {
                return note.starts_with("2 matrices are " + std::string(narrow));
            }));
        }
    }

    /// llama.cpp opens no file without the key; our reader says what the file takes.
    void withoutTokenizer() {
        const auto request = requestFor(randomModel(), GgmlType::F32);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const auto file = GgufFile::open(request.target);
        QROAR_OPENED(file);
        QVERIFY(file->find("tokenizer.ggml.model")->text() == "none");
        QCOMPARE(file->find("llama.vocab_size")->integer().value_or(0), 64LL);
        QVERIFY(report->notes.front().find("takes token ids only") != std::string::npos);
        QROAR_REFUSED(loadTokenizerFor(request.target, 64), "out", "no tokenizer", "token ids");
    }

    /// Two lists of longrope: two tensors, and the length between them.
    void longRopeKeepsBothLists() {
        RandomModelOptions options = modelOptions();
        options.ropeScalingJson =
            "{\"type\": \"longrope\", \"factor\": 4.0, \"short_factor\": [1, 1, 1, 1.5, "
            "2, 2, 2, 2], \"long_factor\": [1, 2, 2, 3, 3, 3, 4, 5], "
            "\"original_max_position_embeddings\": 32}";
        const auto model = randomModel(options);
        const auto request = requestFor(model, GgmlType::F32);
        QROAR_EXPORTED(exportModel(request, silent));
        const auto found = opened(request.target)->config();
        const RopeSpec& wanted = model->config().storedRope;
        QVERIFY(found.storedRope.kind == RopeKind::LongRope && found.trainedContext() == 32);
        QCOMPARE(found.storedRope.longFactors, wanted.longFactors);
        QCOMPARE(found.storedRope.shortFactors, wanted.shortFactors);
        for (const int context : {20, 100}) {
            const auto a = buildFrequencyTable(wanted, model->config().ropeModel(), context);
            const auto b = buildFrequencyTable(found.storedRope, found.ropeModel(), context);
            QVERIFY(std::abs(a->attentionFactor / b->attentionFactor - 1) < 1e-6);
            QCOMPARE(a->omega, b->omega);
        }
    }

    void narrowRowsBecomeF16() {
        RandomModelOptions options = modelOptions();
        options.intermediate = 40; // not a multiple of 32: only rows of down are that wide
        const auto request = requestFor(randomModel(options), GgmlType::Q4_0);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const auto file = opened(request.target);
        QCOMPARE(std::string(file->weight(0, Projection::Down).typeName()), std::string("F16"));
        QCOMPARE(std::string(file->weight(0, Projection::Up).typeName()), std::string("Q4_0"));
        QVERIFY(report->notes.size() >= 1);
    }

    void patchesTouchOnlyFactors_data() {
        QTest::addColumn<int>("type");
        for (const GgmlType type :
             {GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0,
              GgmlType::IQ4_NL, GgmlType::Q2_K, GgmlType::Q3_K, GgmlType::Q4_K, GgmlType::Q5_K,
              GgmlType::Q6_K, GgmlType::IQ4_XS, GgmlType::F32})
            QTest::newRow(ggmlTypeFacts(type).name) << static_cast<int>(type);
    }
    void patchesTouchOnlyFactors() {
        QFETCH(int, type);
        const auto linear = static_cast<GgmlType>(type);
        RandomModelOptions options = modelOptions();
        options.hidden = options.intermediate = 256;
        options.headDim = 64;
        options.attentionBias = false;
        GgufTwin twin = makeGgufTwin(options, 4, linear);
        const auto source = fresh();
        twin.gguf.write(source);
        const auto model = opened(source);
        auto request = requestFor(model, GgmlType::F16);
        request.patch = true;
        request.gains = randomGains(model->config(), 6, 1.2);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const std::string before = wholeFile(source), after = wholeFile(request.target);
        QCOMPARE(before.size(), after.size());
        std::set<std::size_t> allowed; // every byte of every factor of q and k
        for (int layer = 0; layer < 2; ++layer)
            for (const Projection p : {Projection::Q, Projection::K}) {
                const TensorView& tensor = model->weight(layer, p);
                const auto step = static_cast<std::size_t>(ggmlTypeFacts(linear).blockBytes);
                const auto offsets = blockFactorOffsets(linear);
                for (std::size_t at = 0; at < tensor.bytes; at += step)
                    for (std::size_t byte = 0; byte < step; ++byte)
                        if (linear == GgmlType::F32
                            || std::any_of(offsets.begin(), offsets.end(), [&](std::size_t offset) {
                                   return byte == offset || byte == offset + 1;
                               }))
                            allowed.insert(tensor.offset + at + byte);
            }
        std::size_t changed = 0;
        for (std::size_t byte = 0; byte < before.size(); ++byte) {
            if (before[byte] == after[byte]) continue;
            ++changed;
            QVERIFY2(allowed.contains(byte), qPrintable(QString("byte %1").arg(byte)));
        }
        QVERIFY(changed > 100);
        QVERIFY(!report->files.front().changed.empty());
        // Rows are those of the source times their gain, up to the rounding of the factors.
        const auto patched = opened(request.target);
        const auto was = model->weight(0, Projection::Q).toFloat(),
                   is = patched->weight(0, Projection::Q).toFloat();
        const auto factors = queryRowFactors(request.gains, model->config(), 0);
        float largest = 0;
        for (const float value : was) largest = std::max(largest, std::abs(value));
        for (std::size_t at = 0; at < was.size(); ++at)
            QVERIFY(std::abs(is[at] - was[at] * factors[at / 256]) < 4e-3F * largest);
    }

    void aQuantizedFileBecomesAFolder() {
        RandomModelOptions options = modelOptions();
        options.attentionBias = false;
        const GgufTwin twin = makeGgufTwin(options, 8, GgmlType::Q4_0);
        const auto source = fresh();
        twin.gguf.write(source);
        const auto model = opened(source);
        auto request = requestOf(model, "stored", ExportFormat::Hf, fresh(""));
        request.dtype = DType::F32;
        QROAR_EXPORTED(exportModel(request, silent));
        const auto folder = opened(request.target);
        QVERIFY(folder->config().pairLayout == PairLayout::HalfSplit);
        QVERIFY(worstNll(source, ReferenceLlama(*folder).nll(someIds()), {}) < 1e-4);
        auto back = requestOf(folder, "none", ExportFormat::Gguf, fresh());
        back.ggufType = GgmlType::F32;
        QROAR_EXPORTED(exportModel(back, silent));
        const auto again = opened(back.target);
        for (const Projection p : allProjections) // rows permuted back: the same numbers in the same places
            QVERIFY(again->weight(1, p).toFloat() == model->weight(1, p).toFloat());
    }

    void qwenKeepsItsRows() {
        RandomModelOptions options = modelOptions();
        options.architecture = "Qwen2ForCausalLM";
        const auto folder = scratch_.path("qwen");
        std::vector<StoredTensor> tensors = randomModelTensors(options, 5);
        std::erase_if(tensors, [](const StoredTensor& tensor) {
            return tensor.name.find("o_proj.bias") != std::string::npos;
        });
        writeHfFolder(folder, randomModelConfig(options), tensors);
        const auto model = opened(folder);
        QVERIFY(model->bias(0, Projection::K) && !model->bias(0, Projection::O));
        const auto request = requestFor(model, GgmlType::F32);
        QROAR_EXPORTED(exportModel(request, silent));
        const auto file = opened(request.target);
        QVERIFY(file->config().pairLayout == PairLayout::HalfSplit);
        QVERIFY(file->weight(0, Projection::Q).toFloat() == model->weight(0, Projection::Q).toFloat());
        QVERIFY(worstNll(request.target, ReferenceLlama(*model).nll(someIds()), {}) < 1e-4);
    }

    void theSampleKeepsItsTokenizer() {
        const auto model = opened(QROAR_SOURCE_DIR "/samples/model");
        const auto request = requestFor(model, GgmlType::Q8_0);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const auto own = loadTokenizerFor(model->path(), model->config().vocabSize);
        const auto inside = loadTokenizerFor(request.target, model->config().vocabSize);
        QROAR_OPENED(inside);
        std::ifstream stream(QROAR_SOURCE_DIR "/HACKING.md");
        const std::string text((std::istreambuf_iterator<char>(stream)), {});
        QCOMPARE((*inside)->encode(text), (*own)->encode(text));
        QCOMPARE((*inside)->bosToAdd(), (*own)->bosToAdd());
    }

    /// Pieces, scores, kinds and added tokens of SentencePiece's file; a unigram model has no counterpart.
    void aTokenizerModelGoesAlong() {
        auto options = modelOptions();
        options.vocab = 300;
        const auto model = randomModel(options);
        writeBytes(model->path() / "tokenizer.model",
                   fixtures::smallModel({}, fixtures::wireField(3, 0))
                       + fixtures::wirePiece("\xE2\x96\x81\xE2\x96\x81", 0, 4));
        writeBytes(model->path() / "tokenizer_config.json",
                   "{\"added_tokens_decoder\": {\"270\": {\"content\": \"<|end|>\", \"special\": true}}}");
        const auto request = requestFor(model, GgmlType::F32);
        QROAR_EXPORTED(exportModel(request, silent));
        const auto own = loadTokenizerFor(model->path(), 300), inside = loadGgufTokenizer(request.target);
        QROAR_OPENED(own);
        QROAR_OPENED(inside);
        QCOMPARE((*inside)->bosToAdd(), 1);
        for (const std::string text : {"ab ba", " a", "x<|end|>a</s>b", "\n\t\xC3\xA9", "aba b aa"}) {
            QCOMPARE((*inside)->encode(text), (*own)->encode(text));
            QCOMPARE((*inside)->decode((*inside)->encode(text)), text);
        }
        QCOMPARE((*inside)->encode("b  b"), (std::vector<TokenId>{261, 264, 261}));
        writeBytes(model->path() / "tokenizer.model", fixtures::smallModel(fixtures::wireField(3, 1)));
        const auto other = requestFor(model, GgmlType::F32);
        const auto report = exportModel(other, silent);
        QROAR_OPENED(report);
        const auto says = [](const std::string& note) { return note.find("unigram") != std::string::npos; };
        QVERIFY(std::any_of(report->notes.begin(), report->notes.end(), says));
        QROAR_REFUSED(loadGgufTokenizer(other.target), other.target.string(), "tokenizer");
    }
};

QTEST_APPLESS_MAIN(TestExportGguf)
#include "test_export_gguf.moc"
