// Several sessions in one window, driven as a user does: tabs, A, B and A - B across sessions with numbers
// worked out here, undo stacks, what a session keeps of what was shown, results that arrive in the
// background.
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/compare_bar.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/selection_bar.h"
#include "app/gui/window/session_tabs.h"
#include "app/gui/window/view_state.h"
#include "core/analysis/analysis.h"
#include "core/diagnostics/tails.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/window_bench.h"
#include "widgets/common/elided.h"
#include "widgets/common/names.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/perplexity_panel.h"

#include <QComboBox>
#include <QMenuBar>
#include <QToolBar>
#include <QToolButton>

#include <cmath>

using namespace qroar;
using test::heatMap;
using Bench = test::SessionBench;

namespace {

std::shared_ptr<const Session> someSession(std::uint64_t seed, int layers = 3, int groups = 1) {
    test::SyntheticOptions options;
    options.layers = layers;
    options.seed = seed;
    options.groups = groups;
    options.contexts = {256, 1024};
    options.ropes = {"none", "yarn:4"};
    options.gradients = false;
    return test::makeSyntheticSession(options);
}

/// The same, with the condition at `index` once more with gains: as it was, but at another loss.
std::shared_ptr<const Session> withGains(const Session& session, std::size_t index) {
    auto result = std::make_shared<Session>(session);
    auto scaled = std::make_shared<ConditionResult>(*session.conditions[index]);
    scaled->key.scales = "g1";
    for (WindowNll& window : scaled->windows)
        for (float& nll : window.nll) nll += 0.25F;
    result->put(scaled);
    return result;
}

int indexOf(const Session& session, const std::string& rope, int context, const std::string& quant) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index) {
        const ConditionKey& key = session.conditions[index]->key;
        if (key.rope.text() == rope && key.context == context && key.quant.text() == quant)
            return static_cast<int>(index);
    }
    return -1;
}

BandGrid tailsOf(const Session& session, int index, const Selection& now) {
    const auto condition = session.conditions[static_cast<std::size_t>(index)];
    return tailInflation(*condition, *session.shortReference(*condition), session.bands,
                         {now.tensor, now.stage, now.epsilon, false});
}

/// What the heat map of tails shows is that.
void compareTails(const MainWindow& window, const BandGrid& a, const BandGrid* minus) {
    HeatMapPanel* map = heatMap(window, HeatMapMetric::TailInflation);
    QVERIFY(map);
    map->ensureFresh();
    const BandGrid& shown = map->grid();
    QCOMPARE(shown.values.size(), a.values.size());
    double largest = 0;
    for (std::size_t cell = 0; cell < a.values.size(); ++cell) {
        const double expected = a.values[cell] - (minus ? minus->values[cell] : 0);
        QVERIFY2(std::abs(shown.values[cell] - expected) < 1e-12, qPrintable(QString::number(cell)));
        largest = std::max(largest, std::abs(expected));
    }
    QVERIFY(largest > 1e-3);
}

void press(MainWindow& window, Qt::Key key, Qt::KeyboardModifiers modifiers) {
    QTest::keyClick(&window, key, modifiers);
    QCoreApplication::processEvents();
}

void pickB(const MainWindow& window, SessionId session, int condition) {
    ElidedComboBox* box = window.compareBar().boxB();
    for (int index = 0; index < box->count(); ++index)
        if (box->itemData(index, Qt::UserRole).toInt() == session
            && box->itemData(index, Qt::UserRole + 1).toInt() == condition) {
            box->setCurrentIndex(index);
            emit box->activated(index);
            return;
        }
    QFAIL("not offered as B");
}

bool opens(Bench& bench, const QString& path) {
    QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
    bench.window->openSession(path);
    return QTest::qWaitFor([&] { return opened.count() > 0; }, 20000);
}

} // namespace

class TestWindowSessions : public QObject {
    Q_OBJECT

