// qroar: the workbench's engine on the command line. Each sub-command lives in a file of its own.
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/mpi_link.h"
#include "app/cli/rank_inputs.h"
#include "app/cli/rank_setup.h"
#include "qroar/version.h"

#include <csignal>
#include <cstdio>
#include <iostream>

namespace qroar::cli {

void addCommon(CLI::App& command, Common& common) {
    command.add_flag("--json", common.json, "machine-readable result on stdout (fields: handbook, cli.md)");
    command.add_option("--threads", common.threads, "worker threads; the results do not depend on it")
        ->check(CLI::Range(1, 4096));
}

/// A first word that is no sub-command would otherwise be lost in the help of the program.
bool complainOfUnknown(const CLI::App& program, int argc, char** argv) {
    if (argc < 2 || argv[1][0] == '-') return false;
    std::string names;
    for (const CLI::App* command : program.get_subcommands({})) {
        if (command->get_name() == argv[1]) return false;
        names += (names.empty() ? "" : ", ") + command->get_name();
    }
    std::cerr << "qroar: unknown sub-command '" << argv[1] << "': expected one of " << names << '\n';
    return true;
}

} // namespace qroar::cli

namespace {

/// Of a rank that is about to end all of them, whichever it is.
void say(const qroar::Ranks& ranks, const std::string& words) {
    const std::string rank = ranks.alone() ? "" : "rank " + std::to_string(ranks.rank()) + ": ";
    std::fputs(("qroar: " + rank + words + "\n").c_str(), stderr);
}

/// The chosen sub-command of this rank; its exit code.
int runProgram(int argc, char** argv, qroar::Ranks& ranks) {
    using namespace qroar::cli;
    CLI::App program{"Diagnostics for RoPE scaling of quantized LLMs (Q-ROAR workbench, command line)",
                     "qroar"};
    program.set_version_flag("--version", std::string("qroar " QROAR_VERSION));
    program.require_subcommand(1);
    program.footer("Exit codes: 0 done, 1 failed, 2 usage, 3 cancelled.");
    program.failure_message([](const CLI::App*, const CLI::Error& error) {
        return "qroar: " + std::string(error.what()) + "\nRun with --help for more information.\n";
    });
    rememberCommandLine(argc, argv);
    int result = exitDone;
    addInspect(program, result);
    addRope(program, result);
    addAnalyze(program, ranks, result);
    addDiagnose(program, result);
    addCompare(program, result);
    addEvaluate(program, ranks, result);
    addExport(program, result);
    addSearch(program, ranks, result);
    addPlot(program, result);
    addReport(program, result);
    addTokenize(program, result);
    addBench(program, result);
    addGenerate(program, result);
    if (complainOfUnknown(program, argc, argv)) return exitUsage;
    std::signal(SIGPIPE, SIG_IGN); // a reader of the progress that goes away ends no run
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error, std::cout, std::cerr) == 0 ? exitDone : exitUsage;
    } catch (const std::bad_alloc&) {
        say(ranks, "out of memory: use shorter contexts, fewer conditions or fewer documents");
        ranks.abort(exitFailed); // the others wait for this one
        return exitFailed;
    } catch (const std::exception& error) {
        say(ranks, std::string("internal error, please report it: ") + error.what());
        ranks.abort(exitFailed);
        return exitFailed;
    }
    return result;
}

} // namespace

int main(int argc, char** argv) {
    using namespace qroar::cli;
    const auto link = openRanks(&argc, &argv);
    if (!link) return fail(link.error());
    qroar::Ranks ranks(link->get());
    silenceOthers(ranks);
    divideCores(ranks);
    const bool takesPart = ranks.first() || (argc > 1 && isShared(argv[1]));
    int result = exitDone;
    if (const qroar::Status same = agreeOnWords(ranks, argc, argv); !same)
        result = fail(same.error());
    else if (takesPart)
        result = runProgram(argc, argv, ranks);
    std::cout.flush();
    const qroar::Status ended = ranks.farewell(lastFailure(), [](const qroar::Error& error) { fail(error); });
    return !ended && result == exitDone ? exitFailed : result;
}
