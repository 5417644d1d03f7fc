// Several weight variants (and gains) through the same windows, batch by batch: the first one's residual
// stream above the last layer is kept while the others run, so that both logits of a block of positions are
// at hand at the same time and no logits are stored. One engine for controls, evaluations and the divergence
// of an analysis. Not here: which variants, and what the numbers mean (controls.h, verdict.h).
#pragma once

#include "core/inference/forward.h"
#include "core/ranks/ranks.h"
#include "core/session/session.h"

namespace qroar {

/// Where the reference's predictions come from.
class ReferencePredictions {
  public:
    virtual ~ReferencePredictions() = default;
    /// Compares row r of `logits` [n, vocab] with the reference's prediction after position firstPosition + r
    /// of `window` (index into the run's windows, `tokens` are its tokens) and writes the entry of that
    /// position; leaves alone what it has no prediction for. Called concurrently for different positions.
    virtual void compare(int window, std::span<const TokenId> tokens, int firstPosition,
                         ConstMatrixView logits, WindowDivergence& into) const = 0;
};

/// One variant on its way through the windows.
struct Lane {
    std::shared_ptr<const WeightSource> weights;
    QkGains gains;
    ActivationProbe* probe = nullptr; ///< sees the activations of this lane; may be null
    LogitsSink* tap = nullptr;        ///< also receives the logits of this lane; may be null
    bool compare = false;             ///< with the first lane, or with the external reference

    // Filled by runSideBySide().
    std::vector<WindowNll> windows;
    std::vector<WindowDivergence> divergence; ///< empty unless compare
    std::vector<LayerDistortion> distortions;
};

/// Runs every lane; `windows` all have `context` tokens and `pass` (of any weights) their frequency table.
/// With an `external` reference (may be null) the lanes are compared with it instead of with the first lane.
/// The numbers do not depend on the other lanes, on the batches or on the number of threads. Error:
/// cancelled.
Status runSideBySide(ForwardPass& pass, const ModelConfig& config, std::span<const Window> windows,
                     std::vector<Lane>& lanes, const ReferencePredictions* external, WorkMeter& meter);

/// The same, shared by ranks in the blocks of sharedBlocks(); all of them have all results. Probes of the
/// lanes see the windows of their rank; with a tap (which takes all of them) rank 0 runs everything. `what`
/// names the work: ranks that are at another one do not join their windows.
Status shareSideBySide(Ranks& ranks, const std::string& what, ForwardPass& pass, const ModelConfig& config,
                       std::span<const Window> windows, std::vector<Lane>& lanes,
                       const ReferencePredictions* external, WorkMeter& meter);
/// How the windows of a run of forward passes are cut.
WindowBlocks sharedBlocks(const ModelConfig& config, std::size_t windows, int context);

/// NaN or infinite NLL means that activations overflowed: an error that names `what`, the document, window
/// and position.
Status checkFinite(const std::vector<WindowNll>& windows, const std::vector<Document>& documents,
                   const std::string& what);

} // namespace qroar
