// Every dock and view, whatever is open, in every size of the window, light and dark, in English and in
// longer words, at one, two and three device pixels a pixel: nothing is cut off. With QROAR_SCREENSHOT_DIR
// set it leaves pictures there.
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/help/help_center.h"
#include "app/gui/settings/settings_dialog.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/plot_area.h"
#include "tests/app/cut_texts.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/pseudo_translation.h"
#include "tests/support/noisy_session.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/searched_session.h"
#include "widgets/panels/what_if_list.h"

#include <QDir>
#include <QDockWidget>
#include <QHeaderView>
#include <QMap>
#include <QProcess>
#include <QScrollBar>

#include <cstdio>
#include <optional>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

constexpr char childVariable[] = "QROAR_TEST_SCALE";

enum class Open { Nothing, Model, Poor, Whole };
constexpr Open situations[] = {Open::Nothing, Open::Model, Open::Poor, Open::Whole};
const char* nameOf(Open open) {
    constexpr const char* names[] = {"nothing", "model", "poor", "whole"};
    return names[static_cast<int>(open)];
}

/// All that a session can hold.
std::shared_ptr<const Session> wholeSession() {
    test::SyntheticOptions options;
    options.divergence = true;
    return test::withSearch(test::withNoise(test::makeSyntheticSession(options)), 3);
}

/// Losses alone, and no files beside it.
std::shared_ptr<const Session> poorSession() {
    test::SyntheticOptions options;
    options.gradients = options.capture = false;
    return test::makeSyntheticSession(options);
}

void arrange(const Bench& bench, Open open) {
    const auto openModel = [&bench] {
        const QString model = bench.folder.filePath("model");
        test::makeRandomHfModel(model.toStdString());
        bench.window->openModel(model);
        QVERIFY(
            QTest::qWaitFor([&] { return bench.window->analysis().openedModel().model != nullptr; }, 20000));
    };
    if (open == Open::Model) openModel();
    if (open == Open::Poor || open == Open::Whole)
        bench.window->workspace().open(open == Open::Poor ? poorSession() : wholeSession(), {});
    QCoreApplication::processEvents();
}

void settle(const QWidget& in) {
    for (int round = 0; round < 2; ++round) {
        test::letViewsSettle();
        for (DiagnosticPanel* panel : in.findChildren<DiagnosticPanel*>())
            if (panel->isVisible()) panel->ensureFresh();
    }
    test::letViewsSettle();
}

/// Brings every dock to the front once.
QStringList walk(const Bench& bench, const QString& name) {
    const QString folder = qEnvironmentVariable("QROAR_SCREENSHOT_DIR");
    QStringList cut;
    const auto look = [&](const QString& place) {
        for (const QString& text : test::cutTexts(*bench.window)) cut << text;
        if (!folder.isEmpty()) bench.window->grab().save(QDir(folder).filePath(name + '-' + place + ".png"));
    };
    settle(*bench.window);
    look("first");
    const auto views = bench.window->plots().findChildren<QDockWidget*>();
    for (auto* dock : bench.window->findChildren<QDockWidget*>()) {
        if (dock->isFloating() || (views.contains(dock) && bench.window->showsStartPage())) continue;
        const bool hidden = dock->isHidden();
        dock->show();
        dock->raise();
        settle(*bench.window);
        look(dock->objectName());
        if (hidden) dock->hide();
    }
    cut.removeDuplicates();
    return cut;
}

/// Letters that mean two things in a dialog.
QStringList sharedMnemonics(const QDialog& dialog) {
    QMap<QString, QStringList> users;
    const auto add = [&users](const QString& text) {
        const QKeySequence keys = QKeySequence::mnemonic(text);
        if (!keys.isEmpty()) users[keys.toString()] << text;
    };
    for (const auto* button : dialog.findChildren<QAbstractButton*>())
        if (button->isVisible()) add(button->text());
    for (const auto* label : dialog.findChildren<QLabel*>())
        if (label->isVisible() && label->buddy()) add(label->text());
    for (const auto* box : dialog.findChildren<QGroupBox*>())
        if (box->isVisible()) add(box->title());
    QStringList shared;
    for (auto user = users.cbegin(); user != users.cend(); ++user)
        if (user->size() > 1) shared << user.key() + ": " + user->join(", ");
    return shared;
}

