// Numbers behind a figure that nobody looks at are filled when they are asked for: they are those that a
// table on screen shows after the same changes, of A, of B and of A - B.
#include "tests/widgets/two_sides.h"

#include <QToolButton>
#include <QtTest>

#include <array>
#include <functional>
#include <map>

using namespace qroar;
using namespace qroar::test;

namespace {

/// CSV of every table by its key.
using Texts = std::map<QString, QString>;

Texts textsOf(DiagnosticPanel& panel) {
    Texts texts;
    for (const auto& table : panel.tables()) texts[table.key] = table.model->toCsv({});
    return texts;
}

/// One set with figures on screen, one with tables, through the same changes.
struct Both {
    Sides figures, tables;
    Both() {
        for (Sides* one : {&figures, &tables}) {
            one->indexB = indexOf(*one->b, "linear:4 . 1024 . rtn:4:g64");
            one->look(CompareMode::A);
        }
    }
    void show(const QString& name) {
        for (Sides* one : {&figures, &tables}) {
            panelOf(*one, name).resize(700, 500);
            panelOf(*one, name).show();
        }
        DiagnosticPanel& panel = panelOf(tables, name);
        panel.ensureFresh();
        panel.findChild<QToolButton*>(QStringLiteral("tableTwin"))->click();
        for (const auto& table : panel.tables()) onScreen[table.key] = table.model;
    }
    static DiagnosticPanel& panelOf(Sides& sides, const QString& name) {
        for (const auto& one : sides.panels.all())
            if (one.name == name) return *one.panel;
        qFatal("no such panel");
    }
    template<class Change>
    void change(const Change& change) {
        for (Sides* one : {&figures, &tables}) change(*one);
    }
    /// Of the tables on screen, as they are: nobody asks for them.
    [[nodiscard]] Texts shown() const {
        Texts texts;
        for (const auto& [key, model] : onScreen)
            if (model->rowCount() > 0) texts[key] = model->toCsv({});
        return texts;
    }
    std::map<QString, ResultTableModel*> onScreen;
    Texts before; ///< of the last comparison
};

constexpr std::array modes{CompareMode::A, CompareMode::B, CompareMode::Difference};

} // namespace

class TestWidgetsTables : public QObject {
    Q_OBJECT
    using Change = std::function<void(Sides&)>;
    static void compare(Both& both, const QString& name, const QList<QString>& keys);
    /// After every change on its own, in each of the ways to compare.
    static void compareInAllModes(const QString& name, const QList<QString>& keys,
                                  const std::vector<Change>& changes);
  private slots:
    void histogram();
    void perplexity();
    void spectrum();
    void nothingOfBefore_data();
    void nothingOfBefore();
};

void TestWidgetsTables::compare(Both& both, const QString& name, const QList<QString>& keys) {
    DiagnosticPanel &out = Both::panelOf(both.figures, name), &in = Both::panelOf(both.tables, name);
    QTRY_VERIFY(in.isFresh() && out.isFresh());
    QVERIFY2(in.emptyText().isEmpty(), qPrintable(in.emptyText()));
    const Texts shown = both.shown(), asked = textsOf(out);
    for (const QString& key : keys) {
        QVERIFY2(asked.count(key), qPrintable(key));
        QVERIFY2(shown.count(key), qPrintable(key));
        QCOMPARE(asked.at(key), shown.at(key));
        QVERIFY(asked.at(key).count(u'\n') > 1);
        QVERIFY(asked.at(key) != both.before[key]); // every change shows
        both.before[key] = asked.at(key);
    }
}

void TestWidgetsTables::compareInAllModes(const QString& name, const QList<QString>& keys,
                                          const std::vector<Change>& changes) {
    for (const CompareMode mode : modes) {
        Both both;
        both.show(name);
        both.change([mode](Sides& one) { one.look(mode); });
        compare(both, name, keys);
        for (const Change& change : changes) {
            both.change(change);
            compare(both, name, keys);
        }
    }
}

void TestWidgetsTables::histogram() {
    const auto view = [](const char* value) {
        return [value](Sides& one) { one.panels.histogram->setOption("view", value); };
    };
    compareInAllModes("histogram", {QString(), "quantiles"},
                      {view("ridge-layer"), view("ridge-context"),
                       [](Sides& one) { one.panels.histogram->setBands(BandPartition::equal(6, 16)); }});
}

void TestWidgetsTables::perplexity() {
    const auto option = [](const char* name, const char* value) {
        return [name, value](Sides& one) { one.panels.perplexity->setOption(name, value); };
    };
    compareInAllModes("perplexity", {QString(), "by-position"},
                      {option("measure", "ppl"), option("measure", "kl"), option("measure", "kl-median"),
                       option("convention", "last-half"), option("measure", "kl-p99"),
                       option("measure", "same-top"), option("measure", "nll")});
}

void TestWidgetsTables::spectrum() {
    std::vector<Change> changes;
    for (const int bands : {3, 5, 8})
        changes.push_back(
            [bands](Sides& one) { one.panels.spectrum->setBands(BandPartition::equal(bands, 16)); });
    compareInAllModes("spectrum", {QString()}, changes);
}

void TestWidgetsTables::nothingOfBefore_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"histogram", "perplexity"}) QTest::newRow(name) << name;
}

/// B is taken away before anybody asked for the numbers of A - B.
void TestWidgetsTables::nothingOfBefore() {
    QFETCH(QString, name);
    Both both;
    both.show(name);
    both.change([](Sides& one) { one.look(CompareMode::Difference); });
    DiagnosticPanel& out = Both::panelOf(both.figures, name);
    QTRY_VERIFY(out.isFresh());
    const int index = both.figures.indexB;
    both.change([](Sides& one) {
        one.indexB = -1;
        one.look(CompareMode::Difference);
    });
    QTRY_VERIFY(out.isFresh());
    QVERIFY(!out.emptyText().isEmpty());
    QCOMPARE(out.tableModel()->rowCount(), 0);
    for (const char* key : {"quantiles", "by-position"}) QVERIFY(!textsOf(out).count(key));
    both.change([index](Sides& one) {
        one.indexB = index;
        one.look(CompareMode::Difference);
    });
    compare(both, name, {QString()});
}

QTEST_MAIN(TestWidgetsTables)
#include "test_widgets_tables.moc"
