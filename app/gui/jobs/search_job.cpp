#include "app/gui/jobs/search_job.h"

#include "core/analysis/machine.h"
#include "core/controls/search_report.h"
#include "core/quantize/calibrate.h"

#include <algorithm>

namespace qroar {

void SearchJob::work() {
    JobSink sink(*this);
    constexpr int calibrationWindows = 16;
    const SearchPlan& plan = task_.plan;
    const int longest =
        plan.contexts.empty() ? 0 : *std::max_element(plan.contexts.begin(), plan.contexts.end());
    auto weights =
        makeWeightsOn(plan.documents, plan.rope, longest, calibrationWindows, plan.model, task_.quant, sink);
    if (!weights && weights.error().code == ErrorCode::Cancelled) return;
    if (!weights) {
        emit failed(QString::fromStdString(weights.error().message));
        return;
    }
    task_.plan.weights = *weights;
    auto preview = previewSearch(task_.plan);
    if (!preview) {
        emit failed(QString::fromStdString(preview.error().message));
        return;
    }
    if (Status fits = checkMemory(preview->peakBytes, "this search"); !fits) {
        emit failed(QString::fromStdString(fits.error().message));
        return;
    }
    auto live = std::make_shared<SearchRecord>();
    live->settings = preview->settings;
    live->scales = {task_.plan.name,
                    {},
                    task_.plan.model->fingerprint(),
                    preview->settings.rope,
                    preview->settings.quant};
    const auto watcher = [&](const SearchUpdate& update) {
        live->trials.push_back(update.trial);
        live->scales.gains = update.bestGains;
        emit updated(std::make_shared<const SearchRecord>(*live));
    };
    auto record = runSearch(task_.plan, sink, watcher, task_.previous.get());
    if (!record) {
        emit failed(QString::fromStdString(record.error().message));
        return;
    }
    emit searched(std::make_shared<const SearchRecord>(*record));
    if (record->finished && task_.report && !task_.report->empty()) report(std::move(*record), sink);
}

void SearchJob::report(SearchRecord record, JobSink& sink) {
    SearchReportTask task;
    task.model = task_.plan.model;
    task.weights = task_.plan.weights;
    task.rope = task_.plan.rope;
    task.documents = task_.report;
    task.contexts = task_.plan.contexts;
    task.options.maxWindows = task_.plan.maxWindows;
    task.options.divergence = false;
    const auto done = reportSearch(task, record, sink);
    if (done)
        emit reported(std::make_shared<const SearchRecord>(std::move(record)));
    else if (done.error().code != ErrorCode::Cancelled)
        emit failed(QString::fromStdString(done.error().message));
}

} // namespace qroar
