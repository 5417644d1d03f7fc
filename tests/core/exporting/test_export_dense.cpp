// Dense exports: every tensor against the source by a decoder that shares nothing with the product, logits
// against the double-precision reference with the gains applied there.
#include "tests/core/exporting/exporting_test.h"
#include "tests/support/llama2c_writer.h"

#include <cstring>

using namespace qroar;
using namespace qroar::test;

namespace {

const std::filesystem::path sharedModels =
    std::filesystem::path(QROAR_SOURCE_DIR) / ".." / "shared" / "models";

std::vector<int> someIds(int count, int vocab) {
    std::vector<int> ids;
    for (int at = 0; at < count; ++at) ids.push_back((at * 37 + at * at * 5 + 3) % vocab);
    return ids;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
    double most = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t at = 0; at < std::min(a.size(), b.size()); ++at)
        most = std::max(most, std::abs(a[at] - b[at]));
    return most;
}

/// Largest distance of a stored number from the exact one that rounding to nearest allows.
double halfUnit(double exact, const std::string& dtype) {
    const int digits = dtype == "F32" ? 24 : dtype == "F16" ? 11 : 8;
    const int least = dtype == "F16" ? -24 : -149; // last digit of subnormals
    return std::ldexp(0.5, std::max(least, std::ilogb(exact == 0 ? 1 : exact) - digits + 1)) * 1.001;
}

} // namespace

class TestExportDense : public QObject {
    Q_OBJECT
  private slots:
    void everyTensorIsTheSourceTimesItsGain_data() {
        QTest::addColumn<std::string>("source");
        QTest::addColumn<std::string>("target");
        for (const std::string source : {"F32", "F16", "BF16"})
            for (const std::string target : {"F32", "F16", "BF16"})
                QTest::newRow((source + " to " + target).c_str()) << source << target;
    }
    void everyTensorIsTheSourceTimesItsGain() {
        QFETCH(std::string, source);
        QFETCH(std::string, target);
        const Scratch scratch;
        RandomModelOptions options;
        options.dtype = source;
        options.attentionBias = options.mlpBias = true;
        options.tied = false;
        options.headDim = 16; // hidden != heads * headDim
        options.partialRotaryFactor = 0.5;
        makeRandomHfModel(scratch.path("model"), options, 3);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.gains = randomGains(model->config(), 7);
        request.dtype = target == "F32" ? DType::F32 : target == "F16" ? DType::F16 : DType::BF16;
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);

