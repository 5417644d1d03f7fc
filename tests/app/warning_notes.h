// WarningNotes: while there is one, everything that Qt and the program complain about is kept.
#pragma once

#include <QStringList>
#include <QtGlobal>

namespace qroar::test {

class WarningNotes {
  public:
    WarningNotes() {
        noted().clear();
        usual() = qInstallMessageHandler(note);
    }
    ~WarningNotes() { qInstallMessageHandler(usual()); }
    WarningNotes(const WarningNotes&) = delete;
    WarningNotes& operator=(const WarningNotes&) = delete;

    [[nodiscard]] bool isEmpty() const { return noted().isEmpty(); }
    [[nodiscard]] QString text() const { return noted().join('\n'); }

  private:
    static QStringList& noted() {
        static QStringList lines;
        return lines;
    }
    static QtMessageHandler& usual() {
        static QtMessageHandler handler = nullptr;
        return handler;
    }
    /// The offscreen platform says what it cannot do; nothing else may be said.
    static void note(QtMsgType type, const QMessageLogContext& context, const QString& text) {
        if (type != QtDebugMsg && type != QtInfoMsg && !text.startsWith("This plugin does not support"))
            noted() << text;
        usual()(type, context, text);
    }
};

} // namespace qroar::test
