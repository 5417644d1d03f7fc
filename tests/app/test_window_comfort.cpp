// Help, settings, layouts, recent files, drops and the log of the real window, offscreen.
#include "app/gui/help/action_list.h"
#include "app/gui/help/command_palette.h"
#include "app/gui/help/handbook_window.h"
#include "app/gui/help/help_center.h"
#include "app/gui/help/panel_help.h"
#include "app/gui/help/shortcut_sheet.h"
#include "app/gui/resources.h"
#include "app/gui/settings/layout_menu.h"
#include "app/gui/settings/settings_dialog.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/drop_overlay.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/run_status.h"
#include "app/gui/window/start_page.h"
#include "app/gui/window/window_geometry.h"
#include "tests/app/dock_layout.h"
#include "tests/app/main_window_bench.h"

#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QMimeData>
#include <QRegularExpression>
#include <QSpinBox>
#include <QTextBlock>
#include <QToolButton>
#include <QTreeWidget>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

void writeFile(const QString& path, const QByteArray& content) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

/// What the user sees at the top of the page.
QString headingInView(const HandbookPage& page) {
    for (int y = 0; y < 60; y += 5)
        if (const QTextBlock block = page.cursorForPosition({30, y}).block();
            block.blockFormat().headingLevel() > 0)
            return block.text();
    return {};
}

} // namespace

