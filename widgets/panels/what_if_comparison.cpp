#include "widgets/panels/what_if_comparison.h"

#include "core/scales/gain_edit.h"
#include "widgets/common/cell_tips.h"
#include "widgets/common/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>

namespace qroar {

namespace {

bool layersAgree(const GainEdit& edit) {
    if (edit.base()) return false;
    for (int layer = 0; layer < edit.layers(); ++layer)
        if (edit.differs(layer)) return false;
    return true;
}

std::vector<ResultTableModel::Row> effectRows(const WhatIf& a, const WhatIf& b) {
    const auto number = [](double value) { return std::isnan(value) ? QVariant() : QVariant(value); };
    std::vector<ResultTableModel::Row> rows;
    const auto add = [&](const QString& what, double first, double second) {
        rows.push_back({what, number(first), number(second), number(first - second)});
    };
    // The difference of two ends is no end of an interval of the difference.
    const auto addEnd = [&](const QString& what, double first, double second) {
        rows.push_back({what, number(first), number(second), QVariant()});
    };
    add(WhatIfComparison::tr("predicted"), a.predicted, b.predicted);
    add(WhatIfComparison::tr("Q+g − Q"), a.quantized.mean, b.quantized.mean);
    addEnd(WhatIfComparison::tr("Q+g − Q, low end of its interval"), a.quantized.low, b.quantized.low);
    addEnd(WhatIfComparison::tr("Q+g − Q, high end of its interval"), a.quantized.high, b.quantized.high);
    add(WhatIfComparison::tr("FP+g − FP"), a.full.mean, b.full.mean);
    add(WhatIfComparison::tr("Q+g − FP"), a.gap.mean, b.gap.mean);
    add(WhatIfComparison::tr("only with quantization"), a.only.mean, b.only.mean);
    add(WhatIfComparison::tr("largest |ln gQ gK|"), a.largestLogGain, b.largestLogGain);
    return rows;
}

QTableView* viewOf(ResultTableModel* model, const QString& name) {
    auto* view = new QTableView;
    view->setModel(model);
    view->setAccessibleName(name);
    view->setSelectionBehavior(QAbstractItemView::SelectRows);
    view->verticalHeader()->setVisible(false);
    view->verticalHeader()->setDefaultSectionSize(view->fontMetrics().height() + 6);
    view->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    view->setTabKeyNavigation(false);
    CellTips::watch(view);
    return view;
}

} // namespace

std::vector<ResultTableModel::Row> gainDifferences(const QkGains& a, const QkGains& b,
                                                   const BandPartition& bands) {
    const GainEdit first = GainEdit::from(a, {}), second = GainEdit::from(b, {});
    std::vector<ResultTableModel::Row> rows;
    const auto add = [&](const QVariant& name, int layer) {
        for (int band = 0; band < bands.count(); ++band) {
            const double x = first.total(bands, layer, band).effective();
            const double y = second.total(bands, layer, band).effective();
            rows.push_back({name, band, bands.begin(band), bands.end(band) - 1, x, y, x / y});
        }
    };
    if (layersAgree(first) && layersAgree(second))
        add(WhatIfComparison::tr("all"), -1);
    else
        for (int layer = 0; layer < first.layers(); ++layer) add(layer, layer);
    return rows;
}

WhatIfComparison::WhatIfComparison(const WhatIf& a, const WhatIf& b, const BandPartition& bands,
                                   QWidget* parent)
    : QDialog(parent) {
    const QString nameA = QString::fromStdString(a.scales.name),
                  nameB = QString::fromStdString(b.scales.name);
    setWindowTitle(tr("%1 and %2").arg(nameA, nameB));
    effects_ = new ResultTableModel(this);
    gains_ = new ResultTableModel(this);
    const QString nats = tr("nats a token; negative: better");
    effects_->setTable({{"what", tr("Effect"), {}},
                        {"a", nameA, nats},
                        {"b", nameB, nats},
                        {"difference", tr("%1 − %2").arg(nameA, nameB), nats}},
                       effectRows(a, b));
    gains_->setTable({{"layer", tr("Layer"), {}},
                      {"band", tr("Band"), {}},
                      {"first_pair", tr("First pair"), {}},
                      {"last_pair", tr("Last pair"), {}},
                      {"a", nameA, tr("Effective gain gQ gK, geometric mean over heads and pairs")},
                      {"b", nameB, tr("Effective gain gQ gK, geometric mean over heads and pairs")},
                      {"ratio", tr("%1 / %2").arg(nameA, nameB), {}}},
                     gainDifferences(a.scales.gains, b.scales.gains, bands));
    auto* effects = viewOf(effects_, tr("Effects of both"));
    effects->setFixedHeight(effects->horizontalHeader()->sizeHint().height() + 6
                            + effects_->rowCount() * effects->verticalHeader()->defaultSectionSize());
    auto* column = new QVBoxLayout(this);
    const bool same =
        a.scales.rope == b.scales.rope && a.scales.quant == b.scales.quant && a.context == b.context;
    if (!same) {
        auto* note =
            new QLabel(tr("They were measured under different conditions: their effects are not about the "
                          "same model."));
        note->setWordWrap(true);
        note->setForegroundRole(noteRole(true));
        column->addWidget(note);
    }
    column->addWidget(effects);
    column->addWidget(viewOf(gains_, tr("Gains of both")), 1);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    auto* copy = buttons->addButton(tr("&Copy tables"), QDialogButtonBox::ActionRole);
    connect(copy, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(effects_->toTsv() + QLatin1Char('\n') + gains_->toTsv());
    });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    column->addWidget(buttons);
    resize(620, 560);
}

} // namespace qroar
