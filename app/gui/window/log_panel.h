// LogPanel: what happened since the start, one line each with its time; errors stand out.
#pragma once

#include <QPlainTextEdit>

namespace qroar {

class LogPanel : public QPlainTextEdit {
    Q_OBJECT

  public:
    explicit LogPanel(QWidget* parent = nullptr);
    void add(const QString& text);
    void addError(const QString& text);

  private:
    void append(const QString& text, bool error);
};

} // namespace qroar
