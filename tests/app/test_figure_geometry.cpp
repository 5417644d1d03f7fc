// Words of every figure that a command can write, in every preset: none is elided, cut, outside the page or
// on another one; legends are whole and axes have room.
#include "app/gui/figures/figure_panels.h"
#include "tests/support/drawn_texts.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"
#include "widgets/figures/figure_room.h"

#include <QtTest>

using namespace qroar;
using test::unreadable;

namespace {

constexpr const char* presets[] = {"3.3in", "7in", "slide"};

FigureStyle sized(const char* size, double points = 0) {
    FigureStyle style;
    if (const QString error = style.set(QStringLiteral("size"), QLatin1String(size)); !error.isEmpty())
        qFatal("%s", qPrintable(error));
    style.fontPoints = points;
    return style;
}

std::shared_ptr<const Session> session(bool large) {
    test::SyntheticOptions options;
    options.groups = 2;
    options.divergence = true;
    if (large) {
        options.layers = 32;
        options.pairs = 64;
        options.bands = 12;
        options.trainedContext = 4096;
        options.contexts = {4096, 16384, 131072};
        options.ropes = {"none", "yarn:32", "longrope:32"};
        options.ropes.pop_back();
        options.ropes.push_back("llama3:8");
        options.quants = {"none", "rtn:4:g128", "rtn:3:g128"};
    }
    auto made = std::make_shared<Session>(*test::makeSyntheticSession(options));
    auto noisy = std::make_shared<Session>(*test::withNoise(made, 2));
    return test::withSearch(noisy, 1);
}

struct Sessions {
    std::shared_ptr<const Session> a = session(false), large = session(true);
};

/// What was wrong, each once, with where it was first seen and how often.
class Findings {
  public:
    void add(const QString& where, const QStringList& problems) {
        for (const QString& problem : problems) {
            auto& [first, count] = all_[problem];
            if (count++ == 0) first = where;
        }
    }
    [[nodiscard]] QString text() const {
        QStringList lines;
        for (const auto& [problem, seen] : all_)
            lines << QStringLiteral("%1 [%2x, first: %3]").arg(problem).arg(seen.second).arg(seen.first);
        return lines.join(u'\n');
    }

  private:
    std::map<QString, std::pair<QString, int>> all_;
};

/// Draws the view in these looks.
void look(FigureView& view, const QString& what, const std::vector<FigureStyle>& styles, bool mayBeSmall,
          Findings& findings, int& drawn) {
    const Figure figure = view.begin();
    for (const FigureStyle& style : styles) {
        const QString where = what + u' ' + style.arguments().join(u' ');
        if (const QString problem = figureSizeProblem(figure, style); !problem.isEmpty()) {
            if (!mayBeSmall) findings.add(where, {problem});
            continue;
        }
        findings.add(where, unreadable(test::drawnTexts(figure, style), figurePageSize(figure, style)));
        ++drawn;
    }
    view.end();
}

std::vector<FigureStyle> allPresets() {
    std::vector<FigureStyle> styles;
    for (const char* size : presets) styles.push_back(sized(size));
    return styles;
}

} // namespace

class TestFigureGeometry : public QObject {
    Q_OBJECT
  private slots:
    void everyViewInEveryPreset_data();
    void everyViewInEveryPreset();
    void everyFontSize_data();
    void everyFontSize();
    void darkFiguresAreLaidOutAsLightOnes();
    void marksOfASpectrumHaveTheirNames();
    void whatIsUnreadableIsSeen();

  private:
    static void rows();
    Sessions sessions_;
};

void TestFigureGeometry::rows() {
    QTest::addColumn<QString>("view");
    QTest::addColumn<bool>("large");
    for (const FigureKind& kind : figureKinds())
        for (const bool large : {false, true})
            QTest::addRow("%s, %s", qPrintable(kind.key), large ? "large" : "small") << kind.key << large;
}

void TestFigureGeometry::everyViewInEveryPreset_data() {
    rows();
}

/// Every value of every option, and every side of a comparison.
void TestFigureGeometry::everyViewInEveryPreset() {
    QFETCH(QString, view);
    QFETCH(bool, large);
    const auto session = large ? sessions_.large : sessions_.a;
    Findings findings;
    int drawn = 0;
    const auto make = [&](FigureSpec spec, const QString& what) {
        FigureView shown;
        spec.view = view;
        if (!shown.set(spec, session, {}).isEmpty()) return; // not of this session
        look(shown, view + u' ' + what, allPresets(), false, findings, drawn);
    };
    FigureSpec plain;
    plain.selection.layer = 1;
    plain.selection.band = 2;
    const auto last = session->conditions.back()->key.text();
    plain.condition = QString::fromStdString(last);
    FigureView first;
    plain.view = view;
    QCOMPARE(first.set(plain, session, {}), QString());
    for (const DiagnosticPanel::Option& option : first.panel()->options())
        for (const QString& value : option.values) {
            FigureSpec spec = plain;
            spec.options.push_back({option.name, value});
            make(spec, option.name + u'=' + value);
        }
    for (const CompareMode mode : {CompareMode::A, CompareMode::B, CompareMode::Difference}) {
        FigureSpec spec = plain;
        spec.other = QString::fromStdString(session->conditions.front()->key.text());
        spec.selection.compare = mode;
        make(spec, QStringLiteral("compare %1").arg(static_cast<int>(mode)));
    }
    QVERIFY2(drawn >= 3, "nothing was drawn");
    QVERIFY2(findings.text().isEmpty(), qPrintable(u'\n' + findings.text()));
}

