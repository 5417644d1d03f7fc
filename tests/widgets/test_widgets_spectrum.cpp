// Band edges by mouse and keyboard: what they do to the bands and to the grids of the other views.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/figure.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/spectrum_plot.h"

#include "core/diagnostics/tails.h"

#include <QApplication>
#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

struct Bench {
    PanelSet panels;
    std::shared_ptr<const Session> session;
    SpectrumPlot* plot = nullptr;

    explicit Bench(const SyntheticOptions& options = {}) : session(makeSyntheticSession(options)) {
        panels.setSession(session);
        QObject::connect(panels.spectrum.get(), &SpectrumPanel::bandsEdited, panels.tir.get(),
                         &DiagnosticPanel::setBands);
        panels.spectrum->resize(900, 420);
        panels.spectrum->show();
        plot = panels.spectrum->plot();
    }
    [[nodiscard]] bool ready() const {
        if (!QTest::qWaitForWindowExposed(panels.spectrum.get())) return false;
        QTest::qWait(20);
        plot->setFocus();
        return true;
    }
    void move(const QPointF& to) const {
        QMouseEvent event(QEvent::MouseMove, to, plot->mapToGlobal(to), Qt::NoButton, Qt::LeftButton,
                          Qt::NoModifier);
        QApplication::sendEvent(plot, &event);
    }
    /// Middle between pair `pair` - 1 and `pair`, where an edge in front of `pair` is drawn.
    [[nodiscard]] QPointF inFrontOf(int pair) const {
        return {plot->pairPosition(pair - 0.5), static_cast<double>(plot->axisRect()->rect().center().y())};
    }
};

} // namespace

class TestWidgetsSpectrum : public QObject {
    Q_OBJECT
  private slots:
    void dragMovesTheEdgeAndTheGrids();
    void escapeTakesTheDragBack();
    void edgesCannotPassEachOther();
    void edgesSnapToMarks();
    void arrowKeysMoveTheFocusedEdge();
    void tabWalksTheEdges();
    void oneFinishPerGesture();
    void clickSelectsPairAndBand();
    void readoutSaysWhatIsThere();
    void readoutFollowsWhatChangesUnderIt();
    void whatStandsIsNotDrawnWhileAnEdgeMoves();
    void theSelectedPairIsMarked();
    void theReadoutLeavesNothingBehind();
    void wheelZoomsAndHomeComesBack();
    void axisTitlesFitALowPlot();
};

void TestWidgetsSpectrum::axisTitlesFitALowPlot() {
    Bench bench;
    QVERIFY(bench.ready());
    QTRY_COMPARE(bench.plot->yAxis->label(), QString("Frequency ω (rad/token)"));
    bench.plot->setFixedHeight(120); // a view keeps it higher and scrolls; figures may be as low
    QCoreApplication::processEvents();
    QTRY_COMPARE(bench.plot->yAxis->label(), QString("ω (rad/token)"));
    for (const QCPAxis* axis : {bench.plot->yAxis, bench.plot->yAxis2}) {
        for (const QString& line : axis->label().split('\n')) {
            const int length = QFontMetrics(axis->labelFont()).horizontalAdvance(line);
            QVERIFY2(length > 20 && length <= bench.plot->height(), qPrintable(axis->label()));
        }
        QVERIFY2(!axis->label().contains(u'\u2026'), qPrintable(axis->label())); // in two lines instead
    }
    bench.plot->setMinimumHeight(0);
    bench.plot->setMaximumHeight(QWIDGETSIZE_MAX);
    bench.panels.spectrum->resize(900, 420);
    QCoreApplication::processEvents();
    QTRY_COMPARE(bench.plot->yAxis->label(), QString("Frequency ω (rad/token)"));
}