        const TinyCheckpoint before = readTiny(scratch.path("model")), after = readTiny(scratch.path("out"));
        QCOMPARE(after.tensors.size(), before.tensors.size());
        for (const auto& [name, tensor] : before.tensors) {
            const auto from = before.floats(name), to = after.floats(name);
            QCOMPARE(after.at(name).shape, tensor.shape);
            QCOMPARE(after.at(name).dtype, target);
            const bool query = name.find("q_proj") != std::string::npos,
                       key = name.find("k_proj") != std::string::npos;
            const int layer = query || key ? std::stoi(name.substr(13)) : 0;
            const std::size_t width =
                tensor.shape.size() == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1;
            for (std::size_t at = 0; at < from.size(); ++at) {
                const double gain = query || key ? rowGain(request.gains, model->config(), query, layer,
                                                           static_cast<int>(at / width))
                                                 : 1;
                const double exact = from[at] * static_cast<double>(static_cast<float>(gain));
                QVERIFY2(std::abs(to[at] - exact) <= halfUnit(exact, target), name.c_str());
            }
        }
        QCOMPARE(after.config["torch_dtype"].get<std::string>(), std::string(target == "F32"   ? "float32"
                                                                             : target == "F16" ? "float16"
                                                                                               : "bfloat16"));
        QVERIFY(report->verification.maxLogitDifference == 0.0);
        QVERIFY(!report->verification.codesChanged.has_value());
        if (target == "F32") QVERIFY(report->verification.relativeUnroundedRms < 1e-5);
    }

    void logitsAreThoseOfTheReferenceWithGains_data() {
        QTest::addColumn<std::string>("architecture");
        QTest::addColumn<int>("kvHeads");
        QTest::addColumn<bool>("bias");
        QTest::newRow("Llama, one key head for each") << std::string("LlamaForCausalLM") << 4 << false;
        QTest::newRow("Llama, grouped, biases") << std::string("LlamaForCausalLM") << 2 << true;
        QTest::newRow("Mistral, window") << std::string("MistralForCausalLM") << 1 << false;
    }
    void logitsAreThoseOfTheReferenceWithGains() {
        QFETCH(std::string, architecture);
        QFETCH(int, kvHeads);
        QFETCH(bool, bias);
        const Scratch scratch;
        RandomModelOptions options;
        options.architecture = architecture;
        options.kvHeads = kvHeads;
        options.attentionBias = bias;
        options.slidingWindow = architecture == "MistralForCausalLM" ? 9 : 0;
        makeRandomHfModel(scratch.path("model"), options, 4);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.gains = randomGains(model->config(), 8);
        request.rope = ropeOf("yarn:4");
        QROAR_EXPORTED(exportModel(request, silent));

        ReferenceLlama wanted(*model), found(*opened(scratch.path("out")));
        wanted.queryGains = request.gains.q;
        wanted.keyGains = request.gains.k;
        ReferenceRope yarn;
        yarn.kind = ReferenceRope::Kind::Yarn;
        yarn.factor = 4;
        yarn.trainedContext = options.maxPositions;
        wanted.rope = found.rope = yarn;
        const auto ids = someIds(40, options.vocab);
        QVERIFY(worst(wanted.logits(ids), found.logits(ids)) < 1e-5);
        found.rope = {}; // the comparison sees a difference where there is one
        QVERIFY(worst(wanted.logits(ids), found.logits(ids)) > 1e-2);
        const auto exported = opened(scratch.path("out"))->config();
        QCOMPARE(exported.slidingWindow.has_value(), options.slidingWindow > 0);
        QCOMPARE(exported.storedRope.kind, RopeKind::Yarn);
        QCOMPARE(exported.maxPositions, 4 * options.maxPositions);
        QCOMPARE(exported.trainedContext(), options.maxPositions);
    }

    /// What every loader makes of the written files is in the report; who computes something else is named.
    void writtenRopeIsAudited() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), {}, 5);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.rope = ropeOf("yarn:4:attn=1.4");
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        QVERIFY(report->verification.rope);
        const RopeAudit& audit = *report->verification.rope;
        QCOMPARE(audit.context, static_cast<long long>(4 * model->config().maxPositions));
        QVERIFY(audit.of(RopeLoader::Transformers5).status == LoaderStatus::Same);
        QVERIFY(audit.of(RopeLoader::LlamaCpp).status == LoaderStatus::Differs);
        QVERIFY(std::abs(audit.of(RopeLoader::LlamaCpp).attentionRatio * 1.4 - (0.1 * std::log(4) + 1))
                < 1e-12);
        const auto noted = [&](const char* text) {
            return std::any_of(report->notes.begin(), report->notes.end(), [text](const std::string& note) {
                return note.find(text) != std::string::npos;
            });
        };
        QVERIFY(noted("RoPE: llama.cpp computes something else") && noted("RoPE: vllm"));
        QVERIFY(!noted("RoPE: transformers 5"));
    }

    /// Had transformers 5 another table than the one in force, the export would fail, by name.
    void anotherTableFails() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"), {}, 5);
        const auto model = opened(scratch.path("model"));
        VerifyTask task;
        task.fold.model = model;
        task.rope = ropeOf("yarn:4");
        Verification verification;
        QVERIFY(judgeLoaders(task, verification).ok()); // llama2.c: nobody reads it
        const auto ours = buildFrequencyTable(task.rope, model->config().ropeModel(), 256);
        QROAR_OPENED(ours);
        const auto audit = auditWritten(*ours, model->config()); // the source: it stores no yarn
        QROAR_OPENED(audit);
        verification.rope = *audit;
        QROAR_REFUSED(judgeLoaders(task, verification), "transformers 5 computes something else",
                      "rad in pair");
        task.rope = model->config().storedRope; // what was there before is told, not refused
        QVERIFY(judgeLoaders(task, verification).ok());
        verification.rope->gguf = true; // a GGUF file is llama.cpp's
        QROAR_REFUSED(judgeLoaders(task, verification), "llama.cpp computes something else");
    }

    void interleavedRowsBecomeHalfSplit() {
        const Scratch scratch;
        RandomModelOptions options;
        options.tied = false;
        writeLlama2c(scratch.path("model.bin"), options);
        (void)scratch.file("tokenizer.bin", "tokens");
        const auto model = opened(scratch.path("model.bin"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("out"));
        request.gains = randomGains(model->config(), 9);
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        ReferenceLlama wanted(*model), found(*opened(scratch.path("out")));
        QVERIFY(wanted.config.pairLayout != found.config.pairLayout);
        wanted.queryGains = request.gains.q;
        wanted.keyGains = request.gains.k;
        const auto ids = someIds(40, options.vocab);
        QVERIFY(worst(wanted.logits(ids), found.logits(ids)) < 1e-5);
        QVERIFY(report->verification.maxLogitDifference < 1e-4);
        QCOMPARE(wholeFile(scratch.path("out") / "tokenizer.bin"), std::string("tokens"));
        QVERIFY(std::any_of(report->notes.begin(), report->notes.end(), [](const std::string& note) {
            return note.find("no tokenizer.json is made") != std::string::npos;
        }));
        const auto config = readTiny(scratch.path("out")).config;
        for (const char* key : {"architectures", "model_type", "hidden_size", "rope_theta", "bos_token_id",
                                "rms_norm_eps", "tie_word_embeddings", "torch_dtype"})
            QVERIFY2(config.contains(key), key);
    }

    void sharedTwinsExportAlike() {
        if (!std::filesystem::exists(sharedModels)) QSKIP("the shared models are not on this machine");
        const Scratch scratch;
        for (const char* name : {"stories260K/stories260K.bin", "stories260K-hf"}) {
            auto request = requestOf(opened(sharedModels / name), "none", ExportFormat::Hf,
                                     scratch.path(std::filesystem::path(name).stem().string()));
            request.gains = QkGains::ones(request.model->config());
            request.gains.queryGains(2, 3)[1] = 1.25;
            QROAR_EXPORTED(exportModel(request, silent));
        }
        const auto a = readTiny(scratch.path("stories260K")), b = readTiny(scratch.path("stories260K-hf"));
        QCOMPARE(a.tensors.size(), b.tensors.size());
        for (const auto& [name, tensor] : a.tensors) QVERIFY2(tensor.bytes == b.at(name).bytes, name.c_str());
    }

    void withoutGainsTheTensorsAreTheSourcesBytes() {
        const Scratch scratch;
        RandomModelOptions options;
        options.dtype = "BF16";
        options.modelPrefix = false; // names get it
        makeRandomHfModel(scratch.path("model"), options);
        const auto model = opened(scratch.path("model"));
        auto request = requestOf(model, "none", ExportFormat::Hf, scratch.path("a"));
        QROAR_EXPORTED(exportModel(request, silent));
        request.target = scratch.path("b");
        request.gains = QkGains::ones(model->config());
        request.scalesName = "run.h5:001";
        QROAR_EXPORTED(exportModel(request, silent));
        QVERIFY(filesOf(scratch.path("a")) == filesOf(scratch.path("b"))); // gains of one are no gains
        const auto before = readTiny(scratch.path("model")), after = readTiny(scratch.path("a"));
        for (const auto& [name, tensor] : before.tensors)
            QVERIFY2(tensor.bytes == after.at("model." + name).bytes, name.c_str());
        QCOMPARE(after.metadata.at("format"), std::string("pt"));
        QCOMPARE(after.metadata.at("qroar.source"), model->fingerprint());
        QVERIFY(!after.metadata.count("qroar.scales"));
    }

    void configKeepsWhatItHas() {
        const Scratch scratch;
        RandomModelOptions options;
        options.extraConfigJson =
            R"("transformers_version": "4.40.0", "custom": {"b": [1, 2.5, null], "a": "ü"})";
        makeRandomHfModel(scratch.path("model"), options);
        for (const char* name :
             {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "LICENSE.txt"})
            writeBytes(scratch.path("model") / name, std::string("bytes of ") + name);
        writeBytes(scratch.path("model") / "pytorch_model.bin", "old weights");
        writeBytes(scratch.path("model") / "README.md", "about the source");
        const auto request =
            requestOf(opened(scratch.path("model")), "none", ExportFormat::Hf, scratch.path("out"));
        QROAR_EXPORTED(exportModel(request, silent));
        const auto source = nlohmann::ordered_json::parse(wholeFile(scratch.path("model") / "config.json"));
        auto config = nlohmann::ordered_json::parse(wholeFile(scratch.path("out") / "config.json"));
        QCOMPARE(config["torch_dtype"].get<std::string>(), std::string("float32")); // was not there
        config.erase("torch_dtype");
        QVERIFY(source == config); // order included
        QCOMPARE(namesIn(scratch.path("out")),
                 (std::set<std::string>{"LICENSE.txt", "config.json", "generation_config.json",
                                        "model.safetensors", "tokenizer.json", "tokenizer_config.json"}));
        QCOMPARE(wholeFile(scratch.path("out") / "tokenizer.json"), std::string("bytes of tokenizer.json"));
    }

    void tiedModelsStayTied() {
        const Scratch scratch;
        RandomModelOptions options; // tied
        makeRandomHfModel(scratch.path("model"), options);
        QROAR_EXPORTED(exportModel(
            requestOf(opened(scratch.path("model")), "none", ExportFormat::Hf, scratch.path("out")), silent));
        const auto after = readTiny(scratch.path("out"));
        QVERIFY(!after.has("lm_head.weight"));
        QCOMPARE(after.config["tie_word_embeddings"].get<bool>(), true);
    }

    void manyShardsReadLikeOneFile() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"));
        auto request =
            requestOf(opened(scratch.path("model")), "none", ExportFormat::Hf, scratch.path("one"));
        request.gains = randomGains(request.model->config(), 2);
        QROAR_EXPORTED(exportModel(request, silent));
        request.target = scratch.path("many");
        request.shardBytes = 6000;
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const auto one = readTiny(scratch.path("one")), many = readTiny(scratch.path("many"));
        QCOMPARE(one.tensors.size(), many.tensors.size());
        const auto index =
            nlohmann::json::parse(wholeFile(scratch.path("many") / "model.safetensors.index.json"));
        for (const auto& [name, tensor] : one.tensors) {
            QVERIFY2(tensor.bytes == many.at(name).bytes, name.c_str());
            QCOMPARE(index["weight_map"][name].get<std::string>(), many.at(name).file);
        }
        QVERIFY(report->files.size() > 5);
        std::uint64_t bytes = 0;
        for (const ExportedFile& file : report->files)
            if (file.name.find(".safetensors") != std::string::npos
                && file.name.find("json") == std::string::npos) {
                QCOMPARE(file.bytes, std::filesystem::file_size(scratch.path("many") / file.name));
                bytes += file.bytes;
            }
        QVERIFY(bytes > index["metadata"]["total_size"].get<std::uint64_t>());
    }

    void roundedWeightsAreWhatTheyWereInMemory() {
        // rtn written out dense: the numbers of a kernel that dequantizes
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"));
        const auto model = opened(scratch.path("model"));
        const auto request = requestOf(model, "rtn:3:g16", ExportFormat::Hf, scratch.path("out"));
        const auto report = exportModel(request, silent);
        QROAR_OPENED(report);
        const ReferenceLlama wanted(*model, referenceRtn(3, 16, false)), found(*opened(scratch.path("out")));
        const auto ids = someIds(30, 64);
        QVERIFY(worst(wanted.logits(ids), found.logits(ids)) < 1e-4);
    }

    void whatDoesNotFitIsRefused() {
        const Scratch scratch;
        RandomModelOptions options;
        options.gain = 3e5; // beyond F16
        makeRandomHfModel(scratch.path("model"), options);
        auto request =
            requestOf(opened(scratch.path("model")), "none", ExportFormat::Hf, scratch.path("out"));
        request.dtype = DType::F16;
        QROAR_REFUSED(exportModel(request, silent), "layer 0", "F16", "--dtype");
        QCOMPARE(namesIn(scratch.path()), (std::set<std::string>{"model"}));
    }

    void badGainsAreNamed() {
        const Scratch scratch;
        makeRandomHfModel(scratch.path("model"));
        auto request =
            requestOf(opened(scratch.path("model")), "none", ExportFormat::Hf, scratch.path("out"));
        request.gains = QkGains::ones(request.model->config());
        request.gains.keyGains(1, 1)[2] = 0;
        QROAR_REFUSED(exportModel(request, silent), "key head 1, layer 1, pair 2", "positive");
        request.gains.keyGains(1, 1)[2] = 1e60;
        QROAR_REFUSED(exportModel(request, silent), "key head 1, layer 1, pair 2");
        request.gains.layers = 1;
        QROAR_REFUSED(exportModel(request, silent), "the scales are for 1 layers");
    }
};

QTEST_APPLESS_MAIN(TestExportDense)
#include "test_export_dense.moc"
