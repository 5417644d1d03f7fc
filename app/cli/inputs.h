// The inputs that sub-commands share: model, documents, lists of specs; read and checked with one wording.
#pragma once

#include "app/cli/console.h"
#include "core/analysis/analysis.h"
#include "core/controls/held_out.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace qroar::cli {

/// Texts of the options of analyze and evaluate.
struct RunOptions {
    std::string model;
    std::vector<std::string> texts, calibrationTexts, ropes{"model"};
    std::vector<std::string> quants; ///< none given: the model as it is (plainQuant)
    std::vector<int> contexts;
    std::string jsonField = "text", imatrix;
    int maxWindows = 0, calibrationWindows = 16;
};
void addRunOptions(CLI::App& command, RunOptions& options);

/// What an option takes, said in a line: a finite number from 0 or from 1 on.
CLI::Validator fromZero();
CLI::Validator fromOne();

/// Applies --threads.
void useThreads(const Common& common);

/// The importance matrix of --imatrix, which must fit the model; null without one.
Outcome<std::shared_ptr<const ImportanceMatrix>> readImportance(const std::string& path, const Model& model);
/// What --imatrix is.
inline constexpr const char* imatrixHelp = "importance matrix of llama.cpp (.dat or .gguf) that rtn and awq "
                                           "are weighted by, in the place of calibration text";

Outcome<std::vector<RopeSpec>> parseRopes(const std::vector<std::string>& texts);
Outcome<std::vector<QuantSpec>> parseQuants(const std::vector<std::string>& texts);

/// Documents of a model, after a check that the files are there. Its tokenizer is read only when a document
/// is text; `tokenizer`, when not null, receives it (null when all hold ids).
Outcome<std::shared_ptr<const std::vector<Document>>>
readDocuments(const Model& model, const std::vector<std::filesystem::path>& paths,
              const std::string& jsonField, std::shared_ptr<const Tokenizer>* tokenizer = nullptr);

/// Opens the model and its documents (none when no texts are named) and fills in a plan (capture on).
/// `tokenizer`, when not null, receives the one the documents were read with; null when all hold ids.
Outcome<AnalysisPlan> makePlan(const RunOptions& options,
                               std::shared_ptr<const Tokenizer>* tokenizer = nullptr);

/// The scale set that "run.h5[:NAME]" names; it must fit the model. Notes say when it was found for another
/// one, by a search that was stopped, or changes nothing. `measured` (may be null): documents that figures
/// will be of; `notHeldOut` receives those that the search saw, whole or in part; `contexts` the context
/// lengths it searched at.
Outcome<std::shared_ptr<const ScaleSet>> readScales(const std::string& text, const Model& model,
                                                    const std::vector<Document>* measured = nullptr,
                                                    std::vector<SeenDocument>* notHeldOut = nullptr,
                                                    std::vector<int>* contexts = nullptr);

/// Whether two specs give the model the same frequencies and attention factor, however they are spelled.
bool sameScaling(const Model& model, const RopeSpec& a, const RopeSpec& b);

/// The first of every value.
template<class T>
std::vector<T> withoutRepeats(std::vector<T> values) {
    std::vector<T> kept;
    for (T& value : values)
        if (std::find(kept.begin(), kept.end(), value) == kept.end()) kept.push_back(std::move(value));
    return kept;
}

/// The command line as it was typed, for the provenance.
std::string commandLine();
void rememberCommandLine(int argc, char** argv);

} // namespace qroar::cli
