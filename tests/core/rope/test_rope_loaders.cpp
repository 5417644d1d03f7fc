// What other programs make of a checkpoint's RoPE, against their formulas written out plainly.
#include "core/rope/loaders.h"
#include "tests/support/rope_models.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using qroar::test::modelOf;
using qroar::test::specOf;

namespace {

LoaderTable load(RopeLoader loader, const RopeSpec& spec, const RopeModel& model, long long context) {
    auto table = buildLoaderTable(loader, spec, model, context);
    if (!table) qFatal("%s", table.error().message.c_str());
    return *table;
}

/// YaRN as transformers writes it: extrapolated and interpolated frequencies, mixed on a truncated ramp.
double yarnFrequency(int pair, int dims, double theta, double trained, double factor) {
    const auto at = [&](double rotations) {
        return dims * std::log(trained / (rotations * 2 * M_PI)) / (2 * std::log(theta));
    };
    const double low = std::max(std::floor(at(32)), 0.0), high = std::min(std::ceil(at(1)), dims - 1.0);
    const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
    const double extrapolated = 1 / std::pow(theta, 2.0 * pair / dims);
    return extrapolated / factor * ramp + extrapolated * (1 - ramp);
}

double ntkFrequency(int pair, int dims, double theta, double stretch) {
    return std::pow(theta * std::pow(stretch, dims / (dims - 2.0)), -2.0 * pair / dims);
}

bool says(const LoaderTable& table, const char* text) {
    return std::any_of(table.notes.begin(), table.notes.end(),
                       [text](const std::string& note) { return note.find(text) != std::string::npos; });
}

void compare(const LoaderTable& table, const std::function<double(int)>& expected) {
    QVERIFY(table.table);
    for (int pair = 0; pair < static_cast<int>(table.table->omega.size()); ++pair)
        QVERIFY2(std::abs(table.table->omega[static_cast<std::size_t>(pair)] / expected(pair) - 1) < 1e-13,
                 qPrintable(QString("pair %1").arg(pair)));
}

} // namespace

class TestRopeLoaders : public QObject {
    Q_OBJECT
  private slots:
    /// The ramp of 4.4x starts from max_position_embeddings; the others from the original length.
    void yarnCountsFromAnotherLength() {
        const RopeModel model = modelOf(64, 1e7, 1048576, 262144);
        const RopeSpec spec = specOf("yarn:4");
        for (const RopeLoader loader : ropeLoaders()) {
            // typed without orig=: the original length stands beside the scaling, where transformers 4 does
            // not look
            const bool four = loader == RopeLoader::Transformers4 || loader == RopeLoader::Transformers48
                              || loader == RopeLoader::Transformers457;
            const double trained = four ? 1048576 : 262144;
            const LoaderTable table = load(loader, spec, model, 1048576);
            compare(table, [&](int pair) { return yarnFrequency(pair, 64, 1e7, trained, 4); });
            QVERIFY(std::abs(table.table->attentionFactor - 1.138629436111989) < 1e-14);
        }
        const auto ours = load(RopeLoader::Qroar, spec, model, 1048576);
        const auto old = load(RopeLoader::Transformers4, spec, model, 1048576);
        double largest = 0;
        for (int pair = 0; pair < 32; ++pair)
            largest = std::max(largest, std::abs(yarnFrequency(pair, 64, 1e7, 1048576, 4)
                                                 - yarnFrequency(pair, 64, 1e7, 262144, 4))
                                            * 1048576);
        QVERIFY(largest > 1); // it matters
        QVERIFY(std::abs(phaseDifference(*old.table, *ours.table, 1048576) / largest - 1) < 1e-9);
        QCOMPARE(phaseDifference(*load(RopeLoader::Vllm, spec, model, 1048576).table, *ours.table, 1048576),
                 0.0);
        QVERIFY(says(old, "max_position_embeddings"));
    }

