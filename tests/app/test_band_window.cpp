// Bands in the real window: by mouse, by keys and in the dock, with undo; names and colours in all views and
// in the session file.
#include "tests/app/main_window_bench.h"

#include "app/gui/window/selection_bar.h"
#include "widgets/panels/band_editor.h"
#include "widgets/panels/band_editor_model.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QAction>
#include <QDockWidget>
#include <QLineEdit>
#include <QMenu>
#include <QRegularExpression>
#include <QSpinBox>
#include <QTableView>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

struct BandBench : SessionBench {
    SpectrumPlot* plot = nullptr;
    BandEditor* editor = nullptr;

    explicit BandBench(int pairs = 16, int bands = 4) {
        SyntheticOptions options;
        options.layers = 2;
        options.documents = 2;
        options.contexts = {256, 1024};
        options.ropes = {"none", "yarn:4"};
        options.quants = {"none"};
        options.pairs = pairs;
        options.bands = bands;
        load(makeSyntheticSession(options));
        plot = window->plots().spectrum()->plot();
        editor = &window->bandEditor();
        plot->setFocus();
        letViewsSettle(); // drawn, so that places on it are known
    }
    [[nodiscard]] QString edges() const {
        return QString::fromStdString(window->workspace().session()->bands.text());
    }
    [[nodiscard]] QUndoStack& undo() const { return *window->workspace().undoStack(); }
    [[nodiscard]] BandStyles styles() const { return window->workspace().session()->bandStyles; }
    [[nodiscard]] QString name(int band) const {
        return QString::fromStdString(window->workspace().bandLayout().style(band).name);
    }
    void move(const QPointF& to, Qt::KeyboardModifiers modifiers = {}) const {
        QMouseEvent event(QEvent::MouseMove, to, plot->mapToGlobal(to), Qt::NoButton, Qt::LeftButton,
                          modifiers);
        QApplication::sendEvent(plot, &event);
    }
    [[nodiscard]] QPointF inFrontOf(double pair) const {
        return {plot->pairPosition(pair - 0.5), static_cast<double>(plot->axisRect()->rect().center().y())};
    }
    void drag(int edge, double pair, Qt::KeyboardModifiers modifiers = {}) const {
        QTest::mousePress(plot, Qt::LeftButton, {}, plot->edgePosition(edge).toPoint());
        move(inFrontOf(pair), modifiers);
        QTest::mouseRelease(plot, Qt::LeftButton, {}, inFrontOf(pair).toPoint());
    }
    void rename(int band, const QString& name) const {
        window->findChild<QDockWidget*>("bands")->show();
        letViewsSettle();
        editor->rename(band);
        auto* line = editor->table()->findChild<QLineEdit*>();
        if (!line) return;
        line->setText(name);
        QTest::keyClick(line, Qt::Key_Return);
        letViewsSettle(); // the editor commits when it has seen the key
    }
    void click(const char* button) const { editor->findChild<QPushButton*>(button)->click(); }
};

} // namespace

class TestBandWindow : public QObject {
    Q_OBJECT
  private slots:
    void dragSnapsAndIsOneStep();
    void altSwitchesSnappingOff();
    void everythingByKeys();
    void doubleClicksAndMenu();
    void namesReachEveryView();
    void aNameThatIsOpenIsAskedForAgain();
    void coloursReachTheZones();
    void numbersInTheTable();
    void presets();
    void selectionIsShared();
    void namesAreSaved();
    void columnsFitANarrowDock();
    void columnsStandStillWhileAnEdgeMoves();
};

