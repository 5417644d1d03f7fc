// Random events while the window works: analyses, searches, exact evaluations of gains and exports are
// started, stopped, paused, refused beside each other, their sessions closed, while a random hand clicks and
// types. No crash, no warning, no job without an end; and what is computed afterwards is what was computed
// before.
#include "app/gui/export/export_panel.h"
#include "app/gui/search/search_setup.h"
#include "tests/app/random_events.h"
#include "tests/app/warning_notes.h"
#include "tests/app/window_bench.h"
#include "widgets/panels/scale_editor_row.h"

#include <QDoubleSpinBox>
#include <QElapsedTimer>

#include <array>
#include <memory>
#include <random>

using namespace qroar;
using State = SearchController::State;

namespace {

enum Kind { Run, Search, Evaluation, Export, kinds };
constexpr std::array<const char*, kinds> kindNames{"analyses", "searches", "evaluations", "exports"};

constexpr int mostRounds = 48;              ///< each starts a job
constexpr qint64 mostMilliseconds = 45'000; ///< no round begins after that
constexpr int patience = 60'000;            ///< for one job to end

/// So large that a job is still at work while the hand is.
void makeModel(const test::WindowBench& bench) {
    test::RandomModelOptions options;
    options.layers = 4;
    options.headDim = 16;
    options.hidden = 64;
    options.intermediate = 160;
    test::makeRandomHfModel(bench.folder.filePath("model").toStdString(), options);
}

class Storm {
  public:
    Storm(unsigned seed, QString files)
        : files_(std::move(files)), window_(*bench_.window), hand_(window_, seed, files_), random_(seed + 7) {
        makeModel(bench_);
        documents_ = {bench_.document("one", 1200), bench_.document("two", 1000)};
        window_.setQuestion([this](const QString&, QMessageBox::StandardButtons buttons) {
            return leaving_ ? (buttons & QMessageBox::Yes ? QMessageBox::Yes : QMessageBox::Discard)
                            : hand_.answerOf(buttons);
        });
        for (QAction* action : window_.findChildren<QAction*>()) // not a place to leave
            if (action->menuRole() == QAction::QuitRole) action->setEnabled(false);
    }