    /// Qwen2.5's card: factor 4 with max_position_embeddings equal to the original length.
    void factorAgainstLengths() {
        const RopeModel model = modelOf(128, 1e6, 32768, 32768);
        const RopeSpec inside = specOf("yarn:4:orig=32768");
        for (const RopeLoader loader :
             {RopeLoader::Transformers4, RopeLoader::Transformers457, RopeLoader::Transformers5})
            compare(load(loader, inside, model, 131072),
                    [](int pair) { return yarnFrequency(pair, 128, 1e6, 32768, 4); });
        const LoaderTable between = load(RopeLoader::Transformers48, inside, model, 131072);
        QVERIFY(says(between, "replaces the factor 4"));
        compare(between, [](int pair) { return ntkFrequency(pair, 128, 1e6, 1); }); // factor 1: nothing
        QCOMPARE(between.table->attentionFactor, 1.0);
    }

    /// The original length inside the scaling: the ramp of all but the oldest counts from it.
    void yarnInsideTheScaling() {
        const RopeModel model = modelOf(64, 1e4, 16384, 4096);
        for (const RopeLoader loader : ropeLoaders()) {
            const double trained = loader == RopeLoader::Transformers4 ? 16384 : 4096;
            compare(load(loader, specOf("yarn:4:orig=4096"), model, 16384),
                    [&](int pair) { return yarnFrequency(pair, 64, 1e4, trained, 4); });
        }
    }

    /// Ramp ends arrive in llama.cpp by flags only: the keys are read for other architectures.
    void rampEndsAreLostInGguf() {
        const RopeModel model = modelOf(64, 1e4, 16384, 4096);
        const LoaderTable ggml = load(RopeLoader::LlamaCpp, specOf("yarn:4:beta_fast=8"), model, 16384);
        compare(ggml, [](int pair) { return yarnFrequency(pair, 64, 1e4, 4096, 4); });
        QVERIFY(says(ggml, "--yarn-beta-fast"));
        const LoaderTable vllm = load(RopeLoader::Vllm, specOf("yarn:4:beta_fast=8"), model, 16384);
        QVERIFY(phaseDifference(*ggml.table, *vllm.table, 16384) > 1);
    }

