#include "app/gui/window/log_panel.h"

#include <QTime>

namespace qroar {

LogPanel::LogPanel(QWidget* parent) : QPlainTextEdit(parent) {
    setReadOnly(true);
    setMaximumBlockCount(5000);
    setFrameShape(QFrame::NoFrame);
    setPlaceholderText(tr("What the workbench does is listed here."));
    setAccessibleName(tr("Log"));
    setTabChangesFocus(true);
}

void LogPanel::add(const QString& text) {
    append(text, false);
}
void LogPanel::addError(const QString& text) {
    append(text, true);
}

void LogPanel::append(const QString& text, bool error) {
    const QString line = QTime::currentTime().toString("HH:mm:ss  ") + (error ? tr("Error: ") : QString())
                         + QString(text).replace('\n', QStringLiteral("\n          "));
    appendPlainText(line);
}

} // namespace qroar
