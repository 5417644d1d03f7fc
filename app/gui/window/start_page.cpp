#include "app/gui/window/start_page.h"

#include "app/gui/window/appearance.h"

#include <QCommandLinkButton>
#include <QDir>
#include <QFileInfo>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

namespace qroar {

namespace {

constexpr int shownRecent = 4;

QLabel* heading(const QString& text, double scale) {
    auto* label = new QLabel(text);
    QFont font = label->font();
    font.setPointSizeF(font.pointSizeF() * scale);
    font.setBold(true);
    label->setFont(font);
    return label;
}

} // namespace

StartPage::StartPage(bool sampleAvailable, QWidget* parent) : QWidget(parent), recent_(new QVBoxLayout) {
    auto* column = new QVBoxLayout;
    column->setSpacing(6);
    auto* head = new QHBoxLayout;
    head->setSpacing(14);
    auto* logo = new QLabel;
    logo->setPixmap(QIcon(QStringLiteral(":/icons/qroar-workbench.svg")).pixmap(56, 56));
    head->addWidget(logo);
    head->addWidget(heading(tr("Q-ROAR Workbench"), 2.1), 1);
    column->addLayout(head);
    auto* about = new QLabel(tr("Shows where RoPE position interpolation and weight quantization hurt each "
                                "other: per layer, per frequency band, per context length."));
    about->setWordWrap(true);
    column->addWidget(about);
    column->addSpacing(12);

    auto add = [this, column](const QString& title, const QString& text, void (StartPage::*signal)()) {
        auto* button = new QCommandLinkButton(title, text);
        connect(button, &QCommandLinkButton::clicked, this, signal);
        column->addWidget(button);
        choices_ << button;
        return button;
    };
    auto* sample =
        add(tr("Try the &sample"), tr("A small trained model and texts that come with the program"),
            &StartPage::sampleRequested);
    sample->setObjectName(QStringLiteral("sampleButton"));
    sample->setEnabled(sampleAvailable);
    if (!sampleAvailable) sample->setDescription(tr("The samples were not installed with this program"));
    add(tr("Open a &model..."), tr("Hugging Face folder, .safetensors file or llama2.c .bin"),
        &StartPage::openModelRequested);
    add(tr("Open a s&ession..."), tr("Results of an earlier analysis (.h5)"),
        &StartPage::openSessionRequested);
    column->addSpacing(8);
    column->addLayout(recent_);
    column->addSpacing(12);
    auto* hint = new QLabel(tr("Or drop a model folder, a session or text files anywhere on this window."));
    hint->setWordWrap(true);
    hint->setEnabled(false);
    column->addWidget(hint);

    auto* body = new QWidget;
    body->setMaximumWidth(560);
    body->setLayout(column);
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(body, 4);
    row->addStretch(1);
    auto* page = new QVBoxLayout(this); // a little above the middle, where the eye starts
    page->setContentsMargins(32, 24, 32, 24);
    page->addStretch(2);
    page->addLayout(row);
    page->addStretch(3);
}

void StartPage::updateIcons(const QPalette& palette) {
    const char* names[] = {"run", "model", "open"}; // in the order of the choices
    for (qsizetype index = 0; index < choices_.size(); ++index) {
        choices_[index]->setIcon(themedIcon(QLatin1String(names[index]), palette));
        choices_[index]->setIconSize({22, 22});
    }
}

void StartPage::setRecent(const QStringList& sessions, const QStringList& models) {
    while (QLayoutItem* item = recent_->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    if (sessions.isEmpty() && models.isEmpty()) return;
    recent_->addWidget(heading(tr("Recent"), 1.1));
    auto add = [this](const QString& path, const QString& kind, void (StartPage::*signal)(const QString&)) {
        const QFileInfo info(path);
        auto* button = new QToolButton;
        button->setAutoRaise(true);
        button->setToolButtonStyle(Qt::ToolButtonTextOnly);
        button->setText(QStringLiteral("%1/%2   %3").arg(info.dir().dirName(), info.fileName(), kind));
        button->setToolTip(path);
        button->setEnabled(info.exists());
        connect(button, &QToolButton::clicked, this, [this, signal, path] { emit(this->*signal)(path); });
        recent_->addWidget(button, 0, Qt::AlignLeft);
    };
    for (const QString& path : sessions.mid(0, shownRecent))
        add(path, tr("session"), &StartPage::sessionPicked);
    for (const QString& path : models.mid(0, shownRecent)) add(path, tr("model"), &StartPage::modelPicked);
}

} // namespace qroar