    /// The losses of a fixed run in a session of its own; empty: it did not end.
    std::vector<float> fixedRun() {
        if (!inputs({64}, {"yarn:2"}, {"rtn:3:g32"})) return {};
        while (window_.workspace().hasSession()) window_.workspace().close(window_.workspace().current());
        window_.startRun();
        if (!calm() || !window_.workspace().hasSession()) return {};
        const auto session = window_.workspace().session();
        std::vector<float> losses;
        for (const auto& condition : session->conditions)
            for (const WindowNll& one : condition->windows)
                losses.insert(losses.end(), one.nll.begin(), one.nll.end());
        return losses;
    }
    /// A job, the hand, what a user does to jobs, the hand, the end. Empty, or what went wrong.
    QString round(int number) {
        const auto kind = static_cast<Kind>(number % kinds);
        if (!decideSearch()) return "the search before it did not end";
        if (!inputsAtRandom()) return "model and documents cannot be opened: " + window_.setup().problem();
        if (!sessionOfModel()) return "no session to work on";
        start(kind);
        hand(3 + below(12));
        inFlight_ += !idle();
        interfere((number + number / kinds) % 4); // every kind of job meets all of them
        hand(3 + below(12));
        return calm() ? QString() : QString("%1 did not end").arg(kindNames[kind]);
    }
    /// Closes the session that an analysis, then an evaluation works for.
    bool closeWhatRuns() {
        for (const Kind kind : {Run, Evaluation}) {
            leaving_ = false;
            if (!decideSearch() || !inputs({96}, {"linear:2"}, {"rtn:4:g32"}) || !sessionOfModel())
                return false;
            leaving_ = true;
            if (!inputs({64, 96}, {"ntk:2", "yarn:2"}, {"rtn:8", "rtn:3:g32"})) return false;
            start(kind);
            const SessionId id = window_.workspace().current();
            window_.closeSession(id);
            if (!calm() || !QTest::qWaitFor([&] { return !window_.workspace().isOpen(id); }, patience))
                return false;
        }
        return true;
    }
    /// Closes the window in the middle of an analysis.
    bool leave() {
        leaving_ = true;
        if (!decideSearch() || !inputs({64, 96}, {"none", "linear:2"}, {"none", "rtn:4:g32"})) return false;
        window_.startRun();
        window_.close();
        return QTest::qWaitFor([this] { return !window_.isVisible(); }, patience);
    }
    [[nodiscard]] int started(Kind kind) const { return started_[kind]; }
    [[nodiscard]] QString summary() const {
        QString text;
        for (int kind = 0; kind < kinds; ++kind)
            text += QString("%1 %2, ").arg(started_[kind]).arg(kindNames[kind]);
        return text
               + QString(
                     "%1 in flight after the hand, %2 stopped, %3 sessions closed, %4 dialogs accepted, %5 "
                     "questions answered")
                     .arg(inFlight_)
                     .arg(stopped_)
                     .arg(closed_)
                     .arg(hand_.accepted())
                     .arg(hand_.answered());
    }
    [[nodiscard]] int inFlight() const { return inFlight_; }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    void hand(int steps) {
        for (int step = 0; step < steps; ++step) {
            hand_.step();
            QCoreApplication::processEvents();
        }
    }
    [[nodiscard]] bool idle() const {
        return !window_.analysis().running() && !window_.analysis().autosaving()
               && !window_.search().running() && !window_.scales().running()
               && !window_.exporting().running();
    }
    bool calm() {
        return QTest::qWaitFor([this] { return idle(); }, patience);
    }
    bool inputs(const std::vector<int>& contexts, const QStringList& ropes, const QStringList& quants) {
        SetupRequest request = window_.setup().request();
        request.gradients = true;
        request.maxWindows = 0;
        request.damage = DamageScope::None;
        request.noise = false;
        window_.setup().setRequest(request);
        return bench_.ready(documents_, contexts, ropes, quants);
    }
    bool inputsAtRandom() {
        static constexpr std::array<int, 4> contexts{32, 48, 64, 96};
        static const QStringList ropes{"linear:2", "ntk:2", "yarn:2", "none"},
            quants{"rtn:3:g32", "rtn:4:g32", "rtn:8", "none"};
        return inputs({contexts[static_cast<std::size_t>(below(4))]}, {"yarn:2", ropes[below(4)]},
                      {"rtn:3:g32", quants[below(4)]});
    }
    /// The current session is one of the model, with a condition.
    bool sessionOfModel() {
        const auto fits = [this] {
            const auto session = window_.workspace().session();
            return session && !session->conditions.empty()
                   && session->modelFingerprint == window_.analysis().openedModel().model->fingerprint();
        };
        if (fits()) return true;
        window_.startRun();
        return calm() && fits();
    }
    /// What the last search left: accepted, discarded, resumed or ended.
    bool decideSearch() {
        if (window_.search().state() == State::Paused) {
            if (below(2) == 0) emit window_.searchSetup().resumeRequested();
            if (!calm()) return false;
            if (window_.search().state() == State::Paused) emit window_.searchSetup().stopRequested();
            if (!calm()) return false;
        }
        if (window_.search().state() == State::Undecided) {
            if (below(2) == 0)
                emit window_.searchSetup().acceptRequested();
            else
                emit window_.searchSetup().discardRequested();
        }
        return calm();
    }
    void start(Kind kind) {
        switch (kind) {
        case Run:
            window_.startRun();
            started_[kind] += window_.analysis().running();
            break;
        case Search:
            startSearch();
            started_[kind] += window_.search().running();
            break;
        case Evaluation: {
            ScaleEditor& editor = window_.scales().editor();
            if (editor.rowCount() > 0) editor.row(0)->box(below(2) == 0)->setValue(0.8 + 0.05 * below(9));
            window_.scales().evaluate();
            started_[kind] += window_.scales().running();
            break;
        }
        default:
            startExport();
            started_[kind] += window_.exporting().running();
        }
    }
    void startSearch() {
        SearchSetup& setup = window_.searchSetup();
        setup.setRope("yarn:2");
        setup.setQuant("rtn:3:g32");
        setup.setContexts("64");
        setup.setSteps(3);
        emit setup.startRequested();
    }
    void startExport() {
        static constexpr std::array formats{ExportFormat::Hf, ExportFormat::Gptq, ExportFormat::Gguf};
        const auto format = formats[static_cast<std::size_t>(below(3))];
        ExportPanel& panel = window_.exportPanel();
        panel.setFormat(format);
        panel.setQuant(format == ExportFormat::Gguf ? "none" : "gptq:4:g32");
        panel.setTarget(files_ + QString("/exported-%1").arg(exports_++)
                        + (format == ExportFormat::Gguf ? ".gguf" : ""));
        emit panel.exportRequested();
    }
    /// What users do while something runs.
    void interfere(int how) {
        switch (how) {
        case 1:
            if (window_.search().running() && below(2) == 0)
                emit window_.searchSetup().stopRequested();
            else
                stop();
            break;
        case 2:
            closed_ += closeSession();
            break;
        case 3: // refused, in words
            window_.startRun();
            startSearch();
            window_.scales().evaluate();
            startExport();
            break;
        default:
            break;
        }
    }
    void stop() {
        for (QAction* action : window_.findChildren<QAction*>())
            if (action->shortcut() == QKeySequence("Ctrl+.") && action->isEnabled()) {
                action->trigger();
                ++stopped_;
            }
    }
    bool closeSession() {
        const SessionId id = window_.workspace().current();
        window_.closeSession(id);
        return QTest::qWaitFor([&] { return !window_.workspace().isOpen(id); }, 200);
    }

