// StartPage: what the window shows before there is anything to look at: the ways to begin, and recent files.
#pragma once

#include <QWidget>

class QVBoxLayout;

namespace qroar {

class ChoiceButton;

class StartPage : public QWidget {
    Q_OBJECT

  public:
    /// `sampleAvailable`: offer the sample model and texts.
    explicit StartPage(bool sampleAvailable, QWidget* parent = nullptr);
    /// In the text colour of `palette`.
    void updateIcons(const QPalette& palette);
    /// The newest of both kinds; what is no longer there is greyed and says so.
    void setRecent(const QStringList& sessions, const QStringList& models);

  signals:
    void sampleRequested();
    void openModelRequested();
    void openSessionRequested();
    void handbookRequested();
    void sessionPicked(const QString& path);
    void modelPicked(const QString& path);
    void removeRecentRequested(const QString& path);

  private:
    void addRecent(const QString& path, const QString& kind, void (StartPage::*picked)(const QString&));
    QVBoxLayout* recent_;
    QList<ChoiceButton*> choices_;
};

} // namespace qroar