  private slots:
    void aHeadGroupStaysWithSessionsThatHaveIt() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1, 3, 2));
        Selection next = window.selection().selection();
        next.group = 1;
        window.selection().setSelection(next);
        bench.load(someSession(2, 3, 2));
        QCOMPARE(window.selection().selection().group, 1);
        bench.load(someSession(3)); // pooled: nothing could set it back
        QCOMPARE(window.selection().selection().group, -1);
        press(window, Qt::Key_Backtab, Qt::ControlModifier | Qt::ShiftModifier);
        QCOMPARE(window.selection().selection().group, 1);
        const ViewState read = viewStateFrom({}, {window.selection().selection(), {}, {}}, window.workspace(),
                                             window.workspace().sessions().back());
        QCOMPARE(read.selection.group, -1);
    }

    void eachTabKeepsWhatItShowed() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1));
        QVERIFY(window.tabs().isHidden()); // nothing to switch
        window.selection().setLayer(2);
        window.selection().setCondition(1);
        const SessionId a = window.workspace().current();
        bench.load(someSession(2, 5));
        const SessionId b = window.workspace().current();
        QVERIFY(a != b && window.tabs().isVisible());
        QCOMPARE(window.tabs().count(), 2);
        QCOMPARE(window.selection().selection().layer, 2); // one looks at the same place of the next session
        window.selection().setLayer(4);
        window.selection().setTensor(QkTensor::Q);
        press(window, Qt::Key_Tab, Qt::ControlModifier);
        QCOMPARE(window.workspace().current(), a);
        QCOMPARE(window.tabs().currentIndex(), 0);
        QCOMPARE(window.selection().selection().layer, 2);
        QCOMPARE(window.selection().selection().condition, 1);
        QVERIFY(window.selection().selection().tensor == QkTensor::K);
        for (DiagnosticPanel* panel : window.plots().panels())
            QVERIFY(panel->session() == window.workspace().session(a));
        press(window, Qt::Key_Backtab, Qt::ControlModifier | Qt::ShiftModifier);
        QCOMPARE(window.workspace().current(), b);
        QCOMPARE(window.selection().selection().layer, 4);
        QVERIFY(window.selection().selection().tensor == QkTensor::Q);
        window.tabs().moveTab(1, 0);
        QCOMPARE(window.workspace().sessions(), (std::vector<SessionId>{b, a}));
        QCOMPARE(window.workspace().current(), b);
        const QPoint middle = window.tabs().tabRect(1).center();
        QTest::mouseClick(&window.tabs(), Qt::MiddleButton, {}, middle); // answers Discard
        QCOMPARE(window.workspace().sessions(), std::vector<SessionId>{b});
    }

    void undoIsOfTheCurrentSession() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1));
        const SessionId a = window.workspace().current();
        const BandPartition first = window.workspace().session()->bands;
        window.workspace().setBands(first, first.withEdgeMoved(1, 1));
        bench.load(someSession(2));
        press(window, Qt::Key_Z, Qt::ControlModifier);
        QVERIFY(window.workspace().session(a)->bands != first);
        QVERIFY(window.workspace().session()->bands == first);
        window.workspace().setCurrent(a);
        QCOMPARE(window.plots().panels().first()->bands(), window.workspace().session(a)->bands);
        press(window, Qt::Key_Z, Qt::ControlModifier);
        QCOMPARE(window.workspace().session(a)->bands, first);
        QCOMPARE(window.plots().panels().first()->bands(), first);
    }

    void differencesAcrossSessions() {
        Bench bench;
        MainWindow& window = *bench.window;
        const auto a = someSession(1), b = someSession(2);
        bench.load(b);
        const SessionId idB = window.workspace().current();
        bench.load(a);
        const SessionId idA = window.workspace().current();
        const int indexA = indexOf(*a, "yarn:4", 1024, "rtn:4:g64"),
                  indexB = indexOf(*b, "yarn:4", 1024, "none");
        window.selection().setCondition(indexA);
        CompareBar& bar = window.compareBar();
        for (const CompareMode mode : {CompareMode::B, CompareMode::Difference}) {
            QVERIFY(!bar.modeButton(mode)->isEnabled());
            QVERIFY(bar.modeButton(mode)->toolTip().contains("Choose"));
        }
        pickB(window, idB, indexB);
        const BandGrid tailsA = tailsOf(*a, indexA, window.selection().selection()),
                       tailsB = tailsOf(*b, indexB, window.selection().selection());
        compareTails(window, tailsA, nullptr);
        press(window, Qt::Key_B, Qt::AltModifier);
        compareTails(window, tailsB, nullptr);
        press(window, Qt::Key_D, Qt::AltModifier);
        QVERIFY(bar.modeButton(CompareMode::Difference)->isChecked());
        compareTails(window, tailsA, &tailsB);
        const auto* crumbs = window.findChild<SelectionBar*>();
        QVERIFY2(crumbs->breadcrumb().contains(QString::fromUtf8(" \u2212 ")),
                 qPrintable(crumbs->breadcrumb()));
        // both in one click, also where the other session has to come to the front
        QTest::mouseClick(bar.swapButton(), Qt::LeftButton);
        QCOMPARE(window.workspace().current(), idB);
        QCOMPARE(window.selection().selection().condition, indexB);
        QCOMPARE(window.compare().state().session, idA);
        QVERIFY(window.selection().selection().compare == CompareMode::Difference);
        compareTails(window, tailsB, &tailsA);
        QTest::mouseClick(bar.modeButton(CompareMode::A), Qt::LeftButton);
        compareTails(window, tailsB, nullptr);
        // results of the other session that arrive are seen, and its closing is
        window.workspace().setCurrent(idB);
        auto changed = std::make_shared<ConditionResult>(*a->conditions[static_cast<std::size_t>(indexA)]);
        changed->statistics = b->conditions[static_cast<std::size_t>(indexB)]->statistics;
        window.workspace().addCondition(idA, changed);
        press(window, Qt::Key_D, Qt::AltModifier);
        const auto now = window.workspace().session(idA);
        const BandGrid tailsNow = tailsOf(*now, indexA, window.selection().selection());
        compareTails(window, tailsB, &tailsNow);
        window.closeSession(idA);
        QVERIFY(window.selection().selection().compare == CompareMode::A);
        QCOMPARE(window.selection().selection().conditionB, -1);
        compareTails(window, tailsB, nullptr);
    }

    /// A loses 0.25 nats on every token of the documents that both sessions have.
    void perplexityAcrossSessions() {
        Bench bench;
        MainWindow& window = *bench.window;
        const auto b = someSession(1);
        auto a = std::make_shared<Session>(*b);
        for (auto& condition : a->conditions) {
            auto worse = std::make_shared<ConditionResult>(*condition);
            for (WindowNll& one : worse->windows)
                for (float& nll : one.nll) nll += 0.25F;
            condition = worse;
        }
        bench.load(b);
        const SessionId idB = window.workspace().current();
        bench.load(a);
        const int index = indexOf(*a, "yarn:4", 1024, "rtn:4:g64");
        window.selection().setCondition(index);
        pickB(window, idB, index);
        press(window, Qt::Key_D, Qt::AltModifier);
        PerplexityPanel* panel = window.findChild<PerplexityPanel*>();
        panel->ensureFresh();
        QVERIFY2(panel->emptyText().isEmpty(), qPrintable(panel->emptyText()));
        auto* table = qobject_cast<ResultTableModel*>(panel->tableModel());
        const int column = table->columnOf("difference");
        QVERIFY(column >= 0 && table->rowCount() > 0);
        for (int row = 0; row < table->rowCount(); ++row) {
            const double shown = table->index(row, column).data(ResultTableModel::valueRole).toDouble();
            QVERIFY2(std::abs(shown - 0.25) < 1e-5, qPrintable(QString::number(shown)));
        }
    }

    void modelsOfOtherShapesAreShownButNotSubtracted() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1, 5));
        const SessionId idB = window.workspace().current();
        bench.load(someSession(2));
        pickB(window, idB, 3); // scaled: there is a pressure
        CompareBar& bar = window.compareBar();
        QVERIFY(bar.modeButton(CompareMode::B)->isEnabled());
        QVERIFY(!bar.modeButton(CompareMode::Difference)->isEnabled());
        QVERIFY2(bar.modeButton(CompareMode::Difference)->toolTip().contains("5 layers"),
                 qPrintable(bar.modeButton(CompareMode::Difference)->toolTip()));
        press(window, Qt::Key_D, Qt::AltModifier); // says why, and nothing else
        QVERIFY(window.selection().selection().compare == CompareMode::A);
        press(window, Qt::Key_B, Qt::AltModifier);
        HeatMapPanel* map = heatMap(window, HeatMapMetric::PressureSaturated);
        map->ensureFresh();
        QCOMPARE(map->grid().layers, 5);
    }

    void gainsAreSteppedThroughFromBefore() {
        Bench bench;
        MainWindow& window = *bench.window;
        const auto plain = someSession(1);
        const int before = indexOf(*plain, "yarn:4", 1024, "rtn:4:g64");
        const auto session = withGains(*plain, static_cast<std::size_t>(before));
        const auto after = static_cast<int>(session->conditions.size()) - 1;
        bench.load(session);
        window.selection().setCondition(after);
        const auto is = [&](CompareMode mode) {
            const Selection& now = window.selection().selection();
            return now.condition == after && now.conditionB == before && now.compare == mode;
        };
        press(window, Qt::Key_G, Qt::AltModifier);
        QVERIFY(is(CompareMode::B));
        press(window, Qt::Key_G, Qt::AltModifier);
        QVERIFY(is(CompareMode::A));
        press(window, Qt::Key_G, Qt::AltModifier);
        QVERIFY(is(CompareMode::Difference));
        press(window, Qt::Key_G, Qt::AltModifier);
        QVERIFY(is(CompareMode::B));
        // B follows A while it is "without gains": what was not run with gains has none
        window.selection().setCondition(0);
        QCOMPARE(window.selection().selection().conditionB, -1);
        QVERIFY(!window.compareBar().modeButton(CompareMode::B)->toolTip().isEmpty());
        QCOMPARE(window.compareBar().boxB()->currentIndex(), 1);
        window.selection().setCondition(after);
        QCOMPARE(window.selection().selection().conditionB, before);
    }

    void filesKeepWhatWasShown() {
        Bench bench;
        const QString pathA = bench.folder.filePath("a.h5"), pathB = bench.folder.filePath("b.h5");
        QVERIFY(saveSession(*someSession(1), pathA.toStdString()).ok());
        QVERIFY(saveSession(*someSession(2), pathB.toStdString()).ok());
        QVERIFY(opens(bench, pathB) && opens(bench, pathA));
        QVERIFY(opens(bench, pathB)); // again: no third tab
        QCOMPARE(bench.window->tabs().count(), 2);
        QCOMPARE(bench.window->workspace().path(), pathB);
        QVERIFY(opens(bench, pathA));
        MainWindow* window = bench.window.get();
        window->selection().setLayer(2);
        window->selection().setCondition(5);
        pickB(*window, window->workspace().withPath(pathB), 3);
        press(*window, Qt::Key_D, Qt::AltModifier);
        HeatMapPanel* map = heatMap(*window, HeatMapMetric::TailInflation);
        QVERIFY(!map->options().isEmpty());
        const DiagnosticPanel::Option option = map->options().first();
        const QString chosen =
            option.values.last() == option.value ? option.values.first() : option.values.last();
        QCOMPARE(map->setOption(option.name, chosen), QString());
        const QString key = window->plots().keyOf(map);
        QSignalSpy saved(&window->workspace(), &Workspace::pathChanged);
        window->saveTo(pathA);
        QVERIFY(QTest::qWaitFor([&] { return saved.count() > 0; }, 20000));
        QVERIFY(window->close());
        bench.open();
        window = bench.window.get();
        QVERIFY(opens(bench, pathB) && opens(bench, pathA));
        const Selection& now = window->selection().selection();
        QCOMPARE(now.layer, 2);
        QCOMPARE(now.condition, 5);
        QCOMPARE(now.conditionB, 3);
        QVERIFY(now.compare == CompareMode::Difference);
        QCOMPARE(window->compare().state().session, window->workspace().withPath(pathB));
        for (DiagnosticPanel* panel : window->plots().panels())
            if (window->plots().keyOf(panel) == key)
                for (const DiagnosticPanel::Option& one : panel->options())
                    if (one.name == option.name) QCOMPARE(one.value, chosen);
    }

    /// B of a file that is not open is named, kept, and shown as soon as the file is opened.
    void aBThatIsNotOpenIsAwaited() {
        Bench bench;
        const QString pathA = bench.folder.filePath("a.h5"), pathB = bench.folder.filePath("b.h5");
        QVERIFY(saveSession(*someSession(1), pathA.toStdString()).ok());
        QVERIFY(saveSession(*someSession(2), pathB.toStdString()).ok());
        QVERIFY(opens(bench, pathB) && opens(bench, pathA));
        bench.window->selection().setCondition(5);
        pickB(*bench.window, bench.window->workspace().withPath(pathB), 3);
        press(*bench.window, Qt::Key_D, Qt::AltModifier);
        const auto saveA = [&] {
            QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
            QSignalSpy changed(&bench.window->workspace(), &Workspace::pathChanged);
            bench.window->saveTo(pathA);
            return QTest::qWaitFor([&] { return changed.count() > 0; }, 20000);
        };
        QVERIFY(saveA());
        const std::string condition = (*loadSession(pathB.toStdString()))->conditions[3]->key.text();
        // alone: A is shown, and it is said which file is missing
        for (int round = 0; round < 2; ++round) {
            QVERIFY(bench.window->close());
            bench.open();
            QVERIFY(opens(bench, pathA));
            const MainWindow& window = *bench.window;
            QVERIFY2(window.messages().text().contains(pathB), qPrintable(window.messages().text()));
            QVERIFY(window.log().toPlainText().contains(pathB));
            QVERIFY(window.compareBar().boxB()->currentText().contains("b.h5"));
            const QToolButton* difference = window.compareBar().modeButton(CompareMode::Difference);
            QVERIFY(!difference->isEnabled() && difference->toolTip().contains(pathB));
            QCOMPARE(bench.window->compare().shown(), CompareMode::A);
            QCOMPARE(bench.window->selection().selection().condition, 5);
            QCOMPARE(bench.window->selection().selection().conditionB, -1);
            if (round == 0) QVERIFY(saveA()); // which does not forget it
        }
        MainWindow& window = *bench.window;
        QPushButton* open = nullptr;
        for (auto* button : window.messages().findChildren<QPushButton*>())
            if (button->text().contains("b.h5")) open = button;
        QVERIFY(open);
        QSignalSpy opened(&window, &MainWindow::sessionOpened);
        open->click();
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        QCOMPARE(window.workspace().path(), pathA); // where one was
        QCOMPARE(window.tabs().count(), 2);
        QCOMPARE(window.selection().selection().conditionB, 3);
        QCOMPARE(window.compare().shown(), CompareMode::Difference);
        QCOMPARE(window.compare().state().session, window.workspace().withPath(pathB));
        QCOMPARE(window.compare().state().condition, condition);
        // gone, or without that condition: nothing is offered, and why is said
        QVERIFY(window.close());
        Session less = **loadSession(pathB.toStdString());
        less.conditions.resize(2);
        QVERIFY(saveSession(less, pathB.toStdString()).ok());
        bench.open();
        QVERIFY(opens(bench, pathB) && opens(bench, pathA));
        QVERIFY(bench.window->messages().text().contains("no such condition"));
        QCOMPARE(bench.window->compare().shown(), CompareMode::A);
        QVERIFY(bench.window->close());
        QVERIFY(QFile::remove(pathB));
        bench.open();
        QVERIFY(opens(bench, pathA));
        QVERIFY(bench.window->messages().text().contains("no such file"));
        for (auto* button : bench.window->messages().findChildren<QPushButton*>())
            QVERIFY(!button->text().contains("b.h5"));
        pickB(*bench.window, bench.window->workspace().current(), 1); // another choice ends it
        QVERIFY(bench.window->compare().whyAwaited().isEmpty());
        QVERIFY(!bench.window->compareBar().boxB()->currentText().contains("b.h5"));
    }

    void viewStatesOfOtherVersions_data() {
        QTest::addColumn<QString>("json");
        QTest::addColumn<int>("layer");
        QTest::addColumn<int>("condition");
        // b is of a file that is not open: awaited
        QTest::newRow("nothing") << "" << 1 << 2;
        QTest::newRow("rubbish") << "[1, 2" << 1 << 2;
        QTest::newRow("an index") << R"({"layer": 2, "condition": 3})" << 2 << 3;
        QTest::newRow("unknown keys") << R"({"layer": 2, "zoom": [1], "panels": {"nowhere": {"x": "y"},
            "tailInflation": {"what": "ever"}}, "b": {"condition": "none", "session": "/gone.h5"}})"
                                      << 2 << 2;
        QTest::newRow("outside") << R"({"layer": 99, "condition": "gone", "band": -4, "pair": 900, "group": 3,
            "epsilon": 7, "compare": "all"})"
                                 << 1 << -1;
    }
    void viewStatesOfOtherVersions() {
        QFETCH(QString, json);
        QFETCH(int, layer);
        QFETCH(int, condition);
        Workspace workspace;
        const SessionId id = workspace.open(someSession(1), "/run.h5");
        ViewState base;
        base.selection.layer = 1;
        base.selection.condition = 2;
        const ViewState read = viewStateFrom(json.toStdString(), base, workspace, id);
        QCOMPARE(read.selection.layer, layer);
        QCOMPARE(read.selection.condition, condition);
        QCOMPARE(read.selection.band, base.selection.band);
        QCOMPARE(read.selection.epsilon, base.selection.epsilon);
        QVERIFY(read.selection.pair == -1 && read.selection.group == -1);
        CompareController::State b;
        if (json.contains("gone.h5"))
            b = {CompareController::Source::Awaited, noSession, "none", QStringLiteral("/gone.h5")};
        QVERIFY(read.b == b);
    }

    void everyCellHasAKey() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1, 3, 2));
        const BandPartition& bands = window.workspace().session()->bands;
        const Selection& now = window.selection().selection();
        window.selection().setBand(0);
        const auto shift = Qt::AltModifier | Qt::ShiftModifier;
        for (int pair = 0; pair < bands.pairs(); ++pair) {
            press(window, Qt::Key_Right, shift);
            QCOMPARE(now.pair, pair);
            QVERIFY(bands.begin(now.band) <= pair && pair < bands.end(now.band));
        }
        press(window, Qt::Key_Left, shift);
        QCOMPARE(now.pair, bands.pairs() - 2);
        const auto* bar = window.findChild<SelectionBar*>();
        QVERIFY2(bar->breadcrumb().contains(QString("pair %1").arg(now.pair)), qPrintable(bar->breadcrumb()));
        QVERIFY(bar->breadcrumb().contains("all heads"));
        press(window, Qt::Key_Down, shift);
        QCOMPARE(now.group, 0);
        QVERIFY(bar->breadcrumb().contains("KV head 0"));
        press(window, Qt::Key_W, shift);
        QCOMPARE(now.pair, -1);
        QVERIFY(!bar->breadcrumb().contains("› pair"));
        bench.load(someSession(1)); // recorded for all heads together
        QVERIFY(!bar->breadcrumb().contains("head"));
    }

    void theBreadcrumbSaysWhatIsShown() {
        Bench bench;
        MainWindow& window = *bench.window;
        window.resize(1280, 800);
        test::SyntheticOptions options;
        options.pairs = 8;
        options.layers = 5;
        options.contexts = {256, 1024};
        options.ropes = {"none", "yarn:2:orig=256:beta_fast=16:beta_slow=2:attn=1.25"};
        auto small = std::make_shared<Session>(*test::makeSyntheticSession(options));
        small->modelPath = "/models/smaller";
        bench.load(small);
        const SessionId other = window.workspace().current();
        options.pairs = 16;
        options.layers = 3;
        const auto own = test::makeSyntheticSession(options);
        bench.load(own);
        const auto* bar = window.findChild<SelectionBar*>();
        const auto box = [bar](const char* name) -> QComboBox* {
            for (auto* one : bar->findChildren<QComboBox*>())
                if (one->accessibleName() == QLatin1String(name)) return one;
            return nullptr;
        };
        const std::string spec = options.ropes[1];
        const int a = indexOf(*own, spec, 256, "none"), b = indexOf(*own, spec, 1024, "none");
        window.selection().setCondition(a);
        pickB(window, other, 0);
        QVERIFY2(!bar->breadcrumb().contains("smaller"), qPrintable(bar->breadcrumb()));
        QCOMPARE(box("Layer")->count(), 3);
        press(window, Qt::Key_B, Qt::AltModifier); // its model, layers and bands: what the views show
        QVERIFY2(bar->breadcrumb().startsWith("smaller") && bar->breadcrumb().contains("band 0: pair 0"),
                 qPrintable(bar->breadcrumb()));
        QCOMPARE(box("Layer")->count(), 5);
        QCOMPARE(box("Band")->count(), small->bands.count());
        press(window, Qt::Key_A, Qt::AltModifier);
        QVERIFY2(!bar->breadcrumb().contains("smaller") && bar->breadcrumb().contains("band 0: pairs 0–1"),
                 qPrintable(bar->breadcrumb()));
        QCOMPARE(box("Layer")->count(), 3);
        pickB(window, window.workspace().current(), b);
        press(window, Qt::Key_D, Qt::AltModifier);
        const QString nameA = conditionName(own->conditions[static_cast<std::size_t>(a)]->key),
                      nameB = conditionName(own->conditions[static_cast<std::size_t>(b)]->key);
        QVERIFY2(bar->breadcrumb().contains(QStringLiteral("A: %1 − B: %2").arg(nameA, nameB)),
                 qPrintable(bar->breadcrumb()));
        test::letViewsSettle();
        for (auto* label : bar->findChildren<ElidedLabel*>()) {
            if (!label->fullText().startsWith("A: ")) continue;
            const QStringList sides = label->text().split(QStringLiteral(" − "));
            QVERIFY2(sides.size() == 2 && sides[1].startsWith("B: "), qPrintable(label->text()));
            QVERIFY2(sides[0].mid(3) != sides[1].mid(3), qPrintable(label->text()));
            QVERIFY2(label->toolTip().contains(nameA) && label->toolTip().contains(nameB),
                     qPrintable(label->text() + label->toolTip()));
            return;
        }
        QFAIL("no step for the conditions");
    }

    void theBarsFitASmallScreen() {
        Bench bench;
        MainWindow& window = *bench.window;
        auto session = std::make_shared<Session>(*someSession(1, 3, 2));
        session->modelPath = "/models/a-model-with-a-name-of-more-than-forty-letters-7b-instruct";
        bench.load(someSession(2));
        bench.load(session);
        pickB(window, window.workspace().sessions().front(), 1);
        window.resize(1280, 800);
        QCoreApplication::processEvents();
        for (const QToolBar* bar : window.findChildren<QToolBar*>()) {
            QVERIFY2(bar->width() <= 1280, qPrintable(bar->objectName()));
            const auto* more = bar->findChild<QToolButton*>("qt_toolbar_ext_button");
            QVERIFY2(!more || !more->isVisible(), qPrintable(bar->objectName()));
            for (const QWidget* widget : bar->findChildren<QWidget*>())
                if (widget->isVisible() && widget != more) {
                    const QRect place(widget->mapTo(bar, QPoint()), widget->size());
                    QVERIFY2(bar->rect().contains(place), qPrintable(widget->accessibleName()));
                }
        }
        const ElidedComboBox* b = window.compareBar().boxB();
        QVERIFY(b->shownText().startsWith(window.workspace().name(window.workspace().sessions().front())));
    }

    void changesOfEverySessionAreAutosaved() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1));
        bench.load(someSession(2, 5));
        for (const SessionId id : window.workspace().sessions()) window.analysis().autosave(id);
        QVERIFY(QTest::qWaitFor([&] { return !window.analysis().autosaving(); }, 20000));
        std::set<int> layers;
        for (int number = 1; number <= 2; ++number) {
            const auto kept = loadSession(
                bench.folder.filePath(QString("autosave/autosave-%1.h5").arg(number)).toStdString());
            QVERIFY(kept.ok());
            layers.insert((*kept)->model.layers);
        }
        QVERIFY((layers == std::set{3, 5}));
        window.closeSession(window.workspace().current()); // discards
        QVERIFY(!QFile::exists(bench.folder.filePath("autosave/autosave-2.h5")));
        QVERIFY(QFile::exists(bench.folder.filePath("autosave/autosave-1.h5")));
    }

    void resultsGoWhereTheRunWasStarted() {
        test::WindowBench bench;
        MainWindow& window = *bench.window;
        QVERIFY(bench.ready({bench.document("a", 600)}, {64}, {"none", "yarn:2", "linear:2"},
                            {"none", "rtn:4:g32"}));
        QSignalSpy done(&window.analysis(), &AnalysisController::conditionFinished);
        window.startRun();
        QVERIFY(QTest::qWaitFor([&] { return window.workspace().hasSession(); }, 20000));
        const SessionId target = window.workspace().current();
        const SessionId other = window.workspace().open(someSession(3), {});
        QVERIFY(target != other);
        const auto shown = window.workspace().session();
        QVERIFY(bench.waitForEnd());
        QCOMPARE(done.count(), 6);
        QCOMPARE(window.workspace().current(), other);
        QVERIFY(window.workspace().session() == shown); // untouched
        QCOMPARE(window.workspace().session(target)->conditions.size(), std::size_t{6});
        const auto kept = loadSession(bench.folder.filePath("autosave/autosave-1.h5").toStdString());
        QVERIFY(kept.ok() && (*kept)->conditions.size() == 6); // the one that was run
    }
};

QTEST_MAIN(TestWindowSessions)
#include "test_window_sessions.moc"
