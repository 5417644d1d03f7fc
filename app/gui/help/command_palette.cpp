#include "app/gui/help/command_palette.h"

#include "app/gui/help/action_list.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QMainWindow>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {

enum Role { ActionRole = Qt::UserRole, SearchRole };

bool isUsable(const QListWidgetItem* item) {
    return item && !item->isHidden() && item->flags().testFlag(Qt::ItemIsEnabled);
}

} // namespace

CommandPalette::CommandPalette(const QMainWindow& window, QWidget* parent)
    : QDialog(parent), field_(new QLineEdit), list_(new QListWidget) {
    setObjectName(QStringLiteral("commandPalette"));
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Commands"));
    field_->setPlaceholderText(tr("Type what you want to do"));
    field_->setAccessibleName(tr("Find a command"));
    list_->setAccessibleName(tr("Commands"));
    for (const ListedAction& one : listActions(window)) {
        if (!one.everywhere || !one.action) continue;
        QString text = QStringLiteral("%1   (%2)").arg(one.text, one.section);
        if (!one.keys.isEmpty()) text += QStringLiteral("   ") + one.keys;
        auto* item = new QListWidgetItem(text, list_);
        item->setData(ActionRole, QVariant::fromValue(static_cast<QObject*>(one.action.data())));
        item->setData(SearchRole, one.text + ' ' + one.section);
        if (!one.action->isEnabled()) item->setFlags(Qt::NoItemFlags);
    }
    auto* column = new QVBoxLayout(this);
    column->addWidget(field_);
    column->addWidget(list_);
    resize(520, 380);
    field_->installEventFilter(this);
    connect(field_, &QLineEdit::textChanged, this, &CommandPalette::find);
    connect(field_, &QLineEdit::returnPressed, this, &CommandPalette::run);
    connect(list_, &QListWidget::itemActivated, this, &CommandPalette::run);
    find({});
}

void CommandPalette::find(const QString& text) {
    const QStringList words = text.simplified().split(' ', Qt::SkipEmptyParts);
    QListWidgetItem* first = nullptr;
    for (int row = 0; row < list_->count(); ++row) {
        QListWidgetItem* item = list_->item(row);
        const QString all = item->data(SearchRole).toString();
        item->setHidden(!std::all_of(words.begin(), words.end(), [&all](const QString& word) {
            return all.contains(word, Qt::CaseInsensitive);
        }));
        if (!first && isUsable(item)) first = item;
    }
    list_->setCurrentItem(first);
}

void CommandPalette::run() {
    const QListWidgetItem* item = list_->currentItem();
    if (!isUsable(item)) return;
    QPointer<QAction> action = qobject_cast<QAction*>(item->data(ActionRole).value<QObject*>());
    close();
    // After the palette has given the keyboard back to the window.
    if (action)
        QTimer::singleShot(0, action, [action] {
            if (action && action->isEnabled()) action->trigger();
        });
}

/// The arrow keys move in the list while the field has the keyboard.
bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (watched != field_ || event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
    const int key = static_cast<QKeyEvent*>(event)->key();
    const int step = key == Qt::Key_Down ? 1 : key == Qt::Key_Up ? -1 : 0;
    if (step == 0) return QDialog::eventFilter(watched, event);
    for (int row = list_->currentRow() + step; row >= 0 && row < list_->count(); row += step)
        if (isUsable(list_->item(row))) {
            list_->setCurrentRow(row);
            break;
        }
    return true;
}

} // namespace qroar
