// Whatever ends an export early leaves the target as it was and nothing beside it: cancelling at any point, a
// write that fails, targets that must not be touched, a failed verification.
#include "core/exporting/staging_folder.h"
#include "tests/core/exporting/exporting_test.h"

#include <atomic>
#include <csignal>
#include <sys/resource.h>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Says "cancel" after having been asked `patience` times.
class Impatient final : public ProgressSink {
  public:
    explicit Impatient(int patience) : patience_(patience) {}
    [[nodiscard]] bool cancelled() const override { return asked_.fetch_add(1) >= patience_; }
    [[nodiscard]] int asked() const { return asked_.load(); }

  private:
    int patience_;
    mutable std::atomic<int> asked_{0};
};

/// While it lives, no file of this process may grow beyond `bytes`: what a full disk looks like.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        old_ = std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, old_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit before_{};
    void (*old_)(int) = nullptr;
};

/// A weight source that answers another layer than it was asked for: what a bug would look like.
class WrongLayer final : public WeightSource {
  public:
    explicit WrongLayer(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
    [[nodiscard]] const QuantSpec& spec() const override { return source_->spec(); }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        return source_->layer(calls_++ < 2 ? 1 - layer : layer); // only while it is written
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return source_->quantized(calls_ < 3 ? 1 - layer : layer);
    }

  private:
    std::shared_ptr<const WeightSource> source_;
    mutable int calls_ = 0;
};

} // namespace

class TestExportFailures : public QObject {
    Q_OBJECT
    Scratch scratch_;
    std::shared_ptr<const Model> model_;

    ExportRequest request(bool patch = false, ExportFormat format = ExportFormat::CompressedTensors) const {
        auto wanted = requestOf(model_, patch ? "none" : "rtn:4:g16", format, scratch_.path("out"));
        wanted.patch = patch;
        wanted.gains = randomGains(model_->config(), 1);
        wanted.shardBytes = 20000;
        return wanted;
    }
    void verifyUntouched() const { QCOMPARE(namesIn(scratch_.path()), (std::set<std::string>{"model"})); }

  private slots:
    void initTestCase() {
        makeRandomHfModel(scratch_.path("model"));
        writeBytes(scratch_.path("model") / "tokenizer.json", std::string(1000, 't'));
        model_ = opened(scratch_.path("model"));
    }
    void cleanup() {
        for (const std::string& name : namesIn(scratch_.path()))
            if (name != "model") std::filesystem::remove_all(scratch_.path(name));
    }

    void cancelledAnywhere_data() {
        QTest::addColumn<bool>("patch");
        QTest::newRow("new") << false;
        QTest::newRow("patch") << true;
    }
    void cancelledAnywhere() {
        QFETCH(bool, patch);
        Impatient patient(1 << 30);
        QROAR_EXPORTED(exportModel(request(patch), patient));
        std::filesystem::remove_all(scratch_.path("out"));
        QVERIFY(patient.asked() > 20);
        for (int patience = 0; patience < patient.asked(); patience += 1 + patient.asked() / 25) {
            Impatient impatient(patience);
            const auto result = exportModel(request(patch), impatient);
            QVERIFY(!result.ok());
            QCOMPARE(result.error().code, ErrorCode::Cancelled);
            verifyUntouched();
        }
    }

    void aFullDisk_data() {
        QTest::addColumn<bool>("patch");
        QTest::addColumn<int>("bytes");
        for (const bool patch : {false, true})
            for (const int bytes : {0, 100, 3000, 19000})
                QTest::newRow(qPrintable(QString("%1 %2").arg(patch ? "patch" : "new").arg(bytes)))
                    << patch << bytes;
    }
    void aFullDisk() {
        QFETCH(bool, patch);
        QFETCH(int, bytes);
        auto wanted = request(patch);
        wanted.shardBytes = defaultShardBytes;
        auto result = [&] {
            const FileSizeLimit limit(static_cast<rlim_t>(bytes));
            return exportModel(wanted, silent);
        }();
        QVERIFY(!result.ok());
        QCOMPARE(result.error().code, ErrorCode::Io);
        QVERIFY(result.error().message.find("cannot be written") != std::string::npos);
        verifyUntouched();
    }

    void notEnoughSpaceIsSaidWithNumbers() {
        QROAR_REFUSED(checkFreeSpace(scratch_.path(), 1ULL << 60), "the export needs 1048576 TiB",
                      "1,152,921,504,606,846,976 bytes", "are free");
        QVERIFY(checkFreeSpace(scratch_.path(), 1000).ok());
    }

