#include "app/gui/window/drop_overlay.h"

#include "app/gui/setup/dropped_paths.h"
#include "app/gui/window/appearance.h"
#include "widgets/common/number_format.h"

#include <QFileInfo>
#include <QPainter>

namespace qroar {

DropOverlay::DropOverlay(QWidget* window) : QWidget(window) {
    setObjectName(QStringLiteral("dropOverlay"));
    setAttribute(Qt::WA_TransparentForMouseEvents); // the drop goes to the window
    hide();
}

void DropOverlay::show(const QString& text, bool welcome) {
    text_ = text;
    welcome_ = welcome;
    setAccessibleName(text);
    setGeometry(parentWidget()->rect());
    raise();
    setVisible(true);
    update();
}

void DropOverlay::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor veil = palette().color(QPalette::Window);
    veil.setAlpha(215);
    painter.fillRect(rect(), veil);
    const QColor line = welcome_ ? palette().color(QPalette::Highlight) : Appearance::problemColor(palette());
    painter.setPen(QPen(line, 2, Qt::DashLine));
    painter.drawRoundedRect(QRectF(rect()).adjusted(16, 16, -16, -16), 10, 10);
    QFont large = font();
    large.setPointSizeF(large.pointSizeF() * 1.5);
    painter.setFont(large);
    painter.setPen(welcome_ ? palette().color(QPalette::WindowText) : line);
    painter.drawText(rect().adjusted(48, 48, -48, -48), Qt::AlignCenter | Qt::TextWordWrap, text_);
}

QString describeDrop(const DroppedPaths& paths) {
    const auto name = [](const QString& path) { return QFileInfo(path).fileName(); };
    QStringList parts;
    if (paths.sessions.size() == 1)
        parts << DropOverlay::tr("open the session %1").arg(name(paths.sessions.first()));
    else if (!paths.sessions.isEmpty())
        parts << DropOverlay::tr("open %1 sessions").arg(paths.sessions.size());
    if (!paths.model.isEmpty()) parts << DropOverlay::tr("open the model %1").arg(name(paths.model));
    if (paths.documents.size() == 1)
        parts << DropOverlay::tr("add the document %1").arg(name(paths.documents.first()));
    else if (!paths.documents.isEmpty())
        parts << DropOverlay::tr("add %1 documents").arg(paths.documents.size());
    return parts.isEmpty() ? QString() : DropOverlay::tr("Drop to %1").arg(parts.join(DropOverlay::tr("; ")));
}

QString describeRefused(const DroppedPaths& paths) {
    if (paths.refused.isEmpty()) return {};
    QStringList names;
    for (const QString& path : paths.refused.mid(0, 3)) names << QFileInfo(path).fileName();
    QString text = names.join(QStringLiteral(", "));
    if (paths.refused.size() > 3) text += DropOverlay::tr(" and %1 more").arg(paths.refused.size() - 3);
    return DropOverlay::tr(
               "Not opened: %1. Models are folders, .safetensors, .gguf or .bin files, sessions .h5 files, "
               "documents text or token ids (.txt .md .jsonl .npy .u16 .u32).")
        .arg(text);
}

} // namespace qroar
