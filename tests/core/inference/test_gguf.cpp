// GGUF files as models: logits equal those of the same weights in a Hugging Face folder, for every block
// type, both row orders, split files and RoPE scalings; and files that are wrong in every way the format can
// be.
#include "core/inference/forward.h"
#include "core/model/gguf_file.h"
#include "tests/core/model/model_test.h"
#include "tests/support/gguf_twin.h"
#include "tests/support/reference_llama.h"

#include <cmath>
#include <numeric>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

RandomModelOptions smallModel() {
    return ofSize(64, 16, 96);
}

std::vector<int> someIds(int count, int vocab) {
    std::mt19937 random(5);
    std::vector<int> ids(static_cast<std::size_t>(count));
    for (int& id : ids) id = static_cast<int>(random() % static_cast<unsigned>(vocab));
    return ids;
}

std::vector<float> nllOf(const std::shared_ptr<const Model>& model, const std::vector<int>& ids,
                         const char* rope = "model") {
    Window window;
    window.tokens = ids;
    const std::vector<Window> windows{window};
    const auto table = buildFrequencyTable(*RopeSpec::parse(rope), model->config().ropeModel(),
                                           static_cast<long long>(ids.size()));
    if (!table) qFatal("%s", table.error().message.c_str());
    const int context = static_cast<int>(ids.size());
    NllSink sink(windows);
    ProgressSink silent;
    WorkMeter meter(silent, 1e9);
    ForwardPass pass(model, *table, plainQuant(*model), context);
    if (Status ran = pass.run(windows, nullptr, sink, meter); !ran) qFatal("%s", ran.error().message.c_str());
    return sink.nll().front();
}

double largestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = a.size() == b.size() ? 0 : 1e9;
    for (std::size_t index = 0; index < std::min(a.size(), b.size()); ++index)
        largest = std::max(largest, static_cast<double>(std::abs(a[index] - b[index])));
    return largest;
}

} // namespace

class TestGguf : public QObject {
    Q_OBJECT
    Scratch scratch_;
    int number_ = 0;

    std::filesystem::path written(const GgufWriter& gguf, const std::string& name = "model.gguf") {
        const auto folder = scratch_.path("g" + std::to_string(number_++));
        std::filesystem::create_directories(folder);
        gguf.write(folder / name);
        return folder / name;
    }
    std::shared_ptr<const Model> folderOf(const GgufTwin& twin) {
        const auto folder = scratch_.path("hf" + std::to_string(number_++));
        writeHfFolder(folder, twin.folderConfig, twin.tensors);
        auto model = openModel(folder);
        if (!model) qFatal("%s", model.error().message.c_str());
        return *model;
    }
    std::shared_ptr<const Model> ggufOf(const GgufWriter& gguf) {
        auto model = openModel(written(gguf));
        if (!model) qFatal("%s", model.error().message.c_str());
        return *model;
    }

  private slots:
    void logitsEqualThoseOfTheFolder_data() {
        QTest::addColumn<int>("type");
        for (const GgmlType type :
             {GgmlType::F32, GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0,
              GgmlType::IQ4_NL, GgmlType::Q2_K, GgmlType::Q3_K, GgmlType::Q4_K, GgmlType::Q5_K,
              GgmlType::Q6_K, GgmlType::IQ4_XS})
            QTest::newRow(ggmlTypeFacts(type).name) << static_cast<int>(type);
    }
    void logitsEqualThoseOfTheFolder() {
        QFETCH(int, type);
        const auto linear = static_cast<GgmlType>(type);
        RandomModelOptions options = smallModel();
        if (ggmlTypeFacts(linear).blockElements == 256) {
            options.hidden = options.intermediate = 256;
            options.headDim = 64;
        }
        const GgufTwin twin = makeGgufTwin(options, 3, linear);
        const auto gguf = ggufOf(twin.gguf), folder = folderOf(twin);
        QCOMPARE(gguf->isQuantized(), linear != GgmlType::F32);
        QVERIFY(gguf->config().pairLayout == PairLayout::Interleaved);
        const auto ids = someIds(40, options.vocab);
        const auto ours = nllOf(gguf, ids);
        const double apart = largestDifference(ours, nllOf(folder, ids));
        QVERIFY2(apart < 1e-4, qPrintable(QString::number(apart)));
        const auto expected = ReferenceLlama(*folder).nll(ids); // shares no code with the reader
        for (std::size_t at = 0; at < expected.size(); ++at)
            QVERIFY(std::abs(ours[at] - expected[at]) < 1e-3);
    }

    void rowsOfQwenAreNotPermuted() {
        RandomModelOptions options = smallModel();
        options.attentionBias = true;
        const GgufTwin twin = makeGgufTwin(options, 4, GgmlType::F32, "qwen2");
        const auto gguf = ggufOf(twin.gguf);
        QVERIFY(gguf->config().pairLayout == PairLayout::HalfSplit);
        QCOMPARE(gguf->config().architecture, std::string("Qwen2ForCausalLM"));
        const auto ids = someIds(40, options.vocab);
        QVERIFY(largestDifference(nllOf(gguf, ids), nllOf(folderOf(twin), ids)) < 2e-5);
    }

