#include "core/exporting/export_plan.h"

#include "core/exporting/foldability.h"
#include "core/exporting/model_config.h"
#include "core/exporting/quantization_config.h"
#include "core/scales/folded_gains.h"
#include "qroar/version.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int verifyWindows = 2, verifyLength = 128;

Status judge(const Foldability& found, ExportPlan& plan) {
    plan.notes.insert(plan.notes.end(), found.notes.begin(), found.notes.end());
    if (found.possible()) return Done{};
    std::string reasons;
    for (const std::string& refusal : found.refusals) reasons += (reasons.empty() ? "" : "; ") + refusal;
    return Error::unsupported("cannot be exported: " + reasons);
}

/// Scaling in force: `model` is what the checkpoint stores; longrope's lists are the checkpoint's.
Outcome<RopeSpec> resolvedRope(const ExportRequest& request) {
    const ModelConfig& config = request.model->config();
    const auto table = buildFrequencyTable(request.rope.value_or(config.storedRope), config.ropeModel(), 1);
    if (!table) return table.error();
    return table->spec;
}

double snapGains(ExportRequest& request) {
    double most = 0;
    const QkGains snapped = snapToPowersOfTwo(request.gains);
    for (std::size_t at = 0; at < snapped.q.size(); ++at)
        most = std::max(most, std::abs(std::log(snapped.q[at] / request.gains.q[at])));
    for (std::size_t at = 0; at < snapped.k.size(); ++at)
        most = std::max(most, std::abs(std::log(snapped.k[at] / request.gains.k[at])));
    request.gains = snapped;
    return std::exp(most);
}

/// Windows of one length out of the given tokens, as many as there are up to verifyWindows.
std::vector<std::vector<TokenId>> windowsOf(const ExportRequest& request) {
    const ModelConfig& config = request.model->config();
    const auto length = static_cast<std::size_t>(std::clamp(config.maxPositions, 2, verifyLength));
    std::vector<std::vector<TokenId>> windows;
    for (std::size_t at = 0; at + length <= request.verifyTokens.size() && windows.size() < verifyWindows;
         at += length)
        windows.emplace_back(request.verifyTokens.begin() + static_cast<std::ptrdiff_t>(at),
                             request.verifyTokens.begin() + static_cast<std::ptrdiff_t>(at + length));
    if (windows.empty())
        windows = verificationWindows(config.vocabSize, verifyWindows, static_cast<int>(length));
    return windows;
}

SafetensorsMetadata provenance(const ExportPlan& plan) {
    const ExportRequest& request = plan.request;
    SafetensorsMetadata metadata{{"qroar.version", QROAR_VERSION},
                                 {"qroar.source", request.model->fingerprint()},
                                 {"qroar.quant", request.weights->spec().text()},
                                 {"qroar.rope", plan.rope.text()}};
    if (!request.importance.empty()) metadata.emplace_back("qroar.imatrix", request.importance);
    if (request.gains.isIdentity()) return metadata;
    metadata.emplace_back("qroar.scales", request.scalesName);
    metadata.emplace_back("qroar.gains", gainsFingerprint(request.gains));
    return metadata;
}

Status planLayout(ExportPlan& plan) {
    const ExportRequest& request = plan.request;
    ExportLayout& layout = plan.layout;
    layout.format = request.format;
    const TensorView& embedding = request.model->embedding(); // of blocks: the type of their factors
    layout.dense = embedding.isFloat() ? embedding.type : DType::F16;
    if (isPacked(request.format)) {
        auto grid = commonGrid(*request.model, *request.weights, request.format == ExportFormat::Gptq);
        if (!grid) return grid.error();
        layout.grid = *grid;
        layout.dense = request.format == ExportFormat::CompressedTensors ? dtypeOf(grid->scales) : DType::F16;
    }
    if (request.dtype) layout.dense = *request.dtype;
    if (Status judged = judge(foldability(*request.model, layout, request.gains), plan); !judged)
        return judged;
    plan.fold.dense = layout.dense;
    if (!isPacked(request.format)) return Done{};
    plan.fold.scales = scaleTypeOf(layout.dense);
    plan.fold.writeZeros = !layout.grid.symmetric;
    return Done{};
}

