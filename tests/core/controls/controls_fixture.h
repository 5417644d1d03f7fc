// A tiny random model, documents for it, and a progress sink that stops when told to: for the tests of this
// folder.
#pragma once

#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/text/documents.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>

#include <atomic>
#include <random>

namespace qroar::test {

struct TinyModel {
    explicit TinyModel(RandomModelOptions options = tinyOptions()) {
        makeRandomHfModel(folder.path().toStdString(), options, 5);
        auto opened = openModel(folder.path().toStdString());
        if (!opened) qFatal("%s", opened.error().message.c_str());
        model = *opened;
    }
    static RandomModelOptions tinyOptions() {
        RandomModelOptions options;
        options.maxPositions = 16;
        return options;
    }
    QTemporaryDir folder;
    std::shared_ptr<const Model> model;
};

inline std::vector<Document> randomDocuments(const std::vector<int>& lengths, int vocab, unsigned seed = 21) {
    std::mt19937 random(seed);
    std::vector<Document> documents;
    for (const int length : lengths) {
        Document document;
        document.name = "doc" + std::to_string(documents.size());
        for (int token = 0; token < length; ++token)
            document.tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocab)));
        documents.push_back(std::move(document));
    }
    return documents;
}

/// Asks to stop at the given change of stage; never by default.
class StopAt : public ProgressSink {
  public:
    explicit StopAt(int stage = 1 << 30) : left_(stage) {}
    void report(const Progress& progress) override {
        if (progress.stage != stage_ && left_-- == 0) stop_ = true;
        stage_ = progress.stage;
    }
    [[nodiscard]] bool cancelled() const override { return stop_; }

  private:
    int left_;
    std::string stage_;
    std::atomic<bool> stop_{false};
};

} // namespace qroar::test
