// The audit: phase errors against plain loops, who differs and who refuses, a warning for every trap; and
// llama.cpp's flags, read back by its own formula written out here.
#include "core/rope/audit.h"
#include "tests/support/rope_models.h"

#include <QtTest>

#include <cmath>
#include <map>
#include <sstream>

using namespace qroar;
using qroar::test::modelOf;
using qroar::test::specOf;

namespace {

RopeAudit auditOf(const char* spec, const RopeModel& model, long long context) {
    const auto ours = buildFrequencyTable(specOf(spec), model, context);
    if (!ours) qFatal("%s", ours.error().message.c_str());
    auto audit = auditRope(*ours, specOf(spec), model, context);
    if (!audit) qFatal("%s", audit.error().message.c_str());
    return *audit;
}

bool warns(const RopeAudit& audit, const std::string& key, const std::string& text) {
    for (const RopeWarning& warning : audit.warnings)
        if (warning.key == key && warning.text.find(text) != std::string::npos) return true;
    return false;
}

/// What llama.cpp computes with these arguments from a file without scaling: ggml_rope_ext in double.
struct GgmlRope {
    std::vector<double> omega;
    double attention = 1;
};
GgmlRope fromFlags(const std::string& flags, const RopeModel& model) {
    std::map<std::string, std::string> value;
    std::istringstream words(flags);
    for (std::string name, text; words >> name >> text;) value[name] = text;
    const auto number = [&](const char* name, double usual) {
        return value.count(name) ? std::stod(value[name]) : usual;
    };
    const bool yarn = value["--rope-scaling"] == "yarn";
    const double scale = value["--rope-scaling"] == "none" ? 1 : 1 / number("--rope-scale", 1);
    const double base = number("--rope-freq-base", model.theta), d = model.rotaryDim;
    const double original = number("--yarn-orig-ctx", model.maxPositions);
    const auto corrected = [&](double turns) {
        return d * std::log(original / (turns * 2 * M_PI)) / (2 * std::log(base));
    };
    const double low = std::max(0.0, std::floor(corrected(number("--yarn-beta-fast", 32))));
    const double high = std::min(d - 1, std::ceil(corrected(number("--yarn-beta-slow", 1))));
    GgmlRope rope;
    for (int pair = 0; pair < model.rotaryDim / 2; ++pair) {
        const double extrapolated = std::pow(base, -2.0 * pair / d), interpolated = scale * extrapolated;
        const double mix = yarn ? number("--yarn-ext-factor", 1)
                                      * (1 - std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0))
                                : 0;
        rope.omega.push_back(interpolated * (1 - mix) + extrapolated * mix);
    }
    if (yarn && scale < 1) rope.attention = 1 + 0.1 * std::log(1 / scale);
    return rope;
}

} // namespace