/// Buttons that show no word and have no tool tip or no name.
QStringList silentButtons(const QWidget& in) {
    QStringList silent;
    for (const auto* button : in.findChildren<QAbstractButton*>()) {
        const auto* tool = qobject_cast<const QToolButton*>(button);
        const bool words =
            button->text().size() > 1
            && !(tool && tool->toolButtonStyle() == Qt::ToolButtonIconOnly && !tool->icon().isNull());
        if (words || button->objectName().startsWith("qt_") || !button->isVisibleTo(&in)
            || qobject_cast<const QTabBar*>(button->parent())
            || qobject_cast<const QLineEdit*>(button->parent())
            || qobject_cast<const QAbstractItemView*>(button->parent())
            || qobject_cast<const QCheckBox*>(button))
            continue;
        const QAccessibleInterface* named =
            QAccessible::queryAccessibleInterface(const_cast<QAbstractButton*>(button));
        if (button->toolTip().isEmpty() || !named || named->text(QAccessible::Name).isEmpty())
            silent << button->text() + test::placeOf(button);
    }
    return silent;
}

const char* listed(const QStringList& lines) {
    for (const QString& line : lines) std::printf("    %s\n", qPrintable(line));
    return "listed above";
}

} // namespace

class TestWindowFit : public QObject {
    Q_OBJECT

  private slots:
    void nothingIsCut_data() {
        QTest::addColumn<Open>("open");
        QTest::addColumn<QSize>("size");
        QTest::addColumn<bool>("german");
        QTest::addColumn<bool>("dark");
        const auto add = [](Open open, const QSize& size, bool german, bool dark) {
            QTest::addRow("%s, %dx%d%s%s", nameOf(open), size.width(), size.height(),
                          german ? ", long words" : "", dark ? ", dark" : "")
                << open << size << german << dark;
        };
        const bool scaled = qEnvironmentVariableIsSet(childVariable);
        for (const Open open : situations)
            for (const bool german : {false, true}) add(open, {1280, 800}, german, german);
        for (const bool german : {false, true}) {
            add(Open::Whole, {1920, 1200}, german, !german);
            if (!scaled) add(Open::Whole, {3840, 2160}, german, german);
        }
    }
    void nothingIsCut() {
        QFETCH(Open, open);
        QFETCH(QSize, size);
        QFETCH(bool, german);
        QFETCH(bool, dark);
        std::optional<test::PseudoTranslation> longer;
        if (german) longer.emplace();
        Bench bench;
        bench.window->resize(size);
        bench.window->resetLayout();
        bench.window->setAppearance(dark ? AppearanceMode::Dark : AppearanceMode::Light);
        arrange(bench, open);
        const QString name = QString::fromUtf8(QTest::currentDataTag()).replace(", ", "-").replace(' ', '-');
        const QStringList cut = walk(bench, name);
        QVERIFY2(cut.isEmpty(), listed(cut));
        QCOMPARE(bench.window->size(), size); // nothing made it grow
    }

    /// Whatever docks are open where they begin: a window never shrinks again by itself.
    void noDocksMakeTheWindowGrow_data() {
        QTest::addColumn<Open>("open");
        QTest::addColumn<bool>("german");
        for (const Open open : {Open::Poor, Open::Whole})
            for (const bool german : {false, true})
                QTest::addRow("%s%s", nameOf(open), german ? ", long words" : "") << open << german;
    }
    void noDocksMakeTheWindowGrow() {
        QFETCH(Open, open);
        QFETCH(bool, german);
        std::optional<test::PseudoTranslation> longer;
        if (german) longer.emplace();
        constexpr QSize size(1280, 800);
        QStringList grown;
        for (const QStringList& side : {QStringList{}, {"scales"}, {"bands"}, {"scales", "bands"}})
            for (const QStringList& below : {QStringList{"whatIfs"}, {"log"}, {"log", "whatIfs"}}) {
                Bench bench;
                bench.window->resize(size);
                bench.window->resetLayout();
                arrange(bench, open);
                bench.window->workspace().open(poorSession(), {}); // tabs take some height
                bench.window->messages().show(MessageBar::Kind::Error, QString(400, u'w'));
                const auto show = [&bench](const QString& name) {
                    auto* dock = bench.window->findChild<QDockWidget*>(name);
                    dock->show();
                    dock->raise();
                    test::letViewsSettle();
                };
                for (const QString& name : side + below) show(name);
                for (const char* name :
                     {"ropeAudit", "phases", "spectrum", "logitNoise", "pressure", "outliers", "perplexity",
                      "distortion", "searches", "export", "setup"}) {
                    show(name);
                    if (bench.window->size() != size)
                        grown << QStringLiteral("%1, %2: %3 x %4")
                                     .arg((side + below).join('+'), name)
                                     .arg(bench.window->width())
                                     .arg(bench.window->height());
                }
            }
        QVERIFY2(grown.isEmpty(), listed(grown));
    }

