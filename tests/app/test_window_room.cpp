// The window at 1280 x 800: no plot below the least that can be read, whatever docks are open, and no name,
// however long, that takes the room of the rest.
#include "app/gui/autosave.h"
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/project_tree.h"
#include "app/gui/window/session_tabs.h"
#include "tests/app/main_window_bench.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/heat_map_plot.h"

#include <QDockWidget>
#include <QListWidget>
#include <QScrollArea>
#include <QScrollBar>
#include <QTreeWidget>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

constexpr QSize usual(1280, 800);
const char* const longSpec = "yarn:2:orig=256:beta_fast=16:beta_slow=2:attn=1.05:truncate=0";

void show(const Bench& bench, const char* dock) {
    auto* one = bench.window->findChild<QDockWidget*>(QLatin1String(dock));
    one->show();
    one->raise();
    QTest::qWait(30);
}

/// What is in sight and too small to be read.
QStringList tooSmall(const Bench& bench) {
    QStringList found;
    for (const BasePlot* plot : bench.window->plots().findChildren<BasePlot*>()) {
        if (!plot->isVisible() || plot->visibleRegion().isEmpty()) continue;
        const QSize least = plot->minimumSizeHint();
        const QRect axes = plot->axisRect()->rect();
        if (plot->width() < least.width() || plot->height() < least.height() || axes.height() < 48
            || axes.width() < 60)
            found << QStringLiteral("%1: %2 x %3, axes %4 x %5")
                         .arg(plot->accessibleName())
                         .arg(plot->width())
                         .arg(plot->height())
                         .arg(axes.width())
                         .arg(axes.height());
    }
    return found;
}

std::shared_ptr<const Session> sessionWith(const QString& documentName) {
    test::SyntheticOptions options;
    options.ropes = {"none", longSpec, "dynamic:4:orig=256"};
    Session session = *test::makeSyntheticSession(options);
    session.documents.front().name = documentName.toStdString();
    session.documents.front().path = documentName.toStdString();
    return std::make_shared<const Session>(std::move(session));
}

} // namespace

class TestWindowRoom : public QObject {
    Q_OBJECT

  private slots:
    void everyViewCanBeRead_data() {
        QTest::addColumn<QStringList>("docks");
        QTest::newRow("as it opens") << QStringList();
        QTest::newRow("gains by hand") << QStringList{"scales", "whatIfs"};
        QTest::newRow("bands and the log") << QStringList{"scales", "bands", "log"};
    }
    void everyViewCanBeRead() {
        QFETCH(QStringList, docks);
        Bench bench;
        bench.window->resize(usual);
        bench.load(test::makeSyntheticSession());
        test::SyntheticOptions other;
        other.seed = 2;
        bench.load(test::makeSyntheticSession(other)); // tabs take some height
        for (const QString& dock : docks) show(bench, qPrintable(dock));
        QCOMPARE(bench.window->size(), usual);
        for (const char* view : {"spectrum", "phases", "tailInflation", "pressure", "logitNoise", "histogram",
                                 "perplexity", "outliers", "distortion", "searches"}) {
            show(bench, view);
            QTRY_VERIFY2(tooSmall(bench).isEmpty(),
                         qPrintable(QLatin1String(view) + ": " + tooSmall(bench).join("; ")));
        }
        QCOMPARE(bench.window->size(), usual);
    }

    void mapsOfPhasesAreBesideEachOtherInALowDock() {
        Bench bench;
        bench.window->resize(usual);
        bench.load(test::makeSyntheticSession());
        show(bench, "phases");
        auto* phases = bench.window->findChild<PhasePanel*>();
        QTRY_VERIFY(phases->maps()[2]->isVisible());
        QTRY_COMPARE(phases->maps()[0]->y(), phases->maps()[2]->y());
        QVERIFY(phases->maps()[2]->x() > phases->maps()[1]->x());
    }

    void rowsOfPlotsKeepTheirShares() {
        Bench bench;
        bench.window->resize(usual);
        bench.load(test::makeSyntheticSession());
        const auto height = [&bench](const char* dock) {
            return static_cast<double>(bench.window->findChild<QDockWidget*>(QLatin1String(dock))->height());
        };
        QTest::qWait(30);
        const double before = height("spectrum") / height("tailInflation");
        show(bench, "log");
        QTRY_VERIFY2(std::abs(height("spectrum") / height("tailInflation") - before) < 0.12,
                     qPrintable(QString::number(height("spectrum") / height("tailInflation") - before)));
    }

