// The columns that every table of perplexities has, in their order: of whom, how sure, how good.
#pragma once

#include "widgets/models/result_table_model.h"

#include <QCoreApplication>

namespace qroar {

/// documents, windows, tokens, nll, nll_ci95_low, nll_ci95_high, ppl; `ofDocuments` says which documents.
inline std::vector<ResultTableModel::Column> nllColumns(const QString& ofDocuments) {
    const auto tr = [](const char* text) { return QCoreApplication::translate("nllColumns", text); };
    return {{"documents", tr("Documents"), ofDocuments},
            {"windows", tr("Windows"), tr("That contributed")},
            {"tokens", tr("Tokens"), tr("Predicted tokens")},
            {"nll", tr("NLL"), tr("Mean, nats per token")},
            {"nll_ci95_low", tr("95 % low"), tr("Block bootstrap, nats")},
            {"nll_ci95_high", tr("95 % high"), tr("Block bootstrap, nats")},
            {"ppl", tr("PPL"), tr("exp(NLL)")}};
}

} // namespace qroar
