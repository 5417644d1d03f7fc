#include "app/gui/help/handbook_window.h"

#include "widgets/common/cell_tips.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QImage>
#include <QLineEdit>
#include <QListWidget>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStackedWidget>
#include <QTextBlock>
#include <QToolButton>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace qroar {

namespace {

enum Role { PageRole = Qt::UserRole, AnchorRole };

QUrl urlOf(const QString& page, const QString& anchor) {
    QUrl url(QStringLiteral("qrc:/help/") + page);
    if (!anchor.isEmpty()) url.setFragment(anchor);
    return url;
}

QToolButton* stepButton(const QString& sign, const QString& tip, const QKeySequence& keys) {
    auto* button = new QToolButton;
    button->setText(sign);
    button->setToolTip(QStringLiteral("%1 (%2)").arg(tip, keys.toString(QKeySequence::NativeText)));
    button->setAccessibleName(tip);
    button->setShortcut(keys);
    button->setAutoRaise(true);
    button->setEnabled(false);
    return button;
}

} // namespace

HandbookPage::HandbookPage(QWidget* parent) : QTextBrowser(parent) {
    setAccessibleName(tr("Page of the handbook"));
    setOpenExternalLinks(true);
    document()->setDocumentMargin(12);
    base_ = palette().color(QPalette::Base);
    connect(this, &QTextBrowser::sourceChanged, this, [this] {
        nameHeadings();
        mark(marked_);
    });
}

/// Pictures come in a light and a dark form: NAME-light.png, NAME-dark.png.
QVariant HandbookPage::loadResource(int type, const QUrl& name) {
    if (type == QTextDocument::ImageResource) {
        QString file = name.fileName();
        if (palette().color(QPalette::Base).lightness() < 128)
            file.replace(QStringLiteral("-light."), QStringLiteral("-dark."));
        QImage image(QStringLiteral(":/screenshots/") + file);
        if (image.isNull()) image = QImage(QStringLiteral(":/screenshots/") + name.fileName());
        const int room = std::max(320, viewport()->width() - 60);
        if (image.width() > room) image = image.scaledToWidth(room, Qt::SmoothTransformation);
        if (!image.isNull()) return image;
    }
    return QTextBrowser::loadResource(type, name);
}

void HandbookPage::doSetSource(const QUrl& name, QTextDocument::ResourceType type) {
    // Qt's reader of Markdown lays the page out after every word that it inserts: once, at the end, is
    // enough.
    document()->setLayoutEnabled(false);
    QTextBrowser::doSetSource(name, type);
    nameHeadings();
    document()->setLayoutEnabled(true);
    document()->markContentsDirty(0, document()->characterCount());
    if (name.hasFragment()) scrollToAnchor(name.fragment());
}

/// Qt's reader of Markdown gives headings no anchors.
void HandbookPage::nameHeadings() {
    QStringList used;
    for (QTextBlock block = document()->begin(); block.isValid(); block = block.next()) {
        const int level = block.blockFormat().headingLevel();
        if (level < 2 || block.text().isEmpty()) continue;
        const QString anchor = Handbook::anchorOf(block.text());
        const auto before = used.count(anchor);
        used << anchor;
        QTextCursor cursor(block);
        cursor.movePosition(QTextCursor::NextCharacter, QTextCursor::KeepAnchor);
        QTextCharFormat format;
        format.setAnchor(true);
        format.setAnchorNames({before == 0 ? anchor : QStringLiteral("%1-%2").arg(anchor).arg(before)});
        cursor.mergeCharFormat(format);
    }
}

void HandbookPage::mark(const QStringList& words) {
    marked_ = words;
    QList<QTextEdit::ExtraSelection> selections;
    QTextCharFormat format;
    const bool dark = palette().color(QPalette::Base).lightness() < 128;
    format.setBackground(dark ? QColor("#6b5a1e") : QColor("#ffe9a8"));
    for (const QString& word : words)
        for (QTextCursor at = document()->find(word); !at.isNull() && selections.size() < 500;
             at = document()->find(word, at))
            selections << QTextEdit::ExtraSelection{at, format};
    setExtraSelections(selections);
}

void HandbookPage::changeEvent(QEvent* event) {
    QTextBrowser::changeEvent(event);
    const QColor base = palette().color(QPalette::Base);
    if (event->type() != QEvent::PaletteChange || source().isEmpty() || base == base_) return;
    base_ = base;
    const int place = verticalScrollBar()->value(); // colours of links and pictures are the page's
    reload();
    nameHeadings();
    verticalScrollBar()->setValue(place);
}

HandbookWindow::HandbookWindow(QWidget* parent) : QDialog(parent) {
    build();
    connectParts();
    buildContents();
}