void TestWidgetsSpectrum::dragMovesTheEdgeAndTheGrids() {
    Bench bench;
    QVERIFY(bench.ready());
    const BandPartition before = bench.panels.spectrum->bands();
    QCOMPARE(before.count(), 8);
    const double valueBefore = bench.panels.tir->grid().at(3, 4);
    QSignalSpy edited(bench.panels.spectrum.get(), &SpectrumPanel::bandsEdited);
    QSignalSpy finished(bench.panels.spectrum.get(), &SpectrumPanel::bandEditFinished);

    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(5).toPoint());
    QVERIFY(bench.plot->isEditing());
    bench.move(bench.inFrontOf(11));
    QVERIFY(edited.count() >= 1);
    QCOMPARE(finished.count(), 0);
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, bench.inFrontOf(11).toPoint());

    const BandPartition after = before.withEdgeMoved(5, 11);
    QVERIFY(bench.panels.spectrum->bands() == after);
    QVERIFY(bench.panels.tir->bands() == after);
    QCOMPARE(finished.count(), 1);
    QVERIFY(finished[0][0].value<BandPartition>() == before);
    QVERIFY(finished[0][1].value<BandPartition>() == after);
    // The grid now is what core says for the new bands, and not what it was.
    const ConditionResult& longest = *bench.session->find(bench.session->conditions.back()->key);
    const auto reference = bench.session->shortReference(longest);
    const BandGrid expected =
        tailInflation(longest, *reference, after, {QkTensor::K, RopeStage::Post, 1e-3, false});
    QCOMPARE(bench.panels.tir->grid().values, expected.values);
    QVERIFY(bench.panels.tir->grid().at(3, 4) != valueBefore);
}

void TestWidgetsSpectrum::escapeTakesTheDragBack() {
    Bench bench;
    QVERIFY(bench.ready());
    const BandPartition before = bench.panels.spectrum->bands();
    QSignalSpy finished(bench.panels.spectrum.get(), &SpectrumPanel::bandEditFinished);
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(2).toPoint());
    bench.move(bench.inFrontOf(5));
    QVERIFY(bench.panels.tir->bands() != before);
    QTest::keyClick(bench.plot, Qt::Key_Escape);
    QVERIFY(bench.panels.spectrum->bands() == before);
    QVERIFY(bench.panels.tir->bands() == before); // the listeners heard of it
    bench.move(bench.inFrontOf(3));               // the drag is over
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, bench.inFrontOf(3).toPoint());
    QVERIFY(bench.panels.spectrum->bands() == before);
    QCOMPARE(finished.count(), 0);
}

void TestWidgetsSpectrum::edgesCannotPassEachOther() {
    Bench bench;
    QVERIFY(bench.ready());
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(4).toPoint());
    bench.move(QPointF(5000, 100));
    bench.move(QPointF(-5000, 100));
    const BandPartition& bands = bench.panels.spectrum->bands();
    QCOMPARE(bands.count(), 8);
    QCOMPARE(bands.begin(4), bands.begin(3) + 1);
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, QPoint(1, 100));
}

void TestWidgetsSpectrum::edgesSnapToMarks() {
    SyntheticOptions options;
    options.pairs = 64; // a mark and its pair are a few pixels apart
    options.bands = 4;
    Bench bench(options);
    QVERIFY(bench.ready());
    const auto& table = bench.session->conditions.back()->table;
    QVERIFY(table.rampHigh.has_value());
    const int wanted = static_cast<int>(std::ceil(*table.rampHigh));
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(2).toPoint());
    bench.move({bench.plot->pairPosition(*table.rampHigh) + 5, 200}); // near, not on it
    QCOMPARE(bench.panels.spectrum->bands().begin(2), wanted);
    QVERIFY(bench.plot->readoutText().contains(QLatin1String("yarn")));
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, QPoint(300, 200));
}

void TestWidgetsSpectrum::arrowKeysMoveTheFocusedEdge() {
    Bench bench;
    QVERIFY(bench.ready());
    const BandPartition before = bench.panels.spectrum->bands();
    QTest::keyClick(bench.plot, Qt::Key_Right); // no edge focused yet
    QVERIFY(bench.panels.spectrum->bands() == before);
    QSignalSpy finished(bench.panels.spectrum.get(), &SpectrumPanel::bandEditFinished);
    bench.plot->setFocusedEdge(3);
    QTest::keyClick(bench.plot, Qt::Key_Left);
    QVERIFY(bench.panels.spectrum->bands() == before.withEdgeMoved(3, before.begin(3) - 1));
    QVERIFY(bench.panels.tir->bands() == bench.panels.spectrum->bands());
    QTest::keyClick(bench.plot, Qt::Key_Right);
    QVERIFY(bench.panels.spectrum->bands() == before);
    QCOMPARE(finished.count(), 2);
    // Held down: several steps, one gesture.
    QTest::keyPress(bench.plot, Qt::Key_Left);
    QTest::keyPress(bench.plot, Qt::Key_Left);
    QCOMPARE(finished.count(), 2);
    QTest::keyRelease(bench.plot, Qt::Key_Left);
    QCOMPARE(finished.count(), 3);
}

