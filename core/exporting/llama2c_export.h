// llama2.c exports: a model with its gains folded in as one version 0 .bin file (F32) for run.c of llama2.c.
// Written beside the target, read back, verified, and only then given its name. Called by exportModel(). The
// layout is the reader's (core/model/llama2c.cpp), written down a second time here: the tests compare them
// with a third.
#pragma once

#include "core/exporting/export_plan.h"

namespace qroar {

/// Errors as exportModel(); also what run.c does not compute: biases, norms of queries and keys, windows,
/// another RoPE than base 10,000 without scaling, another epsilon than 1e-5, partial rotary dims.
Outcome<ExportReport> exportLlama2c(const ExportRequest& request, ProgressSink& sink);
/// What exportLlama2c() would refuse before writing, and the size.
Outcome<ExportEstimate> estimateLlama2c(const ExportRequest& request);

} // namespace qroar
