// HandbookWindow: the handbook beside the work: contents, full-text search, back and forward, links between
// pages and to sections. Not modal. Not here: what the pages say (resources/help), which section explains a
// view (panel_help.h).
#pragma once

#include "app/gui/help/handbook.h"

#include <QDialog>
#include <QTextBrowser>

class QLineEdit;
class QListWidget;
class QStackedWidget;
class QToolButton;
class QTreeWidget;

namespace qroar {

/// A browser of Markdown pages whose headings are anchors.
class HandbookPage : public QTextBrowser {
    Q_OBJECT

  public:
    explicit HandbookPage(QWidget* parent = nullptr);
    /// Marks these words; empty: nothing.
    void mark(const QStringList& words);
    QVariant loadResource(int type, const QUrl& name) override;

  protected:
    void doSetSource(const QUrl& name, QTextDocument::ResourceType type) override;
    void changeEvent(QEvent* event) override;

  private:
    void nameHeadings();
    QStringList marked_;
    QColor base_; ///< that the page was laid out on
};

class HandbookWindow : public QDialog {
    Q_OBJECT

  public:
    explicit HandbookWindow(QWidget* parent = nullptr);
    /// Shows the window at a section; an empty anchor is the head of the page.
    void showSection(const QString& page, const QString& anchor = {});
    [[nodiscard]] const Handbook& handbook() const { return handbook_; }
    [[nodiscard]] HandbookPage& page() const { return *page_; }
    /// Where the page stands: "theory.md#search".
    [[nodiscard]] QString place() const;

  private:
    void build();
    void connectParts();
    void buildContents();
    void showHits(const QString& query);
    void followPage(const QUrl& source);

    Handbook handbook_;
    QLineEdit* search_ = nullptr;
    QStackedWidget* side_ = nullptr;
    QTreeWidget* contents_ = nullptr;
    QListWidget* hits_ = nullptr;
    HandbookPage* page_ = nullptr;
    QToolButton *back_ = nullptr, *forward_ = nullptr;
};

} // namespace qroar
