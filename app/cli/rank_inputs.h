// What every rank has read by itself and must have found the same as all others, under names that say what
// differs: words of the command line, fingerprints of models, documents, scales and files. Not here: the
// comparison (Ranks::agreeOn), what a sub-command reads (its file).
#pragma once

#include "core/analysis/analysis.h"
#include "core/ranks/ranks.h"
#include "core/session/search_record.h"

#include <filesystem>
#include <string>

namespace qroar::cli {

class RankInputs {
  public:
    void add(const std::string& what, const std::string& value) { all_.emplace_back(what, value); }
    /// Model, documents, those of the calibration and scales of a plan; not the specs, which are words.
    void addPlan(const AnalysisPlan& plan);
    void addDocuments(const std::string& option, const std::vector<Document>& documents);
    /// The content of a file: all of it up to 64 MiB; of a larger one the size and 64 MiB in 1,024 pieces
    /// that are spread evenly. Nothing without a path.
    void addFile(const std::string& option, const std::filesystem::path& path);
    /// The search that `path` holds and that is gone on with.
    void addSearch(const std::string& path, const SearchRecord& record);
    [[nodiscard]] const Ranks::Inputs& all() const { return all_; }

  private:
    Ranks::Inputs all_;
};

/// Collective: all ranks are of one version and were given the same words.
Status agreeOnWords(Ranks& ranks, int argc, char** argv);

} // namespace qroar::cli
