#include "widgets/common/empty_text.h"

#include <QEvent>
#include <QRegularExpression>

#include <algorithm>

namespace qroar {

namespace {
constexpr int wideMargin = 24, narrowMargin = 4; // pixels
}

QString withNamesWhole(const QString& text, const QFontMetrics& metrics, int room) {
    static const QRegularExpression joint(QStringLiteral("([-:=/])(?=\\S)"));
    QStringList words = text.split(u' ');
    for (QString& word : words)
        word.replace(joint, metrics.horizontalAdvance(word) <= room ? QStringLiteral("\\1\u2060")
                                                                    : QStringLiteral("\\1\u200b"));
    return words.join(u' ');
}

EmptyText::EmptyText(QWidget* parent) : QLabel(parent) {
    setAlignment(Qt::AlignCenter);
    setWordWrap(true);
    setTextFormat(Qt::PlainText);
    setMargin(wideMargin);
}

void EmptyText::setFullText(const QString& text) {
    full_ = text;
    setToolTip(text);
    setAccessibleName(text);
    fit();
}

QSize EmptyText::minimumSizeHint() const {
    return {60, fontMetrics().height() + 2 * narrowMargin};
}

void EmptyText::resizeEvent(QResizeEvent* event) {
    QLabel::resizeEvent(event);
    fit();
}

void EmptyText::changeEvent(QEvent* event) {
    QLabel::changeEvent(event);
    if (event->type() == QEvent::FontChange) fit();
}

void EmptyText::fit() {
    const QString text = withNamesWhole(full_, fontMetrics(), std::max(1, width() - 2 * narrowMargin - 4));
    const auto fits = [this](const QString& part, int margin) {
        const QRect room(0, 0, std::max(1, width() - 2 * margin - 4), 1 << 20);
        return fontMetrics().boundingRect(room, Qt::TextWordWrap, part).height() <= height() - 2 * margin;
    };
    const bool whole = text.isEmpty() || fits(text, wideMargin);
    setMargin(whole ? wideMargin : narrowMargin);
    if (whole || fits(text, narrowMargin)) {
        if (this->text() != text) setText(text);
        return;
    }
    const auto cut = [&text](qsizetype length) { return text.left(length).trimmed() + QChar(0x2026); };
    qsizetype fitting = 0, tooLong = text.size();
    while (tooLong - fitting > 1) {
        const qsizetype middle = (fitting + tooLong) / 2;
        (fits(cut(middle), narrowMargin) ? fitting : tooLong) = middle;
    }
    const qsizetype word = text.lastIndexOf(u' ', fitting);
    setText(cut(word > fitting / 2 ? word : fitting));
}

} // namespace qroar
