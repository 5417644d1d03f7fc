#include "app/gui/help/help_center.h"

#include "app/gui/help/command_palette.h"
#include "app/gui/help/handbook_window.h"
#include "app/gui/help/panel_help.h"
#include "app/gui/help/shortcut_sheet.h"
#include "widgets/panels/diagnostic_panel.h"

#include <QApplication>
#include <QMainWindow>

namespace qroar {

namespace {

constexpr int mostFormulaRows = 8;

} // namespace

HelpCenter::HelpCenter(QMainWindow* window) : QObject(window), window_(window) {}

HelpCenter::~HelpCenter() = default;

HandbookWindow* HelpCenter::handbookWindow() const {
    return handbookWindow_;
}

void HelpCenter::showForFocus() {
    showFor(QApplication::focusWidget());
}

void HelpCenter::showFor(const QWidget* widget) {
    const HelpTopic topic = topicOf(widget);
    showHandbook(topic.page, topic.anchor);
}

void HelpCenter::showHandbook(const QString& page, const QString& anchor) {
    if (!handbookWindow_) handbookWindow_ = new HandbookWindow(window_);
    handbookWindow_->showSection(page, anchor);
}

void HelpCenter::showShortcuts() {
    if (!shortcuts_) shortcuts_ = new ShortcutSheet(*window_, window_);
    shortcuts_->show();
    shortcuts_->raise();
    shortcuts_->activateWindow();
}

void HelpCenter::showCommands() {
    if (commands_) commands_->close();
    commands_ = new CommandPalette(*window_, window_);
    commands_->move(
        window_->mapToGlobal(QPoint((window_->width() - commands_->width()) / 2, window_->height() / 8)));
    commands_->show();
    commands_->activateWindow();
}

const Handbook& HelpCenter::handbook() {
    if (!texts_) texts_ = std::make_unique<Handbook>();
    return *texts_;
}

QString HelpCenter::explanation(const DiagnosticPanel& panel, const Handbook& handbook) {
    const HelpTopic topic = topicOf(panel);
    QString body;
    if (const QString own = panel.formula(); !own.isEmpty()) {
        body = QStringLiteral("<p>%1</p>").arg(own.toHtmlEscaped());
    } else if (const HandbookSection* section = handbook.find(topic.page, topic.anchor)) {
        body = section->formula(mostFormulaRows); // tags and all: it is the handbook's
    }
    return QStringLiteral("<p><b>%1</b></p>%2<p>%3</p>")
        .arg(panel.title().toHtmlEscaped(), body,
             tr("Click, or F1: handbook, %1").arg(topic.name.toHtmlEscaped()));
}

void HelpCenter::attach(DiagnosticPanel* panel) {
    panel->setHelpSource([this](const DiagnosticPanel& one) { return explanation(one, handbook()); });
    connect(panel, &DiagnosticPanel::helpRequested, this, [this, panel] { showFor(panel); });
}

} // namespace qroar