void TestBandWindow::dragSnapsAndIsOneStep() {
    BandBench bench(64, 4);
    QCOMPARE(bench.edges(), QString("0,16,32,48,64"));
    const FrequencyTable& table = bench.window->workspace().session()->conditions.back()->table;
    bench.window->selection().setCondition(3);
    letViewsSettle();
    const int high = static_cast<int>(std::ceil(*table.rampHigh));
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(2).toPoint());
    bench.move({bench.plot->pairPosition(*table.rampHigh) + 4, 100}); // near, not on it
    QVERIFY2(bench.plot->snappedTo().startsWith("yarn ramp high"), qPrintable(bench.plot->snappedTo()));
    QCOMPARE(bench.window->workspace().session()->bands.begin(2), high); // all views follow while it moves
    QCOMPARE(bench.undo().count(), 0);
    bench.move(bench.inFrontOf(high));
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, bench.inFrontOf(high).toPoint());
    QCOMPARE(bench.plot->snappedTo(), QString());
    QCOMPARE(bench.undo().count(), 1);
    QCOMPARE(bench.undo().undoText(), QString("move band edge"));
    bench.undo().undo();
    QCOMPARE(bench.edges(), QString("0,16,32,48,64"));
    QVERIFY(!bench.plot->bands().edges().empty());
    QTRY_VERIFY(bench.plot->bands() == bench.window->workspace().session()->bands);
    bench.undo().redo();
    QCOMPARE(bench.window->workspace().session()->bands.begin(2), high);
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(1).toPoint());
    bench.move(bench.inFrontOf(5));
    QTest::keyClick(bench.plot, Qt::Key_Escape);
    QCOMPARE(bench.window->workspace().session()->bands.begin(1), 16);
    QCOMPARE(bench.undo().count(), 1);
}

void TestBandWindow::altSwitchesSnappingOff() {
    BandBench bench(64, 2);
    bench.window->selection().setCondition(3);
    letViewsSettle();
    const double mark = *bench.window->workspace().session()->conditions.back()->table.rampHigh;
    const QPointF near(bench.plot->pairPosition(mark) + 7, 100);
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(1).toPoint());
    bench.move(near);
    QVERIFY(!bench.plot->snappedTo().isEmpty());
    const int snapped = bench.plot->bands().begin(1);
    QTest::keyPress(bench.plot, Qt::Key_Alt, Qt::AltModifier); // without moving the mouse
    QVERIFY(bench.plot->snappedTo().isEmpty());
    QVERIFY(bench.plot->edgePlaceAt(near) != snapped);
    QCOMPARE(bench.plot->bands().begin(1), bench.plot->edgePlaceAt(near));
    QTest::keyRelease(bench.plot, Qt::Key_Alt);
    QCOMPARE(bench.plot->bands().begin(1), snapped);
    bench.move(near, Qt::AltModifier);
    QVERIFY(bench.plot->snappedTo().isEmpty());
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, near.toPoint());
}

void TestBandWindow::everythingByKeys() {
    BandBench bench;
    QCOMPARE(bench.edges(), QString("0,4,8,12,16"));
    QTest::keyClick(bench.plot, Qt::Key_Tab);
    QTest::keyClick(bench.plot, Qt::Key_Tab);
    QCOMPARE(bench.plot->focusedEdge(), 2);
    for (int step = 0; step < 3; ++step) QTest::keyClick(bench.plot, Qt::Key_Right);
    QCOMPARE(bench.edges(), QString("0,4,11,12,16"));
    QCOMPARE(bench.undo().count(), 1); // a run of keys is one step
    QTest::keyClick(bench.plot, Qt::Key_Left, Qt::ShiftModifier);
    QCOMPARE(bench.edges(), QString("0,4,7,12,16"));
    bench.window->workspace().setRunPause(-1); // as after a pause
    QTest::keyClick(bench.plot, Qt::Key_Right);
    QCOMPARE(bench.undo().count(), 2);
    bench.undo().undo();
    bench.undo().undo();
    QCOMPARE(bench.edges(), QString("0,4,8,12,16"));
    QTRY_COMPARE(bench.plot->bands().begin(2), 8);
    QTest::keyClick(bench.plot, Qt::Key_Insert); // the band right of the edge
    QCOMPARE(bench.edges(), QString("0,4,8,10,12,16"));
    QCOMPARE(bench.undo().undoText(), QString("split band"));
    QCOMPARE(bench.plot->focusedEdge(), 3);
    QTest::keyClick(bench.plot, Qt::Key_Delete);
    QCOMPARE(bench.edges(), QString("0,4,8,12,16"));
    QCOMPARE(bench.undo().undoText(), QString("merge bands"));
    QVERIFY(bench.plot->hasFocus());
    QCOMPARE(bench.plot->focusedEdge(), 3);
    QVERIFY(bench.window->plots().spectrum()->summary().contains("Edge 3"));
}

