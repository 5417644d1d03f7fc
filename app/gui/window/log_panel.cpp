#include "app/gui/window/log_panel.h"

#include "app/gui/window/appearance.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QSaveFile>
#include <QTextCursor>
#include <QToolButton>

namespace qroar {

namespace {

constexpr qsizetype mostEntries = 5000;

QColor colorOf(LogPanel::Severity severity, const QPalette& palette) {
    switch (severity) {
    case LogPanel::Severity::Error:
        return Appearance::problemColor(palette);
    case LogPanel::Severity::Warning:
        return Appearance::isDark(palette) ? QColor("#f0c35c") : QColor("#7a5200");
    default:
        return palette.color(QPalette::Text);
    }
}

} // namespace

LogPanel::LogPanel(QWidget* parent) : QWidget(parent), view_(new QPlainTextEdit), filter_(new QComboBox) {
    view_->setReadOnly(true);
    view_->setFrameShape(QFrame::NoFrame);
    view_->setPlaceholderText(tr("What the workbench does is listed here."));
    view_->setAccessibleName(tr("Log"));
    view_->setTabChangesFocus(true);
    filter_->addItems({tr("Everything"), tr("Warnings and errors"), tr("Errors")}); // as in Severity
    filter_->setAccessibleName(tr("How grave"));
    filter_->setToolTip(tr("Which entries are shown"));
    filter_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    const auto button = [](const QString& text, const QString& tip) {
        auto* made = new QToolButton;
        made->setText(text);
        made->setToolTip(tip);
        made->setAutoRaise(true);
        return made;
    };
    QToolButton* copyButton = button(tr("Copy"), tr("Copy what is shown to the clipboard"));
    QToolButton* saveButton = button(tr("Save..."), tr("Save everything as a text file"));
    auto* side = new QVBoxLayout;
    side->setContentsMargins(4, 4, 4, 4);
    side->setSpacing(2);
    side->addWidget(filter_);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(copyButton);
    buttons->addWidget(saveButton);
    buttons->addStretch(1);
    side->addLayout(buttons);
    side->addStretch(1);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    row->addWidget(view_, 1);
    row->addLayout(side);
    connect(filter_, &QComboBox::currentIndexChanged, this,
            [this](int index) { setLeast(static_cast<Severity>(index)); });
    connect(copyButton, &QToolButton::clicked, this, &LogPanel::copy);
    connect(saveButton, &QToolButton::clicked, this, &LogPanel::saveRequested);
}

QString LogPanel::lineOf(const Entry& entry) {
    const QString kind = entry.severity == Severity::Error     ? tr("Error: ")
                         : entry.severity == Severity::Warning ? tr("Warning: ")
                                                               : QString();
    return entry.time.toString(QStringLiteral("HH:mm:ss  ")) + kind
           + QString(entry.text).replace('\n', QStringLiteral("\n          "));
}

void LogPanel::append(Severity severity, const QString& text) {
    if (entries_.size() >= mostEntries) {
        entries_.removeFirst();
        view_->setMaximumBlockCount(static_cast<int>(mostEntries));
    }
    entries_ << Entry{QTime::currentTime(), severity, text};
    show(entries_.last());
}

void LogPanel::show(const Entry& entry) {
    if (entry.severity < least_) return;
    view_->appendPlainText(lineOf(entry));
    QTextCharFormat format;
    format.setForeground(colorOf(entry.severity, palette()));
    QTextCursor cursor(view_->document()->lastBlock());
    const auto lines = entry.text.count('\n');
    for (qsizetype line = 0; line < lines; ++line) cursor.movePosition(QTextCursor::PreviousBlock);
    cursor.movePosition(QTextCursor::End, QTextCursor::KeepAnchor);
    cursor.mergeCharFormat(format);
}

void LogPanel::showAll() {
    view_->clear();
    for (const Entry& entry : std::as_const(entries_)) show(entry);
}

void LogPanel::setLeast(Severity severity) {
    if (severity == least_) return;
    least_ = severity;
    filter_->setCurrentIndex(static_cast<int>(severity));
    showAll();
}

QString LogPanel::toPlainText() const {
    QStringList lines;
    for (const Entry& entry : entries_) lines << lineOf(entry);
    return lines.join('\n');
}

QString LogPanel::shownText() const {
    return view_->toPlainText();
}

void LogPanel::copy() const {
    QApplication::clipboard()->setText(shownText());
}

QString LogPanel::saveTo(const QString& path) const {
    QSaveFile file(path);
    const QByteArray text = toPlainText().toUtf8() + '\n';
    if (file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit()) return {};
    return tr("%1 cannot be written: %2").arg(path, file.errorString());
}

void LogPanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && view_) showAll();
}

} // namespace qroar
