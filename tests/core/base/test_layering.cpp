// The direction of the house, read from the sources themselves: core knows neither Qt nor the rooms above it.
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QtTest>

class TestLayering : public QObject {
    Q_OBJECT
    /// Includes in `folder` that match; and how many files were read, so that an empty search does not pass.
    static QStringList offences(const QString& folder, const QString& pattern, int& files) {
        QStringList found;
        const QRegularExpression include(pattern, QRegularExpression::MultilineOption);
        QDirIterator at(QStringLiteral(QROAR_SOURCE_DIR "/") + folder, {"*.h", "*.cpp"}, QDir::Files,
                        QDirIterator::Subdirectories);
        while (at.hasNext()) {
            QFile file(at.next());
            if (!file.open(QIODevice::ReadOnly)) continue;
            ++files;
            const auto match = include.match(QString::fromUtf8(file.readAll()));
            if (match.hasMatch()) found << file.fileName() + ": " + match.captured();
        }
        return found;
    }

  private slots:
    void coreKnowsNoQtAndNothingAbove() {
        int files = 0;
        const QStringList found =
            offences("core", "^ *# *include *[<\"](Q[A-Za-z]|Qt|qcustomplot|widgets/|app/|tests/).*$", files);
        QVERIFY2(found.isEmpty(), qPrintable(found.join('\n')));
        QVERIFY(files > 50);
    }
    void widgetsKnowNoApp() {
        int files = 0;
        const QStringList found = offences("widgets", "^ *# *include *[<\"](app/|tests/).*$", files);
        QVERIFY2(found.isEmpty(), qPrintable(found.join('\n')));
        QVERIFY(files > 10);
    }
    void commandLineKnowsNoWidgets() {
        int files = 0;
        const QStringList found =
            offences("app/cli", "^ *# *include *[<\"](Q[A-Za-z]|Qt|widgets/|app/gui/).*$", files);
        QVERIFY2(found.isEmpty(), qPrintable(found.join('\n')));
        QVERIFY(files > 5);
    }
    void theSearchFindsWhatItLooksFor() { // the pattern is not one that never matches
        int files = 0;
        QVERIFY(!offences("widgets", "^ *# *include *[<\"](Q[A-Za-z]).*$", files).isEmpty());
    }
};

QTEST_APPLESS_MAIN(TestLayering)
#include "test_layering.moc"