    void dialogsFit_data() {
        QTest::addColumn<bool>("german");
        QTest::newRow("English") << false;
        QTest::newRow("long words") << true;
    }
    void dialogsFit() {
        QFETCH(bool, german);
        std::optional<test::PseudoTranslation> longer;
        if (german) longer.emplace();
        Bench bench;
        MainWindow& window = *bench.window;
        arrange(bench, Open::Whole);
        settle(window);
        window.figures().exportFigure(window.plots().panels().first());
        window.figures().compose();
        emit window.figures().composer()->currentPlotWanted();
        window.help().showShortcuts();
        window.help().showCommands();
        SettingsDialog settings(Preferences(), &window);
        settings.setAttribute(Qt::WA_DeleteOnClose, false);
        settings.QDialog::show();
        QTest::qWait(300);
        QStringList faults;
        int count = 0;
        const QString folder = qEnvironmentVariable("QROAR_SCREENSHOT_DIR");
        for (const auto* dialog : window.findChildren<QDialog*>()) {
            if (!dialog->isVisible()) continue;
            ++count;
            const QString name = QLatin1String(dialog->metaObject()->className());
            for (const QString& text : test::cutTexts(*dialog)) faults << text;
            for (const QString& text : sharedMnemonics(*dialog)) faults << name + ": " + text;
            for (const QString& text : silentButtons(*dialog)) faults << name + ": " + text;
            if (!folder.isEmpty())
                const_cast<QDialog*>(dialog)->grab().save(
                    QDir(folder).filePath(name.section(':', -1) + (german ? "-long.png" : ".png")));
        }
        QVERIFY(count >= 4);
        QVERIFY2(faults.isEmpty(), listed(faults));
    }

    void whatIsMeasuredLaterFitsItsColumn() {
        WhatIfList list;
        list.resize(900, 200);
        list.show();
        auto session = std::make_shared<Session>(*wholeSession());
        const auto change = [&session](const std::function<void(WhatIf&)>& what) {
            auto next = std::make_shared<Session>(*session);
            auto one = std::make_shared<WhatIf>(*next->whatIfs.front());
            what(*one);
            next->whatIfs.front() = one;
            session = next;
        };
        change([](WhatIf& one) { one.quantized = {}; });
        list.setSession(session);
        const int effect = list.model().columnOf("effect"), name = 0;
        const auto needs = [&](int column) {
            return list.fontMetrics().horizontalAdvance(list.model().index(0, column).data().toString());
        };
        change([](WhatIf& one) {
            one.quantized = {-0.012, -0.02, -0.004, 32760, 4, 8, 128};
            one.effect = "no measurable effect";
        });
        list.setSession(session);
        QVERIFY(list.model().index(0, effect).data().toString().contains("measurable"));
        QVERIFY2(list.view().columnWidth(effect) >= needs(effect),
                 qPrintable(QString::number(list.view().columnWidth(effect))));
        change([](WhatIf& one) { one.scales.name = std::string(200, 'n'); });
        list.setSession(session);
        QVERIFY(list.view().columnWidth(name) < 400); // and the tool tip has it
        QVERIFY(needs(name) > 800);
        const QStringList cut = test::cutTexts(list);
        QVERIFY2(cut.isEmpty(), listed(cut));
    }

    void aHiddenListOfWhatIfsWaits() {
        Bench bench;
        arrange(bench, Open::Whole);
        settle(*bench.window);
        WhatIfList& list = bench.window->scales().list();
        QVERIFY(!list.isFresh());             // means of gains take a while: not for what nobody sees
        QCOMPARE(list.model().rowCount(), 3); // whoever asks gets it
        bench.load(wholeSession());
        QVERIFY(!list.isFresh());
        auto* dock = bench.window->findChild<QDockWidget*>("whatIfs");
        dock->show();
        dock->raise();
        QTRY_VERIFY(list.isFresh());
        QCOMPARE(list.model().rowCount(), 3);
    }

