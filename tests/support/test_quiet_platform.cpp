// The offscreen platform's words about itself are dropped from tests with windows, and nothing else is.
#include <QRegularExpression>
#include <QTest>
#include <QWidget>

class TestQuietPlatform : public QObject {
    Q_OBJECT
  private slots:
    void onlyThePlatformIsSilent() {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".*")));
        QWidget window;
        window.setMinimumSize(80, 60);
        window.show();
        window.setMinimumSize(120, 90); // a word of the platform for each
        window.setMaximumSize(300, 200);
        qWarning("This plugin does not support words like these");
        for (const char* text : {"This plugin is broken", "Something else"}) {
            QTest::ignoreMessage(QtWarningMsg, text); // fails when it does not come through
            qWarning("%s", text);
        }
        QTest::ignoreMessage(QtCriticalMsg, "This plugin does not support what a test needs");
        qCritical("This plugin does not support what a test needs");
    }
};

QTEST_MAIN(TestQuietPlatform)
#include "test_quiet_platform.moc"
