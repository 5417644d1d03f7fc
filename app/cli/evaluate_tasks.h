// The tasks of `qroar evaluate`: passkey, copying and multiple choice for every variant; JSON rows and
// tables. Private to the command line.
#pragma once

#include "app/cli/console.h"
#include "core/tasks/choices.h"
#include "core/tasks/copying.h"
#include "core/tasks/passkey.h"

#include <CLI/CLI.hpp>

namespace qroar::cli {

struct TaskOptions {
    bool passkey = false;
    std::vector<int> copyDistances;
    std::string choices; ///< a JSON Lines file; empty: none
    int answersFrom = 0, trials = 0;
    [[nodiscard]] bool any() const { return passkey || !copyDistances.empty() || !choices.empty(); }
};
void addTaskOptions(CLI::App& command, TaskOptions& options);

/// What one variant scored.
struct TaskScores {
    const ControlVariant* variant = nullptr;
    std::vector<PasskeyResult> passkey;
    std::vector<CopyResult> copying;
    std::optional<ChoicesResult> choices;
};

/// Tasks with everything that is read once.
struct PreparedTasks;
/// What cannot run is refused here, before anything does; `contexts` are those of the passkey.
Outcome<std::shared_ptr<const PreparedTasks>> prepareTasks(const TaskOptions& options, const Model& model,
                                                           const std::vector<int>& contexts);
/// Every task for every variant (which must outlive the scores). When cancelled: the variants that are
/// complete.
Outcome<std::vector<TaskScores>> runTasks(const PreparedTasks& tasks,
                                          const std::shared_ptr<const Model>& model,
                                          const std::vector<ControlVariant>& variants, ProgressSink& sink);
Json taskRows(const std::vector<TaskScores>& scores);
void printTasks(const std::vector<TaskScores>& scores);

} // namespace qroar::cli
