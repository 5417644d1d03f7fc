#include "app/gui/jobs/input_jobs.h"

namespace qroar {

void OpenModelJob::work() {
    auto model = openModel(path_);
    if (!model) {
        emit failed(QString::fromStdString(model.error().message));
        return;
    }
    OpenedModel result;
    result.model = *model;
    auto tokenizer = loadTokenizerFor(path_, result.model->config().vocabSize);
    if (tokenizer)
        result.tokenizer = *tokenizer;
    else
        result.tokenizerProblem = QString::fromStdString(tokenizer.error().message);
    if (!cancelRequested()) emit opened(result);
}

void OpenDocumentsJob::work() {
    auto documents = loadDocuments(paths_, model_.tokenizer.get(), model_.model->config().vocabSize);
    if (!documents)
        emit failed(QString::fromStdString(documents.error().message));
    else if (!cancelRequested())
        emit opened(std::make_shared<const std::vector<Document>>(std::move(*documents)));
}

} // namespace qroar