void TestBandWindow::doubleClicksAndMenu() {
    BandBench bench;
    QTest::mouseDClick(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(2).toPoint());
    QCOMPARE(bench.edges(), QString("0,4,12,16"));
    const int row = bench.plot->headRect().center().y();
    QTest::mouseDClick(bench.plot, Qt::LeftButton, {},
                       QPoint(static_cast<int>(bench.plot->pairPosition(5.5)), row));
    QCOMPARE(bench.edges(), QString("0,4,6,12,16"));
    QCOMPARE(bench.undo().count(), 2);
    const auto action = [&](const char* name) -> QAction* {
        for (auto* menu : bench.window->plots().spectrum()->findChildren<QMenu*>())
            if (QAction* found = menu->findChild<QAction*>(name); found && menu->isVisible()) return found;
        return nullptr;
    };
    QTest::mouseClick(bench.plot, Qt::RightButton, {}, bench.inFrontOf(9).toPoint());
    QVERIFY(action("addEdge"));
    QVERIFY(action("addEdge")->text().contains("pair 9"));
    action("addEdge")->trigger();
    QCOMPARE(bench.edges(), QString("0,4,6,9,12,16"));
    QApplication::activePopupWidget()->close();
    QTest::mouseClick(bench.plot, Qt::RightButton, {}, bench.plot->edgePosition(1).toPoint());
    QVERIFY(action("removeEdge") && action("removeEdge")->isEnabled());
    action("removeEdge")->trigger();
    QCOMPARE(bench.edges(), QString("0,6,9,12,16"));
    QApplication::activePopupWidget()->close();
    // The edge that has the focus is not offered far from it.
    QTest::mouseClick(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(1).toPoint());
    QCOMPARE(bench.plot->focusedEdge(), 1);
    QTest::mouseClick(bench.plot, Qt::RightButton, {}, bench.inFrontOf(14).toPoint());
    QVERIFY(action("removeEdge") && !action("removeEdge")->isEnabled());
    QApplication::activePopupWidget()->close();
}

void TestBandWindow::namesReachEveryView() {
    BandBench bench;
    bench.rename(1, "  middle   ones ");
    QCOMPARE(bench.name(1), QString("middle ones"));
    QCOMPARE(bench.undo().undoText(), QString("rename band"));
    bench.window->selection().setBand(1);
    letViewsSettle();
    QVERIFY2(bench.window->findChild<SelectionBar*>()->breadcrumb().contains("middle ones: pairs 4–7"),
             qPrintable(bench.window->findChild<SelectionBar*>()->breadcrumb()));
    QVERIFY(bench.window->plots().spectrum()->summary().startsWith("middle ones: pairs 4–7"));
    HeatMapPanel* map = heatMap(*bench.window, HeatMapMetric::TailInflation);
    map->ensureFresh();
    const auto* drawn = map->findChild<HeatMapPlot*>();
    QVERIFY2(drawn->content().columnDetails.value(1).startsWith("middle ones"),
             qPrintable(drawn->content().columnDetails.value(1)));
    QVERIFY(drawn->content().columnDetails.value(0).startsWith("band 0"));
    bench.drag(1, 3); // names survive moves
    QCOMPARE(bench.edges(), QString("0,3,8,12,16"));
    QCOMPARE(bench.name(1), QString("middle ones"));
    QTest::mouseDClick(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(1).toPoint());
    QCOMPARE(bench.edges(), QString("0,8,12,16")); // the nameless left one takes the name
    QCOMPARE(bench.name(0), QString("middle ones"));
    bench.undo().undo();
    QCOMPARE(bench.name(0), QString());
    QCOMPARE(bench.name(1), QString("middle ones"));
    while (bench.undo().canUndo()) bench.undo().undo();
    QVERIFY(bench.styles().empty());
}

