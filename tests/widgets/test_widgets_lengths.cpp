// A - B of conditions that were run at two context lengths, and B of another session: what titles and tables
// say is subtracted, and what cannot be.
#include "tests/widgets/two_sides.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QtTest>

#include <set>

using namespace qroar;
using namespace qroar::test;

namespace {

/// A at 1,024 tokens, B without scaling at 256.
struct TwoLengths : Sides {
    TwoLengths() {
        indexB = indexOf(*a, "none . 256 . rtn:4:g64");
        look(CompareMode::Difference);
    }
};

QString text(const ResultTableModel& table, int row, const QString& key) {
    return table.index(row, table.columnOf(key)).data().toString();
}

} // namespace

class TestWidgetsLengths : public QObject {
    Q_OBJECT
  private slots:
    void lossesNameWhatIsSubtracted() {
        TwoLengths sides;
        PerplexityPanel& panel = *sides.panels.perplexity;
        const QString title = panel.figureTitle();
        QVERIFY2(title.contains("yarn:4 · 1,024 · rtn:4:g64 minus none · 1,024 · rtn:4:g64, 1,024 tokens"),
                 qPrintable(title));
        QVERIFY2(panel.summary().contains(
                     "B is none · 256 · rtn:4:g64, whose windows have another length: none · 1,024"),
                 qPrintable(panel.summary()));
        sides.indexB = indexOf(*sides.a, "none . 1024 . rtn:4:g64");
        sides.look(CompareMode::Difference);
        QCOMPARE(panel.figureTitle(), title);
        QVERIFY2(!panel.summary().contains("in its place"), qPrintable(panel.summary()));
    }

    void ridgesNameFamilies() {
        TwoLengths sides;
        HistogramPanel& panel = *sides.panels.histogram;
        QCOMPARE(panel.setOption("view", "ridge-context"), QString());
        QVERIFY2(panel.figureTitle().contains("yarn:4 · rtn:4:g64 minus none · rtn:4:g64, at each length"),
                 qPrintable(panel.figureTitle()));
        const ResultTableModel& table = *panel.tables().front().model;
        QVERIFY(table.rowCount() > 0);
        std::set<QString> lengths;
        for (int row = 0; row < table.rowCount(); ++row) {
            QCOMPARE(text(table, row, "rope"), QString("yarn:4"));
            QCOMPARE(text(table, row, "rope_b"), QString("none"));
            QCOMPARE(text(table, row, "quant_b"), QString("rtn:4:g64"));
            QCOMPARE(text(table, row, "context_b"), text(table, row, "context"));
            lengths.insert(text(table, row, "context"));
        }
        QCOMPARE(lengths.size(), std::size_t{2});
        QCOMPARE(panel.setOption("comparison", "both"), QString());
        QVERIFY2(panel.figureTitle().contains("dashed: none · rtn:4:g64, at each length"),
                 qPrintable(panel.figureTitle()));
        QCOMPARE(panel.setOption("view", "overlay"), QString()); // the two conditions themselves
        QVERIFY2(panel.figureTitle().contains("dashed: none · 256 · rtn:4:g64"),
                 qPrintable(panel.figureTitle()));
        QCOMPARE(text(*panel.tables().front().model, 0, "context_b"), QString("256"));
    }

    void pressureNamesTheLengthOfEach() {
        TwoLengths sides;
        SpectrumPanel& panel = *sides.panels.spectrum;
        for (const char* curve : {"ip_saturated", "ip_raw", "displacement"}) {
            QCOMPARE(panel.setOption("curve", curve), QString());
            panel.ensureFresh();
            const QString title = panel.plot()->curveTitle();
            QVERIFY2(title.contains("A (D = 1,024) − B (D = 256)"), qPrintable(title));
        }
        QCOMPARE(panel.setOption("comparison", "both"), QString());
        panel.ensureFresh();
        QVERIFY2(panel.plot()->curveTitle().contains("at D = 1,024 (B: 256)"),
                 qPrintable(panel.plot()->curveTitle()));
        QCOMPARE(panel.setOption("comparison", "difference"), QString());
        sides.indexB = indexOf(*sides.a, "none . 1024 . rtn:4:g64");
        sides.look(CompareMode::Difference);
        panel.ensureFresh();
        QVERIFY2(panel.plot()->curveTitle().contains("at D = 1,024, A − B"),
                 qPrintable(panel.plot()->curveTitle()));
    }

    void documentsOfTwoLengthsAreNotDrawn() {
        TwoLengths sides;
        OutlierPanel& panel = *sides.panels.outlier;
        QCOMPARE(panel.setOption("view", "positions"), QString());
        QVERIFY2(panel.summary().contains("no map of documents")
                     && panel.summary().contains("B (256 tokens)"),
                 qPrintable(panel.summary()));
        QVERIFY(panel.documents()->isHidden());
        QCOMPARE(panel.tables().size(), std::size_t{1});
        QCOMPARE(panel.setOption("view", "shift"), QString());
        QVERIFY2(!panel.summary().contains("documents"), qPrintable(panel.summary()));
        QCOMPARE(panel.setOption("view", "positions"), QString());
        sides.indexB = indexOf(*sides.a, "none . 1024 . rtn:4:g64");
        sides.look(CompareMode::Difference);
        QVERIFY2(!panel.summary().contains("no map"), qPrintable(panel.summary()));
        QVERIFY(!panel.documents()->isHidden());
    }

    void aloneBNamesItsSession() {
        Sides sides(true);
        sides.indexB = indexOf(*sides.b, "linear:4 . 1024 . rtn:4:g64");
        for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
                 sides.panels.perplexity.get(), sides.panels.distortion.get()}) {
            panel->setOther(sides.b, "other.h5");
            sides.look(CompareMode::B);
            QVERIFY2(panel->figureTitle().contains("other.h5"), qPrintable(panel->figureTitle()));
            sides.look(CompareMode::A);
            QVERIFY2(!panel->figureTitle().contains("other.h5"), qPrintable(panel->figureTitle()));
            panel->setOther(nullptr);
            sides.look(CompareMode::B); // of the same session
            QVERIFY2(!panel->figureTitle().contains("other.h5"), qPrintable(panel->figureTitle()));
        }
    }
};

QTEST_MAIN(TestWidgetsLengths)
#include "test_widgets_lengths.moc"
