#include "app/gui/window/start_page.h"

#include "app/gui/setup/column_area.h"
#include "app/gui/window/appearance.h"
#include "app/gui/window/choice_button.h"

#include <QDir>
#include <QFileInfo>
#include <QLabel>
#include <QStyleOptionToolButton>
#include <QStylePainter>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

namespace {

constexpr int shownRecent = 4;
constexpr int widestBody = 560;

QLabel* heading(const QString& text, double scale) {
    auto* label = new QLabel(text);
    QFont font = label->font();
    font.setPointSizeF(font.pointSizeF() * scale);
    font.setBold(true);
    label->setFont(font);
    label->setWordWrap(true);
    return label;
}

/// A flat button whose name gives way in its middle, so that the end of a long name stays readable.
class ElidedButton : public QToolButton {
  public:
    ElidedButton(QString name, QString kind) : name_(std::move(name)), kind_(std::move(kind)) {
        setAutoRaise(true);
        setToolButtonStyle(Qt::ToolButtonTextOnly);
        setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
        setText(name_);
    }

  protected:
    void paintEvent(QPaintEvent*) override {
        QStylePainter painter(this);
        QStyleOptionToolButton option;
        initStyleOption(&option);
        option.text.clear();
        painter.drawComplexControl(QStyle::CC_ToolButton, option);
        const QRect room = rect().adjusted(6, 0, -6, 0);
        const int kindWidth = fontMetrics().horizontalAdvance(kind_);
        const QString name =
            fontMetrics().elidedText(name_, Qt::ElideMiddle, std::max(40, room.width() - kindWidth - 16));
        style()->drawItemText(&painter, room, Qt::AlignVCenter | Qt::AlignLeft, palette(), isEnabled(), name,
                              QPalette::ButtonText);
        style()->drawItemText(&painter, room, Qt::AlignVCenter | Qt::AlignRight, palette(), false, kind_,
                              QPalette::ButtonText);
    }

  private:
    QString name_, kind_;
};

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
        auto* button = new ChoiceButton(title, text);
        connect(button, &ChoiceButton::clicked, this, signal);
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
    add(tr("Open a &model..."), tr("Hugging Face folder, .safetensors, .gguf or llama2.c .bin file"),
        &StartPage::openModelRequested);
    add(tr("Open a s&ession..."), tr("Results of an earlier analysis (.h5)"),
        &StartPage::openSessionRequested);
    add(tr("Read the &handbook"), tr("A tour in five minutes, every formula with its source"),
        &StartPage::handbookRequested);
    column->addSpacing(8);
    column->addLayout(recent_);
    column->addSpacing(12);
    auto* hint = new QLabel(tr("Or drop a model folder, a session or text files anywhere on this window."));
    hint->setWordWrap(true);
    hint->setEnabled(false);
    column->addWidget(hint);

    auto* body = new QWidget;
    body->setMaximumWidth(widestBody);
    body->setLayout(column);
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(body, 20); // all of a narrow page
    row->addStretch(1);
    auto* content = new QWidget;
    auto* page = new QVBoxLayout(content); // a little above the middle, where the eye starts
    page->setContentsMargins(32, 24, 32, 24);
    page->addStretch(2);
    page->addLayout(row);
    page->addStretch(3);
    auto* scroll = new ColumnArea(this);
    scroll->setFocusPolicy(Qt::NoFocus); // it follows the focus of what is in it
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setWidget(content);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll);
}

void StartPage::updateIcons(const QPalette& palette) {
    const char* names[] = {"run", "model", "open", "handbook"}; // in the order of the choices
    for (qsizetype index = 0; index < choices_.size(); ++index)
        choices_[index]->setIcon(themedIcon(QLatin1String(names[index]), palette));
}

void StartPage::setRecent(const QStringList& sessions, const QStringList& models) {
    while (QLayoutItem* item = recent_->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    if (sessions.isEmpty() && models.isEmpty()) return;
    recent_->addWidget(heading(tr("Recent"), 1.1));
    for (const QString& path : sessions.mid(0, shownRecent))
        addRecent(path, tr("session"), &StartPage::sessionPicked);
    for (const QString& path : models.mid(0, shownRecent))
        addRecent(path, tr("model"), &StartPage::modelPicked);
}

void StartPage::addRecent(const QString& path, const QString& kind,
                          void (StartPage::*picked)(const QString&)) {
    const QFileInfo info(path);
    const bool there = info.exists();
    const QString name = QStringLiteral("%1/%2").arg(info.dir().dirName(), info.fileName());
    auto* line = new QWidget;
    auto* row = new QHBoxLayout(line);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(2);
    auto* open = new ElidedButton(name, there ? kind : tr("%1, not found").arg(kind));
    open->setToolTip(there
                         ? QDir::toNativeSeparators(path)
                         : tr("%1\nis not there any more: moved, renamed, or on a disk that is not mounted.")
                               .arg(QDir::toNativeSeparators(path)));
    open->setAccessibleName(tr("Open %1 %2").arg(kind, name));
    open->setEnabled(there);
    connect(open, &QToolButton::clicked, this, [this, picked, path] { emit(this->*picked)(path); });
    auto* remove = new QToolButton;
    remove->setAutoRaise(true);
    remove->setText(QStringLiteral("\u2715"));
    remove->setToolTip(tr("Remove from this list; the file stays"));
    remove->setAccessibleName(tr("Remove %1 from the list").arg(name));
    connect(
        remove, &QToolButton::clicked, this, [this, path] { emit removeRecentRequested(path); },
        Qt::QueuedConnection); // the row goes
    row->addWidget(open, 1);
    row->addWidget(remove);
    recent_->addWidget(line);
}

} // namespace qroar
