// A byte-level BPE that nobody trained: merges are made from syllables, so that text of such syllables is cut
// into pieces of the usual length.
#include "core/bench/random_model.h"
#include "core/text/byte_alphabet.h"

#include <nlohmann/json.hpp>

#include <array>
#include <string>
#include <unordered_set>

namespace qroar::bench {

namespace {

constexpr int byteTokens = 256, mostTokens = 16384;
constexpr std::string_view consonants = "bcdfghklmnprstvw", vowels = "aeiou";

/// Every syllable of a consonant and a vowel.
std::vector<std::string> syllables() {
    std::vector<std::string> all;
    for (const char consonant : consonants)
        for (const char vowel : vowels) all.push_back({consonant, vowel});
    return all;
}

class Vocabulary {
  public:
    explicit Vocabulary(int most) : most_(most) {
        for (int byte = 0; byte < byteTokens; ++byte) {
            std::string symbol = bytesToSymbols(std::string(1, static_cast<char>(byte)));
            ids_[symbol] = byte;
            known_.insert(std::move(symbol));
        }
    }
    /// Two pieces that are there already become one, while there is room.
    void merge(const std::string& left, const std::string& right) {
        if (full() || !known_.insert(left + right).second) return;
        ids_[left + right] = static_cast<int>(known_.size()) - 1;
        merges_.push_back(left + " " + right);
    }
    [[nodiscard]] bool full() const { return static_cast<int>(known_.size()) >= most_; }
    [[nodiscard]] nlohmann::ordered_json model() const {
        return {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false},
                {"vocab", ids_},
                {"merges", merges_}};
    }

  private:
    int most_;
    std::unordered_set<std::string> known_;
    nlohmann::ordered_json ids_ = nlohmann::ordered_json::object();
    std::vector<std::string> merges_;
};

} // namespace

std::string randomTokenizerText(int vocabSize) {
    if (vocabSize < byteTokens) return "";
    Vocabulary vocabulary(std::min(vocabSize, mostTokens));
    const std::vector<std::string> parts = syllables();
    const std::string space = bytesToSymbols(" ");
    for (const std::string& part : parts) vocabulary.merge(part.substr(0, 1), part.substr(1));
    for (const std::string& part : parts) vocabulary.merge(space, part);
    for (const std::string& first : parts)
        for (const std::string& second : parts) vocabulary.merge(first, second);
    for (const std::string& first : parts)
        for (const std::string& second : parts) vocabulary.merge(space + first, second);
    const nlohmann::ordered_json byteLevel{
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    return nlohmann::ordered_json{
        {"version", "1.0"},           {"truncation", nullptr},
        {"padding", nullptr},         {"added_tokens", nlohmann::ordered_json::array()},
        {"normalizer", nullptr},      {"pre_tokenizer", byteLevel},
        {"post_processor", nullptr},  {"decoder", byteLevel},
        {"model", vocabulary.model()}}
        .dump();
}

std::string randomText(std::size_t bytes, std::uint64_t seed) {
    static constexpr std::array<std::string_view, 8> between{" ", " ", " ", " ", " ", ", ", ". ", "\n"};
    std::string text;
    text.reserve(bytes + 16);
    for (std::uint64_t word = 0; text.size() < bytes; ++word) {
        std::uint64_t bits = mixBits(seed + mixBits(word));
        for (std::uint64_t syllable = 0; syllable <= bits % 4; ++syllable) {
            const std::uint64_t hash = mixBits(bits + syllable);
            text += consonants[hash % consonants.size()];
            text += vowels[(hash >> 32) % vowels.size()];
        }
        text += between[(bits >> 40) % between.size()];
    }
    return text;
}

} // namespace qroar::bench
