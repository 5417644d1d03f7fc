// Gains by hand in the real window: moving, gangs, mirror, undo per gesture, prediction, exact evaluation in
// the background, the list of what-ifs and its files, conditions made of them.
#include "app/gui/export/export_panel.h"
#include "core/analysis/analysis.h"
#include "core/evaluate/gradient_blocks.h"
#include "core/quantize/calibrate.h"
#include "core/session/scales_file.h"
#include "core/session/session_file.h"
#include "tests/app/window_bench.h"
#include "widgets/panels/scale_editor_row.h"
#include "widgets/panels/what_if_comparison.h"

#include <QAction>
#include <QDoubleSpinBox>
#include <QElapsedTimer>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QToolButton>

#include <cmath>

using namespace qroar;
using Bench = test::WindowBench;

namespace {

/// A window with one quantized condition, with gradients, and the Scales dock open.
void prepare(Bench& bench, int tokens = 600) {
    SetupRequest request = bench.window->setup().request();
    request.gradients = true;
    bench.window->setup().setRequest(request);
    QVERIFY(bench.ready({bench.document("one", tokens), bench.document("two", 500)}, {64}, {"yarn:2"},
                        {"rtn:3:g32"}));
    bench.window->startRun();
    QVERIFY(bench.waitForEnd());
    for (QAction* action : bench.window->findChildren<QAction*>())
        if (action->shortcut() == QKeySequence("F9")) action->trigger();
    QTRY_VERIFY(bench.window->scales().editor().isVisible());
}

ScaleEditor& editorOf(Bench& bench) {
    return bench.window->scales().editor();
}
std::shared_ptr<const Session> sessionOf(Bench& bench) {
    return bench.window->workspace().session();
}
QUndoStack& undoOf(Bench& bench) {
    return *bench.window->workspace().undoStack();
}

void click(const QWidget& in, const QString& text) {
    for (auto* button : in.findChildren<QPushButton*>())
        if (button->text().remove('&') == text) {
            QVERIFY2(button->isEnabled(), qPrintable(text));
            button->click();
            return;
        }
    QFAIL(qPrintable("no button " + text));
}

bool waitForWhatIfs(Bench& bench, std::size_t count) {
    return QTest::qWaitFor([&] { return sessionOf(bench)->whatIfs.size() == count; }, 60000);
}

bool near(double a, double b) {
    return std::abs(a - b) < 1e-9;
}

} // namespace

class TestManualScales : public QObject {
    Q_OBJECT

