// Who waits for what: steps that let the loop of events come by, panels that recompute one after the other,
// plots that are drawn when they are painted and not before; buttons that show whether they can be used.
#include "tests/support/synthetic_session.h"
#include "widgets/common/step_queue.h"
#include "widgets/common/toggle_button.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QLabel>
#include <QSignalSpy>
#include <QTabWidget>
#include <QThread>
#include <QtTest>

#include <memory>

using namespace qroar;
using namespace qroar::test;

namespace {

/// One pass of the loop.
void pass() {
    QCoreApplication::processEvents(QEventLoop::AllEvents);
}

int pixelsLike(const QImage& image, const QColor& colour) {
    int count = 0;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) count += image.pixelColor(x, y).rgb() == colour.rgb() ? 1 : 0;
    return count;
}

} // namespace

class TestWidgetsSteps : public QObject {
    Q_OBJECT
  private slots:
    void stepsKeepTheirOrder() {
        StepQueue steps;
        QList<int> done;
        for (int step = 0; step < 4; ++step) steps.later(this, [&done, step] { done << step; });
        QVERIFY(done.isEmpty()); // never before it returns
        QTRY_COMPARE(done, (QList<int>{0, 1, 2, 3}));
    }

    /// A posted event of the user's comes between them.
    void longStepsLetTheLoopComeBy() {
        StepQueue steps;
        QList<int> done;
        for (int step = 0; step < 3; ++step)
            steps.later(this, [&done, step] {
                QThread::msleep(12);
                done << step;
            });
        int passes = 0;
        while (done.size() < 3 && passes < 1000) {
            const auto before = done.size();
            pass();
            QVERIFY(done.size() <= before + 1);
            ++passes;
        }
        QCOMPARE(done, (QList<int>{0, 1, 2}));
    }

    /// What is little is done before the next picture, what is much is not.
    void soonIsNowUntilMuchWasDone() {
        StepQueue steps;
        int done = 0;
        steps.soon(this, [&] { ++done; });
        QCOMPARE(done, 1);
        steps.soon(this, [&] {
            QThread::msleep(12);
            ++done;
        });
        QCOMPARE(done, 2);
        steps.soon(this, [&] { ++done; });
        steps.soon(this, [&] { ++done; });
        QCOMPARE(done, 2);
        QTRY_COMPARE(done, 4);
        pass();
        pass();
        steps.soon(this, [&] { ++done; }); // the loop came by
        QCOMPARE(done, 5);
    }

    void whoIsGoneIsNotAsked() {
        auto steps = std::make_unique<StepQueue>();
        int done = 0;
        auto context = std::make_unique<QObject>();
        steps->later(context.get(), [&] { ++done; });
        steps->later(this, [&] { steps.reset(); }); // a step may end the window that they are of
        steps->later(this, [&] { ++done; });
        context.reset();
        QTRY_VERIFY(!steps);
        pass();
        QCOMPARE(done, 0);
    }

    /// Of two views in sight the second waits for its turn; until then it says nothing, and not what it says
    /// without a session. What is asked of it is complete at once.
    void panelsTakeTurns() {
        SelectionModel selection;
        StepQueue steps;
        QWidget window;
        std::vector<HeatMapPanel*> panels;
        auto* row = new QHBoxLayout(&window);
        for (const HeatMapMetric metric : {HeatMapMetric::TailInflation, HeatMapMetric::PressureSaturated}) {
            panels.push_back(new HeatMapPanel(metric, &selection));
            panels.back()->setSteps(&steps);
            row->addWidget(panels.back());
        }
        window.resize(900, 400);
        window.show();
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        pass();
        for (HeatMapPanel* panel : panels) QVERIFY(!panel->emptyText().isEmpty());
        steps.later(this, [] { QThread::msleep(12); }); // much to do
        for (HeatMapPanel* panel : panels) panel->setSession(makeSyntheticSession());
        for (HeatMapPanel* panel : panels) {
            QVERIFY(!panel->isFresh());
            for (const auto* label : panel->findChildren<QLabel*>())
                QVERIFY2(!label->isVisible() || !label->text().contains("Nothing analyzed"),
                         qPrintable(label->text()));
        }
        QVERIFY(!panels[1]->renderFigure().isNull()); // exported straight after opening
        QVERIFY(panels[1]->isFresh() && !panels[0]->isFresh());
        QTRY_VERIFY(panels[0]->isFresh());
        QVERIFY(panels[0]->emptyText().isEmpty());
    }

