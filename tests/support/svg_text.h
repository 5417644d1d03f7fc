// What tests of figure files read of them.
#pragma once

#include <QByteArray>
#include <QFile>
#include <QString>
#include <QXmlStreamReader>

namespace qroar::test {

inline QByteArray contentsOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// All text of an SVG, in order, without spaces (Qt may split a line into several elements); empty when it is
/// no XML.
inline QString svgText(const QByteArray& svg) {
    QXmlStreamReader xml(svg);
    QString text;
    while (!xml.atEnd())
        if (xml.readNext() == QXmlStreamReader::StartElement && xml.name() == QLatin1String("text"))
            text += xml.readElementText();
    return xml.hasError() ? QString() : text.remove(u' ').remove(u'\n');
}

} // namespace qroar::test
