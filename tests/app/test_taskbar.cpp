// Progress in the task bar: when it is sent, what the signal holds, and that a job's progress gets there. No
// bus is needed.
#include "app/gui/window/launcher_entry.h"
#include "app/gui/window/run_status.h"
#include "tests/app/window_bench.h"

#ifdef QROAR_DBUS
#include <QDBusMessage>
#endif
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QVariantMap>

#include <vector>

using namespace qroar;
using Bench = test::WindowBench;

class TestTaskbar : public QObject {
    Q_OBJECT

  private slots:
    void aFewUpdatesASecond() {
        std::vector<TaskbarState> sent;
        const auto record = [&sent](const TaskbarState& state) { sent.push_back(state); };
        {
            TaskbarProgress taskbar(record);
            taskbar.hide(); // nothing was shown
            QVERIFY(sent.empty());
            taskbar.show(0.1);
            QVERIFY((sent == std::vector<TaskbarState>{{0.1, true}})); // the first one at once
            QElapsedTimer clock;
            clock.start();
            for (int step = 0; clock.elapsed() < 1000; ++step) {
                taskbar.show(0.1 + 1e-5 * step);
                QTest::qWait(1);
            }
            const auto most =
                static_cast<std::size_t>(clock.elapsed() / TaskbarProgress::millisecondsBetween);
            QVERIFY2(sent.size() > 2 && sent.size() <= most + 2, qPrintable(QString::number(sent.size())));
            taskbar.show(7);
            QTRY_COMPARE(sent.back().fraction, 1.0); // the last one is not lost, nor beyond the end
            const std::size_t before = sent.size();
            taskbar.show(1);
            QTest::qWait(2 * TaskbarProgress::millisecondsBetween);
            QCOMPARE(sent.size(), before); // nothing new
            taskbar.show(0.25);
            taskbar.hide();
            QVERIFY(!sent.back().visible); // at once
            const std::size_t hidden = sent.size();
            QTest::qWait(2 * TaskbarProgress::millisecondsBetween);
            QCOMPARE(sent.size(), hidden);
            taskbar.show(0.5);
            QCOMPARE(sent.back(), (TaskbarState{0.5, true}));
        }
        QVERIFY(!sent.back().visible); // what is visible does not outlive the program
        TaskbarProgress nobody({});
        nobody.show(0.5);
        nobody.hide();
    }

    void theSignalIsThatOfDesktops() {
#ifdef QROAR_DBUS
        const QDBusMessage message = launcherUpdate(desktopFile, {0.375, true});
        QCOMPARE(message.type(), QDBusMessage::SignalMessage);
        QCOMPARE(message.interface(), QString("com.canonical.Unity.LauncherEntry"));
        QCOMPARE(message.member(), QString("Update"));
        // g_str_hash("application://qroar-workbench.desktop"), worked out apart from the program
        QCOMPARE(message.path(), QString("/com/canonical/unity/launcherentry/4250588814"));
        QCOMPARE(message.arguments().size(), 2);
        QCOMPARE(message.arguments()[0].typeId(), int(QMetaType::QString));
        QCOMPARE(message.arguments()[0].toString(), QString("application://qroar-workbench.desktop"));
        const QVariantMap map = message.arguments()[1].toMap();
        QCOMPARE(map.size(), 2);
        QCOMPARE(map["progress"].typeId(), int(QMetaType::Double));
        QCOMPARE(map["progress"].toDouble(), 0.375);
        QCOMPARE(map["progress-visible"].typeId(), int(QMetaType::Bool));
        QVERIFY(map["progress-visible"].toBool());
        const QDBusMessage over = launcherUpdate(desktopFile, {});
        QVERIFY(!over.arguments()[1].toMap()["progress-visible"].toBool());
        QCOMPARE(over.path(), message.path());
#else
        QVERIFY(!desktopTaskbar());
        QSKIP("this build has no Qt D-Bus");
#endif
    }

    /// The file that the signal names is there and gets installed.
    void theDesktopFileIsShipped() {
        const QDir resources(QStringLiteral(QROAR_SOURCE_DIR "/resources"));
        QSettings entry(resources.filePath(QStringLiteral("desktop/") + desktopFile), QSettings::IniFormat);
        entry.beginGroup(QStringLiteral("Desktop Entry"));
        QVERIFY(entry.value("Exec").toString().startsWith("qroar-workbench"));
        QVERIFY(QFile::exists(resources.filePath("icons/" + entry.value("Icon").toString() + ".svg")));
        QFile rules(resources.filePath("CMakeLists.txt"));
        QVERIFY(rules.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(rules.readAll());
        QVERIFY(text.contains(QStringLiteral("install(FILES desktop/") + desktopFile));
        QVERIFY(text.contains("install(FILES icons/" + entry.value("Icon").toString() + ".svg"));
    }

    void withoutABusNothingIsSent() {
        for (const char* name : {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"}) qunsetenv(name);
        QVERIFY(!desktopTaskbar());
#ifdef QROAR_DBUS
        // One that is named and not there is no reason to say anything.
        qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
        const auto send = desktopTaskbar();
        QVERIFY(send);
        send({0.5, true});
        qunsetenv("DBUS_SESSION_BUS_ADDRESS");
#endif
    }

    void theProgressOfAJobGetsThere() {
        std::vector<TaskbarState> sent;
        Bench bench;
        bench.window.reset();
        bench.taskbar = [&sent](const TaskbarState& state) { sent.push_back(state); };
        bench.open();
        QVERIFY(sent.empty());
        QVERIFY(bench.ready({bench.document("a", 30000)}, {512}, {"none", "yarn:2"}, {"none", "rtn:3:g32"}));
        QSignalSpy progress(&bench.window->analysis(), &AnalysisController::progressed);
        bench.window->startRun();
        QVERIFY(!sent.empty() && sent.front() == (TaskbarState{0, true}));
        QVERIFY(bench.waitForEnd(240000));
        QVERIFY(progress.count() > 3);
        QCOMPARE(sent.back(), TaskbarState{});
        double last = 0;
        for (std::size_t at = 0; at + 1 < sent.size(); ++at) {
            QVERIFY(sent[at].visible && sent[at].fraction >= last && sent[at].fraction <= 1);
            last = sent[at].fraction;
        }
        QVERIFY2(last > 0, qPrintable(QString::number(sent.size())));
    }
};

QTEST_MAIN(TestTaskbar)
#include "test_taskbar.moc"
