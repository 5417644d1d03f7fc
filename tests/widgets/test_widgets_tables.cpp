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
};

constexpr std::array modes{CompareMode::A, CompareMode::B, CompareMode::Difference};

} // namespace

class TestWidgetsTables : public QObject {
    Q_OBJECT
    /// The same at once, in each of the ways to compare; every way has numbers of its own.
    static void compareInAllModes(Both& both, const QString& name, const QList<QString>& keys,
                                  const std::function<void(Sides&)>& change);
  private slots:
    void histogram();
    void perplexity();
    void spectrum();
};

void TestWidgetsTables::compareInAllModes(Both& both, const QString& name, const QList<QString>& keys,
                                          const std::function<void(Sides&)>& change) {
    DiagnosticPanel &out = Both::panelOf(both.figures, name), &in = Both::panelOf(both.tables, name);
    both.change(change);
    Texts before;
    for (const CompareMode mode : modes) {
        both.change([mode](Sides& one) { one.look(mode); });
        QTRY_VERIFY(in.isFresh() && out.isFresh());
        QVERIFY2(in.emptyText().isEmpty(), qPrintable(in.emptyText()));
        const Texts shown = both.shown(), asked = textsOf(out);
        for (const QString& key : keys) {
            QVERIFY2(asked.count(key), qPrintable(key));
            QVERIFY2(shown.count(key), qPrintable(key));
            QCOMPARE(asked.at(key), shown.at(key));
            QVERIFY(asked.at(key).count(u'\n') > 1);
            QVERIFY(!before.count(key) || before.at(key) != asked.at(key) || mode == CompareMode::B);
        }
        before = asked;
    }
}

void TestWidgetsTables::histogram() {
    Both both;
    both.show(QStringLiteral("histogram"));
    for (const char* view : {"overlay", "ridge-context", "ridge-layer"})
        compareInAllModes(
            both, QStringLiteral("histogram"), {QString(), QStringLiteral("quantiles")}, [view](Sides& one) {
                const auto wrong =
                    one.panels.histogram->setOption(QStringLiteral("view"), QLatin1String(view));
                QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
            });
    compareInAllModes(both, QStringLiteral("histogram"), {QString(), QStringLiteral("quantiles")},
                      [](Sides& one) { one.panels.histogram->setBands(BandPartition::equal(6, 16)); });
}

void TestWidgetsTables::perplexity() {
    Both both;
    both.show(QStringLiteral("perplexity"));
    for (const char* measure : {"nll", "ppl", "kl", "kl-median", "kl-p99", "same-top"})
        for (const char* convention : {"all", "last-half"})
            compareInAllModes(
                both, QStringLiteral("perplexity"), {QString(), QStringLiteral("by-position")},
                [&](Sides& one) {
                    auto& panel = *one.panels.perplexity;
                    for (const QString& wrong :
                         {panel.setOption(QStringLiteral("measure"), QLatin1String(measure)),
                          panel.setOption(QStringLiteral("convention"), QLatin1String(convention))})
                        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
                });
}

void TestWidgetsTables::spectrum() {
    Both both;
    both.show(QStringLiteral("spectrum"));
    for (const int bands : {8, 3, 5})
        compareInAllModes(both, QStringLiteral("spectrum"), {QString()}, [bands](Sides& one) {
            one.panels.spectrum->setBands(BandPartition::equal(bands, 16));
        });
}

QTEST_MAIN(TestWidgetsTables)
#include "test_widgets_tables.moc"