    /// One that comes into sight alone is never seen empty.
    void shownAloneIsDrawnAtOnce() {
        SelectionModel selection;
        StepQueue steps;
        QTabWidget tabs;
        auto* panel = new HeatMapPanel(HeatMapMetric::TailInflation, &selection);
        panel->setSteps(&steps);
        tabs.addTab(new QWidget, "other");
        tabs.addTab(panel, "map");
        tabs.resize(600, 400);
        tabs.show();
        QVERIFY(QTest::qWaitForWindowExposed(&tabs));
        panel->setSession(makeSyntheticSession());
        QTest::qWait(20);
        QVERIFY(!panel->isFresh()); // nobody looks
        tabs.setCurrentIndex(1);
        QVERIFY(panel->isFresh());
    }

    void plotsAreDrawnWhenPainted() {
        QTabWidget tabs;
        auto* plot = new HeatMapPlot;
        tabs.addTab(new QWidget, "other");
        tabs.addTab(plot, "map");
        tabs.resize(600, 400);
        tabs.show();
        QVERIFY(QTest::qWaitForWindowExposed(&tabs));
        QSignalSpy drawn(plot, &QCustomPlot::afterReplot);
        HeatMapPlot::Content content;
        content.rows = content.columns = 2;
        content.values = {0, 1, 2, 3};
        plot->setContent(content);
        plot->home();
        QTest::qWait(20);
        QCOMPARE(drawn.count(), 0); // hidden
        tabs.setCurrentIndex(1);
        QTRY_COMPARE(drawn.count(), 1);
        for (int size = 0; size < 5; ++size) {
            tabs.resize(600 + 10 * size, 400);
            plot->home();
        }
        QTRY_COMPARE(drawn.count(), 2); // once for all of it
        QTest::qWait(20);
        QVERIFY(drawn.count() <= 3);
        const QSize size = plot->size();
        QCOMPARE(plot->viewport().size(), size);
    }

    void ticksHaveRoomAfterTheContentChanged() {
        LinePlot plot;
        plot.resize(300, 105); // axes of three lines of text
        const auto fill = [&plot](double to) {
            plot.setAxes("x", LinePlot::Scale::Linear, "y", LinePlot::Scale::Linear);
            LinePlot::Series series;
            series.x = {0, 1, 2};
            series.y = {0, to / 2, to};
            plot.setSeries({series});
            plot.fitRanges(false);
        };
        const auto apart = [&plot] {
            plot.grab();
            const QCPAxis& axis = *plot.yAxis;
            const double line = QFontMetricsF(axis.tickLabelFont()).height();
            const QVector<double> ticks = axis.tickVector();
            double least = 1e9;
            for (qsizetype tick = 1; tick < ticks.size(); ++tick)
                if (axis.range().contains(ticks[tick]) && axis.range().contains(ticks[tick - 1]))
                    least =
                        std::min(least, axis.coordToPixel(ticks[tick - 1]) - axis.coordToPixel(ticks[tick]));
            return least > line;
        };
        plot.setVisible(true);
        QVERIFY(QTest::qWaitForWindowExposed(&plot));
        fill(1);
        QVERIFY(apart());
        fill(120); // no resize since
        QVERIFY(apart());
        fill(7);
        QVERIFY(apart());
    }

    void whatCannotBeUsedDoesNotShine() {
        QPalette palette;
        palette.setColor(QPalette::Highlight, QColor(10, 200, 30));
        ToggleButton button;
        button.setPalette(palette);
        button.setText("B");
        button.resize(button.sizeHint());
        const QColor shine = palette.color(QPalette::Active, QPalette::Highlight);
        const auto shines = [&] { return pixelsLike(button.grab().toImage(), shine); };
        QCOMPARE(shines(), 0);
        button.setChecked(true);
        QVERIFY(shines() > button.width() * button.height() / 3);
        button.setEnabled(false);
        QCOMPARE(shines(), 0);
    }
};

QTEST_MAIN(TestWidgetsSteps)
#include "test_widgets_steps.moc"
