#include "widgets/common/names.h"

#include "widgets/common/number_format.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include <algorithm>

namespace qroar {

QString weightsName(const ConditionKey& key) {
    QString name =
        key.quant.kind == QuantKind::None ? QStringLiteral("FP") : QString::fromStdString(key.quant.text());
    if (!key.scales.empty()) name += QStringLiteral(" · ") + QString::fromStdString(key.scales);
    return name;
}

QString familyName(const ConditionKey& key) {
    return QStringLiteral("%1 · %2").arg(QString::fromStdString(key.rope.text()), weightsName(key));
}

QString conditionName(const ConditionKey& key) {
    return QStringLiteral("%1 · %2 · %3")
        .arg(QString::fromStdString(key.rope.text()), groupedCount(key.context), weightsName(key));
}

QString scalingName(const FrequencyTable& table, long long context) {
    const QString text = QString::fromStdString(table.spec.text());
    if (table.spec.kind == RopeKind::None)
        return QCoreApplication::translate("RopeNames", "no scaling (%1)").arg(text);
    if (table.spec.kind != RopeKind::LongRope) return text;
    return (static_cast<double>(context) > table.trainedContext
                ? QCoreApplication::translate("RopeNames", "%1, long factors")
                : QCoreApplication::translate("RopeNames", "%1, short factors"))
        .arg(text);
}

QString modelName(const Session& session) {
    QFileInfo info(QDir::cleanPath(QString::fromStdString(session.modelPath)));
    if (info.fileName() == QLatin1String("model.safetensors")) info = QFileInfo(info.path());
    const QString folder = info.dir().dirName();
    const bool telling = info.completeBaseName().compare(QLatin1String("model"), Qt::CaseInsensitive) != 0;
    return telling || folder.isEmpty() || folder == QLatin1String(".")
               ? info.fileName()
               : QStringLiteral("%1/%2").arg(folder, info.fileName());
}

QString nameApart(const QString& path, const QStringList& others) {
    const auto partsOf = [](const QString& of) {
        return QDir::cleanPath(QFileInfo(of).absoluteFilePath()).split(u'/', Qt::SkipEmptyParts);
    };
    const QStringList own = partsOf(path);
    qsizetype count = 1;
    for (const QString& other : others) {
        const QStringList parts = partsOf(other);
        if (parts == own) continue;
        qsizetype alike = 0;
        while (alike < own.size() && alike < parts.size()
               && own.at(own.size() - 1 - alike) == parts.at(parts.size() - 1 - alike))
            ++alike;
        count = std::max(count, alike + 1);
    }
    if (count > own.size()) return QStringLiteral("/") + own.join(u'/'); // the end of another one
    return own.mid(own.size() - count).join(u'/');
}

namespace {

/// On one line; empty without a name.
QString ownName(const BandStyles& styles, int band) {
    if (band < 0 || band >= static_cast<int>(styles.size())) return {};
    return QString::fromStdString(styles[static_cast<std::size_t>(band)].name).simplified();
}

} // namespace

QString bandName(const BandStyles& styles, int band) {
    const QString own = ownName(styles, band);
    return own.isEmpty() ? QCoreApplication::translate("BandNames", "band %1").arg(band) : own;
}

QString bandName(const Session& session, int band) {
    return bandName(session.bandStyles, band);
}

QString bandLabel(const BandStyles& styles, int band) {
    const QString own = ownName(styles, band);
    return own.isEmpty() ? QString::number(band) : own;
}

QString pairsText(int first, int last) {
    return first == last ? QCoreApplication::translate("BandNames", "pair %1").arg(first)
                         : QCoreApplication::translate("BandNames", "pairs %1–%2").arg(first).arg(last);
}

QColor bandColour(const BandStyles& styles, int band, const PlotTheme& theme) {
    if (band >= 0 && band < static_cast<int>(styles.size()))
        if (const QColor own(QString::fromStdString(styles[static_cast<std::size_t>(band)].colour));
            own.isValid())
            return own;
    return theme.category(std::max(0, band));
}

} // namespace qroar
