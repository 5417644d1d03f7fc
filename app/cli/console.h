// What every sub-command says and how it ends: exit codes, errors and progress on stderr, tables or JSON on
// stdout.
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace qroar::cli {

using Json = nlohmann::ordered_json;

inline constexpr int exitDone = 0, exitFailed = 1, exitUsage = 2, exitCancelled = 3;

/// Options that every sub-command has.
struct Common {
    bool json = false;
    int threads = 0; ///< 0 = all
};

/// Prints "qroar: message" on stderr; the exit code that goes with the error.
int fail(const Error& error);
/// What fail() was told last, but for cancellations; else Done.
const Status& lastFailure();

/// One JSON document on stdout, indented, numbers with the digits that reproduce them.
void print(const Json& document);

/// A table with aligned columns on stdout; cells that look like numbers are right-aligned.
class Table {
  public:
    explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print() const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

/// "1.2346" with `digits` behind the point; "-" for NaN.
std::string fixed(double value, int digits);
/// The number in at most `digits` significant ones: "0.002449", "1.139"; "-" for NaN. For people: JSON has
/// all.
std::string significant(double value, int digits);
/// A text (a spec, a warning) with every decimal fraction of more than 7 digits rounded to 7, for people.
std::string readable(const std::string& text);
/// The number, or null: JSON knows no NaN.
inline Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

/// Progress on stderr: one line that is rewritten on a terminal, a line every few seconds elsewhere. The
/// first Ctrl-C asks the job to stop and keep what is done; the second one ends the program.
class ConsoleProgress : public ProgressSink {
  public:
    ConsoleProgress();
    ~ConsoleProgress() override;
    ConsoleProgress(const ConsoleProgress&) = delete;
    ConsoleProgress& operator=(const ConsoleProgress&) = delete;
    void report(const Progress& progress) override;
    [[nodiscard]] bool cancelled() const override;
    /// Ends the rewritten line, so that other output starts on a fresh one.
    void finishLine();

  private:
    bool terminal_ = false;
    double lastShown_ = -1e9;
    std::string lastStage_;
    bool lineOpen_ = false;
};

} // namespace qroar::cli