void TestBandWindow::aNameThatIsOpenIsAskedForAgain() {
    BandBench bench;
    QTest::failOnWarning(QRegularExpression("editing failed"));
    bench.window->findChild<QDockWidget*>("bands")->show();
    letViewsSettle();
    QWidget other; // in front: a name that is open does not close when the table asks for the focus
    other.show();
    other.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&other));
    for (int time = 0; time < 3; ++time) bench.editor->rename(1);
    QVERIFY(bench.editor->table()->findChild<QLineEdit*>());
}

void TestBandWindow::coloursReachTheZones() {
    BandBench bench;
    bench.window->selection().setBand(2);
    auto* menu = bench.editor->findChild<QMenu*>("bandColours");
    QVERIFY(menu->actions().size() >= 10);
    menu->actions()[5]->trigger(); // vermilion
    QCOMPARE(bench.styles().at(2).colour, std::string("#d55e00"));
    QCOMPARE(bench.undo().undoText(), QString("colour band"));
    const QModelIndex swatch = bench.editor->model()->index(2, BandEditorModel::Colour);
    QCOMPARE(swatch.data(Qt::DecorationRole).value<QColor>(), QColor(0xd5, 0x5e, 0x00));
    bench.window->plots().spectrum()->ensureFresh();
    letViewsSettle();
    const QImage drawn = bench.plot->grab().toImage();
    const double ratio = drawn.devicePixelRatio();
    const QRect head = bench.plot->headRect();
    // The line below the name has the colour without transparency.
    const QColor line = drawn.pixelColor(static_cast<int>(bench.plot->pairPosition(8.2) * ratio),
                                         static_cast<int>((head.bottom()) * ratio));
    QCOMPARE(line, QColor(0xd5, 0x5e, 0x00));
    menu->actions().last()->trigger(); // default
    QVERIFY(bench.styles().empty());
}

void TestBandWindow::numbersInTheTable() {
    QTest::failOnWarning(QRegularExpression("commitData"));
    BandBench bench;
    bench.window->findChild<QDockWidget*>("bands")->show();
    letViewsSettle();
    BandEditorModel* model = bench.editor->model();
    QTableView* table = bench.editor->table();
    QCOMPARE(model->rowCount(), 4);
    QVERIFY(!(model->index(0, BandEditorModel::From).flags() & Qt::ItemIsEditable));
    QVERIFY(!(model->index(3, BandEditorModel::To).flags() & Qt::ItemIsEditable));
    // theta 1e4, 16 pairs: omega of pair i is 10^(-i/4), 2 pi / omega its wavelength.
    const double theta = bench.window->workspace().session()->model.ropeTheta;
    QCOMPARE(theta, 1e4);
    QCOMPARE(model->index(1, BandEditorModel::Omega).data().toString(), QString("0.10–0.018"));
    QCOMPARE(model->index(1, BandEditorModel::Wavelength).data().toString(), QString("62.8–353"));
    const QModelIndex to = model->index(1, BandEditorModel::To);
    table->setCurrentIndex(to);
    table->edit(to);
    auto* spin = table->findChild<QSpinBox*>();
    QVERIFY(spin);
    QCOMPARE(spin->minimum(), 4);
    QCOMPARE(spin->maximum(), 10);
    spin->stepBy(1);
    spin->stepBy(1);
    QCOMPARE(bench.edges(), QString("0,4,10,12,16"));
    QCOMPARE(bench.undo().count(), 1);
    QCOMPARE(spin, table->findChild<QSpinBox*>()); // it stays open
    spin->stepBy(-2);                              // there and back again: nothing to undo
    QCOMPARE(bench.edges(), QString("0,4,8,12,16"));
    QCOMPARE(bench.undo().count(), 0);
    spin->stepBy(1);
    bench.undo().undo();
    QCOMPARE(spin->value(), 7);
}