class TestRopeAudit : public QObject {
    Q_OBJECT
  private slots:
    void phaseErrorAndWhere() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4:orig=4096");
        const RopeAudit audit = auditOf("model", model, 16384);
        QCOMPARE(audit.loaders.size(), ropeLoaders().size() - 1);
        const LoaderVerdict& old = audit.of(RopeLoader::Transformers4);
        const auto errors = phaseErrors(audit, old);
        double most = 0;
        int where = -1;
        for (int pair = 0; pair < 32; ++pair) {
            const auto at = static_cast<std::size_t>(pair);
            const double error = std::abs(old.loaded.table->omega[at] - audit.ours.omega[at]) * 16384;
            QVERIFY(std::abs(errors[at] - error) < 1e-9);
            if (error > most) {
                most = error;
                where = pair;
            }
        }
        QVERIFY(most > 1);
        QCOMPARE(old.phaseError, most);
        QCOMPARE(old.pair, where);
        QVERIFY(old.status == LoaderStatus::Differs);
        for (const RopeLoader loader : {RopeLoader::Transformers48, RopeLoader::Transformers457,
                                        RopeLoader::Transformers5, RopeLoader::LlamaCpp, RopeLoader::Vllm}) {
            QVERIFY(audit.of(loader).status == LoaderStatus::Same);
            QCOMPARE(audit.of(loader).pair, -1);
        }
    }

    /// Equal frequencies and another attention factor differ all the same.
    void attentionFactorCounts() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4:orig=4096:attn=1.5");
        const RopeAudit audit = auditOf("model", model, 16384);
        const LoaderVerdict& ggml = audit.of(RopeLoader::LlamaCpp);
        QVERIFY(ggml.status == LoaderStatus::Differs);
        QCOMPARE(ggml.phaseError, 0.0);
        QVERIFY(std::abs(ggml.attentionRatio * 1.5 - (0.1 * std::log(4.0) + 1)) < 1e-12);
        QVERIFY(warns(audit, "attention_factor", "llama.cpp"));
    }

    void refusals() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored.kind = RopeKind::Yarn;
        const RopeAudit audit = auditOf("model", model, 16384);
        QVERIFY(audit.of(RopeLoader::Vllm).status == LoaderStatus::Refuses);
        QVERIFY(phaseErrors(audit, audit.of(RopeLoader::Vllm)).empty());
        QVERIFY(warns(audit, "factor", "missing"));
    }

    void aWarningForEveryTrap_data() {
        QTest::addColumn<QString>("spec");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("text");
        QTest::newRow("factor against lengths") << "yarn:8:orig=4096"
                                                << "factor"
                                                << "differs";
        QTest::newRow("llama 3.1") << "llama3:8:orig=4096"
                                   << "factor"
                                   << "usual for Llama 3.1";
        QTest::newRow("llama3 in GGUF") << "llama3:8:orig=4096"
                                        << "rope_type"
                                        << "rope_freqs.weight";
        QTest::newRow("mscale") << "yarn:4:mscale=1:mscale_all_dim=0.5"
                                << "mscale"
                                << "llama.cpp";
        QTest::newRow("half of mscale") << "yarn:4:mscale=1"
                                        << "mscale"
                                        << "mscale_all_dim";
        QTest::newRow("ramp") << "yarn:4:beta_fast=8"
                              << "beta_fast"
                              << "command line";
        QTest::newRow("truncate") << "yarn:4:truncate=0"
                                  << "truncate"
                                  << "round";
        QTest::newRow("dynamic") << "dynamic:4"
                                 << "rope_type"
                                 << "vLLM";
        QTest::newRow("ntk") << "ntk:4"
                             << "rope_theta"
                             << "larger";
    }
    void aWarningForEveryTrap() {
        QFETCH(QString, spec);
        QFETCH(QString, key);
        QFETCH(QString, text);
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf(qPrintable(spec));
        const RopeAudit audit = auditOf("model", model, 16384);
        QVERIFY(warns(audit, key.toStdString(), text.toStdString()));
        model.stored = specOf("none");
        QVERIFY(auditOf("model", model, 16384).warnings.empty());
        model.stored = specOf("yarn:4:orig=4096"); // as an export writes it
        model.source.type = model.source.oldType = "yarn";
        QVERIFY(auditOf("model", model, 16384).warnings.empty());
    }

    void spelling() {
        RopeModel model = modelOf(64, 1e4, 16384, 4096);
        model.stored = specOf("yarn:4:orig=4096");
        const auto warnsOf = [&](auto change, const char* key, const char* text) {
            RopeModel changed = model;
            changed.source.type = changed.source.oldType = "yarn";
            change(changed);
            return warns(auditOf("model", changed, 16384), key, text);
        };
        QVERIFY(warnsOf([](RopeModel& m) { m.source.type.clear(); }, "type", "KeyError"));
        QVERIFY(warnsOf([](RopeModel& m) { m.source.oldType.clear(); }, "rope_type", "KeyError"));
        QVERIFY(warnsOf([](RopeModel& m) { m.source.oldType = "linear"; }, "rope_type", "refuses"));
        QVERIFY(warnsOf([](RopeModel& m) { m.source.parametersOnly = true; }, "rope_parameters", "4"));
        QVERIFY(warnsOf(
            [](RopeModel& m) {
                m.source.innerOriginal = 4096;
                m.source.outerOriginal = 8192;
            },
            "original_max_position_embeddings", "twice"));
        QVERIFY(warnsOf([](RopeModel& m) { m.source.ignoredKeys = {"attn_factor"}; }, "attn_factor", "vLLM"));
        QVERIFY(warnsOf([](RopeModel& m) { m.source.gguf = true; }, "rope.scaling", "loses"));
        QVERIFY(warnsOf([](RopeModel& m) { m.rotaryDim = 32; }, "partial_rotary_factor", "phi3"));
        QVERIFY(warnsOf(
            [](RopeModel& m) {
                m.unscaledLayers = {0, 1, 2};
            },
            "rope_local_base_freq", "3 layers"));
        const auto smol = [](std::vector<int> layers) {
            return [layers](RopeModel& m) {
                m.source.architecture = "SmolLM3ForCausalLM";
                m.unscaledLayers = layers;
            };
        };
        QVERIFY(warnsOf(smol({2, 5}), "no_rope_layers", "every fourth"));
        QVERIFY(!warnsOf(smol({3, 7}), "no_rope_layers", "every fourth"));
        QVERIFY(warnsOf(
            [](RopeModel& m) {
                m.originalMaxPositions.reset();
                m.stored.original.reset();
            },
            "original_max_position_embeddings", "missing"));
    }

    void shortAndLongFactors() {
        RopeModel model = modelOf(8, 1e4, 131072, 4096);
        model.stored.kind = RopeKind::LongRope;
        model.stored.shortFactors = {1, 1, 1, 1};
        model.stored.longFactors = {1, 2, 3, 4};
        // pair 1: 0.1 (1 - 1/2) x 4,096
        QVERIFY(warns(auditOf("model", model, 8192), "long_factor", "204.8 rad"));
    }

    void flagsGiveTheSameTable_data() {
        QTest::addColumn<QString>("spec");
        for (const char* spec : {"none", "linear:4", "linear:1.7", "ntk:4", "ntk:3.3", "dynamic:4", "yarn:4",
                                 "yarn:2.5:beta_fast=16:beta_slow=2", "yarn:8:orig=2048", "yarn:1"})
            QTest::newRow(spec) << spec;
    }
    void flagsGiveTheSameTable() {
        QFETCH(QString, spec);
        const RopeModel model = modelOf(64, 1e4, 8192, 4096);
        const auto table = buildFrequencyTable(specOf(qPrintable(spec)), model, 30000);
        const auto flags = llamaCppFlags(*table, model, 30000);
        QVERIFY2(flags.ok(), flags.ok() ? "" : flags.error().message.c_str());
        const GgmlRope rope = fromFlags(*flags, model);
        for (std::size_t pair = 0; pair < rope.omega.size(); ++pair)
            QVERIFY2(std::abs(rope.omega[pair] / table->omega[pair] - 1) < 1e-12, flags->c_str());
        QVERIFY(std::abs(rope.attention - table->attentionFactor) < 1e-12);
    }

    void noFlagsForTheRest() {
        const RopeModel model = modelOf(8, 1e4, 8192, 4096);
        const auto refused = [&](const RopeSpec& spec, const RopeModel& of, const char* text) {
            const auto table = buildFrequencyTable(spec, of, 8192);
            if (!table) return false;
            const auto flags = llamaCppFlags(*table, of, 8192);
            return !flags && flags.error().message.find(text) != std::string::npos;
        };
        QVERIFY(refused(specOf("llama3:8"), model, "rope_freqs.weight"));
        QVERIFY(refused(specOf("yarn:4:truncate=0"), model, "truncate"));
        QVERIFY(refused(specOf("yarn:4:attn=1.5"), model, "attention factor 1.5"));
        QVERIFY(refused(specOf("yarn:4:orig=99.5"), model, "99.5"));
        RopeSpec longRope;
        longRope.kind = RopeKind::LongRope;
        longRope.shortFactors = longRope.longFactors = {1, 2, 3, 4};
        QVERIFY(refused(longRope, model, "tensors"));
        RopeModel llama = model;
        llama.stored = specOf("llama3:8"); // its tensor stays, whatever the flags
        QVERIFY(refused(specOf("yarn:4"), llama, "multiplies"));
    }
};

QTEST_APPLESS_MAIN(TestRopeAudit)
#include "test_rope_audit.moc"
