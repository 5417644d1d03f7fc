#include "widgets/models/result_table_model.h"

#include "core/base/strings.h"
#include "widgets/common/number_format.h"

#include <cmath>

namespace qroar {

namespace {

bool isFloating(const QVariant& value) {
    return value.typeId() == QMetaType::Double;
}

bool isNumber(const QVariant& value) {
    return isFloating(value) || value.typeId() == QMetaType::Int || value.typeId() == QMetaType::LongLong;
}

QString csvField(const QVariant& value) {
    if (isFloating(value)) {
        const double number = value.toDouble();
        if (std::isnan(number)) return {};
        if (std::isinf(number)) return number > 0 ? QStringLiteral("inf") : QStringLiteral("-inf");
        return QString::fromStdString(formatNumber(number));
    }
    QString text = value.toString();
    if (!text.contains(u',') && !text.contains(u'"') && !text.contains(u'\n') && !text.contains(u'\r'))
        return text;
    return u'"' + text.replace(u'"', QLatin1String("\"\"")) + u'"';
}

} // namespace

ResultTableModel::ResultTableModel(QObject* parent) : QAbstractTableModel(parent) {}

void ResultTableModel::setTable(std::vector<Column> columns, std::vector<Row> rows) {
    if (columns == columns_ && rows.size() == rows_.size() && !rows.empty()) {
        rows_ = std::move(rows);
        emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
        return;
    }
    beginResetModel();
    columns_ = std::move(columns);
    rows_ = std::move(rows);
    endResetModel();
}

int ResultTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int ResultTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(columns_.size());
}

QVariant ResultTableModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const QVariant& value = rows_[index.row()][index.column()];
    switch (role) {
    case valueRole:
        return value;
    case Qt::DisplayRole:
        if (!value.isValid()) return QStringLiteral("–");
        if (isFloating(value)) return readableNumber(value.toDouble(), 4);
        if (isNumber(value)) return groupedCount(value.toLongLong());
        return value.toString();
    case Qt::ToolTipRole:
        if (isFloating(value)) return QString::fromStdString(formatNumber(value.toDouble())); // all digits
        return value.toString();
    case Qt::TextAlignmentRole:
        return QVariant::fromValue(isNumber(value) || !value.isValid() ? Qt::AlignRight | Qt::AlignVCenter
                                                                       : Qt::AlignLeft | Qt::AlignVCenter);
    default:
        return {};
    }
}

QVariant ResultTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation == Qt::Vertical) return QAbstractTableModel::headerData(section, orientation, role);
    if (section < 0 || section >= columnCount()) return {};
    if (role == Qt::DisplayRole) return columns_[section].title;
    if (role == Qt::ToolTipRole) return columns_[section].tooltip;
    return {};
}

int ResultTableModel::columnOf(const QString& key) const {
    for (int column = 0; column < columnCount(); ++column)
        if (columns_[column].key == key) return column;
    return -1;
}

QString ResultTableModel::toCsv(const QStringList& comments) const {
    QString text;
    for (QString line : comments)
        text += QStringLiteral("# ") + line.replace(u'\r', u' ').replace(u'\n', u' ') + u'\n';
    const auto append = [&text](const QStringList& fields) { text += fields.join(u',') + u'\n'; };
    QStringList fields;
    for (const Column& column : columns_) fields << csvField(column.key);
    append(fields);
    for (const Row& row : rows_) {
        fields.clear();
        for (const QVariant& value : row) fields << csvField(value);
        append(fields);
    }
    return text;
}

QString ResultTableModel::toTsv() const {
    QStringList lines, fields;
    for (const Column& column : columns_) fields << column.key;
    lines << fields.join(u'\t');
    for (const Row& row : rows_) {
        fields.clear();
        for (const QVariant& value : row) {
            QString field = isFloating(value) ? csvField(value) : value.toString();
            for (const QChar control : {u'\t', u'\n', u'\r'}) field.replace(control, u' ');
            fields << field;
        }
        lines << fields.join(u'\t');
    }
    return lines.join(u'\n') + u'\n';
}

} // namespace qroar
