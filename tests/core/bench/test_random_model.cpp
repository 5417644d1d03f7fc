// Models of random weights: what they hold, that they are the same everywhere, and what is refused.
#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/bench/random_model.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <sys/resource.h>

#include <csignal>

using namespace qroar;
using namespace qroar::bench;
namespace fs = std::filesystem;

namespace {

/// Small enough to be written in no time, with grouped queries and an output head of its own.
ModelShape small() {
    return {"small", 48, 80, 3, 6, 2, 300, 128, false};
}

/// The first weight of q in layer 0 of small(), and the sum of all, from a program that shares no code with
/// this one: the same on every machine.
constexpr float knownFirst = -0.0400390625F;
constexpr double knownSum = -5.040596008300781;

std::string bytesOf(const fs::path& file) {
    auto read = readFile(file, std::size_t{1} << 30);
    return read ? *read : std::string();
}

class CancelledSink : public ProgressSink {
  public:
    [[nodiscard]] bool cancelled() const override { return true; }
};

std::size_t entriesOf(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

} // namespace

class TestRandomModel : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    ProgressSink silent_;
    [[nodiscard]] fs::path path(const char* name) const {
        return fs::path(folder_.path().toStdString()) / name;
    }

  private slots:
    void namedShapesAreThoseOfTheirModels() {
        // Published numbers of parameters; stories260K: counted from its file.
        const std::map<std::string, long long> parameters{{"260k", 260032},
                                                          {"15m", 15191712},
                                                          {"135m", 134515008},
                                                          {"1.1b", 1100048384},
                                                          {"7b", 6738415616}};
        QCOMPARE(namedShapes().size(), parameters.size());
        for (const auto& [name, count] : parameters) {
            const auto shape = findShape(name);
            QVERIFY2(shape.ok(), name.c_str());
            QVERIFY(checkShape(*shape).ok());
            QCOMPARE(configOf(*shape).parameterCount(), count);
            QCOMPARE(weightBytes({*shape, DType::BF16}), static_cast<std::uint64_t>(2 * count));
            QCOMPARE(weightBytes({*shape, DType::F32}), static_cast<std::uint64_t>(4 * count));
        }
    }

    void aCutShapeSaysSo() {
        const auto cut = findShape("7b", 2);
        QVERIFY(cut.ok());
        QCOMPARE(cut->layers, 2);
        QCOMPARE(cut->text(), std::string("7b (2 of 32 layers)"));
        QCOMPARE(findShape("7b", 32)->text(), std::string("7b"));
        QVERIFY(findShape("15m", 7).error().message.find("has 6 layers") != std::string::npos);
        QVERIFY(!findShape("15m", -1).ok());
        const auto unknown = findShape("8b");
        QVERIFY(unknown.error().message.find("expected one of 260k, 15m, 135m, 1.1b, 7b")
                != std::string::npos);
    }

    void opensInEveryType_data() {
        QTest::addColumn<int>("type");
        QTest::newRow("F32") << static_cast<int>(DType::F32);
        QTest::newRow("F16") << static_cast<int>(DType::F16);
        QTest::newRow("BF16") << static_cast<int>(DType::BF16);
    }
    void opensInEveryType() {
        QFETCH(int, type);
        const auto dtype = static_cast<DType>(type);
        const fs::path target = path(dtypeName(dtype));
        const Status written = writeRandomModel({small(), dtype}, target, false, silent_);
        QVERIFY2(written.ok(), written ? "" : written.error().message.c_str());
        const auto model = openModel(target);
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        QVERIFY((*model)->warnings().empty());
        const ModelConfig& config = (*model)->config();
        QCOMPARE(config.heads, 6);
        QCOMPARE(config.kvHeads, 2);
        QCOMPARE(config.headDim, 8);
        QCOMPARE(config.pairs(), 4);
        QVERIFY(!config.tiedEmbeddings);
        QCOMPARE((*model)->embedding().type, dtype);
        // Uniform with variance 1 / fan-in: the mean square of 48 x 80 values is within a tenth of it.
        const std::vector<float> gate = (*model)->weight(1, Projection::Gate).toFloat();
        double squares = 0, sum = 0, largest = 0;
        for (const float value : gate) {
            squares += static_cast<double>(value) * value;
            sum += value;
            largest = std::max(largest, std::abs(static_cast<double>(value)));
        }
        const auto count = static_cast<double>(gate.size());
        QVERIFY(std::abs(squares / count * 48 - 1) < 0.1);
        QVERIFY(std::abs(sum / count) < 0.01);
        QVERIFY(largest > 0.24 && largest <= 0.2501); // sqrt(3 / 48) = 0.25
    }

