#include "core/exporting/export_model.h"

#include "core/base/files.h"
#include "core/exporting/export_plan.h"
#include "core/exporting/gguf_export.h"
#include "core/exporting/llama2c_export.h"
#include "core/exporting/model_config.h"
#include "core/exporting/staging_folder.h"
#include "core/scales/folded_gains.h"

#include <algorithm>

namespace qroar {

namespace {

/// What writing a byte counts as, in floating-point operations of the verification's forward passes.
constexpr double workPerByte = 200;
/// Room for the index of shards and for what file systems keep of their own.
constexpr std::uint64_t spareBytes = 1 << 20;

Status writeNew(const ExportPlan& plan, const std::filesystem::path& folder, ExportReport& report,
                WorkMeter& meter) {
    auto writer = CheckpointWriter::create(folder, layoutTensors(*plan.request.model, plan.layout),
                                           plan.metadata, plan.request.shardBytes);
    if (!writer) return writer.error();
    auto rounding = writeModel(plan.fold, plan.layout, *writer, workPerByte, meter);
    if (!rounding) return rounding.error();
    report.rounding = *rounding;
    if (Status finished = writer->finish(); !finished) return finished;
    if (plan.quantizeConfig.empty()) return Done{};
    return writeTextAtomically(folder / "quantize_config.json", plan.quantizeConfig);
}

Status writePatch(const ExportPlan& plan, const std::filesystem::path& folder, ExportReport& report,
                  WorkMeter& meter) {
    const auto tensors = patchedTensors(*plan.request.model, plan.request.gains);
    for (const PatchedFile& file : plan.weightFiles) {
        if (Status written = writePatched(file, tensors, folder, report.rounding.scaled, workPerByte, meter);
            !written)
            return written;
        std::vector<ByteRange> allowed;
        for (const PatchedTensor& patched : tensors)
            if (liesIn(patched, file))
                allowed.emplace_back(patched.tensor->offset, patched.tensor->offset + patched.tensor->bytes);
        std::sort(allowed.begin(), allowed.end());
        auto changed = changedRanges(file.source, folder / file.name, allowed);
        if (!changed) return changed.error();
        report.files.push_back({file.name, file.bytes, *std::move(changed)});
    }
    return Done{};
}

/// Where config.json of a patch differs from the source's: nowhere, or as a whole.
Status addConfigChanges(const ExportPlan& plan, ExportReport& report) {
    const auto source = sourceConfigText(*plan.request.model);
    if (!source) return source.error();
    ExportedFile file{"config.json", plan.config.size(), {}};
    if (*source != plan.config) file.changed.emplace_back(0, plan.config.size());
    report.files.push_back(std::move(file));
    return Done{};
}

/// The mark is an export's own: in a patch all of it is new.
Status writeMark(const ExportPlan& plan, const std::filesystem::path& folder, ExportReport& report) {
    if (plan.mark.empty()) return Done{};
    if (plan.request.patch)
        report.files.push_back({foldedMarkName, plan.mark.size(), {{0, plan.mark.size()}}});
    return writeTextAtomically(folder / foldedMarkName, plan.mark);
}

/// Every file of the folder that the report does not have yet.
void listFiles(const std::filesystem::path& folder, ExportReport& report) {
    std::error_code error;
    for (auto at = std::filesystem::directory_iterator(folder, error);
         !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
        const std::string name = at->path().filename().string();
        const auto known = [&name](const ExportedFile& file) { return file.name == name; };
        if (std::none_of(report.files.begin(), report.files.end(), known))
            report.files.push_back({name, at->file_size(error), {}});
    }
    std::sort(report.files.begin(), report.files.end(),
              [](const ExportedFile& a, const ExportedFile& b) { return a.name < b.name; });
}

std::string formatOf(const ExportRequest& request) {
    if (!request.patch) return exportFormatName(request.format);
    const auto kinds = storedKinds(*request.model);
    if (kinds.empty()) return exportFormatName(ExportFormat::Hf);
    switch (kinds.front().like.format) {
    case StoredFormat::AwqGemm:
        return exportFormatName(ExportFormat::Awq);
    case StoredFormat::Gptq:
        return exportFormatName(kinds.front().like.zeros == GptqZeros::V2 ? ExportFormat::GptqV2
                                                                          : ExportFormat::Gptq);
    case StoredFormat::CompressedPack:
    case StoredFormat::CompressedInt:
    case StoredFormat::Q80:
        break;
    }
    return exportFormatName(ExportFormat::CompressedTensors);
}

Status writeEverything(const ExportPlan& plan, const std::filesystem::path& folder, ExportReport& report,
                       WorkMeter& meter) {
    Status written =
        plan.request.patch ? writePatch(plan, folder, report, meter) : writeNew(plan, folder, report, meter);
    if (!written) return written;
    written = writeTextAtomically(folder / "config.json", plan.config);
    if (!written) return written;
    if (plan.request.patch)
        if (Status added = addConfigChanges(plan, report); !added) return added;
    if (Status marked = writeMark(plan, folder, report); !marked) return marked;
    return copySideFiles(plan.side, folder, workPerByte, meter);
}

} // namespace

Outcome<ExportEstimate> estimateExport(const ExportRequest& request) {
    if (isGguf(request)) return estimateGguf(request);
    if (!request.patch && request.format == ExportFormat::Llama2c) return estimateLlama2c(request);
    auto plan = planExport(request);
    if (!plan) return plan.error();
    auto target = checkTarget(request.target, request.model->path(), request.replace);
    if (!target) return target.error();
    ExportEstimate estimate;
    std::error_code ignored;
    estimate.freeBytes = std::filesystem::space(target->parent_path(), ignored).available;
    estimate.target = *std::move(target);
    estimate.bytes = plan->bytes;
    estimate.notes = std::move(plan->notes);
    return estimate;
}

Outcome<ExportReport> exportModel(const ExportRequest& request, ProgressSink& sink) {
    if (isGguf(request)) return exportGguf(request, sink);
    if (!request.patch && request.format == ExportFormat::Llama2c) return exportLlama2c(request, sink);
    auto plan = planExport(request);
    if (!plan) return plan.error();
    auto target = checkTarget(request.target, request.model->path(), request.replace);
    if (!target) return target.error();
    if (Status room = checkFreeSpace(target->parent_path(), plan->bytes + spareBytes); !room)
        return room.error();
    auto staging = StagingFolder::create(request.target, request.model->path(), request.replace);
    if (!staging) return staging.error();

    ExportReport report;
    report.path = staging->target();
    report.format = formatOf(request);
    report.patched = request.patch;
    report.rope = plan->rope;
    report.largestSnap = plan->largestSnap;
    report.notes = plan->notes;
    WorkMeter meter(sink, workPerByte * static_cast<double>(plan->bytes)
                              + verificationWork(request.model->config(), plan->windows));
    meter.setStage("writing");
    if (Status written = writeEverything(*plan, staging->path(), report, meter); !written)
        return written.error();
    meter.setStage("reading back");
    auto verified = verifyExport({plan->fold, plan->rope, plan->windows}, staging->path(), meter);
    if (!verified) return verified.error();
    report.verification = *std::move(verified);
    for (std::string& text : loaderNotes(report.verification)) report.notes.push_back(std::move(text));
    listFiles(staging->path(), report);
    if (meter.cancelled()) return Error::cancelled();
    if (Status committed = staging->commit(); !committed) return committed.error();
    return report;
}

} // namespace qroar
