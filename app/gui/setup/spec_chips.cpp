#include "app/gui/setup/spec_chips.h"

#include "widgets/common/flow_layout.h"
#include "widgets/common/theme.h"
#include "widgets/common/toggle_button.h"

#include <QContextMenuEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QMenu>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {
constexpr char presetProperty[] = "preset";
constexpr char specProperty[] = "spec"; ///< the whole of it: what is shown may be shortened
constexpr int cornerRadius = 4;
constexpr int mostCharacters = 26; ///< of average width: a chip must not widen its dock

QString specOf(const QToolButton& button) {
    return button.property(specProperty).toString();
}
} // namespace

SpecChips::SpecChips(Check check, const QString& placeholder, QWidget* parent)
    : QWidget(parent), check_(std::move(check)), area_(new FlowArea(this)), field_(new QLineEdit(this)),
      add_(new QToolButton(this)), message_(new QLabel(this)) {
    field_->setPlaceholderText(placeholder);
    field_->setClearButtonEnabled(true);
    add_->setText(tr("Add"));
    add_->setToolTip(tr("Add what is typed here to the list (Enter)"));
    add_->setEnabled(false);
    message_->setWordWrap(true);
    message_->setObjectName(QStringLiteral("problem"));
    message_->setForegroundRole(noteRole(true));
    message_->hide();

    auto* row = new QHBoxLayout;
    row->setSpacing(4);
    row->addWidget(field_);
    row->addWidget(add_);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    column->addWidget(area_);
    column->addLayout(row);
    column->addWidget(message_);

    connect(field_, &QLineEdit::textChanged, this, &SpecChips::fieldEdited);
    connect(field_, &QLineEdit::returnPressed, this, &SpecChips::commitField);
    connect(add_, &QToolButton::clicked, this, &SpecChips::commitField);
}

void SpecChips::setFieldName(const QString& accessibleName) {
    field_->setAccessibleName(accessibleName);
}

QToolButton* SpecChips::chip(const QString& text) const {
    for (auto* button : area_->findChildren<QToolButton*>(Qt::FindDirectChildrenOnly))
        if (specOf(*button) == text) return button;
    return nullptr;
}

QToolButton* SpecChips::addChip(const QString& text, bool preset) {
    auto* button = new ToggleButton(area_, cornerRadius);
    button->setProperty(specProperty, text);
    button->setText(
        fontMetrics().elidedText(text, Qt::ElideMiddle, mostCharacters * fontMetrics().averageCharWidth()));
    button->setFocusPolicy(Qt::StrongFocus);
    button->setProperty(presetProperty, preset);
    button->setAccessibleName(text);
    button->setToolTip(preset ? tr("Include %1 in the run").arg(text)
                              : tr("Include %1 in the run; Delete removes it from the list").arg(text));
    button->installEventFilter(this);
    area_->layout()->addWidget(button);
    setTabOrder(field_->previousInFocusChain(), button); // behind the chips, before the field
    button->show();
    connect(button, &QToolButton::toggled, this, &SpecChips::changed);
    return button;
}

void SpecChips::removeChip(QToolButton* button) {
    area_->layout()->removeWidget(button);
    button->hide();
    button->setParent(nullptr);
    button->deleteLater();
    area_->updateGeometry();
    emit changed();
}

void SpecChips::setPresets(const QStringList& texts) {
    const QStringList checked = checkedTexts();
    for (auto* button : area_->findChildren<QToolButton*>(Qt::FindDirectChildrenOnly))
        if (button->property(presetProperty).toBool() && !button->isChecked()
            && !texts.contains(specOf(*button)))
            removeChip(button);
    for (const QString& text : texts)
        if (!chip(text)) addChip(text, true);
}

void SpecChips::setChecked(const QStringList& texts) {
    QStringList wanted;
    for (const QString& text : texts)
        if (auto canonical = check_(text.toStdString())) wanted << QString::fromStdString(*canonical);
    for (auto* button : area_->findChildren<QToolButton*>(Qt::FindDirectChildrenOnly))
        button->setChecked(wanted.contains(specOf(*button)));
    for (const QString& text : wanted)
        if (!chip(text)) addChip(text, false)->setChecked(true);
}

QStringList SpecChips::checkedTexts() const {
    QStringList texts;
    for (const auto* button : area_->findChildren<QToolButton*>(Qt::FindDirectChildrenOnly))
        if (button->isChecked()) texts << specOf(*button);
    return texts;
}

QString SpecChips::fieldProblem() const {
    const std::string text = field_->text().trimmed().toStdString();
    if (text.empty()) return {};
    auto canonical = check_(text);
    return canonical ? QString() : QString::fromStdString(canonical.error().message);
}

void SpecChips::fieldEdited(const QString& text) {
    const QString problem = fieldProblem();
    message_->setText(problem);
    message_->setVisible(!problem.isEmpty());
    field_->setAccessibleDescription(problem);
    add_->setEnabled(problem.isEmpty() && !text.trimmed().isEmpty());
    emit changed();
}

void SpecChips::commitField() {
    const std::string text = field_->text().trimmed().toStdString();
    if (text.empty()) return;
    auto canonical = check_(text);
    if (!canonical) return;
    const QString name = QString::fromStdString(*canonical);
    QToolButton* button = chip(name);
    if (!button) button = addChip(name, false);
    field_->clear();
    button->setChecked(true);
}

bool SpecChips::eventFilter(QObject* watched, QEvent* event) {
    auto* button = qobject_cast<QToolButton*>(watched);
    if (!button || button->property(presetProperty).toBool()) return QWidget::eventFilter(watched, event);
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Delete || key == Qt::Key_Backspace) {
            removeChip(button);
            return true;
        }
    } else if (event->type() == QEvent::ContextMenu) {
        QMenu menu(this);
        const QAction* remove = menu.addAction(tr("Remove %1").arg(specOf(*button)));
        if (menu.exec(static_cast<QContextMenuEvent*>(event)->globalPos()) == remove) removeChip(button);
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace qroar