    void aFailedVerificationLeavesNothing() {
        for (const ExportFormat format : {ExportFormat::Hf, ExportFormat::CompressedTensors}) {
            auto wanted = request(false, format);
            wanted.weights = std::make_shared<WrongLayer>(wanted.weights);
            QROAR_REFUSED(exportModel(wanted, silent), "read back and is not what it should be");
            verifyUntouched();
        }
    }

    void targetsThatAreRefused_data() {
        QTest::addColumn<std::string>("target");
        QTest::addColumn<std::string>("says");
        QTest::newRow("the source") << std::string("model") << std::string("lies in the folder of the model");
        QTest::newRow("inside the source")
            << std::string("model/out") << std::string("lies in the folder of the model");
        QTest::newRow("by a detour") << std::string("there/../model/x") << std::string("lies in the folder");
        QTest::newRow("by a link") << std::string("link/x") << std::string("lies in the folder");
        QTest::newRow("around the source") << std::string("") << std::string("holds the model");
        QTest::newRow("a file") << std::string("file") << std::string("expected a folder");
        QTest::newRow("no parent") << std::string("no/where") << std::string("no such folder");
        QTest::newRow("not empty") << std::string("full") << std::string("--force");
    }
    void targetsThatAreRefused() {
        QFETCH(std::string, target);
        QFETCH(std::string, says);
        std::filesystem::create_directories(scratch_.path("there"));
        std::filesystem::create_directory_symlink("model", scratch_.path("link"));
        (void)scratch_.file("file", "text");
        (void)scratch_.file("full/note.txt", "mine");
        const auto before = namesIn(scratch_.path()), model = namesIn(scratch_.path("model"));
        for (const bool patch : {false, true}) {
            auto wanted = request(patch);
            wanted.target = target.empty() ? scratch_.path() : scratch_.path(target);
            QROAR_REFUSED(exportModel(wanted, silent), says);
            QROAR_REFUSED(estimateExport(wanted), says);
        }
        QCOMPARE(namesIn(scratch_.path()), before);
        QCOMPARE(namesIn(scratch_.path("model")), model);
        QCOMPARE(wholeFile(scratch_.path("full/note.txt")), std::string("mine"));
    }

    void anEmptyFolderIsFilled() {
        std::filesystem::create_directories(scratch_.path("out"));
        QROAR_EXPORTED(exportModel(request(), silent));
        QVERIFY(namesIn(scratch_.path("out")).count("config.json"));
        QCOMPARE(namesIn(scratch_.path()), (std::set<std::string>{"model", "out"}));
    }

    void forceReplacesModelsOnly() {
        auto wanted = request();
        wanted.replace = true;
        (void)scratch_.file("out/letters.txt", "mine");
        QROAR_REFUSED(exportModel(wanted, silent), "is not a model folder");
        (void)scratch_.file("out/config.json", "{}");
        (void)scratch_.file("out/holiday/photo.jpg", "mine");
        QROAR_REFUSED(exportModel(wanted, silent), "holds holiday", "not replaced");
        QCOMPARE(wholeFile(scratch_.path("out/letters.txt")), std::string("mine"));
        std::filesystem::remove_all(scratch_.path("out/holiday"));
        {
            Impatient impatient(30);
            QVERIFY(!exportModel(wanted, impatient).ok());
            QCOMPARE(namesIn(scratch_.path("out")), (std::set<std::string>{"config.json", "letters.txt"}));
        }
        QROAR_EXPORTED(exportModel(wanted, silent));
        QVERIFY(!namesIn(scratch_.path("out")).count("letters.txt"));
        QVERIFY(namesIn(scratch_.path("out")).count("tokenizer.json"));
        QCOMPARE(namesIn(scratch_.path()), (std::set<std::string>{"model", "out"}));
    }

    void aTargetThatFillsUpMeanwhileIsKept() {
        auto staging = StagingFolder::create(scratch_.path("out"), scratch_.path("model"), false);
        QVERIFY(staging.ok());
        (void)scratch_.file("out/late.txt", "mine");
        QROAR_REFUSED(staging->commit(), "cannot be put in place");
        QCOMPARE(wholeFile(scratch_.path("out/late.txt")), std::string("mine"));
    }

    void aSingleFileMayBeExportedBesideItself() {
        auto wanted = request();
        wanted.model = opened(scratch_.path("model/model.safetensors"));
        wanted.target = scratch_.path("model/out");
        const auto result = exportModel(wanted, silent);
        std::filesystem::remove_all(scratch_.path("model/out"));
        QROAR_OPENED(result);
    }
};

QTEST_APPLESS_MAIN(TestExportFailures)
#include "test_export_failures.moc"