    void longNamesTakeNoRoom() {
        Bench bench;
        bench.window->resize(usual);
        bench.load(sessionWith(QString(200, u'd') + ".txt"));
        SetupRequest request = bench.window->setup().request();
        request.ropes = {*RopeSpec::parse(longSpec)};
        bench.window->setup().setRequest(request); // as opening a session does
        for (const char* dock : {"project", "bands"}) show(bench, dock);
        QTest::qWait(50);
        QVERIFY2(bench.window->width() <= usual.width(), qPrintable(QString::number(bench.window->width())));
        const int project = bench.window->findChild<QDockWidget*>("project")->width();
        QVERIFY2(project <= 340, qPrintable(QString::number(project)));
        // the chip is short, what it stands for is not
        QCOMPARE(bench.window->setup().request().ropes.size(), std::size_t(1));
        QCOMPARE(bench.window->setup().request().ropes.front().text(), std::string(longSpec));
        for (const char* view : {"outliers", "logitNoise", "phases"}) {
            show(bench, view);
            QTRY_VERIFY2(tooSmall(bench).isEmpty(), qPrintable(tooSmall(bench).join("; ")));
        }
        for (const auto* box : bench.window->plots().findChildren<CompactComboBox*>())
            if (box->isVisible() && !box->visibleRegion().isEmpty())
                QVERIFY2(box->width() >= box->minimumSizeHint().width(), qPrintable(box->accessibleName()));
    }

    void longNamesOfDocumentsStayDifferent() {
        Bench bench;
        bench.window->resize(usual);
        Session session = *sessionWith("short.txt");
        QVERIFY(session.documents.size() > 2);
        for (std::size_t index = 1; index < session.documents.size(); ++index)
            session.documents[index].name =
                std::string(95, 'a') + "part" + std::to_string(index) + std::string(95, 'b') + ".txt";
        bench.load(std::make_shared<const Session>(session));
        show(bench, "project");
        const auto* tree = bench.window->findChild<ProjectTree*>();
        const QTreeWidgetItem* documents = nullptr;
        for (int top = 0; top < tree->topLevelItemCount(); ++top)
            if (tree->topLevelItem(top)->text(0).startsWith("Documents")) documents = tree->topLevelItem(top);
        QVERIFY(documents);
        QStringList seen;
        for (int row = 0; row < documents->childCount(); ++row) {
            const QTreeWidgetItem* item = documents->child(row);
            const QRect cell = tree->visualRect(tree->model()->index(row, 0, tree->model()->index(1, 0)));
            seen << tree->fontMetrics().elidedText(item->text(0), Qt::ElideMiddle, cell.width() - 8);
        }
        QCOMPARE(QSet<QString>(seen.begin(), seen.end()).size(), seen.size());
        QCOMPARE(seen.first(), QString("short.txt"));
        QVERIFY(documents->child(1)->toolTip(1).contains("tokens"));
    }

    void longNamesOfConditionsStayDifferent() {
        Bench bench;
        bench.window->resize(usual);
        Session session = *sessionWith("short.txt");
        std::erase_if(session.conditions,
                      [](const auto& one) { return one->key.rope != *RopeSpec::parse(longSpec); });
        for (auto& condition : session.conditions) { // names differ in their middle
            auto copy = std::make_shared<ConditionResult>(*condition);
            copy->key.scales = std::string(40, 'z');
            condition = copy;
        }
        bench.load(std::make_shared<const Session>(session));
        show(bench, "project");
        const auto* tree = bench.window->findChild<ProjectTree*>();
        const int top = tree->topLevelItemCount() - 1;
        const QTreeWidgetItem* conditions = tree->topLevelItem(top);
        QVERIFY(conditions->text(0).startsWith("Conditions"));
        QSet<QString> names, seen;
        for (int row = 0; row < conditions->childCount(); ++row) {
            const QTreeWidgetItem* item = conditions->child(row);
            const QRect cell = tree->visualRect(tree->model()->index(row, 0, tree->model()->index(top, 0)));
            names << item->toolTip(0).section(u'\n', 0, 0);
            seen << tree->fontMetrics().elidedText(item->text(0), Qt::ElideMiddle, cell.width() - 8);
        }
        QVERIFY2(names.size() > 1, qPrintable(QString::number(names.size())));
        QCOMPARE(seen.size(), names.size());
    }

    void aLongFileNameLeavesTheOtherTabs() {
        Bench bench;
        bench.window->resize(usual);
        bench.window->workspace().open(test::makeSyntheticSession(), bench.folder.filePath("short.h5"));
        test::SyntheticOptions other;
        other.seed = 2;
        bench.window->workspace().open(test::makeSyntheticSession(other),
                                       bench.folder.filePath(QString(200, u'x') + ".h5"));
        QTest::qWait(30);
        const SessionTabs& tabs = bench.window->tabs();
        QVERIFY(tabs.tabRect(0).width() > tabs.fontMetrics().horizontalAdvance("short.h5"));
        QVERIFY(tabs.tabRect(1).width() < usual.width() / 3);
        QVERIFY(tabs.tabToolTip(1).contains(QString(200, u'x')));
    }

