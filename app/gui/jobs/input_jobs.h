// Opening what an analysis reads: a model with its tokenizer, and documents as token ids. For the light
// queue: no HDF5 here.
#pragma once

#include "app/gui/jobs/job.h"
#include "core/model/model.h"
#include "core/text/documents.h"

#include <QString>

namespace qroar {

/// A model that is open, and the tokenizer that belongs to it.
struct OpenedModel {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer; ///< null when there is none; token ids can still be read
    QString tokenizerProblem;                   ///< why there is none
};

using SharedDocuments = std::shared_ptr<const std::vector<Document>>;

class OpenModelJob : public Job {
    Q_OBJECT

  public:
    explicit OpenModelJob(std::filesystem::path path) : path_(std::move(path)) {}

  signals:
    void opened(const qroar::OpenedModel& model);

  protected:
    void work() override;

  private:
    std::filesystem::path path_;
};

class OpenDocumentsJob : public Job {
    Q_OBJECT

  public:
    OpenDocumentsJob(std::vector<std::filesystem::path> paths, OpenedModel model)
        : paths_(std::move(paths)), model_(std::move(model)) {}

  signals:
    void opened(const qroar::SharedDocuments& documents);

  protected:
    void work() override;

  private:
    std::vector<std::filesystem::path> paths_;
    OpenedModel model_;
};

} // namespace qroar
