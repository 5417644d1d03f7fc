// A tiny random model, documents of random ids and a plan for them: what tests of the search start from.
// Nothing of it is measured.
#pragma once

#include "core/search/search.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace qroar::test {

inline std::vector<Document> randomDocuments(int count, int length, int vocab, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Document> documents;
    for (int at = 0; at < count; ++at) {
        Document document;
        document.name = "doc" + std::to_string(at);
        document.fingerprint = document.name + "/" + std::to_string(seed);
        for (int token = 0; token < length; ++token)
            document.tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocab)));
        documents.push_back(std::move(document));
    }
    return documents;
}

/// NLL of every window by a plain pass: nothing of the search's machinery in it.
inline std::vector<std::vector<float>>
plainNll(const SearchPlan& plan, const std::vector<Document>& documents, int context, const QkGains& gains) {
    const auto windows = *cutWindows(documents, context, plan.maxWindows);
    const auto table = *buildFrequencyTable(plan.rope, plan.model->config().ropeModel(), context);
    ForwardPass pass(plan.model, table, plan.weights, context, gains);
    NllSink sink(windows);
    ProgressSink silent;
    WorkMeter meter(silent, 1);
    if (!pass.run(windows, nullptr, sink, meter)) throw std::runtime_error("cancelled");
    return {sink.nll().begin(), sink.nll().end()};
}

/// Documents that the model itself would write (ancestral sampling without scaling, all in step): on these
/// its own weights are the best ones, and whatever was done to them can be found.
inline std::vector<Document> sampledDocuments(const std::shared_ptr<const Model>& model, int count,
                                              int length, unsigned seed) {
    class LastRow : public LogitsSink {
      public:
        explicit LastRow(std::size_t windows) : rows(windows) {}
        void deliver(int window, int first, ConstMatrixView logits) override {
            if (first + logits.rows == length)
                rows[static_cast<std::size_t>(window)].assign(logits.row(logits.rows - 1),
                                                              logits.row(logits.rows - 1) + logits.cols);
        }
        std::vector<std::vector<float>> rows;
        std::ptrdiff_t length = 0;
    };
    std::vector<Document> documents = randomDocuments(count, 1, model->config().vocabSize, seed);
    std::mt19937 random(seed + 1);
    const auto table = *buildFrequencyTable({}, model->config().ropeModel(), length);
    ForwardPass pass(model, table, QuantSpec{}, length);
    ProgressSink silent;
    WorkMeter meter(silent, 1);
    LastRow last(documents.size());
    while (static_cast<int>(documents.front().tokens.size()) < length) {
        std::vector<Window> windows;
        for (int at = 0; at < count; ++at)
            windows.push_back({at, 0, documents[static_cast<std::size_t>(at)].tokens});
        last.length = static_cast<std::ptrdiff_t>(documents.front().tokens.size());
        if (!pass.run(windows, nullptr, last, meter)) throw std::runtime_error("cancelled");
        for (std::size_t at = 0; at < documents.size(); ++at) {
            const std::vector<float>& logits = last.rows[at];
            const float top = *std::max_element(logits.begin(), logits.end());
            std::vector<double> weights;
            for (const float value : logits) weights.push_back(std::exp(static_cast<double>(value) - top));
            std::discrete_distribution<int> draw(weights.begin(), weights.end());
            documents[at].tokens.push_back(draw(random));
        }
    }
    return documents;
}

/// 3 layers, 4 query and 2 KV heads of 4 pairs; its attention is sharp enough for gains to matter.
class TinySearch {
  public:
    TinySearch() {
        RandomModelOptions options;
        options.layers = 3;
        options.maxPositions = 32;
        options.gain = 1.4;
        makeRandomHfModel(folder_.path().toStdString(), options, 11);
        auto model = openModel(folder_.path().toStdString());
        if (!model) throw std::runtime_error(model.error().message);
        plan.model = *model;
        plan.weights = *openWeights(plan.model, *QuantSpec::parse("rtn:3:g32"));
        plan.documents =
            std::make_shared<const std::vector<Document>>(randomDocuments(4, 150, options.vocab, 5));
        plan.rope = *RopeSpec::parse("yarn:2");
        plan.contexts = {64, 32};
        plan.bands = BandPartition::equal(2, plan.model->config().pairs());
        plan.name = "000";
        plan.l2 = 1e-3;
    }
    SearchPlan plan;

  private:
    QTemporaryDir folder_;
};

/// Asks to stop once a number of trials is done.
class StopAfterTrials : public ProgressSink {
  public:
    explicit StopAfterTrials(int trials) : left_(trials) {}
    SearchCallback watcher() {
        return [this](const SearchUpdate&) { --left_; };
    }
    [[nodiscard]] bool cancelled() const override { return left_ <= 0; }

  private:
    int left_;
};

} // namespace qroar::test