void TestWidgetsSpectrum::tabWalksTheEdges() {
    Bench bench;
    QVERIFY(bench.ready());
    QCOMPARE(bench.plot->focusedEdge(), 0);
    for (int edge = 1; edge < 8; ++edge) {
        QTest::keyClick(bench.plot, Qt::Key_Tab);
        QCOMPARE(bench.plot->focusedEdge(), edge);
        QVERIFY(bench.plot->hasFocus());
    }
    QTest::keyClick(bench.plot, Qt::Key_Backtab);
    QCOMPARE(bench.plot->focusedEdge(), 6);
    QTest::keyClick(bench.plot, Qt::Key_Tab);
    QTest::keyClick(bench.plot, Qt::Key_Tab); // past the last edge: to the next widget
    QVERIFY(!bench.plot->hasFocus());
}

void TestWidgetsSpectrum::oneFinishPerGesture() {
    Bench bench;
    QVERIFY(bench.ready());
    QSignalSpy finished(bench.panels.spectrum.get(), &SpectrumPanel::bandEditFinished);
    QSignalSpy edited(bench.panels.spectrum.get(), &SpectrumPanel::bandsEdited);
    const QPoint edge = bench.plot->edgePosition(3).toPoint();
    QTest::mouseClick(bench.plot, Qt::LeftButton, {}, edge); // touched, not moved
    QCOMPARE(finished.count(), 0);
    QCOMPARE(edited.count(), 0);
    QCOMPARE(bench.plot->focusedEdge(), 3);
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, edge);
    for (int pair = 7; pair > 5; --pair) bench.move(bench.inFrontOf(pair));
    bench.move(bench.inFrontOf(6)); // and back to where it was
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, edge);
    QCOMPARE(finished.count(), 0);
    QVERIFY(edited.count() > 0);
}

void TestWidgetsSpectrum::clickSelectsPairAndBand() {
    Bench bench;
    QVERIFY(bench.ready());
    QTest::mouseClick(bench.plot, Qt::LeftButton, {}, QPointF(bench.plot->pairPosition(9), 200).toPoint());
    QCOMPARE(bench.panels.selection.selection().pair, 9);
    QCOMPARE(bench.panels.selection.selection().band, 4);
    QVERIFY(bench.panels.spectrum->summary().contains(QLatin1String("pair 9")));
}

void TestWidgetsSpectrum::readoutSaysWhatIsThere() {
    Bench bench;
    QVERIFY(bench.ready());
    bench.move({bench.plot->pairPosition(12), 200});
    const QString text = bench.plot->readoutText();
    QVERIFY2(text.contains(QLatin1String("Pair 12")) && text.contains(QLatin1String("rad/token"))
                 && text.contains(QLatin1String("tokens")),
             qPrintable(text));
}

void TestWidgetsSpectrum::readoutFollowsWhatChangesUnderIt() {
    Bench bench;
    QVERIFY(bench.ready());
    const BandPartition before = bench.plot->bands();
    const QPoint edge = bench.plot->edgePosition(3).toPoint();
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, edge);
    bench.move(bench.inFrontOf(7));
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, bench.inFrontOf(7).toPoint());
    QVERIFY2(bench.plot->readoutText().startsWith(QLatin1String("Edge 3")),
             qPrintable(bench.plot->readoutText()));
    bench.panels.spectrum->setBands(before); // as undo does; the pointer stays where it was
    QTRY_VERIFY2(bench.plot->readoutText().startsWith(QLatin1String("Pair ")),
                 qPrintable(bench.plot->readoutText()));
}

void TestWidgetsSpectrum::whatStandsIsNotDrawnWhileAnEdgeMoves() {
    Bench bench;
    QVERIFY(bench.ready());
    const auto picture = [&bench] { return bench.plot->grab().toImage(); };
    const auto drawnWhole = [&] { // the same in one go
        const QImage before = picture();
        bench.plot->drawLater();
        return before == picture();
    };
    const QPoint edge = bench.plot->edgePosition(3).toPoint();
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, edge);
    QTest::qWait(20);
    const QImage start = picture();
    QSignalSpy whole(bench.plot, &QCustomPlot::beforeReplot), drawn(bench.plot, &QCustomPlot::afterReplot);
    for (const int pair : {5, 6, 7}) {
        bench.move(bench.inFrontOf(pair));
        const auto before = drawn.count();
        QTRY_VERIFY(drawn.count() > before);
    }
    QCOMPARE(whole.count(), 0);
    QVERIFY(picture() != start);
    QVERIFY(drawnWhole());
    QTest::mouseRelease(bench.plot, Qt::LeftButton, {}, bench.inFrontOf(7).toPoint());
    QTest::qWait(20);
    QVERIFY(drawnWhole());
    bench.panels.spectrum->setBands(BandPartition::equal(3, bench.plot->bands().pairs())); // fewer edges
    QTest::qWait(20);
    QCOMPARE(bench.plot->bands().count(), 3);
    QVERIFY(drawnWhole());
    bench.panels.spectrum->resize(700, 380);
    QTest::qWait(20);
    bench.plot->setSelected(1, -1);
    QVERIFY(drawnWhole());
}

