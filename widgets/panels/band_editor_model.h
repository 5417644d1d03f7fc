// BandEditorModel: bands as rows of a table whose names and edges can be edited. It changes nothing itself:
// an edit becomes a BandLayout for whoever owns the bands, and setLayout() brings back what came of it. Not
// here: buttons and presets (band_editor.h), undo.
#pragma once

#include "core/rope/band_layout.h"
#include "widgets/common/theme.h"

#include <QAbstractTableModel>
#include <QStyledItemDelegate>

namespace qroar {

class BandEditorModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { Colour, Name, From, To, Wavelength, Omega, ColumnCount };
    static constexpr int leastRole = Qt::UserRole, mostRole = Qt::UserRole + 1; ///< of From and To

    using QAbstractTableModel::QAbstractTableModel;
    void setLayout(const BandLayout& layout);
    void setFrequencies(const std::vector<double>& omega); ///< [pairs], trained, rad/token
    void setTheme(const PlotTheme& theme);
    [[nodiscard]] const BandLayout& layout() const { return layout_; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
    /// Emits edited(); true when there was something to change.
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;

  signals:
    /// `text` for the undo stack; edits with the same `run` that follow each other are one step.
    void edited(const qroar::BandLayout& after, const QString& text, const QString& run);

  private:
    [[nodiscard]] QString rangeText(int band, bool wavelength) const;
    bool moveEdge(int edge, int pair, const QString& run);

    BandLayout layout_;
    std::vector<double> omega_;
    PlotTheme theme_;
};

/// Spin boxes that stay within the neighbours and act at once, swatches for colours.
class BandEditorDelegate : public QStyledItemDelegate {
    Q_OBJECT
  public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
};

} // namespace qroar