class TestWindowComfort : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() { loadWorkbenchResources(); }

    void everyTopicOfThePanelsIsInTheHandbook() {
        const Handbook handbook;
        QVERIFY(handbook.sections().size() > 60);
        for (const HelpTopic& topic : allTopics())
            QVERIFY2(handbook.find(topic.page, topic.anchor), qPrintable(topic.page + '#' + topic.anchor));
    }

    void everyLinkOfTheHandbookLeadsSomewhere() {
        const Handbook handbook;
        static const QRegularExpression link(QStringLiteral("\\]\\(([a-z]*\\.md)?(#[^)]+)?\\)"));
        int checked = 0;
        for (const HandbookSection& section : handbook.sections())
            for (auto found = link.globalMatch(section.text); found.hasNext();) {
                const QRegularExpressionMatch match = found.next();
                const QString page = match.captured(1).isEmpty() ? section.page : match.captured(1);
                QVERIFY2(handbook.find(page, match.captured(2).mid(1)),
                         qPrintable(section.page + ": " + match.captured(0)));
                ++checked;
            }
        QVERIFY(checked > 15);
    }

    void anchorsAreThoseOfGitHub() {
        QCOMPARE(Handbook::anchorOf("Tail-inflation ratio, TIR [ours, after the papers' wording]"),
                 QString("tail-inflation-ratio-tir-ours-after-the-papers-wording"));
        QCOMPARE(Handbook::anchorOf("2. Configure"), QString("2-configure"));
    }

    void everyPictureIsOnAPage() {
        QString pages;
        const QDir resources(QDir(QROAR_SOURCE_DIR).filePath("resources"));
        for (const QString& name : QDir(resources.filePath("help")).entryList({"*.md"})) {
            QFile page(resources.filePath("help/" + name));
            QVERIFY(page.open(QIODevice::ReadOnly));
            pages += QString::fromUtf8(page.readAll());
        }
        const QStringList pictures = QDir(resources.filePath("screenshots")).entryList({"*-light.png"});
        QVERIFY(pictures.size() > 30);
        for (const QString& picture : pictures)
            QVERIFY2(pages.contains("](../screenshots/" + picture + ')'), qPrintable(picture));
    }

    void theHandbookSearchesItsText() {
        const Handbook handbook;
        const auto hits = handbook.search("TAIL inflation quantile");
        QVERIFY(!hits.isEmpty());
        for (const Handbook::Hit& hit : hits) {
            const HandbookSection& section = handbook.sections()[hit.section];
            for (const char* word : {"tail", "inflation", "quantile"})
                QVERIFY((section.title + section.text).contains(word, Qt::CaseInsensitive));
            QVERIFY(!hit.excerpt.contains('\n'));
        }
        QVERIFY(handbook.search("zyxwvut").isEmpty());
        QVERIFY(handbook.search("  ").isEmpty());
    }

    void formulasAreSet() {
        const Handbook handbook;
        int formulas = 0;
        static const QRegularExpression ascii(
            QStringLiteral("\\b(omega|theta|lambda|sqrt|alpha)\\b|\\^[0-9(]|[a-z]_[a-z]\\b| \\* | - |<=|>="));
        for (const HandbookSection& section : handbook.sections()) {
            if (section.page != "theory.md") continue;
            QVERIFY2(!section.text.contains("```"), qPrintable(section.title));
            const QString formula = section.formula(100);
            if (formula.isEmpty()) continue;
            ++formulas;
            QString words = formula;
            for (const char* name : {"mscale_all_dim", "mscale"}) words.remove(QLatin1String(name));
            const QRegularExpressionMatch found = ascii.match(words);
            QVERIFY2(!found.hasMatch(),
                     qPrintable(section.title + ": " + found.captured(0) + " in " + words));
            QCOMPARE(words.count("<sub>"), words.count("</sub>"));
            QCOMPARE(words.count("<td>"), words.count("</td>"));
            QCOMPARE(section.formula(1).count("<tr>"), std::min<qsizetype>(1, words.count("<tr>")));
        }
        QVERIFY(formulas > 15);
        // The browser of the window knows the tags: no mark of them is left, and indices are low.
        HandbookWindow window;
        window.showSection("theory.md", "rope-scalings-std");
        const QString shown = window.page().toPlainText();
        for (const char* mark : {"<", "&lt;", "sub>"}) {
            const auto at = shown.indexOf(QLatin1String(mark));
            const bool less = at >= 0 && shown.mid(at, 2) == QLatin1String("< ");
            QVERIFY2(at < 0 || less, qPrintable(shown.mid(at, 40)));
        }
        const QTextCursor index = window.page().document()->find("\u03c9\u2032i");
        QVERIFY(!index.isNull());
        QCOMPARE(index.charFormat().verticalAlignment(), QTextCharFormat::AlignSubScript);
        // What is searched has no tags, and letters go by their names.
        for (const Handbook::Hit& hit : handbook.search("omega"))
            QVERIFY2(!hit.excerpt.contains('<') || hit.excerpt.contains("< "), qPrintable(hit.excerpt));
        QVERIFY(handbook.search("omega").size() > 5);
        QVERIFY(handbook.search("colspan").isEmpty());
    }

    void theHandbookGoesToSectionsBackAndForward() {
        HandbookWindow window;
        window.showSection("theory.md", "perplexity-std");
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        QTRY_COMPARE(headingInView(window.page()), QString("Perplexity [std]"));
        const auto* contents = window.findChild<QTreeWidget*>();
        QCOMPARE(contents->currentItem() ? contents->currentItem()->text(0) : QString(),
                 QString("Perplexity [std]"));
        window.page().setSource(QUrl("qrc:/help/tour.md#6-search"));
        QTRY_COMPARE(headingInView(window.page()), QString("6. Search"));
        QCOMPARE(contents->currentItem()->text(0), QString("6. Search"));
        window.page().backward();
        QCOMPARE(window.place(), QString("theory.md#perplexity-std"));
        window.page().forward();
        QCOMPARE(window.place(), QString("tour.md#6-search"));
        auto* field = window.findChild<QLineEdit*>();
        field->setText("clip rate");
        auto* hits = window.findChild<QListWidget*>();
        QVERIFY(hits->isVisible());
        QVERIFY(hits->count() > 0);
        hits->setCurrentRow(0);
        QVERIFY(!window.page().extraSelections().isEmpty()); // the words are marked
        field->clear();
        QVERIFY(window.findChild<QTreeWidget*>()->isVisible());
        window.showSection("theory.md", "no such section");
        QCOMPARE(window.place(), QString("theory.md"));
    }

    void aPanelExplainsWhatItShows() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        HeatMapPanel* map = test::heatMap(*bench.window, HeatMapMetric::TailInflation);
        map->ensureFresh();
        auto* button = map->findChild<QToolButton*>("helpButton");
        QVERIFY(button);
        QVERIFY2(button->toolTip().contains("long positions") || button->toolTip().contains("TIR ="),
                 qPrintable(button->toolTip()));
        map->setMetric(HeatMapMetric::ClipRate);
        map->ensureFresh();
        QVERIFY2(button->toolTip().contains("Calibration loss"), qPrintable(button->toolTip()));
        button->click();
        QCOMPARE(bench.window->help().handbookWindow()->place(), QString("theory.md#calibration-loss-ours"));
        bench.window->plots().showPanel(map);
        map->setMetric(HeatMapMetric::TopShare);
        bench.window->help().showFor(map->findChild<QComboBox*>());
        QCOMPARE(bench.window->help().handbookWindow()->place(), QString("theory.md#top-shares-ours"));
        bench.window->help().showFor(bench.window->findChild<QDockWidget*>("setup")->widget());
        QCOMPARE(bench.window->help().handbookWindow()->place(), QString("tour.md#2-configure"));
        for (DiagnosticPanel* panel : bench.window->plots().panels()) {
            panel->ensureFresh();
            QVERIFY2(panel->findChild<QToolButton*>("helpButton")->toolTip().contains("handbook"),
                     qPrintable(panel->title()));
        }
    }

    void theSheetHasEveryShortcutAndFilters() {
        Bench bench;
        ShortcutSheet sheet(*bench.window);
        auto* table = sheet.findChild<QTreeWidget*>();
        const auto shown = [table] {
            QStringList rows;
            for (QTreeWidgetItemIterator item(table); *item; ++item)
                if (!(*item)->isHidden() && (*item)->parent() && !(*item)->parent()->isHidden())
                    rows << (*item)->text(0) + '|' + (*item)->text(1);
            return rows;
        };
        for (const ListedAction& one : listActions(*bench.window))
            if (!one.keys.isEmpty())
                QVERIFY2(shown().contains(one.text + '|' + one.keys), qPrintable(one.text));
        sheet.filter("ctrl+shift+e");
        QCOMPARE(shown().size(), 1);
        QVERIFY(shown().first().startsWith("Export all plots"));
        sheet.setAttribute(Qt::WA_DeleteOnClose, false);
    }

    void theCommandPaletteFindsAndRunsAnything() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        bench.window->help().showCommands();
        auto* palette = bench.window->findChild<CommandPalette*>();
        QVERIFY(palette && palette->isVisible());
        palette->find("next lay");
        QVERIFY2(palette->list()->currentItem()->text().startsWith("Next layer"),
                 qPrintable(palette->list()->currentItem()->text()));
        QPointer<CommandPalette> gone = palette;
        palette->run();
        QTRY_COMPARE(bench.window->selection().selection().layer, 1);
        QTRY_VERIFY(!gone);
        bench.window->help().showCommands();
        palette = bench.window->findChild<CommandPalette*>();
        palette->find("zyxw");
        palette->run(); // nothing fits: nothing happens
        QVERIFY(palette->isVisible());
    }

    void settingsActAtOnceAndAreKept() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        SettingsDialog dialog(AppSettings(bench.settings).preferences());
        dialog.setAttribute(Qt::WA_DeleteOnClose, false);
        connect(&dialog, &SettingsDialog::changed, bench.window.get(), &MainWindow::setPreferences);
        Preferences wanted;
        wanted.appearance = AppearanceMode::Dark;
        wanted.colorMap = "cividis";
        wanted.figureSize = "two-column";
        wanted.figureFontPoints = 9;
        wanted.figureFormat = "pdf";
        wanted.autosaveSeconds = 60;
        wanted.threads = 1;
        wanted.recentCount = 2;
        dialog.show(wanted);
        QCOMPARE(dialog.preferences(), wanted);
        emit dialog.changed(dialog.preferences());
        QVERIFY(Appearance::isDark(bench.window->palette()));
        QCOMPARE(AppSettings(bench.settings).preferences(), wanted);
        AppSettings settings(bench.settings);
        for (const char* name : {"a.h5", "b.h5", "c.h5"})
            settings.addRecentSession(bench.folder.filePath(name));
        QCOMPARE(settings.recentSessions().size(), 2);
        for (auto* button : dialog.findChildren<QAbstractButton*>())
            if (button->text() == "Reset all") button->click();
        QCOMPARE(AppSettings(bench.settings).preferences(), Preferences());
        QVERIFY(!Appearance::isDark(bench.window->palette()));
        // rubbish is brought into range
        bench.settings.setValue("autosave/seconds", -5);
        bench.settings.setValue("recent/count", "many");
        bench.settings.setValue("plots/colorMap", "jet");
        QCOMPARE(AppSettings(bench.settings).preferences(), Preferences{.autosaveSeconds = 0});
    }

    void layoutsAreNamedRestoredAndRemoved() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        MainWindow& window = *bench.window;
        window.resize(1500, 900); // so that nothing makes it grow
        window.resetLayout();
        const test::DockLayout usual = test::layoutOf(window);
        test::rearrange(window);
        const test::DockLayout wanted = test::layoutOf(window);
        // what was changed, each by itself
        for (const char* name : {"outliers", "setup"}) QVERIFY(wanted.areas[name] != usual.areas[name]);
        QCOMPARE(wanted.floating.keys(), (QStringList{"distortion", "log"}));
        QVERIFY(wanted.tabs != usual.tabs && !wanted.otherSize(usual).isEmpty());
        window.layouts().save("Mine / 100 %");
        window.resetLayout();
        QCOMPARE(test::otherLayout(test::layoutOf(window), usual), QString());
        QVERIFY(window.layouts().restore("Mine / 100 %"));
        QCOMPARE(test::otherLayout(test::layoutOf(window), wanted), QString());
        QCOMPARE(AppSettings(bench.settings).layoutNames(), QStringList{"Mine / 100 %"});
        QVERIFY(!window.layouts().restore("another"));
        window.layouts().remove("Mine / 100 %");
        QVERIFY(!window.layouts().restore("Mine / 100 %"));
        QVERIFY(AppSettings(bench.settings).layoutNames().isEmpty());
    }

    void windowsStayReachable() {
        const QRect screen(0, 0, 1280, 800);
        const QRect fine(100, 50, 900, 600);
        QCOMPARE(reachableGeometry(fine, {screen}), fine);
        QVERIFY(screen.contains(reachableGeometry({2400, 300, 900, 600}, {screen}))); // that screen is gone
        QCOMPARE(reachableGeometry({0, 0, 3840, 2160}, {screen}), screen);            // was a larger one
        QVERIFY(screen.contains(reachableGeometry({200, -400, 900, 600}, {screen}))); // title above the edge
        const QRect second(1280, 0, 1920, 1080);
        QCOMPARE(reachableGeometry({1400, 20, 1800, 1000}, {screen, second}), QRect(1400, 20, 1800, 1000));
        QCOMPARE(reachableGeometry(fine, {}), fine);
    }

    void missingRecentFilesAreGreyedAndCanBeRemoved() {
        Bench bench;
        AppSettings settings(bench.settings);
        const QString gone = bench.folder.filePath("gone.h5"), there = bench.folder.filePath("there.h5");
        writeFile(there, "x");
        settings.addRecentSession(gone);
        settings.addRecentSession(there);
        bench.window->close();
        bench.open();
        auto* page = bench.window->findChild<StartPage*>();
        const auto button = [page](const QString& part) -> QToolButton* {
            for (auto* one : page->findChildren<QToolButton*>())
                if (one->accessibleName().contains(part)) return one;
            return nullptr;
        };
        const QString folder = QFileInfo(gone).dir().dirName();
        QVERIFY(!button("Open session " + folder + "/gone.h5")->isEnabled());
        QVERIFY(button("Open session " + folder + "/gone.h5")->toolTip().contains("not there"));
        QVERIFY(button("Open session " + folder + "/there.h5")->isEnabled());
        button("Remove " + folder + "/gone.h5")->click();
        QTRY_COMPARE(AppSettings(bench.settings).recentSessions(), QStringList{there});
        QTRY_VERIFY(!button("gone.h5"));
    }

    void aDragSaysWhatADropWouldDo() {
        Bench bench;
        const auto drag = [&](const QStringList& names) {
            auto* data = new QMimeData;
            QList<QUrl> urls;
            for (const QString& name : names) {
                if (!name.endsWith('/'))
                    writeFile(bench.folder.filePath(name), QByteArray("\x89PNG\r\n\x1a\n", 8));
                urls << QUrl::fromLocalFile(bench.folder.filePath(name));
            }
            data->setUrls(urls);
            QDragEnterEvent enter(QPoint(600, 400), Qt::CopyAction, data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(bench.window.get(), &enter);
            return data;
        };
        auto* overlay = bench.window->findChild<DropOverlay*>("dropOverlay");
        const std::unique_ptr<QMimeData> mixed(drag({"a.txt", "b.md", "picture.png"}));
        QVERIFY(overlay->isVisible());
        QVERIFY2(overlay->text().contains("add 2 documents"), qPrintable(overlay->text()));
        QDragLeaveEvent leave;
        QCoreApplication::sendEvent(bench.window.get(), &leave);
        QVERIFY(!overlay->isVisible());
        const std::unique_ptr<QMimeData> wrong(drag({"picture.png"}));
        QVERIFY2(overlay->text().contains("picture.png"), qPrintable(overlay->text()));
        QDropEvent refused(QPointF(600, 400), Qt::CopyAction, wrong.get(), Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &refused);
        QVERIFY(!overlay->isVisible());
        QCOMPARE(bench.window->messages().kind(), MessageBar::Kind::Error);
        // Qt delivers a drop to where a drag came in
        QDragEnterEvent again(QPoint(600, 400), Qt::CopyAction, mixed.get(), Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &again);
        QDropEvent drop(QPointF(600, 400), Qt::CopyAction, mixed.get(), Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &drop);
        QCOMPARE(bench.window->setup().request().documents.size(), 2); // several at once
        QVERIFY(bench.window->messages().text().contains("picture.png"));
    }

    void theLogFiltersCopiesAndSaves() {
        LogPanel log;
        log.add("opened");
        log.addWarning("odd");
        log.addError("broken\nbadly");
        QVERIFY(log.shownText().contains("opened"));
        log.setLeast(LogPanel::Severity::Warning);
        QVERIFY(!log.shownText().contains("opened"));
        QVERIFY(log.shownText().contains("odd"));
        log.setLeast(LogPanel::Severity::Error);
        QVERIFY(!log.shownText().contains("odd"));
        QVERIFY(log.shownText().contains("broken") && log.shownText().contains("badly"));
        log.copy();
        QCOMPARE(QApplication::clipboard()->text(), log.shownText());
        QTemporaryDir folder;
        QCOMPARE(log.saveTo(folder.filePath("log.txt")), QString());
        QFile file(folder.filePath("log.txt"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(file.readAll());
        QVERIFY(text.contains("opened") && text.contains("Warning: odd")); // everything, whatever is shown
        static const QRegularExpression time(QStringLiteral("^\\d\\d:\\d\\d:\\d\\d  "));
        QVERIFY(time.match(text).hasMatch());
        QVERIFY(log.saveTo(folder.filePath("no/such/log.txt")).contains("log.txt"));
    }

    void progressSaysElapsedAndLeft() {
        RunStatus status;
        status.begin("Stop the analysis");
        status.show({"yarn:4 at 1,024", 0.25, 60, 180});
        QCOMPARE(status.percent(), 25);
        QVERIFY(!status.timeLeft().isEmpty());
        QStringList texts;
        for (const auto* label : status.findChildren<QLabel*>()) texts << label->text();
        QVERIFY2(texts.join('|').contains("so far") && texts.join('|').contains(status.timeLeft() + " left"),
                 qPrintable(texts.join('|')));
        status.stopping();
        QVERIFY(status.timeLeft().isEmpty());
    }
};

QTEST_MAIN(TestWindowComfort)
#include "test_window_comfort.moc"