void TestWidgetsSpectrum::theSelectedPairIsMarked() {
    Bench bench;
    QVERIFY(bench.ready());
    SpectrumPlot* plot = bench.plot;
    const BandPartition bands = plot->bands();
    const int band = 2, pair = bands.begin(band), other = bands.begin(0);
    const auto pixel = [plot](int at) { // between grid lines and curves: near the foot of the axes
        const QPoint place(static_cast<int>(plot->pairPosition(at + 0.3)), plot->axisRect()->bottom() - 3);
        return plot->grab().toImage().pixelColor(place);
    };
    const auto figure = [plot](bool selection) {
        FigureStyle style;
        style.selection = selection;
        Figure page;
        page.cells = {FigureCell{{FigurePart{plot}}}};
        return renderFigure(page, style, 1);
    };
    plot->setSelected(band, -1);
    const QColor without = pixel(pair), farther = pixel(other);
    const QImage plain = figure(false), plainToo = figure(true);
    plot->setSelected(band, pair);
    QVERIFY(pixel(pair) != without);
    QCOMPARE(pixel(other), farther);
    QCOMPARE(figure(false), plain); // figures have no selection unless they are asked for it
    QVERIFY(figure(true) != plainToo);
    QVERIFY(pixel(pair) != without); // on screen again
    plot->setSelected(band, -1);
    QCOMPARE(pixel(pair), without);
}

/// grab() draws everything anew; what a user sees is what was painted bit by bit.
void TestWidgetsSpectrum::theReadoutLeavesNothingBehind() {
    Bench bench;
    QVERIFY(bench.ready());
    QWidget* window = bench.panels.spectrum.get();
    const auto isWhatIsMeant = [window] {
        QTest::qWait(30);
        const QImage screen = window->screen()->grabWindow(window->winId()).toImage();
        return screen.convertToFormat(QImage::Format_RGB32)
               == window->grab().toImage().convertToFormat(QImage::Format_RGB32);
    };
    QTest::mousePress(bench.plot, Qt::LeftButton, {}, bench.plot->edgePosition(3).toPoint());
    bench.move(bench.inFrontOf(7));
    QVERIFY(!bench.plot->readoutText().isEmpty());
    QVERIFY(isWhatIsMeant());
    QTest::keyClick(bench.plot, Qt::Key_Escape); // the box has other words, or none
    QVERIFY(isWhatIsMeant());
    bench.panels.spectrum->setBands(BandPartition::equal(2, bench.plot->bands().pairs()));
    QVERIFY(isWhatIsMeant());
}

void TestWidgetsSpectrum::wheelZoomsAndHomeComesBack() {
    Bench bench;
    QVERIFY(bench.ready());
    const QCPRange home = bench.plot->xAxis->range(), homeY = bench.plot->yAxis->range();
    const QPointF middle = bench.plot->axisRect()->rect().center();
    const auto wheel = [&](int delta) {
        QWheelEvent event(middle, bench.plot->mapToGlobal(middle), {}, QPoint(0, delta), Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(bench.plot, &event);
    };
    wheel(240);
    QVERIFY(bench.plot->xAxis->range().size() < 0.8 * home.size());
    QVERIFY(bench.plot->yAxis->range() == homeY);
    QVERIFY(bench.plot->isZoomed());
    bench.panels.spectrum->setBands(BandPartition::equal(4, 16)); // new data keeps the zoom
    QTest::qWait(20);
    QVERIFY(bench.plot->isZoomed());
    QTest::keyClick(bench.plot, Qt::Key_Home);
    QVERIFY(bench.plot->xAxis->range() == home);
    wheel(240);
    wheel(-2400); // never further out than home
    QVERIFY(bench.plot->xAxis->range() == home);
}

QTEST_MAIN(TestWidgetsSpectrum)
#include "test_widgets_spectrum.moc"