void TestFigureGeometry::everyFontSize_data() {
    rows();
}

/// Where a size has no room for a font it is refused with the least that has; what is drawn can be read.
void TestFigureGeometry::everyFontSize() {
    QFETCH(QString, view);
    QFETCH(bool, large);
    Findings findings;
    int drawn = 0;
    std::vector<FigureStyle> styles;
    for (const char* size : presets)
        for (const double points : {6.0, 7.0, 9.0, 10.0, 12.0, 14.0}) styles.push_back(sized(size, points));
    FigureSpec spec;
    spec.view = view;
    FigureView shown;
    const auto session = large ? sessions_.large : sessions_.a;
    QCOMPARE(shown.set(spec, session, {}), QString());
    look(shown, view, styles, true, findings, drawn);
    QVERIFY2(drawn >= 12, qPrintable(QStringLiteral("%1 of 18").arg(drawn)));
    QVERIFY2(findings.text().isEmpty(), qPrintable(u'\n' + findings.text()));
}

/// Whatever colours, and whatever the application looks like.
void TestFigureGeometry::darkFiguresAreLaidOutAsLightOnes() {
    const QPalette before = qApp->palette();
    for (const FigureKind& kind : figureKinds()) {
        FigureSpec spec;
        spec.view = kind.key;
        const auto wordsOf = [&](const QPalette& palette, bool dark) {
            qApp->setPalette(palette);
            FigureView view;
            QStringList words;
            if (!view.set(spec, sessions_.a, {}).isEmpty()) return words;
            FigureStyle style = sized("7in");
            style.dark = dark;
            for (const test::DrawnText& one : test::drawnTexts(view.begin(), style))
                words << QStringLiteral("%1 %2 %3").arg(one.text).arg(one.ink.left()).arg(one.ink.top());
            view.end();
            return words;
        };
        const QStringList light = wordsOf(before, false);
        QVERIFY(light.size() > 5);
        QCOMPARE(wordsOf(before, true), light);
        QCOMPARE(wordsOf(QPalette(QColor(40, 40, 44)), false), light);
    }
    qApp->setPalette(before);
}

void TestFigureGeometry::marksOfASpectrumHaveTheirNames() {
    FigureSpec spec;
    spec.view = QStringLiteral("spectrum");
    spec.condition = QStringLiteral("yarn:4 . 1024 . rtn:4:g64");
    spec.other = QStringLiteral("linear:4 . 1024 . none");
    for (const CompareMode mode : {CompareMode::A, CompareMode::Difference}) {
        spec.selection.compare = mode;
        FigureView view;
        QCOMPARE(view.set(spec, sessions_.a, {}), QString());
        for (const char* size : presets) {
            QStringList words;
            for (const test::DrawnText& one : test::drawnTexts(view.begin(), sized(size))) words << one.text;
            view.end();
            for (const char* name : {"yarn low", "yarn high", "λ = L0 = 256", "λ = L = 1,024"})
                QVERIFY2(words.contains(QString::fromUtf8(name)), qPrintable(size + words.join(u'|')));
        }
    }
}

/// The checks themselves.
void TestFigureGeometry::whatIsUnreadableIsSeen() {
    const auto problems = [](const QRectF& ink, const QString& text = QStringLiteral("a"),
                             bool whole = true) {
        return unreadable({{QStringLiteral("b"), QRectF(10, 10, 30, 10)}, {text, ink, whole}},
                          QSizeF(100, 100))
            .join(u' ');
    };
    QCOMPARE(problems(QRectF(50, 10, 30, 10)), QString());
    QVERIFY(problems(QRectF(20, 15, 30, 10)).startsWith(QStringLiteral("overlap")));
    QVERIFY(problems(QRectF(90, 10, 30, 10)).startsWith(QStringLiteral("outside")));
    QVERIFY(problems(QRectF(50, 10, 30, 10), QStringLiteral("a\u2026")).startsWith(QStringLiteral("elided")));
    QVERIFY(problems(QRectF(50, 10, 30, 10), QStringLiteral("a"), false).startsWith(QStringLiteral("cut")));
}

QTEST_MAIN(TestFigureGeometry)
#include "test_figure_geometry.moc"
