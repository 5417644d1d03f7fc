// ResultTableModel: the table twin of a plot: typed columns, shown rounded, exported in full. Not here: where
// the numbers come from.
#pragma once

#include <QAbstractTableModel>
#include <QStringList>

#include <vector>

namespace qroar {

class ResultTableModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    struct Column {
        QString key;     ///< header in CSV: "from_pair"
        QString title;   ///< header on screen: "From pair"
        QString tooltip; ///< unit and meaning
        bool operator==(const Column&) const = default;
    };
    using Row =
        std::vector<QVariant>; ///< double, int/long long or QString; an invalid QVariant is an empty cell

    /// The number behind a cell, unrounded; also the role to sort by.
    static constexpr int valueRole = Qt::UserRole;

    explicit ResultTableModel(QObject* parent = nullptr);
    /// Replaces everything. Same columns and number of rows: only dataChanged, so views keep their place.
    void setTable(std::vector<Column> columns, std::vector<Row> rows);
    void clear() { setTable({}, {}); }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    [[nodiscard]] int columnOf(const QString& key) const; ///< -1 when there is none

    /// `comments` first, each as a line "# ..."; then the header of column keys; RFC 4180 quoting, "\n" line
    /// ends, numbers with enough digits to read back the same double, empty for NaN.
    [[nodiscard]] QString toCsv(const QStringList& comments) const;
    /// The same numbers for spreadsheets by way of the clipboard: tab-separated, without comments.
    [[nodiscard]] QString toTsv() const;

  private:
    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

} // namespace qroar
