// qroar report SESSION -o FILE.html: one self-contained HTML file. The options are read by qroar-workbench
// (app/gui/report/report_command.h); here they are only handed on.
#include "app/cli/commands.h"
#include "app/cli/workbench_process.h"

namespace qroar::cli {

void addReport(CLI::App& program, int& result) {
    CLI::App* command = program.add_subcommand(
        "report",
        "one HTML file with figures, tables and verdicts of a session: qroar report SESSION -o FILE.html");
    command->set_help_flag(); // --help too is answered by the workbench
    command->prefix_command();
    command->callback([command, &result] { result = runWorkbench("--report", command->remaining()); });
}

} // namespace qroar::cli