void TestBandWindow::presets() {
    BandBench bench(64, 4);
    bench.window->selection().setCondition(0); // without scaling: no ramp
    QVERIFY(!bench.editor->findChild<QPushButton*>("yarnZones")->isEnabled());
    bench.window->selection().setCondition(3);
    const FrequencyTable& table = bench.window->workspace().session()->conditions[3]->table;
    QVERIFY(table.rampLow && table.rampHigh);
    bench.click("yarnZones");
    QCOMPARE(bench.edges(),
             QString("0,%1,%2,64").arg(std::ceil(*table.rampLow)).arg(std::ceil(*table.rampHigh)));
    QCOMPARE(bench.name(1), QString("blended"));
    bench.click("wavelengthThirds");
    // L0 = 256, theta 1e4: 64 ln(256 / 2 pi) / ln 1e4 = 25.76 pairs up to L0, thirds at 8.6 and 17.2.
    QCOMPARE(bench.edges(), QString("0,9,18,26,64"));
    QCOMPARE(bench.name(3), QString("beyond L0"));
    QCOMPARE(bench.editor->model()->index(3, BandEditorModel::Name).data().toString(), QString("beyond L0"));
    bench.editor->findChild<QSpinBox*>()->setValue(5);
    bench.click("equalBands");
    QCOMPARE(bench.edges(), QString("0,12,25,38,51,64"));
    auto* field = bench.editor->findChild<QLineEdit*>("bandEdges");
    field->setText("0, 4,9");
    bench.click("applyEdges");
    QCOMPARE(bench.edges(), QString("0,4,9,64"));
    field->setText("9,4");
    bench.click("applyEdges");
    QCOMPARE(bench.edges(), QString("0,4,9,64"));
    QCOMPARE(bench.undo().count(), 4);
    bench.undo().setIndex(0);
    QCOMPARE(bench.edges(), QString("0,16,32,48,64"));
    QVERIFY(bench.styles().empty());
}

void TestBandWindow::selectionIsShared() {
    BandBench bench;
    bench.window->findChild<QDockWidget*>("bands")->show();
    bench.window->selection().setBand(3);
    QCOMPARE(bench.editor->table()->currentIndex().row(), 3);
    bench.editor->table()->setCurrentIndex(bench.editor->model()->index(1, BandEditorModel::Name));
    QCOMPARE(bench.window->selection().selection().band, 1);
    Selection at = bench.window->selection().selection();
    at.pair = 7;
    bench.window->selection().setSelection(at);
    bench.click("splitBand"); // at the selected pair
    QCOMPARE(bench.edges(), QString("0,4,7,8,12,16"));
    bench.click("mergeBand");
    QCOMPARE(bench.edges(), QString("0,4,8,12,16"));
    bench.window->selection().setBand(3);
    bench.click("mergeBand"); // the last one: with the one before
    QCOMPARE(bench.edges(), QString("0,4,8,16"));
}

void TestBandWindow::namesAreSaved() {
    BandBench bench;
    const QString path = bench.folder.filePath("named.h5"), old = bench.folder.filePath("old.h5");
    QVERIFY(saveSession(*bench.window->workspace().session(), old.toStdString()).ok());
    bench.rename(0, "fast");
    bench.editor->setColour(3, QColor("#123456"));
    QVERIFY(bench.window->workspace().dirty());
    bench.window->saveTo(path);
    QTRY_VERIFY(!bench.window->workspace().dirty());
    bench.window->workspace().close();
    QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
    bench.window->openSession(path);
    QTRY_COMPARE(opened.count(), 1);
    QCOMPARE(bench.name(0), QString("fast"));
    QCOMPARE(bench.styles().at(3).colour, std::string("#123456"));
    QCOMPARE(bench.editor->model()->index(0, BandEditorModel::Name).data().toString(), QString("fast"));
    bench.window->openSession(old); // from before there were names
    QTRY_COMPARE(opened.count(), 2);
    QVERIFY(bench.styles().empty());
    QCOMPARE(bench.editor->model()->index(0, BandEditorModel::Name).data().toString(), QString("band 0"));
}