    void anOlderMessageComesBack() {
        Bench bench;
        MessageBar& bar = bench.window->messages();
        int pressed = 0;
        bar.show(MessageBar::Kind::Warning, "first");
        bar.addButton("Do it", [&pressed] { ++pressed; });
        bar.show(MessageBar::Kind::Error, "second");
        QCOMPARE(bar.text(), QString("second"));
        QCOMPARE(bar.count(), 2);
        bar.show(MessageBar::Kind::Error, "second"); // again: one of them
        QCOMPARE(bar.count(), 2);
        QTest::keyClick(&bar, Qt::Key_Escape);
        QCOMPARE(bar.text(), QString("first"));
        QCOMPARE(bar.kind(), MessageBar::Kind::Warning);
        for (auto* button : bar.findChildren<QPushButton*>())
            if (button->text() == "Do it" && !button->isHidden()) button->click();
        QCOMPARE(pressed, 1);
        QVERIFY(bar.isHidden());
        bar.show(MessageBar::Kind::Error, "a");
        bar.show(MessageBar::Kind::Error, "b");
        bar.dismiss();
        QVERIFY(bar.isHidden() && bar.count() == 0);
    }

    void droppedDocumentsComeAfterTheSession() {
        Bench bench;
        const QString path = bench.folder.filePath("run.h5"), text = bench.folder.filePath("more.txt");
        QVERIFY(saveSession(*test::makeSyntheticSession(), path.toStdString()).ok());
        QFile file(text);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("some words") > 0);
        file.close();
        QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
        bench.window->openDropped(sortDropped({text, path}), "picture.png: no document");
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        QVERIFY(bench.window->setup().request().documents.contains(text));
        QVERIFY(bench.window->setup().request().documents.size() > 1); // those of the session stay
        // The reason is below what the session had to say.
        bool found = false;
        for (; bench.window->messages().count() > 0; bench.window->messages().closeNewest())
            found = found || bench.window->messages().text().contains("picture.png");
        QVERIFY(found);
    }

    void whatIsRecoveredKeepsItsFile() {
        Bench bench;
        const QString path = bench.folder.filePath("mine.h5"), text = bench.folder.filePath("beside.txt");
        QFile file(text);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("some words") > 0);
        file.close();
        Session session = *test::makeSyntheticSession();
        session.documents.front().path = "beside.txt"; // relative to the session
        QVERIFY(saveSession(session, path.toStdString()).ok());
        const QString left = bench.folder.filePath("autosave/autosave-1.h5");
        bench.window->close();
        bench.window.reset();
        {
            Autosave earlier(bench.folder.filePath("autosave"));
            QCOMPARE(earlier.pathOf(1), left);
            earlier.note(1, {path, "mine.h5", bench.folder.path()});
            session.bandStyles.resize(static_cast<std::size_t>(session.bands.count()));
            session.bandStyles.front().name = "slow";
            QVERIFY(saveSession(session, left.toStdString()).ok());
        }
        bench.open();
        QVERIFY(bench.recover());
        MainWindow& window = *bench.window;
        QCOMPARE(window.workspace().path(), path);
        QVERIFY(window.workspace().dirty());
        QVERIFY(window.setup().request().documents.contains(text));
        QVERIFY2(!window.messages().text().contains("beside.txt"), qPrintable(window.messages().text()));
        // Saving asks before it replaces what the file has, and goes there.
        QStringList asked;
        window.setQuestion([&asked](const QString& question, QMessageBox::StandardButtons) {
            asked << question;
            return QMessageBox::Yes;
        });
        QVERIFY(window.save());
        QTRY_VERIFY(!window.workspace().dirty());
        QCOMPARE(asked.size(), 1);
        QVERIFY(asked.first().contains("mine.h5"));
        QCOMPARE((*loadSession(path.toStdString()))->bandStyles.at(0).name, std::string("slow"));
        QVERIFY(!QFile::exists(left) && !QFile::exists(left + ".origin"));
        QVERIFY(window.save()); // asks no more
        QTest::qWait(50);
        QCOMPARE(asked.size(), 1);
    }

    void theOfferOfRecoveryNamesFiles() {
        Bench bench;
        bench.window->close();
        bench.window.reset();
        {
            Autosave earlier(bench.folder.filePath("autosave"));
            for (const int id : {1, 2}) {
                const QString file = earlier.pathOf(id);
                QVERIFY(saveSession(*test::makeSyntheticSession(), file.toStdString()).ok());
                earlier.note(id,
                             {id == 1 ? "/x/first.h5" : "", id == 1 ? "first.h5" : "unsaved session", "/x"});
            }
        }
        bench.open();
        bench.window->offerRecovery();
        const QString offer = bench.window->recovery().text();
        QVERIFY2(offer.contains("first.h5") && offer.contains("unsaved session"), qPrintable(offer));
    }
};

QTEST_MAIN(TestWindowRoom)
#include "test_window_room.moc"
