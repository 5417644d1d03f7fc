// What other programs make of a checkpoint's RoPE, against their formulas written out plainly.
#include "core/rope/loaders.h"

#include <QtTest>

#include <cmath>

using namespace qroar;

namespace {

RopeModel modelOf(int dims, double theta, int maxPositions, std::optional<int> original = {}) {
    RopeModel model;
    model.headDim = model.rotaryDim = dims;
    model.theta = theta;
    model.maxPositions = maxPositions;
    model.originalMaxPositions = original;
    return model;
}

RopeSpec specOf(const char* text) {
    auto spec = RopeSpec::parse(text);
    if (!spec) qFatal("%s", spec.error().message.c_str());
    return *spec;
}

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
            const double trained = loader == RopeLoader::Transformers4 ? 1048576 : 262144;
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
        const LoaderTable old = load(RopeLoader::Transformers4, specOf("yarn:4"), model, 131072);
        QVERIFY(says(old, "replace the factor 4"));
        compare(old, [](int pair) { return yarnFrequency(pair, 128, 1e6, 32768, 4); });
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