void TestBandWindow::columnsFitANarrowDock() {
    BandBench bench(64, 8);
    SelectionModel selection;
    BandEditor editor(&selection);
    BandStyles styles(8);
    styles[2].name = "a band with quite a long name";
    editor.setSession(bench.window->workspace().session());
    editor.setStyles(styles);
    editor.show();
    QTableView& table = *editor.table();
    for (const int width : {260, 300, 340, 380, 460, 700}) {
        editor.resize(width, 420);
        letViewsSettle();
        const int right =
            table.columnViewportPosition(BandEditorModel::Omega) + table.columnWidth(BandEditorModel::Omega);
        QVERIFY2(
            right <= table.viewport()->width(),
            qPrintable(QStringLiteral("%1: %2 of %3").arg(width).arg(right).arg(table.viewport()->width())));
        for (int row = 0; row < 8; ++row)
            for (int column = BandEditorModel::Name; column < BandEditorModel::ColumnCount; ++column) {
                const QModelIndex cell = editor.model()->index(row, column);
                QCOMPARE(cell.data(Qt::ToolTipRole).toString(), cell.data().toString()); // where it is elided
                if (width >= 460 && column != BandEditorModel::Name)
                    QVERIFY2(table.columnWidth(column)
                                 >= table.fontMetrics().horizontalAdvance(cell.data().toString()) + 4,
                             qPrintable(cell.data().toString()));
            }
    }
    QCOMPARE(table.textElideMode(), Qt::ElideRight);
}

void TestBandWindow::columnsStandStillWhileAnEdgeMoves() {
    BandBench bench(64, 8);
    SelectionModel selection;
    BandEditor editor(&selection);
    editor.setSession(bench.window->workspace().session());
    editor.show();
    QTableView& table = *editor.table();
    const auto widths = [&table] {
        std::vector<int> all;
        for (int column = 0; column < BandEditorModel::ColumnCount; ++column)
            all.push_back(table.columnWidth(column));
        return all;
    };
    const BandPartition start = BandPartition::equal(2, 64);
    int resized = 0, differed = 0;
    connect(table.horizontalHeader(), &QHeaderView::sectionResized, &editor, [&resized] { ++resized; });
    for (const int width : {300, 340, 420, 700}) {
        editor.resize(width, 420);
        letViewsSettle();
        editor.setBands(BandPartition::equal(3, 64)); // other bands: begins anew
        editor.setBands(start.withEdgeMoved(1, 63));
        resized = 0;
        for (int pair = 63; pair > 0; --pair) editor.setBands(start.withEdgeMoved(1, pair));
        differed += resized; // they may grow
        const std::vector<int> widest = widths();
        for (int pair = 2; pair < 64; ++pair) {
            resized = 0;
            editor.setBands(start.withEdgeMoved(1, pair));
            QCOMPARE(widths(), widest);
            QCOMPARE(resized, 0);
        }
    }
    QVERIFY(differed > 0); // some texts were wider than the first ones
    editor.resize(700, 420);
    letViewsSettle();
    editor.setStyles(BandStyles(8)); // other names: other widths may be
    editor.setBands(BandPartition::equal(2, 64));
    for (int column = BandEditorModel::From; column < BandEditorModel::ColumnCount; ++column)
        for (int row = 0; row < 2; ++row)
            QVERIFY(table.columnWidth(column) >= table.fontMetrics().horizontalAdvance(
                                                     editor.model()->index(row, column).data().toString())
                                                     + 4);
}

QTEST_MAIN(TestBandWindow)
#include "test_band_window.moc"