Status planNew(ExportPlan& plan) {
    const ExportRequest& request = plan.request;
    if (Status laidOut = planLayout(plan); !laidOut) return laidOut;
    auto config = exportedConfig(*request.model, plan.layout, plan.rope, plan.notes);
    if (!config) return config.error();
    plan.config = *std::move(config);
    if (isGptq(request.format)) plan.quantizeConfig = quantizationConfig(plan.layout).dump(2) + "\n";
    plan.side = tokenizerFiles(*request.model);
    plan.metadata = provenance(plan);
    for (const ShardPlan& shard :
         planShards(layoutTensors(*request.model, plan.layout), plan.metadata, request.shardBytes))
        plan.bytes += shard.bytes;
    return Done{};
}

Status planPatch(ExportPlan& plan) {
    const ExportRequest& request = plan.request;
    if (request.dtype)
        return Error::bad("a patch keeps the types it finds: --dtype is for models written anew");
    if (Status judged = judge(patchability(*request.model, *request.weights, request.gains), plan); !judged)
        return judged;
    auto config = patchedConfig(*request.model, plan.rope, plan.notes);
    if (!config) return config.error();
    plan.config = *std::move(config);
    auto files = weightFiles(*request.model);
    if (!files) return files.error();
    plan.weightFiles = *std::move(files);
    std::vector<std::string> names;
    for (const PatchedFile& file : plan.weightFiles) {
        names.push_back(file.source.filename().string());
        plan.bytes += file.bytes;
    }
    plan.side = patchedFolderFiles(*request.model, names);
    return Done{};
}

/// Which gains the weights will hold: those of the source and those that are folded now. `request` as it was
/// asked for, before snapping.
Status planMark(const ExportRequest& request, ExportPlan& plan) {
    const Model& model = *request.model;
    auto sets = readFoldedMark(model.path());
    if (!sets) return sets.error();
    if (const std::string twice = foldedWarning(model.path(), request.gains);
        !twice.empty() && !request.gains.isIdentity())
        plan.notes.push_back(twice);
    if (!plan.request.gains.isIdentity())
        sets->push_back({request.scalesName, gainsFingerprint(request.gains),
                         gainsFingerprint(plan.request.gains), model.fingerprint()});
    if (!sets->empty()) plan.mark = foldedMark(*sets, QROAR_VERSION);
    return Done{};
}

} // namespace

Outcome<SettledRequest> settleRequest(const ExportRequest& request, double& largestSnap) {
    ExportRequest settled = request;
    if (request.snapToPowersOfTwo) largestSnap = snapGains(settled);
    auto rope = resolvedRope(request);
    if (!rope) return rope.error();
    return SettledRequest{settled.gains, *std::move(rope), windowsOf(request)};
}

RopeSpec resolvedStoredRope(const Model& model) {
    const ModelConfig& config = model.config();
    const auto table = buildFrequencyTable(config.storedRope, config.ropeModel(), 1);
    return table ? table->spec : config.storedRope;
}

Outcome<ExportPlan> planExport(const ExportRequest& request) {
    ExportPlan plan;
    plan.request = request;
    if (Status checked = checkGains(request.gains, request.model->config()); !checked) return checked.error();
    auto settled = settleRequest(request, plan.largestSnap);
    if (!settled) return settled.error();
    plan.request.gains = std::move(settled->gains);
    plan.rope = std::move(settled->rope);
    plan.windows = std::move(settled->windows);
    plan.fold.model = request.model;
    plan.fold.weights = request.weights;
    plan.fold.gains = plan.request.gains;
    if (Status planned = request.patch ? planPatch(plan) : planNew(plan); !planned) return planned.error();
    if (Status marked = planMark(request, plan); !marked) return marked.error();
    plan.bytes += plan.config.size() + plan.quantizeConfig.size() + plan.mark.size();
    for (const SideFile& file : plan.side.files) plan.bytes += file.bytes;
    plan.notes.insert(plan.notes.end(), plan.side.notes.begin(), plan.side.notes.end());
    return plan;
}

} // namespace qroar
