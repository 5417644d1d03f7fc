// The audit of RoPE (core/rope/audit.h) for a model and a scaling as an export would write it, and the block
// of config.json that says a scaling in the words of transformers 4 or 5. For `rope`, the window, and the
// check of exports.
#pragma once

#include "core/exporting/rope_keys.h"
#include "core/rope/audit.h"

namespace qroar {

/// The checkpoint's own scaling (`spec` Model) is audited as it is spelled; another one as an export would
/// spell it, which may stretch max_position_embeddings. Errors as buildFrequencyTable and ropeKeys.
Outcome<RopeAudit> auditScaling(const RopeSpec& spec, const ModelConfig& config, long long context);

/// What was written, against `ours`: the audit of a checkpoint's own scaling, at its longest context.
Outcome<RopeAudit> auditWritten(const FrequencyTable& ours, const ModelConfig& written);

enum class ConfigSpelling { Transformers4, Transformers5 };

/// The keys of config.json that say `spec` on this model, as a JSON object: rope_theta and rope_scaling, or
/// rope_parameters; with max_position_embeddings. Read back they give the same table bit for bit. Errors as
/// ropeKeys.
Outcome<std::string> ropeConfigText(const RopeSpec& spec, const ModelConfig& config, ConfigSpelling spelling);

/// "transformers 4.48 differs: 2.1 rad in pair 20 at position 2,048, attention factor times 0.9"; empty when
/// it is the same.
std::string verdictText(const LoaderVerdict& verdict, long long context);

} // namespace qroar