    void sameSeedSameBytesForAnyNumberOfThreads() {
        const int before = omp_get_max_threads();
        omp_set_num_threads(1);
        QVERIFY(writeRandomModel({small()}, path("one"), false, silent_).ok());
        omp_set_num_threads(3);
        QVERIFY(writeRandomModel({small()}, path("three"), false, silent_).ok());
        omp_set_num_threads(before);
        QVERIFY(writeRandomModel({small(), DType::BF16, 2}, path("other"), false, silent_).ok());
        for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
            if (std::string(name) != "tokenizer.json") QVERIFY(!bytesOf(path("one") / name).empty());
            QCOMPARE(bytesOf(path("one") / name), bytesOf(path("three") / name));
        }
        QVERIFY(bytesOf(path("one") / "model.safetensors") != bytesOf(path("other") / "model.safetensors"));
        // The numbers themselves, so that they stay the same from machine to machine and release to release.
        const auto model = openModel(path("one"));
        const std::vector<float> values = (*model)->weight(0, Projection::Q).toFloat();
        const double sum = std::accumulate(values.begin(), values.end(), 0.0);
        QCOMPARE(values[0], knownFirst);
        QVERIFY2(sum == knownSum, formatNumber(sum).c_str()); // exact: BF16 values of one range
    }

    void itsTokenizerCutsTextAndGivesItBack() {
        const std::string text = randomText(5000, 1);
        QVERIFY(text.size() >= 5000 && text.size() < 5100);
        QCOMPARE(randomText(5000, 1), text);
        QVERIFY(randomText(5000, 2) != text);
        for (const int vocabulary : {256, 300, 512, 40000}) {
            const fs::path file = path("tokenizer.json");
            QVERIFY(writeTextAtomically(file, randomTokenizerText(vocabulary)).ok());
            const auto tokenizer = loadHfTokenizer(file);
            QVERIFY2(tokenizer.ok(), tokenizer ? "" : tokenizer.error().message.c_str());
            QVERIFY((*tokenizer)->vocabSize() <= vocabulary);
            const auto ids = (*tokenizer)->encode(text);
            QCOMPARE((*tokenizer)->decode(ids), text);
            const double letters = static_cast<double>(text.size()) / static_cast<double>(ids.size());
            if (vocabulary == 256) QCOMPARE(letters, 1.0);
            if (vocabulary == 40000) QVERIFY2(letters > 2.5 && letters < 6, std::to_string(letters).c_str());
        }
        QVERIFY(randomTokenizerText(255).empty());
    }

    void openedModelsLeaveNothingBehind() {
        const fs::path scratch = path("scratch");
        fs::create_directory(scratch);
        ModelShape shape = small();
        const auto open = openRandomModel({shape}, scratch, silent_);
        QVERIFY2(open.ok(), open ? "" : open.error().message.c_str());
        QCOMPARE(entriesOf(scratch), std::size_t{0});
        QVERIFY(open->tokenizer != nullptr);
        QVERIFY(open->tokenizer->vocabSize() <= shape.vocabSize);
        QCOMPARE(open->model->weight(2, Projection::Down).toFloat().size(), std::size_t{48 * 80});
        shape.vocabSize = 200; // no room for the bytes
        QVERIFY(openRandomModel({shape}, scratch, silent_)->tokenizer == nullptr);
        CancelledSink cancelled;
        QCOMPARE(openRandomModel({shape}, scratch, cancelled).error().code, ErrorCode::Cancelled);
        QCOMPARE(entriesOf(scratch), std::size_t{0});
        const auto nowhere = openRandomModel({shape}, scratch / "missing", silent_);
        QVERIFY(nowhere.error().message.find("missing") != std::string::npos);
    }

    void hostileShapesAreRefused_data() {
        QTest::addColumn<int>("field");
        QTest::addColumn<int>("value");
        QTest::addColumn<QString>("says");
        QTest::newRow("no width") << 0 << 0 << "hidden size";
        QTest::newRow("negative") << 0 << -48 << "hidden size";
        QTest::newRow("absurd width") << 0 << 2147483646 << "hidden size";
        QTest::newRow("odd heads") << 0 << 18 << "hidden size";
        QTest::newRow("heads that do not divide") << 3 << 5 << "hidden size";
        QTest::newRow("no heads") << 3 << 0 << "heads";
        QTest::newRow("kv heads that do not divide") << 4 << 4 << "key/value heads";
        QTest::newRow("no kv heads") << 4 << 0 << "key/value heads";
        QTest::newRow("no mlp") << 1 << 0 << "intermediate size";
        QTest::newRow("no layers") << 2 << 0 << "layers";
        QTest::newRow("a million layers") << 2 << 1000000 << "layers";
        QTest::newRow("no vocabulary") << 5 << 0 << "vocabulary";
        QTest::newRow("absurd vocabulary") << 5 << 2147483647 << "vocabulary";
        QTest::newRow("no positions") << 6 << 0 << "positions";
    }
    void hostileShapesAreRefused() {
        QFETCH(int, field);
        QFETCH(int, value);
        QFETCH(QString, says);
        ModelShape shape = small();
        int* const fields[] = {&shape.hiddenSize, &shape.intermediateSize, &shape.layers,      &shape.heads,
                               &shape.kvHeads,    &shape.vocabSize,        &shape.maxPositions};
        *fields[field] = value;
        const fs::path target = path("hostile");
        const Status written = writeRandomModel({shape}, target, false, silent_);
        QVERIFY(!written.ok());
        QVERIFY2(written.error().message.find(says.toStdString()) != std::string::npos,
                 written.error().message.c_str());
        QVERIFY(!fs::exists(target));
    }

    void whatCannotBeWritten() {
        const Status type = writeRandomModel({small(), DType::I8}, path("i8"), false, silent_);
        QVERIFY(type.error().message.find("not I8") != std::string::npos);
        ModelShape vast = small();
        vast.hiddenSize = 1 << 20, vast.heads = vast.kvHeads = 1 << 10, vast.intermediateSize = 1 << 20;
        vast.layers = 4096; // 32 PiB
        const Status room = writeRandomModel({vast}, path("vast"), false, silent_);
        QVERIFY2(room.error().message.find("not enough space: small in BF16 needs") != std::string::npos,
                 room.error().message.c_str());
        CancelledSink cancelled;
        const Status stopped = writeRandomModel({small()}, path("stopped"), false, cancelled);
        QCOMPARE(stopped.error().code, ErrorCode::Cancelled);
        for (const char* name : {"i8", "vast", "stopped"}) QVERIFY(!fs::exists(path(name)));
        for (const auto& entry : fs::directory_iterator(folder_.path().toStdString()))
            QVERIFY2(entry.path().filename().string().find("partial") == std::string::npos,
                     entry.path().c_str());
    }

    void aModelIsReplacedOnlyWhenAskedTo() {
        const fs::path target = path("kept");
        QVERIFY(writeRandomModel({small()}, target, false, silent_).ok());
        const std::string before = bytesOf(target / "model.safetensors");
        const Status again = writeRandomModel({small(), DType::BF16, 2}, target, false, silent_);
        QVERIFY(again.error().message.find("is not empty") != std::string::npos);
        QCOMPARE(bytesOf(target / "model.safetensors"), before);
        QVERIFY(writeRandomModel({small(), DType::BF16, 2}, target, true, silent_).ok());
        QVERIFY(bytesOf(target / "model.safetensors") != before);
    }

    void aDiskThatIsFullLeavesNothing() {
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        const rlim_t before = limit.rlim_cur;
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        limit.rlim_cur = 40000;
        setrlimit(RLIMIT_FSIZE, &limit);
        const Status written = writeRandomModel({small()}, path("full"), false, silent_);
        limit.rlim_cur = before;
        setrlimit(RLIMIT_FSIZE, &limit);
        std::signal(SIGXFSZ, handler);
        QVERIFY(!written.ok());
        QCOMPARE(written.error().code, ErrorCode::Io);
        QVERIFY(!fs::exists(path("full")));
    }
};

QTEST_APPLESS_MAIN(TestRandomModel)
#include "test_random_model.moc"
