#include "app/gui/jobs/search_job.h"

#include "core/controls/search_report.h"

namespace qroar {

void SearchJob::work() {
    JobSink sink(*this);
    auto weights = openWeights(task_.plan.model, task_.quant);
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
