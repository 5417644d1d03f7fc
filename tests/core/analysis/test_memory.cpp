// What an analysis says it will take, against what it takes: a child process runs it and watches its own
// anonymous memory (the mapped model is not part of it). Only footprints that are large beside what any
// program takes.
#include "core/analysis/analysis.h"
#include "tests/support/safetensors_writer.h"

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <thread>

using namespace qroar;
using namespace qroar::test;

namespace {

/// RssAnon of this process, in bytes.
double anonymousBytes() {
    std::ifstream status("/proc/self/status");
    std::string word;
    double kib = 0;
    while (status >> word)
        if (word == "RssAnon:" && status >> kib) return 1024 * kib;
    return 0;
}

/// The largest of it while it lives.
class Watch {
  public:
    Watch()
        : thread_([this] {
              while (!stop_) {
                  peak_ = std::max(peak_, anonymousBytes());
                  std::this_thread::sleep_for(std::chrono::milliseconds(2));
              }
          }) {}
    double stop() {
        stop_ = true;
        thread_.join();
        return peak_;
    }

  private:
    std::atomic<bool> stop_{false};
    double peak_ = 0;
    std::thread thread_;
};

AnalysisPlan planOf(const std::string& model, int context, int documents, const std::string& what) {
    AnalysisPlan plan;
    plan.model = *openModel(model);
    std::mt19937 random(4);
    std::vector<Document> texts;
    for (int at = 0; at < documents; ++at) {
        Document& text = texts.emplace_back();
        text.name = text.fingerprint = "doc" + std::to_string(at);
        for (int token = 0; token < context; ++token)
            text.tokens.push_back(
                static_cast<TokenId>(random() % static_cast<unsigned>(plan.model->config().vocabSize)));
    }
    plan.documents = std::make_shared<const std::vector<Document>>(std::move(texts));
    plan.ropes = {RopeSpec{}};
    plan.contexts = {context};
    plan.quants = {*QuantSpec::parse(what == "divergence" || what == "noise" ? "rtn:4:g32"
                                     : what == "awq"                         ? "awq:3:g32"
                                                                             : "none")};
    plan.capture = what == "statistics" || what == "all";
    plan.divergence = what == "divergence";
    plan.gradients = what == "gradients";
    plan.noise = what == "noise";
    return plan;
}

/// The child: prints what was expected and what was seen.
int measure(char** words) {
    omp_set_num_threads(2);
    const AnalysisPlan plan = planOf(words[2], std::atoi(words[3]), std::atoi(words[4]), words[5]);
    const auto estimate = estimateAnalysis(plan);
    if (!estimate) return 2;
    Watch watch;
    ProgressSink silent;
    const auto session = runAnalysis(plan, silent);
    const double peak = watch.stop();
    std::printf("%.0f %.0f\n", estimate->peakBytes, peak);
    return session ? 0 : 3;
}

RandomModelOptions shape(int layers, int heads, int headDim, int intermediate, int vocab) {
    RandomModelOptions options;
    options.layers = layers;
    options.heads = options.kvHeads = heads;
    options.headDim = headDim;
    options.hidden = heads * headDim;
    options.intermediate = intermediate;
    options.vocab = vocab;
    options.dtype = "BF16";
    return options;
}

} // namespace

class TestMemory : public QObject {
    Q_OBJECT
  private slots:
    void expectedIsWhatItTakes_data() {
        QTest::addColumn<int>("layers");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("headDim");
        QTest::addColumn<int>("intermediate");
        QTest::addColumn<int>("vocab");
        QTest::addColumn<int>("context");
        QTest::addColumn<int>("documents");
        QTest::addColumn<QString>("what");
        QTest::newRow("a large vocabulary") << 1 << 8 << 128 << 256 << 64000 << 64 << 2 << "plain";
        QTest::newRow("many tokens") << 1 << 8 << 128 << 256 << 64 << 256 << 56 << "plain";
        QTest::newRow("beside the reference") << 1 << 8 << 128 << 256 << 64 << 256 << 56 << "divergence";
        QTest::newRow("noise") << 1 << 8 << 128 << 256 << 64 << 256 << 56 << "noise";
        QTest::newRow("calibration of AWQ") << 1 << 8 << 64 << 2560 << 64 << 1024 << 16 << "awq";
        QTest::newRow("statistics of many documents")
            << 8 << 2 << 64 << 64 << 64 << 128 << 120 << "statistics";
    }
    void expectedIsWhatItTakes() {
#ifdef __SANITIZE_ADDRESS__
        QSKIP("the sanitizer's own memory is counted");
#endif
        QFETCH(int, layers);
        QFETCH(int, heads);
        QFETCH(int, headDim);
        QFETCH(int, intermediate);
        QFETCH(int, vocab);
        QFETCH(int, context);
        QFETCH(int, documents);
        QFETCH(QString, what);
        const QTemporaryDir folder;
        makeRandomHfModel(folder.path().toStdString(), shape(layers, heads, headDim, intermediate, vocab));
        QProcess child;
        child.start(QFile::symLinkTarget("/proc/self/exe"),
                    {"--measure", folder.path(), QString::number(context), QString::number(documents), what});
        QVERIFY(child.waitForFinished(300000));
        QCOMPARE(child.exitCode(), 0);
        const QList<QByteArray> numbers = child.readAllStandardOutput().trimmed().split(' ');
        QCOMPARE(numbers.size(), 2);
        const double expected = numbers[0].toDouble(), taken = numbers[1].toDouble();
        const QByteArray figures = "expected " + QByteArray::number(expected / 1e6, 'f', 0) + " MB, took "
                                   + QByteArray::number(taken / 1e6, 'f', 0);
        qInfo("%s", figures.constData());
        QVERIFY2(taken > 250e6, figures); // else the row says nothing
        QVERIFY2(expected < 1.2 * taken && expected > 0.8 * taken, figures);
    }

    /// What cannot fit is refused before anything is run, in words that say how much and what to do.
    void whatCannotFitIsRefused() {
        const QTemporaryDir folder;
        makeRandomHfModel(folder.path().toStdString(), shape(1, 8, 128, 256, 64));
        AnalysisPlan plan = planOf(folder.path().toStdString(), 256, 1, "plain");
        auto texts = *plan.documents;
        texts.front().tokens.resize(std::size_t{1} << 27, 0); // a window of which takes 2.5 TB
        plan.documents = std::make_shared<const std::vector<Document>>(std::move(texts));
        plan.contexts = {1 << 27};
        const auto estimate = estimateAnalysis(plan);
        QVERIFY(!estimate);
        QVERIFY(estimate.error().code == ErrorCode::OutOfMemory);
        const QString words = QString::fromStdString(estimate.error().message);
        QVERIFY2(words.contains("are available") && words.contains("shorter contexts"), qPrintable(words));
    }
};

int main(int argc, char** argv) {
    if (argc == 6 && std::string(argv[1]) == "--measure") return measure(argv);
    TestMemory test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_memory.moc"
