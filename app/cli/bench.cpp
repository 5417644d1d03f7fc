// qroar bench: how fast this machine runs the engine, against what it can do at most; qroar generate: the
// models of random weights that this is measured with.
#include "app/cli/bench_rows.h"
#include "app/cli/commands.h"
#include "app/cli/inputs.h"
#include "app/cli/validators.h"
#include "core/base/strings.h"
#include "core/bench/random_model.h"

#include <omp.h>

#include <iostream>

namespace qroar::cli {

namespace {

struct BenchOptions {
    Common common;
    std::vector<std::string> what, models{"15m", "135m"};
    std::vector<int> contexts;
    std::string type = "bf16", quant, scratch;
    int repeats = 3, windows = 0, layers = 0;
};

struct GenerateOptions {
    Common common;
    std::string shape, output, type = "bf16";
    int layers = 0;
    std::uint64_t seed = 1;
    bool force = false, withoutTokenizer = false;
};

const std::vector<std::pair<std::string, DType>> types{
    {"bf16", DType::BF16}, {"f16", DType::F16}, {"f32", DType::F32}};

CLI::Validator groupValue() {
    std::vector<std::string> names;
    for (const bench::Group group : bench::allGroups) names.emplace_back(bench::groupName(group));
    return CLI::IsMember(std::move(names));
}

CLI::Validator typeValue() {
    return CLI::IsMember({"bf16", "f16", "f32"});
}

DType typeOf(const std::string& name) {
    for (const auto& [text, type] : types)
        if (text == name) return type;
    return DType::BF16; // typeValue() lets no other pass
}

Outcome<bench::Plan> benchPlan(const BenchOptions& options) {
    bench::Plan plan;
    if (!options.what.empty()) {
        plan.groups.clear();
        for (const std::string& name : withoutRepeats(options.what)) {
            auto group = bench::parseGroup(name);
            if (!group) return group.error().in("--what");
            plan.groups.push_back(*group);
        }
    }
    plan.models = withoutRepeats(options.models);
    plan.contexts = withoutRepeats(options.contexts);
    plan.windows = options.windows;
    plan.repeats = options.repeats;
    plan.threads = omp_get_max_threads();
    plan.layers = options.layers;
    plan.type = typeOf(options.type);
    if (!options.quant.empty()) {
        auto quant = QuantSpec::parse(options.quant);
        if (!quant) return quant.error();
        plan.quant = *quant;
    }
    std::error_code none;
    plan.scratch = options.scratch;
    if (options.scratch.empty()) plan.scratch = std::filesystem::temp_directory_path(none);
    return plan;
}

int runBench(const BenchOptions& options) {
    useThreads(options.common);
    auto plan = benchPlan(options);
    if (!plan) return fail(plan.error());
    ConsoleProgress progress;
    auto report = bench::runSuite(*plan, progress);
    progress.finishLine();
    if (!report) return fail(report.error());
    if (options.common.json)
        print(benchJson(*report));
    else
        printBench(*report);
    return report->complete ? exitDone : exitCancelled;
}

int runGenerate(const GenerateOptions& options) {
    useThreads(options.common);
    auto shape = bench::findShape(options.shape, options.layers);
    if (!shape) return fail(shape.error());
    const bench::RandomModelOptions model{*shape, typeOf(options.type), options.seed,
                                          !options.withoutTokenizer};
    ConsoleProgress progress;
    const Status written = bench::writeRandomModel(model, options.output, options.force, progress);
    progress.finishLine();
    if (!written) return fail(written.error());
    const long long parameters = bench::configOf(*shape).parameterCount();
    const auto bytes = static_cast<long long>(bench::weightBytes(model));
    if (options.common.json)
        print({{"schema", 1},
               {"path", options.output},
               {"shape", shape->text()},
               {"type", options.type},
               {"seed", options.seed},
               {"parameters", parameters},
               {"bytes", bytes}});
    else
        std::cout << options.output << ": random weights in the shape of " << shape->text() << ", "
                  << formatCount(parameters) << " parameters, " << formatBytes(static_cast<double>(bytes))
                  << " as " << options.type << ", seed " << options.seed << '\n';
    return exitDone;
}

} // namespace

void addBench(CLI::App& program, int& result) {
    auto options = std::make_shared<BenchOptions>();
    CLI::App* command = program.add_subcommand(
        "bench", "times of kernels, passes, search and files, against the machine's measured peak");
    command
        ->add_option("--what", options->what,
                     "some of gemm, attention, prefill, threads, capture, reverse, search, tokenizer, "
                     "session, bands (default: all)")
        ->delimiter(',')
        ->check(groupValue());
    command
        ->add_option("--shape", options->models,
                     "260k, 15m, 135m, 1.1b, 7b: random weights in a known shape, generated for this and "
                     "deleted; or the path of a model (default: 15m,135m)")
        ->delimiter(',');
    command
        ->add_option("--contexts", options->contexts,
                     "context lengths (default: 512 for passes; 512, 2048, 8192 and 32768 for attention)")
        ->delimiter(',');
    command
        ->add_option("--windows", options->windows,
                     "windows of a pass (default: 2,048 tokens of them, one where that takes long)")
        ->check(CLI::Range(1, 4096));
    command->add_option("--repeat", options->repeats, "how often each is measured, in turn (default: 3)")
        ->check(CLI::Range(1, 1000));
    command
        ->add_option("--layers", options->layers,
                     "cuts the shapes to their first layers; what the whole would take is estimated")
        ->check(fromOne());
    command->add_option("--type", options->type, "of generated weights: bf16, f16 or f32 (default: bf16)")
        ->check(typeValue());
    command->add_option("--quant", options->quant,
                        "also a prefill under this weight variant (none, stored or rtn:..)");
    command->add_option("--scratch", options->scratch,
                        "folder for what is generated (default: the system's for temporary files)");
    checkCommonValues(*command);
    addCommon(*command, options->common);
    command->footer(
        "GFLOP/s count what has to be computed: 2 for every weight and token, 4 x head dim for every query "
        "and visible key (the causal half alone), nothing for norms, softmax and RoPE. Percentages are of a "
        "loop of multiply-adds in registers, measured first. Times are wall times: on an idle machine.");
    command->callback([options, &result] { result = runBench(*options); });
}

void addGenerate(CLI::App& program, int& result) {
    auto options = std::make_shared<GenerateOptions>();
    CLI::App* command = program.add_subcommand(
        "generate", "a model of random weights in a known shape, for benchmarks of this and other programs");
    command->add_option("SHAPE", options->shape, "260k, 15m, 135m, 1.1b or 7b")->required();
    command->add_option("-o,--output", options->output, "folder to write")->required();
    command->add_option("--type", options->type, "bf16, f16 or f32 (default: bf16)")->check(typeValue());
    command->add_option("--layers", options->layers, "the first layers alone")->check(fromOne());
    command->add_option("--seed", options->seed, "another one gives other weights (default: 1)")
        ->check(fromZero());
    command->add_flag("--no-tokenizer", options->withoutTokenizer, "without tokenizer.json");
    command->add_flag("--force", options->force, "replace the model in the folder");
    addCommon(*command, options->common);
    command->callback([options, &result] { result = runGenerate(*options); });
}

} // namespace qroar::cli
