// What the program says of itself and what is written about it: every option of `qroar COMMAND --help` stands
// in the table of that command in resources/help/cli.md and the other way round, and every command line in
// README and handbook has options that exist.
#include "tests/app/cli/cli_test.h"

#include <QDir>
#include <QFile>
#include <QMap>
#include <QRegularExpression>
#include <QSet>

using qroar::test::runProgram;

namespace {

QString readText(const QString& path) {
    QFile file(QDir(QStringLiteral(QROAR_SOURCE_DIR)).filePath(path));
    if (!file.open(QIODevice::ReadOnly)) qFatal("%s: cannot be read", qPrintable(path));
    return QString::fromUtf8(file.readAll());
}

QSet<QString> optionsIn(const QString& text) {
    static const QRegularExpression option(QStringLiteral("(?<![\\w-])--[a-z][a-z0-9-]*"));
    QSet<QString> found;
    for (auto match = option.globalMatch(text); match.hasNext();) found << match.next().captured();
    return found;
}

/// Heading of cli.md, and what stands below it up to the next one.
QMap<QString, QString> sections() {
    QMap<QString, QString> found;
    for (const QString& part : readText(QStringLiteral("resources/help/cli.md")).split("\n## ").mid(1))
        found[part.section(u'\n', 0, 0).trimmed()] = part.section(u'\n', 1);
    return found;
}

/// Options in the first column of the tables.
QSet<QString> documentedIn(const QString& section) {
    static const QRegularExpression firstCell(QStringLiteral("^\\|((?:[^|\\\\]|\\\\.)*)\\|"),
                                              QRegularExpression::MultilineOption);
    QString cells;
    for (auto match = firstCell.globalMatch(section); match.hasNext();)
        cells += match.next().captured(1) + u'\n';
    return optionsIn(cells);
}

QStringList sorted(const QSet<QString>& set) {
    QStringList list(set.begin(), set.end());
    list.sort();
    return list;
}

} // namespace

class TestCliHelp : public QObject {
    Q_OBJECT
    QStringList commands_;
    QMap<QString, QSet<QString>> options_; ///< of each command, as its help has them

    static QString help(const QStringList& words) {
        const auto result = runProgram(words + QStringList{"--help"}, QDir::tempPath());
        if (result.code != 0) qWarning("%s: %s", qPrintable(words.join(' ')), result.err.constData());
        return QString::fromUtf8(result.out);
    }

  private slots:
    void initTestCase() {
        const QString text = help({}).section(QStringLiteral("Subcommands:"), 1);
        static const QRegularExpression line(QStringLiteral("^  ([a-z]+)\\s"),
                                             QRegularExpression::MultilineOption);
        for (auto match = line.globalMatch(text); match.hasNext();) commands_ << match.next().captured(1);
        QVERIFY(commands_.size() >= 10);
        for (const QString& command : commands_) {
            const QString said = help({command});
            if (said.isEmpty()) continue; // plot and report without the workbench
            options_[command] = optionsIn(said);
        }
        QVERIFY(options_["analyze"].contains("--divergence"));
    }

    void everyCommandHasASection() {
        const auto sections = ::sections();
        const QString cli = readText(QStringLiteral("resources/help/cli.md")),
                      synopsis = cli.section(QStringLiteral("```"), 1, 1);
        QStringList named;
        static const QRegularExpression line(QStringLiteral("^qroar ([a-z]+)"),
                                             QRegularExpression::MultilineOption);
        for (auto match = line.globalMatch(synopsis); match.hasNext();) named << match.next().captured(1);
        named.sort();
        QStringList commands = commands_;
        commands.sort();
        QCOMPARE(named, commands);
        for (const QString& command : commands) QVERIFY2(sections.contains(command), qPrintable(command));
        const QString readme = readText(QStringLiteral("README.md"));
        for (const QString& command : commands)
            QVERIFY2(readme.contains("qroar " + command) || readme.contains('`' + command + '`'),
                     qPrintable(command));
    }

    void helpAndHandbookNameTheSameOptions_data() {
        QTest::addColumn<QString>("command");
        for (const QString& command : commands_) QTest::newRow(qPrintable(command)) << command;
    }
    void helpAndHandbookNameTheSameOptions() {
        QFETCH(QString, command);
        if (!options_.contains(command)) QSKIP("needs the workbench");
        QSet<QString> said = options_[command], documented = documentedIn(sections()[command]);
        const QSet<QString> general{"--help", "--json", "--threads"}; // of (nearly) all, told above
        const bool figures = command == QLatin1String("plot") || command == QLatin1String("report");
        for (const char* name : {"--json", "--threads"}) QCOMPARE(said.contains(name), !figures);
        said -= general;
        documented -= general;
        QCOMPARE(sorted(said - documented), QStringList()); // not in the handbook
        QCOMPARE(sorted(documented - said), QStringList()); // not in the program
    }

    /// ```qroar COMMAND ..``` with its continued lines, in code blocks.
    void commandLinesOfTheHandbookExist_data() {
        QTest::addColumn<QString>("page");
        QTest::newRow("README") << "README.md";
        const QDir help(QStringLiteral(QROAR_SOURCE_DIR "/resources/help"));
        for (const QString& page : help.entryList({"*.md"}))
            QTest::newRow(qPrintable(page)) << "resources/help/" + page;
    }
    void commandLinesOfTheHandbookExist() {
        QFETCH(QString, page);
        const QStringList parts = readText(page).split(QStringLiteral("```"));
        for (qsizetype block = 1; block < parts.size(); block += 2) {
            QString text = parts[block];
            text.replace(QStringLiteral("\\\n"), QStringLiteral(" ")); // one command, one line
            static const QRegularExpression indented(QStringLiteral("\\n\\s+"));
            text.replace(indented, QStringLiteral(" "));
            for (const QString& line : text.split(u'\n')) {
                static const QRegularExpression start(QStringLiteral("(?:^|/)qroar ([a-z]+)"));
                const auto match = start.match(line);
                if (!match.hasMatch()) continue;
                const QString command = match.captured(1);
                QVERIFY2(commands_.contains(command), qPrintable(line));
                if (!options_.contains(command)) continue;
                const auto unknown = optionsIn(line) - options_[command];
                QVERIFY2(unknown.isEmpty(), qPrintable(sorted(unknown).join(' ') + " in: " + line));
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestCliHelp)
#include "test_cli_help.moc"
