// What tests of figures and of the commands that draw them share: a window whose session has a file, the
// words of a shell line, the first line in which two files differ.
#pragma once

#include "tests/app/main_window_bench.h"
#include "tests/support/svg_text.h"
#include "widgets/figures/figure_spec.h"

#include <QProcess>

namespace qroar::test {

/// Empty when both are the same.
inline QString firstDifference(const QByteArray& a, const QByteArray& b) {
    if (a == b) return {};
    const QList<QByteArray> left = a.split('\n'), right = b.split('\n');
    for (qsizetype line = 0; line < std::min(left.size(), right.size()); ++line)
        if (left[line] != right[line])
            return QStringLiteral("\nline %1\n%2\n%3")
                .arg(line)
                .arg(QString(left[line]), QString(right[line]));
    return QStringLiteral("\n%1 and %2 lines").arg(left.size()).arg(right.size());
}

/// The words that a shell makes of a line.
inline QStringList shellWords(const QString& line) {
    QProcess shell;
    shell.start("/bin/sh", {"-c", "printf '%s\\n' " + line});
    if (!shell.waitForFinished()) return {};
    return QString::fromUtf8(shell.readAllStandardOutput()).split('\n', Qt::SkipEmptyParts);
}

/// A window with a session that has a file.
struct SavedBench : SessionBench {
    QString path = folder.filePath("it's a run.h5");
    explicit SavedBench(const std::shared_ptr<const Session>& session = makeSyntheticSession()) {
        if (!saveSession(*session, path.toStdString()).ok()) qFatal("the session cannot be saved");
        window->workspace().open(session, path);
        QCoreApplication::processEvents();
    }
};

inline FigureSpec spec(const QStringList& words) {
    FigureSpec result;
    if (const QString error = FigureSpec::parse(words, result); !error.isEmpty())
        qFatal("%s", qPrintable(error));
    return result;
}

} // namespace qroar::test