void HandbookWindow::build() {
    setObjectName(QStringLiteral("handbook"));
    setWindowTitle(tr("Handbook"));
    setWindowFlag(Qt::WindowMinMaxButtonsHint);
    page_ = new HandbookPage;
    search_ = new QLineEdit;
    search_->setPlaceholderText(tr("Search the handbook"));
    search_->setAccessibleName(tr("Search the handbook"));
    search_->setClearButtonEnabled(true);
    for (QToolButton* inner : search_->findChildren<QToolButton*>()) inner->setAccessibleName(tr("Clear"));
    contents_ = new QTreeWidget;
    contents_->setHeaderHidden(true);
    CellTips::watch(contents_);
    contents_->setAccessibleName(tr("Contents"));
    hits_ = new QListWidget;
    hits_->setWordWrap(true);
    hits_->setAccessibleName(tr("Sections found"));
    side_ = new QStackedWidget;
    side_->addWidget(contents_);
    side_->addWidget(hits_);
    back_ = stepButton(QStringLiteral("\u2190"), tr("Back"), QKeySequence(Qt::ALT | Qt::Key_Left));
    forward_ = stepButton(QStringLiteral("\u2192"), tr("Forward"), QKeySequence(Qt::ALT | Qt::Key_Right));

    auto* top = new QHBoxLayout;
    top->addWidget(back_);
    top->addWidget(forward_);
    top->addWidget(search_, 1);
    auto* left = new QWidget;
    auto* column = new QVBoxLayout(left);
    column->setContentsMargins(0, 0, 0, 0);
    column->addLayout(top);
    column->addWidget(side_, 1);
    auto* both = new QSplitter;
    both->addWidget(left);
    both->addWidget(page_);
    both->setStretchFactor(1, 1);
    both->setSizes({260, 640});
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(8, 8, 8, 8);
    outer->addWidget(both);
    resize(920, 660);
}

void HandbookWindow::connectParts() {
    auto* find = new QAction(tr("Search"), this);
    find->setShortcut(QKeySequence::Find);
    connect(find, &QAction::triggered, this, [this] {
        search_->setFocus(Qt::ShortcutFocusReason);
        search_->selectAll();
    });
    addAction(find);
    connect(search_, &QLineEdit::textChanged, this, &HandbookWindow::showHits);
    connect(search_, &QLineEdit::returnPressed, this, [this] {
        if (side_->currentWidget() == hits_ && hits_->count() > 0) hits_->setCurrentRow(0);
    });
    connect(back_, &QToolButton::clicked, page_, &QTextBrowser::backward);
    connect(forward_, &QToolButton::clicked, page_, &QTextBrowser::forward);
    connect(page_, &QTextBrowser::backwardAvailable, back_, &QWidget::setEnabled);
    connect(page_, &QTextBrowser::forwardAvailable, forward_, &QWidget::setEnabled);
    connect(page_, &QTextBrowser::sourceChanged, this, &HandbookWindow::followPage);
}

void HandbookWindow::buildContents() {
    QTreeWidgetItem *page = nullptr, *section = nullptr;
    for (const HandbookSection& one : handbook_.sections()) {
        QTreeWidgetItem* item = one.level == 1               ? new QTreeWidgetItem(contents_)
                                : one.level == 2 || !section ? new QTreeWidgetItem(page)
                                                             : new QTreeWidgetItem(section);
        if (one.level == 1) page = item;
        if (one.level < 3) section = one.level == 1 ? nullptr : item;
        item->setText(0, one.level == 1 ? one.pageTitle : one.title);
        item->setToolTip(0, one.title);
        item->setData(0, PageRole, one.page);
        item->setData(0, AnchorRole, one.anchor);
    }
    connect(contents_, &QTreeWidget::currentItemChanged, this, [this](const QTreeWidgetItem* item) {
        if (!item) return;
        page_->mark({});
        page_->setSource(urlOf(item->data(0, PageRole).toString(), item->data(0, AnchorRole).toString()));
    });
    connect(hits_, &QListWidget::currentItemChanged, this, [this](const QListWidgetItem* item) {
        if (!item || item->data(PageRole).isNull()) return; // nothing found
        page_->setSource(urlOf(item->data(PageRole).toString(), item->data(AnchorRole).toString()));
        page_->mark(search_->text().simplified().split(' ', Qt::SkipEmptyParts));
    });
}

void HandbookWindow::showHits(const QString& query) {
    const QSignalBlocker quiet(hits_);
    hits_->clear();
    const bool asked = query.trimmed().size() > 1;
    side_->setCurrentWidget(asked ? static_cast<QWidget*>(hits_) : contents_);
    if (!asked) {
        page_->mark({});
        return;
    }
    for (const Handbook::Hit& hit : handbook_.search(query)) {
        const HandbookSection& section = handbook_.sections()[hit.section];
        const QString place = section.level == 1
                                  ? section.pageTitle
                                  : QStringLiteral("%1 \u203a %2").arg(section.pageTitle, section.title);
        auto* item = new QListWidgetItem(place + '\n' + hit.excerpt, hits_);
        item->setData(PageRole, section.page);
        item->setData(AnchorRole, section.anchor);
    }
    if (hits_->count() > 0) return;
    auto* none = new QListWidgetItem(tr("Nothing found: try another word, or fewer."), hits_);
    none->setFlags(Qt::NoItemFlags);
}

/// The contents show where the page stands, however it got there.
void HandbookWindow::followPage(const QUrl& source) {
    const QString page = source.fileName(), anchor = source.fragment(); // source() is still where it was
    const QSignalBlocker quiet(contents_);
    for (QTreeWidgetItemIterator item(contents_); *item; ++item)
        if ((*item)->data(0, PageRole) == page && (*item)->data(0, AnchorRole).toString() == anchor) {
            contents_->setCurrentItem(*item);
            (*item)->setExpanded(true);
            return;
        }
}

void HandbookWindow::showSection(const QString& page, const QString& anchor) {
    show();
    raise();
    activateWindow();
    const HandbookSection* section = handbook_.find(page, anchor);
    page_->setSource(urlOf(page, section ? section->anchor : QString()));
    page_->setFocus(Qt::OtherFocusReason);
}

QString HandbookWindow::place() const {
    const QString anchor = page_->source().fragment();
    return page_->source().fileName() + (anchor.isEmpty() ? QString() : '#' + anchor);
}

} // namespace qroar
