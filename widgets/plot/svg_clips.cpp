#include "widgets/plot/svg_clips.h"

#include <QHash>
#include <QPaintEngine>
#include <QPainter>
#include <QRegularExpression>

#include <algorithm>

namespace qroar {

namespace {

void mark(QPainter& painter, const QString& text) {
    painter.save();
    painter.setPen(Qt::black); // without a pen no text is written
    painter.drawText(QPointF(0, 0), QStringLiteral("qroar-clip_") + text);
    painter.restore();
}

} // namespace

bool drawsSvg(const QPainter& painter) {
    return painter.paintEngine() && painter.paintEngine()->type() == QPaintEngine::SVG;
}

void beginSvgClip(QPainter& painter, const QRectF& rect) {
    const QRectF page = painter.transform().mapRect(rect);
    mark(painter,
         QStringLiteral("%1_%2_%3_%4").arg(page.x()).arg(page.y()).arg(page.width()).arg(page.height()));
}

void endSvgClip(QPainter& painter) {
    mark(painter, QStringLiteral("end"));
}

QByteArray withSvgClips(const QByteArray& svg) {
    // Qt writes groups one behind the other, one for each state of the painter: the one that is open at a
    // mark is closed there and opened again.
    static const QRegularExpression marks(QStringLiteral("<text [^>]*>\\s*qroar-clip_([-_.0-9e+]+|end)"
                                                         "\\s*</text>"));
    const QString text = QString::fromUtf8(svg);
    QString result;
    QHash<QString, QString> ids;
    qsizetype done = 0;
    for (auto each = marks.globalMatch(text); each.hasNext();) {
        const QRegularExpressionMatch match = each.next();
        result += QStringView(text).mid(done, match.capturedStart() - done);
        done = match.capturedEnd();
        const qsizetype open = text.lastIndexOf(QLatin1String("<g "), match.capturedStart());
        const QString group = text.mid(open, text.indexOf(u'>', open) + 1 - open);
        const QString place = match.captured(1);
        if (place == QLatin1String("end")) {
            result += QLatin1String("</g>\n</g>\n") + group;
            continue;
        }
        result += QLatin1String("</g>\n");
        QString& id = ids[place];
        if (id.isEmpty()) {
            id = QStringLiteral("clip%1").arg(ids.size());
            const QStringList sides = place.split(u'_');
            result += QStringLiteral("<clipPath id=\"%1\"><rect x=\"%2\" y=\"%3\" width=\"%4\" "
                                     "height=\"%5\"/></clipPath>\n")
                          .arg(id, sides.value(0), sides.value(1), sides.value(2), sides.value(3));
        }
        result += QStringLiteral("<g clip-path=\"url(#%1)\">\n").arg(id) + group;
    }
    result += QStringView(text).mid(done);
    return result.toUtf8();
}

QByteArray withoutSvgSeams(const QByteArray& svg) {
    QByteArray result;
    result.reserve(svg.size() + svg.size() / 8);
    bool filled = false;
    qsizetype done = 0;
    for (qsizetype at = svg.indexOf('<'); at >= 0; at = svg.indexOf('<', at + 1)) {
        const QByteArrayView rest = QByteArrayView(svg).sliced(at);
        if (rest.startsWith("<g ")) {
            const QByteArrayView group = rest.first(std::max<qsizetype>(0, rest.indexOf('>')));
            filled = group.contains(" stroke=\"none\"") && !group.contains(" fill=\"none\"");
        } else if (filled && rest.startsWith("<rect ")) {
            result.append(svg.constData() + done, at - done);
            result += "<rect shape-rendering=\"crispEdges\" ";
            done = at + 6;
        }
    }
    return result + svg.sliced(done);
}

} // namespace qroar
