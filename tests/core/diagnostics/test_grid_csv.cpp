// Grids as CSV: exact text, numbers that read back, hostile names.
#include "core/diagnostics/csv.h"

#include <QtTest>

#include <cmath>
#include <limits>

using namespace qroar;

class TestGridCsv : public QObject {
    Q_OBJECT
  private slots:
    void exactText();
    void numbersReadBack();
    void quotes();
    void emptyGrid();
};

void TestGridCsv::exactText() {
    BandGrid grid(2, 2);
    grid.at(0, 0) = 1.5;
    grid.at(0, 1) = 0.1;
    grid.at(1, 1) = std::numeric_limits<double>::infinity();
    const BandPartition bands = *BandPartition::fromEdges({0, 3, 8}, 8);
    QCOMPARE(QString::fromStdString(gridCsv(grid, "tir", bandColumns(bands), {"TIR, ratio", "two\nlines"})),
             QString("# TIR, ratio\n# two\n# lines\n"
                     "layer,band,from_pair,to_pair,tir\n"
                     "0,0,0,3,1.5\n0,1,3,8,0.1\n1,0,0,3,\n1,1,3,8,inf\n"));
    QCOMPARE(QString::fromStdString(gridCsv(grid, "tir")),
             QString("layer,band,tir\n0,0,1.5\n0,1,0.1\n1,0,\n1,1,inf\n"));
    QCOMPARE(QString::fromStdString(gridCsv(grid, "share", bucketColumns({0, 16, 32}))).section('\n', 0, 1),
             QString("layer,bucket,from_position,to_position,share\n0,0,0,16,1.5"));
    // ranges that do not fit the grid are not written
    QCOMPARE(QString::fromStdString(gridCsv(grid, "x", bucketColumns({0, 16}))).section('\n', 0, 0),
             QString("layer,bucket,x"));
}

void TestGridCsv::numbersReadBack() {
    BandGrid grid(1, 3);
    grid.at(0, 0) = 1.0 / 3;
    grid.at(0, 1) = 6.02214076e23;
    grid.at(0, 2) = -5e-324;
    const QStringList lines = QString::fromStdString(gridCsv(grid, "v")).split('\n');
    for (int band = 0; band < 3; ++band)
        QCOMPARE(lines[band + 1].section(',', 2).toDouble(), grid.at(0, band));
}

void TestGridCsv::quotes() {
    QCOMPARE(csvField("plain"), std::string("plain"));
    QCOMPARE(csvField("a,b"), std::string("\"a,b\""));
    QCOMPARE(csvField("say \"x\"\n"), std::string("\"say \"\"x\"\"\n\""));
    QCOMPARE(gridCsv(BandGrid(0, 1), "a,b"), std::string("layer,band,\"a,b\"\n"));
}

void TestGridCsv::emptyGrid() {
    QCOMPARE(gridCsv(BandGrid(), "v"), std::string("layer,band,v\n"));
    QCOMPARE(bucketColumns({}).ranges.size(), 0U);
}

QTEST_APPLESS_MAIN(TestGridCsv)
#include "test_grid_csv.moc"