    test::WindowBench bench_;
    QString files_;
    MainWindow& window_;
    test::RandomEvents hand_;
    std::mt19937 random_;
    QStringList documents_;
    std::array<int, kinds> started_{};
    int inFlight_ = 0, stopped_ = 0, closed_ = 0, exports_ = 0;
    bool leaving_ = false;
};

} // namespace

class TestWindowJobs : public QObject {
    Q_OBJECT

  private slots:
    void randomEventsWhileJobsRun() {
        const test::WarningNotes warnings;
        const unsigned seed = test::randomSeed(20261129);
        QTemporaryDir folder; // where the hand writes, also by names that it types
        const QString before = QDir::currentPath();
        QVERIFY(QDir::setCurrent(folder.path()));
        QElapsedTimer clock;
        clock.start();
        {
            Storm storm(seed, folder.path());
            const std::vector<float> first = storm.fixedRun();
            QVERIFY(!first.empty());
            int rounds = 0;
            for (; rounds < mostRounds && clock.elapsed() < mostMilliseconds; ++rounds) {
                const QString problem = storm.round(rounds);
                QVERIFY2(problem.isEmpty(), qPrintable(QString("seed %1, round %2: ").arg(seed).arg(rounds)
                                                       + problem + '\n' + storm.summary()));
                QVERIFY2(warnings.isEmpty(), qPrintable(warnings.text()));
            }
            qInfo("seed %u, %d rounds in %lld ms: %s", seed, rounds, static_cast<long long>(clock.elapsed()),
                  qPrintable(storm.summary()));
            for (int kind = 0; kind < kinds; ++kind)
                QVERIFY2(storm.started(static_cast<Kind>(kind)) >= rounds / kinds / 2,
                         qPrintable(storm.summary()));
            QVERIFY(rounds >= 2 * kinds && storm.inFlight() >= rounds / 8);
            QCOMPARE(storm.fixedRun(), first); // whatever the storm left behind
            QVERIFY(storm.closeWhatRuns());
            QVERIFY(storm.leave());
        }
        QVERIFY(QDir::setCurrent(before));
        QVERIFY2(warnings.isEmpty(), qPrintable(warnings.text()));
    }
};

QTEST_MAIN(TestWindowJobs)
#include "test_window_jobs.moc"
