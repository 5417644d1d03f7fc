// Tidy CSV tables of NLL per condition and per position bucket: one observation per row, numbers with all
// their digits. Not here: other tables (the rooms that compute them), files.
#pragma once

#include "core/evaluate/perplexity.h"

#include <string>

namespace qroar {

/// rope,quant,context,convention,documents,windows,tokens,nll,nll_ci95_low,nll_ci95_high,ppl,scales; NLL in
/// nats; an absent interval is two empty fields.
std::string nllCsv(const Session& session, Convention convention);
/// rope,quant,context,convention,from,to,tokens,nll,ppl,scales: positions of the predicted token, from <= p <
/// to.
std::string nllBucketCsv(const Session& session, Convention convention);
/// rope,quant,context,convention,fp,pi,q,qpi,interaction.
std::string interactionCsv(const Session& session, Convention convention);

} // namespace qroar
