#include "widgets/panels/band_editor_model.h"

#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QApplication>
#include <QLineEdit>
#include <QPainter>
#include <QSignalBlocker>
#include <QSpinBox>

#include <cmath>
#include <numbers>

namespace qroar {

void BandEditorModel::setLayout(const BandLayout& layout) {
    if (layout == layout_) return;
    const bool sameRows = layout.bands.count() == layout_.bands.count();
    if (!sameRows) beginResetModel();
    layout_ = layout;
    if (!sameRows)
        endResetModel();
    else // open editors stay
        emit dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1));
}

void BandEditorModel::setFrequencies(const std::vector<double>& omega) {
    if (omega == omega_) return;
    omega_ = omega;
    if (rowCount() > 0) emit dataChanged(index(0, Wavelength), index(rowCount() - 1, Omega));
}

void BandEditorModel::setTheme(const PlotTheme& theme) {
    theme_ = theme;
    if (rowCount() > 0) emit dataChanged(index(0, Colour), index(rowCount() - 1, Colour));
}

int BandEditorModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : std::max(0, layout_.bands.count());
}

int BandEditorModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : ColumnCount;
}

QString BandEditorModel::rangeText(int band, bool wavelength) const {
    const auto first = static_cast<std::size_t>(layout_.bands.begin(band)),
               last = static_cast<std::size_t>(layout_.bands.end(band) - 1);
    if (last >= omega_.size()) return {};
    const auto text = [wavelength](double omega) {
        return wavelength ? readableNumber(2 * std::numbers::pi / omega, 3) : readableNumber(omega, 2);
    };
    QString from = text(omega_[first]);
    const QString to = text(omega_[last]);
    if (first == last) return from;
    const auto power = to.indexOf(u'\u00d7'); // "(3.2–1.8)×10⁻⁴": the column has little room
    if (power < 0 || !from.endsWith(to.mid(power))) return tr("%1–%2").arg(from, to);
    from.chop(to.size() - power);
    return tr("(%1–%2)%3").arg(from, to.left(power), to.mid(power));
}

QVariant BandEditorModel::data(const QModelIndex& index, int role) const {
    const int band = index.row();
    if (!index.isValid() || band >= rowCount()) return {};
    const BandPartition& bands = layout_.bands;
    const bool edge = index.column() == From || index.column() == To;
    if (role == Qt::TextAlignmentRole && index.column() >= From)
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    if (edge && (role == leastRole || role == mostRole)) {
        if (!(flags(index) & Qt::ItemIsEditable)) return data(index, Qt::DisplayRole);
        if (index.column() == From)
            return role == leastRole ? bands.begin(band - 1) + 1 : bands.end(band) - 1;
        return role == leastRole ? bands.begin(band) : bands.end(band + 1) - 2;
    }
    if (index.column() == Colour) {
        const QColor colour = bandColour(layout_.styles, band, theme_);
        if (role == Qt::DecorationRole) return colour;
        if (role == Qt::AccessibleTextRole)
            return tr("Colour of %1: %2").arg(bandName(layout_.styles, band), colour.name());
        if (role == Qt::ToolTipRole) return tr("%1 – click to choose another colour").arg(colour.name());
        return {};
    }
    if (role != Qt::DisplayRole && role != Qt::EditRole && role != Qt::ToolTipRole) return {};
    switch (index.column()) {
    case Name:
        return role == Qt::EditRole ? QString::fromStdString(layout_.style(band).name)
                                    : bandName(layout_.styles, band);
    case From:
        return bands.begin(band);
    case To:
        return bands.end(band) - 1;
    case Wavelength:
        return rangeText(band, true);
    case Omega:
        return rangeText(band, false);
    default:
        return {};
    }
}

QVariant BandEditorModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    const struct {
        QString title, tip;
    } columns[ColumnCount] = {
        {QString(), tr("Colour")},
        {tr("Name"), tr("What the band is called in all views and files")},
        {tr("From"), tr("First rotary pair of the band")},
        {tr("To"), tr("Last rotary pair of the band")},
        {tr("λ unscaled"), tr("Wavelength 2π/ω in tokens, before scaling, of the first and the last pair")},
        {tr("ω (rad/token)"), tr("Trained frequency of the first and the last pair")}};
    if (section < 0 || section >= ColumnCount) return {};
    if (role == Qt::DisplayRole) return columns[section].title;
    const auto& [title, tip] = columns[section];
    if (role == Qt::ToolTipRole)
        return title.isEmpty() ? tip : title + u'\n' + tip; // a narrow title is elided
    return role == Qt::AccessibleTextRole ? tip : QVariant();
}

