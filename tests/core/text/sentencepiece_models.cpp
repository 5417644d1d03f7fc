#include "sentencepiece_models.h"

#include <sentencepiece_trainer.h>

#include <algorithm>
#include <random>
#include <vector>

namespace qroar::fixtures {

namespace {

class Sentences final : public sentencepiece::SentenceIterator {
  public:
    explicit Sentences(std::vector<std::string> all) : all_(std::move(all)) {}
    [[nodiscard]] bool done() const override { return at_ >= all_.size(); }
    void Next() override { ++at_; }
    [[nodiscard]] const std::string& value() const override { return all_[at_]; }
    [[nodiscard]] sentencepiece::util::Status status() const override { return {}; }

  private:
    std::vector<std::string> all_;
    std::size_t at_ = 0;
};

/// Sentences of words with prefixes and suffixes, so that there is something to merge.
std::vector<std::string> madeUp() {
    const char* const stems[] = {"walk",
                                 "talk",
                                 "na\xC3\xAFve",
                                 "caf\xC3\xA9",
                                 "\xE4\xBD\xA0\xE5\xA5\xBD",
                                 "token",
                                 "123",
                                 "2024",
                                 "the",
                                 "of",
                                 "an",
                                 "it's",
                                 "do",
                                 "\xD0\xBC\xD0\xB8\xD1\x80",
                                 "rope",
                                 "scale"};
    const char* const endings[] = {"", "s", "ed", "ing", "er", "!", ",", "."};
    std::mt19937 random(5);
    std::vector<std::string> all;
    for (int count = 0; count < 600; ++count) {
        std::string sentence;
        for (int word = 0; word < 9; ++word) {
            if (word > 0) sentence += random() % 9 == 0 ? "  " : " ";
            sentence += stems[random() % 16];
            sentence += endings[random() % 8];
        }
        all.push_back(sentence);
    }
    return all;
}

} // namespace

std::string trainSentencePiece(const std::string& options) {
    Sentences sentences(madeUp());
    std::string model;
    const auto status = sentencepiece::SentencePieceTrainer::Train(
        "--minloglevel=2 --vocab_size=420 --hard_vocab_limit=false --num_threads=1 " + options, &sentences,
        &model);
    return status.ok() ? model : std::string();
}

} // namespace qroar::fixtures