    void whatIfsBesideTheScalesCanBeRead() {
        Bench bench;
        bench.window->resize(1280, 800);
        bench.window->resetLayout();
        arrange(bench, Open::Whole);
        for (const char* name : {"scales", "whatIfs"}) {
            auto* dock = bench.window->findChild<QDockWidget*>(name);
            dock->show();
            dock->raise();
            settle(*bench.window);
        }
        WhatIfList& list = bench.window->scales().list();
        QTableView& view = list.view();
        QVERIFY2(view.viewport()->height() >= 3 * view.verticalHeader()->defaultSectionSize(),
                 qPrintable(QString::number(view.viewport()->height())));
        // What was predicted and what was measured, without scrolling.
        for (const char* column : {"name", "predicted", "predicted_error", "nll_change"}) {
            const int index = list.model().columnOf(column);
            const int right = view.columnViewportPosition(index) + view.columnWidth(index);
            QVERIFY2(
                right <= view.viewport()->width(),
                qPrintable(
                    QString("%1 ends at %2 of %3").arg(column).arg(right).arg(view.viewport()->width())));
        }
        // With scrolling all of it, and the rows keep their names.
        QVERIFY(view.horizontalScrollBar()->maximum() > 0);
        QVERIFY(!view.verticalHeader()->isVisible());
        view.horizontalScrollBar()->setValue(view.horizontalScrollBar()->maximum());
        QVERIFY(view.verticalHeader()->isVisible());
        QCOMPARE(list.model().headerData(0, Qt::Vertical, Qt::DisplayRole), list.model().index(0, 0).data());
        view.horizontalScrollBar()->setValue(0);
        QVERIFY(!view.verticalHeader()->isVisible());
    }

    void iconsSayWhatTheyDo() {
        Bench bench;
        arrange(bench, Open::Whole);
        settle(*bench.window);
        const QStringList silent = silentButtons(*bench.window);
        QVERIFY2(silent.isEmpty(), listed(silent));
    }

    void anotherAppearanceRedrawsEverything() {
        Bench bench;
        bench.window->setAppearance(AppearanceMode::Light);
        arrange(bench, Open::Whole);
        const auto lightness = [](const QWidget& widget) {
            const QImage image = const_cast<QWidget&>(widget).grab().toImage();
            double sum = 0;
            for (int y = 0; y < image.height(); ++y)
                for (int x = 0; x < image.width(); ++x) sum += qGray(image.pixel(x, y));
            return sum / image.width() / image.height();
        };
        for (auto* dock : bench.window->findChildren<QDockWidget*>()) {
            const bool hidden = dock->isHidden();
            dock->show();
            dock->raise();
            settle(*bench.window);
            const QImage before = dock->widget()->grab().toImage();
            const double light = lightness(*dock->widget());
            bench.window->setAppearance(AppearanceMode::Dark);
            settle(*bench.window);
            const double dark = lightness(*dock->widget());
            QVERIFY2(light > 140 && dark < 110,
                     qPrintable(QString("%1: %2, then %3").arg(dock->objectName()).arg(light).arg(dark)));
            for (auto* plot : dock->findChildren<QWidget*>())
                if (plot->inherits("QCustomPlot") && plot->isVisible())
                    QVERIFY2(plot->grab().toImage().pixelColor(1, 1).lightness() < 100,
                             qPrintable(dock->objectName()));
            bench.window->setAppearance(AppearanceMode::Light);
            settle(*bench.window);
            QVERIFY2(dock->widget()->grab().toImage() == before, qPrintable(dock->objectName()));
            if (hidden) dock->hide();
        }
    }

    void onFineScreens_data() {
        QTest::addColumn<QString>("scale");
        for (const char* scale : {"2", "3", "1.5"}) QTest::newRow(scale) << scale;
    }
    void onFineScreens() {
        if (qEnvironmentVariableIsSet(childVariable)) QSKIP("is one");
        QFETCH(QString, scale);
        QProcess child;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(childVariable, scale);
        environment.insert("QT_SCALE_FACTOR", scale);
        if (const QString folder = environment.value("QROAR_SCREENSHOT_DIR"); !folder.isEmpty()) {
            environment.insert("QROAR_SCREENSHOT_DIR", folder + '/' + scale);
            QDir().mkpath(folder + '/' + scale);
        }
        child.setProcessEnvironment(environment);
        child.setProcessChannelMode(QProcess::ForwardedChannels);
        child.start(QCoreApplication::applicationFilePath(), {"nothingIsCut"});
        QVERIFY(child.waitForFinished(400000));
        QCOMPARE(child.exitCode(), 0);
    }
};

QTEST_MAIN(TestWindowFit)
#include "test_window_fit.moc"