Qt::ItemFlags BandEditorModel::flags(const QModelIndex& index) const {
    Qt::ItemFlags flags = QAbstractTableModel::flags(index);
    const int band = index.row();
    const bool editable = index.column() == Name || (index.column() == From && band > 0)
                          || (index.column() == To && band + 1 < rowCount());
    return editable ? flags | Qt::ItemIsEditable : flags;
}

bool BandEditorModel::moveEdge(int edge, int pair, const QString& run) {
    const BandPartition moved = layout_.bands.withEdgeMoved(edge, pair);
    if (moved == layout_.bands) return false;
    emit edited(layout_.withEdges(moved), tr("move band edge"), run);
    return true;
}

bool BandEditorModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    const int band = index.row();
    if (role != Qt::EditRole || !(flags(index) & Qt::ItemIsEditable)) return false;
    if (index.column() == From) return moveEdge(band, value.toInt(), QStringLiteral("spin %1").arg(band));
    if (index.column() == To)
        return moveEdge(band + 1, value.toInt() + 1, QStringLiteral("spin %1").arg(band + 1));
    BandStyle style = layout_.style(band);
    QByteArray name = value.toString().simplified().toUtf8();
    while (static_cast<std::size_t>(name.size()) > longestBandName) // whole characters
        name = QString::fromUtf8(name).chopped(1).toUtf8();
    if (name == QByteArray::fromStdString(style.name)) return false;
    style.name = name.toStdString();
    BandLayout after = layout_;
    after.setStyle(band, style);
    emit edited(after, tr("rename band"), {});
    return true;
}

QWidget* BandEditorDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                                          const QModelIndex& index) const {
    if (index.column() == BandEditorModel::Name) {
        QWidget* editor = QStyledItemDelegate::createEditor(parent, option, index);
        if (auto* line = qobject_cast<QLineEdit*>(editor)) {
            line->setPlaceholderText(tr("band %1").arg(index.row()));
            line->setAccessibleName(tr("Name of the band"));
        }
        return editor;
    }
    auto* spin = new QSpinBox(parent);
    spin->setFrame(false);
    spin->setKeyboardTracking(false); // a number that is being typed is not yet one
    spin->setRange(index.data(BandEditorModel::leastRole).toInt(),
                   index.data(BandEditorModel::mostRole).toInt());
    spin->setAccessibleName(index.column() == BandEditorModel::From ? tr("First pair of the band")
                                                                    : tr("Last pair of the band"));
    auto* self = const_cast<BandEditorDelegate*>(this);
    connect(spin, &QSpinBox::valueChanged, self, [self, spin] { emit self->commitData(spin); });
    return spin;
}

/// What is shown is no edit: to commit it is needless, and too early before the view knows the editor.
void BandEditorDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const {
    const QSignalBlocker quiet(qobject_cast<QSpinBox*>(editor));
    QStyledItemDelegate::setEditorData(editor, index);
}

void BandEditorDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                               const QModelIndex& index) const {
    if (index.column() != BandEditorModel::Colour) {
        QStyledItemDelegate::paint(painter, option, index);
        return;
    }
    QStyleOptionViewItem background = option; // selection and focus only
    initStyleOption(&background, index);
    background.features &= ~QStyleOptionViewItem::HasDecoration;
    background.icon = {};
    const QStyle* style = option.widget ? option.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &background, painter, option.widget);
    const int side = std::min(option.rect.width(), option.rect.height()) - 8;
    QRect swatch(0, 0, side, side);
    swatch.moveCenter(option.rect.center());
    painter->fillRect(swatch, index.data(Qt::DecorationRole).value<QColor>());
    painter->setPen(option.palette.color(QPalette::Mid));
    painter->drawRect(swatch.adjusted(0, 0, -1, -1));
}

} // namespace qroar