  private slots:
    void movesGangsMirrorAndUndo() {
        Bench bench;
        prepare(bench);
        ScaleEditor& editor = editorOf(bench);
        const BandPartition bands = sessionOf(bench)->bands;
        QCOMPARE(editor.rowCount(), bands.count());
        editor.setRange(0.5, 2);
        // typing
        const int before = undoOf(bench).count();
        editor.row(0)->box(false)->setValue(1.25);
        QVERIFY(near(editor.edit().band(bands, -1, 0).q, 1.25));
        QCOMPARE(editor.row(0)->effectiveText(), QString("×1.250"));
        QCOMPARE(undoOf(bench).count(), before + 1);
        // a drag of many steps is one undo step
        LogSlider* slider = editor.row(1)->slider(true);
        slider->setSliderDown(true);
        for (int position = slider->value(); position < slider->value() + 1 && position < 1400;
             position += 50)
            slider->setValue(position + 50);
        slider->setSliderDown(false);
        QCOMPARE(undoOf(bench).count(), before + 2);
        QVERIFY(near(editor.edit().band(bands, -1, 1).k, slider->gain()));
        QVERIFY(slider->gain() > 1.2);
        undoOf(bench).undo();
        QCOMPARE(editor.edit().band(bands, -1, 1).k, 1.0);
        QCOMPARE(editor.row(1)->box(true)->value(), 1.0);
        QVERIFY(near(editor.edit().band(bands, -1, 0).q, 1.25));
        undoOf(bench).redo();
        QVERIFY(near(editor.edit().band(bands, -1, 1).k, slider->gain()));
        // keys on one control soon after each other are one step, too
        const int keys = undoOf(bench).count();
        editor.row(2)->slider(false)->setFocus();
        for (int press = 0; press < 3; ++press) QTest::keyClick(editor.row(2)->slider(false), Qt::Key_Right);
        QCOMPARE(undoOf(bench).count(), keys + 1);
        QVERIFY(editor.edit().band(bands, -1, 2).q > 1.02);
        // a gang moves by one factor
        editor.setGang(true);
        for (int band = 0; band < bands.count(); ++band) editor.row(band)->setInGang(band < 2);
        editor.row(0)->box(false)->setValue(1.5);
        QVERIFY(near(editor.edit().band(bands, -1, 0).q, 1.5));
        QVERIFY(near(editor.edit().band(bands, -1, 1).q, 1.2));
        editor.setGang(false);
        // bands cut anew: a row whose pairs differ says so
        QVERIFY(editor.row(0)->spreadText().isEmpty());
        const BandPartition pieces = bench.window->workspace().session()->bands;
        bench.window->workspace().setBands(pieces, BandPartition::equal(1, pieces.pairs()));
        QVERIFY2(editor.row(0)->spreadText().contains("differs within"),
                 qPrintable(editor.row(0)->spreadText()));
        undoOf(bench).undo();
        QVERIFY(editor.row(0)->spreadText().isEmpty());
        // mirror: the effective gain is 1, and the note says what that means
        editor.setLink(GainLink::Mirror);
        editor.row(3)->box(true)->setValue(0.8);
        QVERIFY(near(editor.edit().band(bands, -1, 3).q, 1 / 0.8));
        QCOMPARE(editor.row(3)->effectiveText(), QString("×1.000"));
        bool said = false;
        for (const auto* label : editor.findChildren<QLabel*>())
            said = said || (label->isVisible() && label->text().contains("nothing but rounding"));
        QVERIFY(said);
        // the selected layer keeps a value of its own
        editor.setLink(GainLink::Free);
        bench.window->selection().setLayer(1);
        editor.setLayerScope(true);
        editor.row(0)->box(false)->setValue(0.9);
        QVERIFY(editor.edit().differs(1) && !editor.edit().differs(0));
        editor.row(0)->resetButton()->click();
        QVERIFY(!editor.edit().differs(1));
        click(editor, "Reset all");
        QVERIFY(editor.edit() == GainEdit(editor.edit().layers(), editor.edit().pairs()));
        QVERIFY(bench.window->workspace().dirty());
    }

    void predictionAtOnce() {
        Bench bench;
        prepare(bench);
        ScaleEditor& editor = editorOf(bench);
        editor.setRange(0.5, 2);
        editor.row(0)->box(false)->setValue(1.1);
        const auto session = sessionOf(bench);
        const auto expected =
            predictGains(session->conditions.front()->sensitivity, editor.edit().toGains(session->model));
        QVERIFY(editor.prediction() && expected);
        QCOMPARE(editor.prediction()->change, expected->change);
        QVERIFY(editor.predictionText().contains("first order"));
        QVERIFY(editor.predictionText().contains("standard error"));
        // the error that is shown: of the blocks' parts of the change, each beside its share of the text
        const ConditionResult& measured = *session->conditions.front();
        const std::vector<double> shares = gradientBlockShares(measured);
        const auto blocks = static_cast<std::size_t>(measured.sensitivity.blocks);
        QVERIFY(blocks >= 2 && shares.size() == blocks);
        const std::size_t cells = measured.sensitivity.blockGain.size() / blocks;
        const auto pairs = static_cast<std::size_t>(session->model.pairs());
        double squares = 0, total = 0;
        std::vector<double> parts(blocks, 0.0);
        for (std::size_t block = 0; block < blocks; ++block) {
            for (std::size_t cell = 0; cell < cells; ++cell)
                if (sessionOf(bench)->bands.bandOf(static_cast<int>(cell % pairs)) == 0)
                    parts[block] += measured.sensitivity.blockGain[block * cells + cell] * std::log(1.1);
            total += parts[block];
        }
        for (std::size_t block = 0; block < blocks; ++block)
            squares += std::pow(parts[block] - shares[block] * total, 2);
        const auto count = static_cast<double>(blocks);
        const double error = std::sqrt(count / (count - 1) * squares);
        QVERIFY(error > 0 && editor.prediction()->error);
        QVERIFY2(std::abs(*editor.prediction()->error - error) < 1e-3 * error,
                 qPrintable(QString("%1, expected %2").arg(*editor.prediction()->error).arg(error)));
        const auto warns = [&] {
            bool found = false;
            for (const auto* label : editor.findChildren<QLabel*>())
                found = found || (label->isVisible() && label->text().contains("not to be trusted"));
            return found;
        };
        QVERIFY(!warns());
        editor.row(0)->box(false)->setValue(1.6);
        QVERIFY(warns());
        // without gradients it says what to run
        Session plain = *session;
        auto condition = std::make_shared<ConditionResult>(*plain.conditions.front());
        condition->sensitivity = {};
        plain.conditions = {condition};
        bench.window->workspace().open(std::make_shared<const Session>(plain), {});
        QVERIFY(!editor.prediction());
        QVERIFY(editor.predictionText().contains("Gradients"));
        // every control has a name
        for (const auto* box : editor.findChildren<QDoubleSpinBox*>())
            QVERIFY(!box->accessibleName().isEmpty());
        for (const auto* slider : editor.findChildren<LogSlider*>())
            QVERIFY(!slider->accessibleName().isEmpty());
    }