    void normsOfQwen3AreRead() {
        RandomModelOptions options = smallModel();
        options.architecture = "Qwen3ForCausalLM";
        const GgufTwin twin = makeGgufTwin(options, 4, GgmlType::F32, "qwen3");
        const auto gguf = ggufOf(twin.gguf);
        QVERIFY(gguf->config().pairLayout == PairLayout::HalfSplit && gguf->config().qkNorms);
        QCOMPARE(gguf->config().architecture, std::string("Qwen3ForCausalLM"));
        const auto ids = someIds(40, options.vocab);
        QVERIFY(largestDifference(nllOf(gguf, ids), nllOf(folderOf(twin), ids)) < 2e-5);
    }

    void untiedHead() {
        RandomModelOptions options = smallModel();
        options.tied = false;
        const GgufTwin twin = makeGgufTwin(options, 5);
        const auto gguf = ggufOf(twin.gguf);
        QVERIFY(!gguf->config().tiedEmbeddings);
        const auto ids = someIds(30, options.vocab);
        QVERIFY(largestDifference(nllOf(gguf, ids), nllOf(folderOf(twin), ids)) < 2e-5);
    }

    void scalings() {
        const auto storedBy = [this](const std::function<void(GgufWriter&)>& add) {
            GgufTwin twin = makeGgufTwin(smallModel(), 6);
            add(twin.gguf);
            return ggufOf(twin.gguf)->config();
        };
        auto config = storedBy([](GgufWriter& g) { g.f32("llama.rope.scaling.factor", 4); });
        QCOMPARE(config.storedRope.text(), std::string("linear:4")); // no type: linear
        config = storedBy([](GgufWriter& g) { g.f32("llama.rope.scale_linear", 2); });
        QCOMPARE(config.storedRope.text(), std::string("linear:2"));
        config = storedBy([](GgufWriter& g) {
            g.text("llama.rope.scaling.type", "none");
            g.f32("llama.rope.scaling.factor", 4);
        });
        QCOMPARE(config.storedRope.text(), std::string("none"));
        config = storedBy([](GgufWriter& g) {
            g.text("llama.rope.scaling.type", "yarn");
            g.f32("llama.rope.scaling.factor", 4);
            g.u32("llama.rope.scaling.original_context_length", 32);
            g.f32("llama.rope.scaling.attn_factor", 1.5F);
        });
        QVERIFY(config.storedRope.kind == RopeKind::Yarn);
        QCOMPARE(config.trainedContext(), 32);
        QVERIFY(std::abs(*config.storedRope.attentionFactor - 1.5 * (1 + 0.1 * std::log(4.0))) < 1e-12);
        // The divisors of llama3 scaling, as a tensor.
        RopeModel shape = config.ropeModel();
        shape.stored = {};
        const auto llama3 = buildFrequencyTable(*RopeSpec::parse("llama3:8:orig=8192"), shape, 128);
        std::vector<float> divisors;
        for (std::size_t pair = 0; pair < 8; ++pair)
            divisors.push_back(static_cast<float>(llama3->plain[pair] / llama3->omega[pair]));
        config = storedBy([&](GgufWriter& g) { g.tensorF32("rope_freqs.weight", {8}, divisors); });
        QVERIFY2(config.storedRope.kind == RopeKind::Llama3 || divisors.back() == 1.0F,
                 config.storedRope.text().c_str());
        // Any other static divisors are in force at every length.
        config = storedBy([&](GgufWriter& g) {
            g.tensorF32("rope_freqs.weight", {8}, {1, 1, 1.5F, 2, 2, 3, 3, 3});
        });
        const auto table = buildFrequencyTable(*RopeSpec::parse("model"), config.ropeModel(), 100);
        QROAR_OPENED(table);
        QVERIFY(std::abs(table->plain[2] / table->omega[2] - 1.5) < 1e-6);
        QCOMPARE(table->attentionFactor, 1.0);
    }