    /// Both places name an original length: 5 and vLLM take the outer one, 4.57 and llama.cpp the inner one.
    void originalTwice() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4:orig=4096");
        model.source.innerOriginal = 4096;
        model.source.outerOriginal = 8192;
        for (const RopeLoader loader : ropeLoaders()) {
            if (loader == RopeLoader::Transformers4 || loader == RopeLoader::Transformers48) continue;
            const bool outer = loader == RopeLoader::Transformers5 || loader == RopeLoader::Vllm;
            compare(load(loader, specOf("model"), model, 16384),
                    [&](int pair) { return yarnFrequency(pair, 64, 1e4, outer ? 8192 : 4096, 4); });
        }
    }

    /// What transformers 5 writes is nothing to transformers 4: no scaling and another base.
    void parametersOfTransformers5() {
        RopeModel model = modelOf(64, 5e5, 16384, 4096);
        model.stored = specOf("yarn:4:orig=4096");
        model.source.parametersOnly = true;
        for (const RopeLoader loader :
             {RopeLoader::Transformers4, RopeLoader::Transformers48, RopeLoader::Transformers457}) {
            const LoaderTable lost = load(loader, specOf("model"), model, 16384);
            compare(lost, [](int pair) { return ntkFrequency(pair, 64, 1e4, 1); });
            QVERIFY(says(lost, "rope_parameters"));
        }
        compare(load(RopeLoader::LlamaCpp, specOf("model"), model, 16384),
                [](int pair) { return yarnFrequency(pair, 64, 5e5, 4096, 4); });
        model.source.outerTheta = 5e5;
        compare(load(RopeLoader::Transformers457, specOf("model"), model, 16384),
                [](int pair) { return ntkFrequency(pair, 64, 5e5, 1); });
    }

    /// The base of a GGUF file is all that others read of its RoPE.
    void ggufFiles() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4:attn=1.5");
        model.source.gguf = true;
        const auto ours = load(RopeLoader::Qroar, specOf("model"), model, 16384);
        const auto ggml = load(RopeLoader::LlamaCpp, specOf("model"), model, 16384);
        QCOMPARE(phaseDifference(*ggml.table, *ours.table, 16384), 0.0);
        QCOMPARE(ggml.table->attentionFactor, 1.5);
        for (const RopeLoader loader : {RopeLoader::Transformers5, RopeLoader::Vllm})
            compare(load(loader, specOf("model"), model, 16384),
                    [](int pair) { return ntkFrequency(pair, 64, 1e4, 1); });
    }

    void familiesInGguf() {
        RopeModel model = modelOf(64, 5e5, 131072, 8192);
        const auto ggml = [&](const char* architecture, const char* spec) {
            model.source.architecture = architecture;
            return load(RopeLoader::LlamaCpp, specOf(spec), model, 32768);
        };
        const auto plain = ggml("LlamaForCausalLM", "none");
        QVERIFY(phaseDifference(*ggml("LlamaForCausalLM", "llama3:8").table, *plain.table, 32768) > 1);
        QVERIFY(phaseDifference(*ggml("GraniteForCausalLM", "llama3:8").table, *plain.table, 32768) > 1);
        const auto qwen = ggml("Qwen2ForCausalLM", "llama3:8");
        QCOMPARE(phaseDifference(*qwen.table, *plain.table, 32768), 0.0); // dropped
        QVERIFY(says(qwen, "dropped"));
        QVERIFY(!ggml("SmolLM3ForCausalLM", "llama3:8").table);
        model.rotaryDim = 32;
        QVERIFY(!ggml("LlamaForCausalLM", "yarn:4").table); // would turn whole heads
        QVERIFY(ggml("Phi3ForCausalLM", "yarn:4").table);
    }

    void conflictingNames() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4");
        model.source.type = "yarn";
        model.source.oldType = "linear";
        QVERIFY(!load(RopeLoader::Vllm, specOf("model"), model, 16384).table);
        model.source.oldType = "yarn";
        QVERIFY(load(RopeLoader::Vllm, specOf("model"), model, 16384).table);
    }

    /// llama3's original length is looked for in rope_scaling only by transformers 4.
    void llama3WithTheLengthOutside() {
        RopeModel model = modelOf(64, 5e5, 131072, 8192);
        model.stored = specOf("llama3:8");
        QVERIFY(!load(RopeLoader::Transformers457, specOf("model"), model, 131072).table);
        QVERIFY(load(RopeLoader::Transformers5, specOf("model"), model, 131072).table);
        model.stored = specOf("llama3:8:orig=8192");
        QVERIFY(load(RopeLoader::Transformers457, specOf("model"), model, 131072).table);
    }

    void attentionFactors() {
        const RopeModel model = modelOf(64, 1e4, 16384, 4096);
        const RopeSpec given = specOf("yarn:4:attn=1.5"), pair = specOf("yarn:4:mscale=1:mscale_all_dim=0.5");
        const double plain = 0.1 * std::log(4.0) + 1, ratio = plain / (0.05 * std::log(4.0) + 1);
        const auto factor = [&](RopeLoader loader, const RopeSpec& spec) {
            return load(loader, spec, model, 16384).table->attentionFactor;
        };
        QCOMPARE(factor(RopeLoader::Transformers4, given), 1.5);
        QCOMPARE(factor(RopeLoader::Transformers5, given), 1.5);
        QCOMPARE(factor(RopeLoader::LlamaCpp, given), plain);
        QCOMPARE(factor(RopeLoader::Vllm, given), plain);
        QCOMPARE(factor(RopeLoader::Transformers4, pair), plain);
        QCOMPARE(factor(RopeLoader::Transformers5, pair), ratio);
        QVERIFY(says(load(RopeLoader::Vllm, given, model, 16384), "attention_factor"));
    }

    void dynamicNtk() {
        const RopeModel model = modelOf(64, 1e4, 8192, 4096);
        const RopeSpec spec = specOf("dynamic:2");
        compare(load(RopeLoader::Qroar, spec, model, 16384),
                [](int pair) { return ntkFrequency(pair, 64, 1e4, 2.0 * 16384 / 4096 - 1); });
        for (const RopeLoader loader : {RopeLoader::Transformers4, RopeLoader::Transformers5})
            compare(load(loader, spec, model, 16384),
                    [](int pair) { return ntkFrequency(pair, 64, 1e4, 2.0 * 16384 / 8192 - 1); });
        // vLLM: L = factor * max_position_embeddings, whatever the context; llama.cpp: not at all.
        compare(load(RopeLoader::Vllm, spec, model, 1024),
                [](int pair) { return ntkFrequency(pair, 64, 1e4, 2.0 * 2 - 1); });
        const LoaderTable ggml = load(RopeLoader::LlamaCpp, spec, model, 16384);
        compare(ggml, [](int pair) { return ntkFrequency(pair, 64, 1e4, 1); });
        QVERIFY(says(ggml, "--rope-freq-base"));
    }

    void longRope() {
        RopeModel model = modelOf(8, 1e4, 131072, 4096);
        model.stored.kind = RopeKind::LongRope;
        model.stored.shortFactors = {1, 1, 1, 1};
        model.stored.longFactors = {1, 2, 3, 4};
        model.stored.factor = 8; // the lengths say 32
        RopeSpec spec;
        spec.kind = RopeKind::Model;
        const double byLengths = std::sqrt(1 + std::log(32.0) / std::log(4096.0));
        const double byFactor = std::sqrt(1 + std::log(8.0) / std::log(4096.0));
        const auto factor = [&](RopeLoader loader, const RopeModel& of) {
            return load(loader, spec, of, 8192).table->attentionFactor;
        };
        QVERIFY(std::abs(factor(RopeLoader::Transformers5, model) - byFactor) < 1e-14);
        for (const RopeLoader loader : {RopeLoader::Transformers4, RopeLoader::LlamaCpp, RopeLoader::Vllm})
            QVERIFY(std::abs(factor(loader, model) - byLengths) < 1e-14);
        compare(load(RopeLoader::Vllm, spec, model, 8192),
                [](int pair) { return std::pow(1e4, -0.25 * pair) / (pair + 1); });
        // The original length inside rope_scaling only: 4.4x does not see it.
        model.stored.original = 4096;
        const LoaderTable old = load(RopeLoader::Transformers4, spec, model, 8192);
        compare(old, [](int pair) { return std::pow(1e4, -0.25 * pair); }); // short: 8,192 <= 131,072
        QVERIFY(says(old, "top-level"));
    }

    void agreeingKindsAgree() {
        const RopeModel model = modelOf(128, 5e5, 131072, 8192);
        for (const char* text : {"none", "linear:4", "ntk:4", "llama3:8"}) {
            const auto ours = load(RopeLoader::Qroar, specOf(text), model, 32768);
            for (const RopeLoader loader : ropeLoaders())
                QCOMPARE(phaseDifference(*load(loader, specOf(text), model, 32768).table, *ours.table, 32768),
                         0.0);
        }
    }

    void refusalsAreSaid() {
        const RopeModel model = modelOf(64, 1e4, 16384, 4096);
        RopeSpec spec;
        spec.kind = RopeKind::Yarn; // no factor: max_position_embeddings / original
        QVERIFY(load(RopeLoader::Transformers5, spec, model, 16384).table);
        const LoaderTable old = load(RopeLoader::Transformers4, spec, model, 16384);
        QVERIFY(!old.table && says(old, "factor"));
        RopeSpec bad;
        bad.kind = RopeKind::Linear;
        QVERIFY(!buildLoaderTable(RopeLoader::Vllm, bad, model, 16384).ok());
    }
};

QTEST_APPLESS_MAIN(TestRopeLoaders)
#include "test_rope_loaders.moc"
