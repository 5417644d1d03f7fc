#include "widgets/common/names.h"

#include "widgets/common/number_format.h"

#include <QDir>
#include <QFileInfo>

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

QString modelName(const Session& session) {
    QFileInfo info(QDir::cleanPath(QString::fromStdString(session.modelPath)));
    if (info.fileName() == QLatin1String("model.safetensors")) info = QFileInfo(info.path());
    const QString folder = info.dir().dirName();
    const bool telling = info.completeBaseName().compare(QLatin1String("model"), Qt::CaseInsensitive) != 0;
    return telling || folder.isEmpty() || folder == QLatin1String(".")
               ? info.fileName()
               : QStringLiteral("%1/%2").arg(folder, info.fileName());
}

} // namespace qroar
