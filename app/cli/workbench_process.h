// Starting qroar-workbench for what needs its views: figures, reports. `qroar` itself has no Qt Widgets. Not
// here: what the sub-commands mean; their options are read on the other side (app/gui/figures).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace qroar::cli {

/// The qroar-workbench beside this program, else the first one in PATH; empty when there is none.
std::filesystem::path findWorkbench();

/// Becomes `qroar-workbench COMMAND arguments...` without a display ("--plot", "--report"): the exit code and
/// everything printed are those of the other program. Returns, with an exit code and a message on stderr,
/// only when it could not be started.
int runWorkbench(const std::string& command, const std::vector<std::string>& arguments);

} // namespace qroar::cli