    void splitFiles() {
        const GgufTwin twin = makeGgufTwin(smallModel(), 7);
        const auto folder = scratch_.path("split");
        std::filesystem::create_directories(folder);
        GgufWriter first = twin.gguf, second;
        const std::size_t count = twin.tensors.size();
        const auto cut = first.splitOff(count / 2);
        for (int part = 0; part < 2; ++part) {
            GgufWriter& gguf = part == 0 ? first : second;
            gguf.u16("split.no", static_cast<std::uint16_t>(part));
            gguf.u16("split.count", 2);
            gguf.i32("split.tensors.count", static_cast<std::int32_t>(count));
        }
        second.append(cut);
        first.write(folder / "m-00001-of-00002.gguf");
        QROAR_REFUSED(openModel(folder / "m-00001-of-00002.gguf"), "part 2 of 2 is missing",
                      "m-00002-of-00002.gguf");
        second.write(folder / "m-00002-of-00002.gguf");
        const auto ids = someIds(20, twin.options.vocab);
        for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
            const auto model = openModel(folder / name);
            QROAR_OPENED(model);
            QVERIFY(largestDifference(nllOf(*model, ids), nllOf(folderOf(twin), ids)) < 2e-5);
        }
        first.write(folder / "m-00002-of-00002.gguf");
        QROAR_REFUSED(openModel(folder / "m-00001-of-00002.gguf"), "expected part 2 of 2, found part 1 of 2");
    }

    void refusals() {
        const auto refuses = [this](const std::function<void(GgufTwin&)>& spoil,
                                    const std::vector<std::string>& texts) {
            GgufTwin twin = makeGgufTwin(smallModel(), 8);
            spoil(twin);
            const auto model = openModel(written(twin.gguf));
            QVERIFY2(!model, texts.front().c_str());
            for (const std::string& text : texts)
                QVERIFY2(model.error().message.find(text) != std::string::npos,
                         model.error().message.c_str());
        };
        refuses([](GgufTwin& t) { t.gguf.version = 1; }, {"version 1"});
        refuses([](GgufTwin& t) { t.gguf.version = 0x03000000; }, {"big-endian"});
        refuses([](GgufTwin& t) { t.gguf.version = 9; }, {"version 9"});
        refuses([](GgufTwin& t) { t.gguf.u32("llama.block_count", 2); },
                {"llama.block_count", "occurs twice"});
        refuses([](GgufTwin& t) { t.gguf.u32("llama.expert_count", 8); }, {"expert_count", "8 experts"});
        refuses([](GgufTwin& t) { t.gguf.f32("llama.attention.scale", 0.5F); }, {"attention.scale"});
        refuses([](GgufTwin& t) { t.gguf.f32("llama.logit_scale", 2.0F); }, {"logit_scale"});
        refuses([](GgufTwin& t) { t.gguf.text("llama.rope.scaling.type", "odd"); },
                {"rope.scaling.type", "odd"});
        refuses(
            [](GgufTwin& t) {
                t.gguf.tensorF32("blk.0.attn_q_norm.weight", {16}, std::vector<float>(16, 1));
            },
            {"blk.0.attn_q_norm.weight"});
        refuses([](GgufTwin& t) { t.gguf.tensorF32("blk.0.attn_q.weight", {1}, {1}); },
                {"attn_q.weight", "twice"});
        refuses([](GgufTwin& t) { t.gguf.alignment = 4096; }, {"expected its data at offset"});
        refuses([](GgufTwin& t) { t.gguf.u32("general.alignment", 48); },
                {"general.alignment", "power of two"});
        refuses([](GgufTwin& t) { t.gguf.raw("odd", 77, ""); }, {"\"odd\"", "77"});
        refuses([](GgufTwin& t) { t.gguf.raw("odd", 7, "\2"); }, {"\"odd\"", "bool"});
        refuses([](GgufTwin& t) { t.gguf.tensor("odd", {32}, 4, std::string(18, ' ')); },
                {"\"odd\"", "number 4"});
        refuses([](GgufTwin& t) { t.gguf.tensor("odd", {33}, 2, std::string(18, ' ')); },
                {"\"odd\"", "Q4_0 blocks"});
        refuses([](GgufTwin& t) { t.gguf.tensor(std::string(65, 'x'), {1}, 0, "1234"); }, {"64 bytes"});
        GgufWriter other;
        other.text("general.architecture", "mamba");
        QROAR_REFUSED(openModel(written(other)), "mamba", "supported: llama");
    }

    void typesThatAreNotReadAreNamed() {
        GgufTwin twin = makeGgufTwin(smallModel(), 9);
        GgufWriter gguf = twin.gguf;
        gguf.replaceType("blk.1.ffn_up.weight", 39, 17); // MXFP4
        QROAR_REFUSED(openModel(written(gguf)), "blk.1.ffn_up.weight", "MXFP4");
    }

    void infinityInABlock() {
        GgufTwin twin = makeGgufTwin(smallModel(), 10, GgmlType::Q8_0);
        twin.gguf.poke("blk.1.ffn_up.weight", 34 * 3, std::string("\x00\x7C", 2));
        QROAR_REFUSED(openModel(written(twin.gguf)), "blk.1.ffn_up.weight", "[1, 32]");
        const auto looked = inspectModel(scratch_.path("g" + std::to_string(number_ - 1)) / "model.gguf");
        QROAR_OPENED(looked);
    }

    void truncatedAnywhere() {
        const GgufTwin twin = makeGgufTwin(smallModel(), 11);
        const std::string whole = twin.gguf.bytes();
        for (std::size_t length = 0; length < whole.size(); length += 1 + length / 40)
            QROAR_REFUSED(GgufFile::open(scratch_.file("cut.gguf", whole.substr(0, length))), "cut.gguf");
    }
};

QTEST_APPLESS_MAIN(TestGguf)
#include "test_gguf.moc"
