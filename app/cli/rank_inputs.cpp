#include "app/cli/rank_inputs.h"

#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "qroar/version.h"

#include <algorithm>

namespace qroar::cli {

namespace {

void addTo(Fingerprint& fingerprint, const std::vector<double>& values) {
    const std::uint64_t count = values.size();
    fingerprint.add(&count, sizeof count);
    fingerprint.add(values.data(), values.size() * sizeof(double));
}

std::string contentOf(std::span<const std::byte> bytes) {
    constexpr std::size_t pieces = 1024, piece = 65536;
    Fingerprint fingerprint;
    if (bytes.size() <= pieces * piece) {
        fingerprint.add(bytes.data(), bytes.size());
        return fingerprint.hex();
    }
    const std::size_t last = bytes.size() - piece; // pieces - 1 steps from 0 to here
    for (std::size_t at = 0; at < pieces; ++at)
        fingerprint.add(bytes.data() + last / (pieces - 1) * at + last % (pieces - 1) * at / (pieces - 1),
                        piece);
    return fingerprint.hex();
}

} // namespace

void RankInputs::addPlan(const AnalysisPlan& plan) {
    add("the model", plan.model->fingerprint());
    addDocuments("--text", *plan.documents);
    if (plan.calibration) addDocuments("--calib-text", *plan.calibration);
    for (const auto& set : plan.scales) {
        if (!set) continue;
        Fingerprint fingerprint;
        addTo(fingerprint, set->gains.q);
        addTo(fingerprint, set->gains.k);
        add("--scales, " + set->name, fingerprint.hex() + ", found under " + set->rope + ", " + set->quant);
    }
}

void RankInputs::addDocuments(const std::string& option, const std::vector<Document>& documents) {
    for (std::size_t at = 0; at < documents.size(); ++at)
        add(option + ", document " + std::to_string(at + 1),
            documents[at].name + ", " + formatCount(static_cast<long long>(documents[at].tokens.size()))
                + " tokens, " + documents[at].fingerprint);
}

void RankInputs::addFile(const std::string& option, const std::filesystem::path& path) {
    if (path.empty()) return;
    const auto file = MappedFile::open(path);
    add(option + ", " + path.string(), file ? formatCount(static_cast<long long>((*file)->bytes().size()))
                                                  + " bytes, " + contentOf((*file)->bytes())
                                            : file.error().message);
}

void RankInputs::addSearch(const std::string& path, const SearchRecord& record) {
    Fingerprint fingerprint;
    for (const SearchTrial& trial : record.trials) {
        fingerprint.add(&trial.kind, sizeof trial.kind);
        fingerprint.add(&trial.objective, sizeof trial.objective);
        for (const auto* values : {&trial.theta, &trial.nll, &trial.gradient, &trial.gradientError})
            addTo(fingerprint, *values);
        fingerprint.add(trial.accepted ? "+" : "-");
    }
    for (const auto* values : {&record.settings.windows, &record.settings.priority})
        addTo(fingerprint, *values);
    add("the search in " + path, record.scales.name + ", " + std::to_string(record.trials.size())
                                     + " trials, at most " + std::to_string(record.settings.steps)
                                     + " steps and a budget of " + formatNumber(record.settings.budget) + ", "
                                     + fingerprint.hex());
}

Status agreeOnWords(Ranks& ranks, int argc, char** argv) {
    if (ranks.alone()) return Done{};
    Ranks::Inputs words{{"version of qroar", QROAR_VERSION}};
    for (int at = 1; at < argc; ++at)
        words.emplace_back("word " + std::to_string(at) + " of the command line", argv[at]);
    return ranks.agreeOn(words);
}

} // namespace qroar::cli
