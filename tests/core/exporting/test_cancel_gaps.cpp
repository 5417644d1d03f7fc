// How much an export and a calibration do without asking whether they were cancelled: what a user may have to
// wait for until one stops. On a model whose layers take far longer than that as a whole. (That they
// do stop when told so: test_export_failures, test_calibrate.)
#include "core/quantize/calibrate.h"
#include "tests/core/exporting/exporting_test.h"

#include <ctime>
#include <mutex>
#include <omp.h>

using namespace qroar;
using namespace qroar::test;

namespace {

constexpr double limit = 200; ///< ms of one thread's work

/// The most work between two questions, from the first call on, in the processor's time: waiting for a busy
/// machine does not count.
class Asked final : public ProgressSink {
  public:
    [[nodiscard]] bool cancelled() const override {
        const std::lock_guard lock(mutex_);
        const double now = worked();
        longest_ = std::max(longest_, now - last_);
        last_ = now;
        return false;
    }
    [[nodiscard]] double longest() const { return cancelled() ? 0 : longest_; }
    [[nodiscard]] double total() const { return worked() - start_; }

  private:
    static double worked() { return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
    const double start_ = worked();
    mutable double last_ = start_, longest_ = 0;
    mutable std::mutex mutex_;
};

} // namespace

class TestCancelGaps : public QObject {
    Q_OBJECT
    const Scratch scratch_;
    std::shared_ptr<const Model> model_;

  private slots:
    void initTestCase() {
        omp_set_num_threads(1);
        RandomModelOptions options;
        options.heads = 6;
        options.kvHeads = 3;
        options.headDim = 64;
        options.hidden = 384;
        options.intermediate = 1024;
        options.vocab = 4096;
        options.maxPositions = 512;
        makeRandomHfModel(scratch_.path("model"), options);
        model_ = opened(scratch_.path("model"));
    }

    void exporting_data() {
        QTest::addColumn<int>("format");
        QTest::addColumn<bool>("patch");
        QTest::newRow("dense") << static_cast<int>(ExportFormat::Hf) << false;
        QTest::newRow("packed") << static_cast<int>(ExportFormat::Gptq) << false;
        QTest::newRow("patch") << static_cast<int>(ExportFormat::Hf) << true;
    }
    void exporting() {
        QFETCH(int, format);
        QFETCH(bool, patch);
        const auto kind = static_cast<ExportFormat>(format);
        auto request = requestOf(model_, isPacked(kind) ? "rtn:4:g128:sym" : "none", kind,
                                 scratch_.path(QTest::currentDataTag()));
        request.patch = patch;
        request.gains = randomGains(model_->config(), 3);
        Asked asked;
        QROAR_EXPORTED(exportModel(request, asked));
        const double longest = asked.longest();
        qInfo("longest %.0f ms of %.0f", longest, asked.total());
        QVERIFY(longest < limit);
    }

    void calibrating_data() {
        QTest::addColumn<QString>("spec");
        QTest::newRow("gptq") << "gptq:4:g128";
        QTest::newRow("gptq, act-order") << "gptq:4:g128:act";
        QTest::newRow("awq") << "awq:4:g128";
    }
    void calibrating() {
        QFETCH(QString, spec);
        const auto documents = std::make_shared<std::vector<Document>>();
        std::mt19937 random(3);
        for (int number = 0; number < 4; ++number) {
            documents->emplace_back();
            for (int token = 0; token < 256; ++token)
                documents->back().tokens.push_back(static_cast<TokenId>(random() % 4096));
        }
        Asked asked;
        const auto made =
            makeWeightsOn(documents, {}, 256, 4, model_, *QuantSpec::parse(spec.toStdString()), asked);
        QVERIFY2(made.ok(), made ? "" : made.error().message.c_str());
        const double longest = asked.longest();
        qInfo("longest %.0f ms of %.0f", longest, asked.total());
        QVERIFY(longest < limit);
    }
};

QTEST_APPLESS_MAIN(TestCancelGaps)
#include "test_cancel_gaps.moc"
