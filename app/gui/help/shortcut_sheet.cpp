#include "app/gui/help/shortcut_sheet.h"

#include "app/gui/help/action_list.h"
#include "widgets/common/cell_tips.h"

#include <QDialogButtonBox>
#include <QHash>
#include <QHeaderView>
#include <QLineEdit>
#include <QMainWindow>
#include <QTreeWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {

/// What plots do by themselves: no action has these keys.
QList<std::pair<QString, QString>> plotKeys() {
    return {{ShortcutSheet::tr("Select the neighbouring cell of a map"), ShortcutSheet::tr("Arrow keys")},
            {ShortcutSheet::tr("Move the focused band edge"), ShortcutSheet::tr("Left, Right")},
            {ShortcutSheet::tr("Reset the zoom"), ShortcutSheet::tr("Home, double click")},
            {ShortcutSheet::tr("Zoom: both axes, x only, y only"),
             ShortcutSheet::tr("Wheel, Ctrl+wheel, Shift+wheel")},
            {ShortcutSheet::tr("Zoom into a rectangle"), ShortcutSheet::tr("Right button and drag")},
            {ShortcutSheet::tr("Next or previous control"), ShortcutSheet::tr("Tab, Shift+Tab")}};
}

} // namespace

ShortcutSheet::ShortcutSheet(const QMainWindow& window, QWidget* parent)
    : QDialog(parent), table_(new QTreeWidget) {
    setObjectName(QStringLiteral("shortcutSheet"));
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Keyboard shortcuts"));
    auto* search = new QLineEdit;
    search->setPlaceholderText(tr("Find by name or keys"));
    search->setAccessibleName(tr("Find a shortcut"));
    table_->setColumnCount(2);
    CellTips::watch(table_);
    table_->setHeaderLabels({tr("Action"), tr("Keys")});
    table_->setRootIsDecorated(false);
    table_->setAlternatingRowColors(true);
    table_->setAccessibleName(tr("Keyboard shortcuts"));
    fill(window);
    table_->header()->setStretchLastSection(false);
    table_->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    table_->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    connect(search, &QLineEdit::textChanged, this, &ShortcutSheet::filter);
    auto* column = new QVBoxLayout(this);
    column->addWidget(search);
    column->addWidget(table_);
    column->addWidget(buttons);
    resize(520, 600);
}

void ShortcutSheet::fill(const QMainWindow& window) {
    QHash<QString, QTreeWidgetItem*> sections;
    const auto add = [&](const QString& section, const QString& text, const QString& keys) {
        QTreeWidgetItem*& head = sections[section];
        if (!head) {
            head = new QTreeWidgetItem(table_, {section});
            QFont bold = table_->font();
            bold.setBold(true);
            head->setFont(0, bold);
            head->setFlags(Qt::ItemIsEnabled);
        }
        auto* row = new QTreeWidgetItem(head, {text, keys});
        row->setToolTip(0, text);
    };
    for (const ListedAction& one : listActions(window))
        if (!one.keys.isEmpty()) add(one.section, one.text, one.keys);
    for (const auto& [text, keys] : plotKeys()) add(tr("In plots"), text, keys);
    table_->expandAll();
}

void ShortcutSheet::filter(const QString& text) {
    const QStringList words = text.simplified().split(' ', Qt::SkipEmptyParts);
    for (int index = 0; index < table_->topLevelItemCount(); ++index) {
        QTreeWidgetItem* section = table_->topLevelItem(index);
        int shown = 0;
        for (int row = 0; row < section->childCount(); ++row) {
            QTreeWidgetItem* item = section->child(row);
            const QString all = item->text(0) + ' ' + item->text(1) + ' ' + section->text(0);
            const bool fits = std::all_of(words.begin(), words.end(), [&all](const QString& word) {
                return all.contains(word, Qt::CaseInsensitive);
            });
            item->setHidden(!fits);
            shown += fits ? 1 : 0;
        }
        section->setHidden(shown == 0);
    }
}

} // namespace qroar