    /// Nothing on screen, but what is pinned is of the gains that are set.
    void aHiddenEditorPredictsToo() {
        Bench bench;
        prepare(bench);
        ScaleEditor& editor = editorOf(bench);
        editor.window()->hide();
        QVERIFY(!editor.isVisible());
        ScalesController& gains = bench.window->scales().controller();
        GainEdit next = gains.edit();
        next.set(sessionOf(bench)->bands, -1, 0, {1.2, 1});
        gains.setEdit(next, "set");
        const auto of = editor.condition();
        QVERIFY(of && !of->sensitivity.empty());
        const auto expected = predictGains(of->sensitivity, next.toGains(sessionOf(bench)->model), {}, {});
        QVERIFY(expected);
        QVERIFY(expected->change != 0);
        emit editor.pinRequested();
        QVERIFY(waitForWhatIfs(bench, 1));
        QCOMPARE(sessionOf(bench)->whatIfs.front()->predicted, expected->change);
    }

    void exactEvaluationIsThatOfCore() {
        Bench bench;
        prepare(bench);
        ScaleEditor& editor = editorOf(bench);
        editor.setRange(0.5, 2);
        editor.row(0)->box(false)->setValue(1.3);
        editor.row(1)->box(true)->setValue(0.8);
        const auto request = bench.window->scales().evaluation();
        QVERIFY2(request.ok(), request ? "" : request.error().message.c_str());
        click(editor, "Evaluate exactly");
        QVERIFY(bench.window->scales().running());
        QVERIFY(waitForWhatIfs(bench, 1));
        QTRY_VERIFY(!bench.window->scales().running());
        const auto found = sessionOf(bench)->whatIfs.front();
        QCOMPARE(found->scales.name, std::string("w1"));
        GainEffectTask task = request->effect;
        task.weights = *openWeights(task.model, request->quant);
        task.scales.name = "w1";
        ProgressSink silent;
        const auto expected = measureGainEffect(task, silent);
        QVERIFY(expected.ok());
        QVERIFY(found->scales == expected->scales);
        QCOMPARE(found->quantized.mean, expected->quantized.mean);
        QCOMPARE(found->quantized.low, expected->quantized.low);
        QCOMPARE(found->full.mean, expected->full.mean);
        QCOMPARE(found->words, expected->words);
        QCOMPARE(found->predicted, editor.prediction()->change);
        // on screen
        WhatIfList& list = bench.window->scales().list();
        QTRY_VERIFY(list.isVisible());
        QVERIFY(list.emptyText().isEmpty());
        WhatIfModel& model = list.model();
        QCOMPARE(model.rowCount(), 1);
        QCOMPARE(model.index(0, model.columnOf("nll_change")).data(ResultTableModel::valueRole).toDouble(),
                 found->quantized.mean);
        // prediction and measurement are of the same text, or it is said
        QCOMPARE(predictionNote(*sessionOf(bench), *found), QString());
        Session other = *sessionOf(bench);
        auto shorter = std::make_shared<ConditionResult>(*other.conditions.front());
        shorter->windows.pop_back();
        other.conditions.front() = shorter;
        QVERIFY(predictionNote(other, *found).contains("the limit of windows"));
        other.documents.front().fingerprint = "of another text";
        QVERIFY(predictionNote(other, *found).contains("other documents"));
        bench.window->scales().list().setSession(std::make_shared<const Session>(other));
        QVERIFY(
            list.model().index(0, model.columnOf("text_note")).data().toString().contains("other documents"));
        bench.window->scales().list().setSession(sessionOf(bench));
        // the prediction can be kept without an evaluation
        editor.row(1)->box(true)->setValue(1);
        click(editor, "Pin");
        QCOMPARE(sessionOf(bench)->whatIfs.size(), std::size_t{2});
        QVERIFY(!sessionOf(bench)->whatIfs.back()->measured());
        // names
        QVERIFY(list.model().setData(model.index(1, 0), "half", Qt::EditRole));
        QCOMPARE(sessionOf(bench)->whatIfs.back()->scales.name, std::string("half"));
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        list.model().setData(model.index(1, 0), "w1", Qt::EditRole);
        model.setData(model.index(1, 0), "a:b", Qt::EditRole);
        QCOMPARE(errors.count(), 2);
        QCOMPARE(sessionOf(bench)->whatIfs.back()->scales.name, std::string("half"));
        // restore, compare, delete, undo
        list.select({0});
        click(list, "Restore");
        QVERIFY(editor.edit().toGains(sessionOf(bench)->model) == found->scales.gains);
        list.select({0, 1});
        click(list, "Compare");
        auto* dialog = bench.window->findChild<WhatIfComparison*>();
        QVERIFY(dialog);
        QCOMPARE(dialog->gains().rowCount(), sessionOf(bench)->bands.count());
        const int ratio = dialog->gains().columnOf("ratio");
        QVERIFY(near(dialog->gains().index(1, ratio).data(ResultTableModel::valueRole).toDouble(), 0.8));
        dialog->close();
        list.select({0});
        click(list, "Delete");
        QCOMPARE(sessionOf(bench)->whatIfs.size(), std::size_t{1});
        undoOf(bench).undo();
        QVERIFY(sessionOf(bench)->whatIfs.front() == found);
        // saved and opened again, with the gains that were being set
        const GainEdit edit = editor.edit();
        const QString path = bench.folder.filePath("run.h5");
        bench.window->saveTo(path);
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QVERIFY(loadScalesFrom(path.toStdString() + ":w1")->scales == found->scales);
        bench.window->workspace().close();
        QVERIFY(editor.edit().empty());
        QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
        bench.window->openSession(path);
        QVERIFY(QTest::qWaitFor([&] { return opened.count() == 1; }, 20000));
        QCOMPARE(sessionOf(bench)->whatIfs.size(), std::size_t{2});
        QVERIFY(editor.edit() == edit);
        // files of their own
        bench.window->scales().exportScales(0, bench.folder.filePath("w1.h5"));
        QTRY_VERIFY(QFile::exists(bench.folder.filePath("w1.h5")));
        QVERIFY(loadScalesFrom(bench.folder.filePath("w1.h5").toStdString())->scales == found->scales);
        QVERIFY(bench.window->scales().exportList(bench.folder.filePath("list.csv")));
        QFile csv(bench.folder.filePath("list.csv"));
        QVERIFY(csv.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(csv.readAll());
        QVERIFY(text.contains("name,rope,context,quant") && text.contains("\nw1,")
                && text.contains("\nhalf,"));
        // the export dock offers them
        ExportPanel& panel = bench.window->exportPanel();
        panel.setTarget(bench.folder.filePath("out"));
        panel.setQuant("rtn:3:g32");
        panel.setScales("w1");
        QTRY_VERIFY(panel.task().ok());
        QVERIFY(panel.task()->request.gains == found->scales.gains);
        QCOMPARE(panel.task()->calibrationContext, 64);
    }

    void aConditionOfItsOwn() {
        Bench bench;
        prepare(bench);
        ScaleEditor& editor = editorOf(bench);
        editor.setRange(0.5, 2);
        editor.row(0)->box(false)->setValue(1.2);
        click(editor, "Pin");
        WhatIfList& list = bench.window->scales().list();
        list.select({0});
        click(list, "Make condition");
        QVERIFY(bench.waitForEnd());
        QCOMPARE(sessionOf(bench)->conditions.size(), std::size_t{2});
        const ConditionResult& made = *sessionOf(bench)->conditions.back();
        QCOMPARE(made.key.scales, std::string("w1"));
        // what it measured is what gains of core give
        const Selection now = bench.window->selection().selection();
        QCOMPARE(now.condition, 1);
        QCOMPARE(now.conditionB, 0);
        QVERIFY(now.compare == CompareMode::Difference);
        QVERIFY(editor.condition() == sessionOf(bench)->conditions.front()); // its twin without gains
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        list.model().setData(list.model().index(0, 0), "other", Qt::EditRole);
        QCOMPARE(errors.count(), 1); // its name is that of a condition
        list.select({0});
        click(list, "Delete");
        QCOMPARE(errors.count(), 2);
        QCOMPARE(sessionOf(bench)->whatIfs.size(), std::size_t{1});
        // what is pinned after the pin was undone does not get the name of that condition
        undoOf(bench).undo();
        QVERIFY(sessionOf(bench)->whatIfs.empty());
        editor.row(1)->box(false)->setValue(1.4);
        click(editor, "Pin");
        QCOMPARE(sessionOf(bench)->whatIfs.back()->scales.name, std::string("w2"));
        list.model().setData(list.model().index(0, 0), "w1", Qt::EditRole);
        QCOMPARE(errors.count(), 3);
        QCOMPARE(sessionOf(bench)->whatIfs.back()->scales.name, std::string("w2"));
    }

    /// What is cancelled would go on for well over a second; the least of three tries counts.
    void evaluationsStopWithin200Milliseconds() {
        Bench bench;
        test::RandomModelOptions large;
        large.layers = 6;
        large.heads = 8;
        large.kvHeads = 4;
        large.headDim = 32;
        large.hidden = 256;
        large.intermediate = 704;
        test::makeRandomHfModel(bench.folder.filePath("model").toStdString(), large);
        QVERIFY(bench.ready({bench.document("one", 6000)}, {64}, {"yarn:2"}, {"rtn:3:g32"}));
        Session session = emptySession(bench.window->analysis().plan(bench.window->setup().request()));
        auto condition = std::make_shared<ConditionResult>();
        condition->key = {*RopeSpec::parse("yarn:2"), 64, *QuantSpec::parse("rtn:3:g32")};
        condition->table = *buildFrequencyTable(condition->key.rope, session.model.ropeModel(), 64);
        session.conditions = {condition};
        bench.window->workspace().open(std::make_shared<const Session>(session), {});
        qint64 least = 1000000;
        for (int attempt = 0; attempt < 3 && least > 200; ++attempt) {
            QSignalSpy progress(&bench.window->scales(), &ManualScales::progressed);
            bench.window->scales().evaluate();
            QVERIFY(QTest::qWaitFor([&] { return progress.count() > 2; }, 60000));
            QElapsedTimer clock;
            clock.start();
            bench.window->scales().controller().cancel();
            QVERIFY(QTest::qWaitFor([&] { return !bench.window->scales().running(); }, 60000));
            least = std::min(least, clock.elapsed());
        }
        qInfo("cancelled after %lld ms", static_cast<long long>(least));
        QVERIFY(least <= 200);
        QVERIFY(sessionOf(bench)->whatIfs.empty());
    }
};

QTEST_MAIN(TestManualScales)
#include "test_manual_scales.moc"
