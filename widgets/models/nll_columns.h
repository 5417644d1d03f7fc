// The columns that every table of perplexities has, in their order: of whom, how sure, how good.
#pragma once

#include "widgets/models/result_table_model.h"

#include <QCoreApplication>

namespace qroar {

class NllColumns {
    Q_DECLARE_TR_FUNCTIONS(NllColumns)
};

/// documents, windows, tokens, nll, nll_ci95_low, nll_ci95_high, ppl; `ofDocuments` says which documents.
inline std::vector<ResultTableModel::Column> nllColumns(const QString& ofDocuments) {
    return {{"documents", NllColumns::tr("Documents"), ofDocuments},
            {"windows", NllColumns::tr("Windows"), NllColumns::tr("That contributed")},
            {"tokens", NllColumns::tr("Tokens"), NllColumns::tr("Predicted tokens")},
            {"nll", NllColumns::tr("NLL"), NllColumns::tr("Mean, nats per token")},
            {"nll_ci95_low", NllColumns::tr("95 % low"), NllColumns::tr("Block bootstrap, nats")},
            {"nll_ci95_high", NllColumns::tr("95 % high"), NllColumns::tr("Block bootstrap, nats")},
            {"ppl", NllColumns::tr("PPL"), NllColumns::tr("exp(NLL)")}};
}

} // namespace qroar
