// qroar plot SESSION --figure NAME -o FILE: any figure of the workbench without its window. The options are
// read by qroar-workbench (app/gui/figures/plot_command.h); here they are only handed on.
#include "app/cli/commands.h"
#include "app/cli/workbench_process.h"

namespace qroar::cli {

void addPlot(CLI::App& program, int& result) {
    CLI::App* command = program.add_subcommand(
        "plot",
        "any figure of the workbench as SVG, PDF, PNG or CSV: qroar plot SESSION --figure NAME -o FILE");
    command->set_help_flag(); // --help too is answered by the workbench
    command->prefix_command();
    command->callback([command, &result] { result = runWorkbench("--plot", command->remaining()); });
}

} // namespace qroar::cli
