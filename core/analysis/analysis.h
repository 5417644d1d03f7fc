// Analysis: runs every condition of a plan through the forward pass with capture and collects a Session. The
// one entry the window, the command line, tests and benchmarks share.
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/quantize/importance.h"
#include "core/scales/scale_set.h"
#include "core/session/session.h"
#include "core/text/documents.h"

#include <functional>

namespace qroar {

class Ranks; // core/ranks/ranks.h

struct AnalysisPlan {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const std::vector<Document>> documents;
    std::vector<RopeSpec> ropes;
    std::vector<int> contexts;
    std::vector<QuantSpec> quants;
    /// Each condition is run once for every entry; null: without scales.
    std::vector<std::shared_ptr<const ScaleSet>> scales{nullptr};
    /// What awq and gptq look at; null: the documents themselves, which a note of the estimate says.
    std::shared_ptr<const std::vector<Document>> calibration;
    /// What rtn and awq are weighted by in the place of text (gptq keeps its text); null: nothing.
    std::shared_ptr<const ImportanceMatrix> importance;
    int maxCalibrationWindows = 16; ///< of all calibration documents together
    int maxWindows = 0;             ///< of each document; 0 = all
    int bands = 8;
    bool capture = true; ///< false: perplexity only
    bool groupPerKvHead = false;
    /// Also the divergence of every quantized condition from full precision under the same RoPE spec and
    /// context (ConditionResult::divergence): these conditions then run the unquantized model beside. A
    /// checkpoint that stores codes has no full precision: its reference is itself without scales.
    bool divergence = false;
    bool gradients = false; ///< also ConditionResult::sensitivity: as long as 2.2 to 2.5 forward passes
    /// Also ConditionResult::noise of every condition that has a reference (as `divergence`): two more
    /// passes.
    bool noise = false;
    /// Also ConditionResult::damage of these: many more passes, a fraction of one for every layer (and band).
    DamageScope damage = DamageScope::None;
    std::string command; ///< for the provenance
    /// Processes that share the windows of every condition; null: this one alone. All ranks run the same plan
    /// and get the same session, but for activation statistics and noise, which only rank 0 holds.
    Ranks* ranks = nullptr;

    /// scales x quants x ropes x contexts, without repeats, in that nesting.
    [[nodiscard]] std::vector<ConditionKey> conditions() const;
    [[nodiscard]] const std::shared_ptr<const std::vector<Document>>& calibrationDocuments() const {
        return calibration ? calibration : documents;
    }
    /// Whether a variant looks at calibration text: gptq, and awq without an importance matrix.
    [[nodiscard]] bool needsText(const QuantSpec& quant) const {
        return quant.needsCalibration() && !(importance && quant.kind == QuantKind::Awq);
    }
    [[nodiscard]] QkGains gainsOf(const ConditionKey& key) const; ///< empty without scales
    /// Whether the session holds all that is asked for of a condition (damage of bands: of its own bands).
    [[nodiscard]] bool isDone(const Session& session, const ConditionKey& key) const;
    [[nodiscard]] bool isDone(const Session& session) const; ///< of all conditions
    /// What the session lacks of a condition, in words that differ where the work to be done does:
    /// "everything", "divergence, noise", "nothing".
    [[nodiscard]] std::string lackingOf(const Session& session, const ConditionKey& key) const;
};

struct AnalysisEstimate {
    double seconds = 0; ///< from the work of each kind and short measurements on this machine; without saving
    std::vector<double> conditionSeconds; ///< of them, those of each condition that is run or completed
    double peakBytes = 0;                 ///< beyond the mapped file; of each rank
    double fileBytes = 0;                 ///< of the session file, or what is added to the earlier one
    double packedBytes = 0;               ///< what is compressed to that when all of it is saved
    double heldBytes = 0;                 ///< of the earlier session, compressed again whenever it is saved
    int ranks = 1;                        ///< that share the work
    long long tokens = 0;                 ///< of the windows of all conditions that are run or completed
    std::vector<std::string> notes;       ///< e.g. documents too short for a context
};
/// Checks the plan (specs resolve, contexts have windows, memory suffices) without running it; errors say
/// what to change. Conditions that `previous` (may be null) holds cost nothing, as in runAnalysis: time,
/// memory, tokens and file size are those of the rest.
Outcome<AnalysisEstimate> estimateAnalysis(const AnalysisPlan& plan, const Session* previous = nullptr);

using ConditionCallback = std::function<void(std::shared_ptr<const ConditionResult>)>;
/// Runs what `previous` (may be null; must match model, documents and maxWindows) does not hold yet.
/// `onResult` is called after each condition, from the calling thread; it takes the place of one with the
/// same key when only its divergence, gradients, noise or damage were missing. When cancelled, returns what
/// is done: complete conditions, and of the one in hand the steps that are complete (of damage: the layers).
Outcome<std::shared_ptr<const Session>> runAnalysis(const AnalysisPlan& plan, ProgressSink& sink,
                                                    const ConditionCallback& onResult = {},
                                                    std::shared_ptr<const Session> previous = nullptr);
/// The conditions of the plan that `previous` holds were calibrated as the plan says; the error names one
/// that was not.
Status checkCalibration(const AnalysisPlan& plan, const Session& previous);
/// An empty session for a plan: model, documents, bands and provenance filled in.
Session emptySession(const AnalysisPlan& plan);

} // namespace qroar
