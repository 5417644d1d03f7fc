// LogPanel: what happened since the start, one line each with its time and how grave it is; a filter, copy
// and save. Not here: the message bar, which shows the newest error.
#pragma once

#include <QTime>
#include <QWidget>

class QComboBox;
class QPlainTextEdit;

namespace qroar {

class LogPanel : public QWidget {
    Q_OBJECT

  public:
    enum class Severity { Information, Warning, Error };

    explicit LogPanel(QWidget* parent = nullptr);
    void add(const QString& text) { append(Severity::Information, text); }
    void addWarning(const QString& text) { append(Severity::Warning, text); }
    void addError(const QString& text) { append(Severity::Error, text); }
    /// Shows entries at least this grave.
    void setLeast(Severity severity);
    /// Everything, whatever the filter shows.
    [[nodiscard]] QString toPlainText() const;
    /// What the filter shows.
    [[nodiscard]] QString shownText() const;
    void copy() const;
    /// Everything. Empty, or what went wrong.
    QString saveTo(const QString& path) const;

  signals:
    /// The user wants a file of it.
    void saveRequested();

  protected:
    void changeEvent(QEvent* event) override;

  private:
    struct Entry {
        QTime time;
        Severity severity = Severity::Information;
        QString text;
    };
    void append(Severity severity, const QString& text);
    void show(const Entry& entry);
    void showAll();
    static QString lineOf(const Entry& entry);

    QList<Entry> entries_;
    Severity least_ = Severity::Information;
    QPlainTextEdit* view_;
    QComboBox* filter_;
};

} // namespace qroar
