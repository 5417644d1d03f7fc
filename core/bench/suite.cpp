#include "core/bench/suite.h"

#include "core/analysis/machine.h"
#include "core/base/strings.h"
#include "core/bench/kernel_work.h"
#include "core/bench/pass_work.h"
#include "core/bench/random_model.h"
#include "core/bench/session_work.h"
#include "core/bench/text_work.h"
#include "core/inference/reverse.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>

namespace qroar::bench {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr int passContext = 512;
constexpr int attentionContexts[] = {512, 2048, 8192, 32768};

/// Two sides of a comparison: factor * seconds of `upper` / seconds of `lower`.
struct RatioDraft {
    std::string what;
    std::size_t upper, lower;
    double factor;
    std::optional<double> target;
    bool atMost;
};

/// A model of the plan while it is measured.
struct Subject {
    std::string name;
    ModelConfig config;
    double layerScale = 1;
    std::shared_ptr<const Model> model;         ///< null when no group needs weights
    std::shared_ptr<const Tokenizer> tokenizer; ///< may be null
};

class Suite {
  public:
    Suite(const Plan& plan, ProgressSink& sink) : plan_(plan), sink_(sink) {}
    Status run();
    Report take();

  private:
    [[nodiscard]] bool wants(Group group) const {
        return std::find(plan_.groups.begin(), plan_.groups.end(), group) != plan_.groups.end();
    }
    [[nodiscard]] bool needsWeights() const {
        return wants(Group::Prefill) || wants(Group::Threads) || wants(Group::Capture)
               || wants(Group::Reverse) || wants(Group::Search) || wants(Group::Tokenizer);
    }
    [[nodiscard]] int windowsOf(const ModelConfig& config, int context) const;
    void report(const std::string& stage);
    [[nodiscard]] Status checkModels() const;
    Outcome<Subject> open(const std::string& model);
    Outcome<Subject> openFile(const std::string& path);
    Status measure(const Subject& subject, std::vector<Workload> work, const std::vector<RatioDraft>& ratios,
                   bool warmUp = true);
    void addRow(const Workload& work, const Measured& measured);
    Status measureSubject(const Subject& subject);
    Status gemm(const Subject& subject);
    Status attention(const Subject& subject);
    Status passes(const Subject& subject);
    Status passesAt(const Subject& subject, int context);
    Status threads(const Subject& subject, const std::shared_ptr<const PassSetup>& setup);
    Status tokenizer(const Subject& subject);
    Status session(const Subject& subject);
    Status bands(const Subject& subject);

    const Plan& plan_;
    ProgressSink& sink_;
    Report report_;
    std::set<std::pair<int, int>> attended_; ///< head dims and windows whose attention was measured
    std::set<std::string> vocabularies_;     ///< that were measured
    double start_ = wallClock();
    std::size_t subject_ = 0; ///< index into the models
};

void Suite::report(const std::string& stage) {
    Progress progress;
    progress.stage = stage;
    progress.fraction = static_cast<double>(subject_) / static_cast<double>(plan_.models.size());
    progress.secondsElapsed = wallClock() - start_;
    sink_.report(progress);
}

// ---- models
// ------------------------------------------------------------------------------------------------

Outcome<Subject> Suite::openFile(const std::string& path) {
    auto model = openModel(path);
    if (!model) return model.error();
    const std::filesystem::path full = std::filesystem::absolute((*model)->path()).lexically_normal();
    Subject subject{(full.has_filename() ? full : full.parent_path()).filename().string(), (*model)->config(),
                    1, *model, nullptr};
    if (!wants(Group::Tokenizer)) return subject;
    auto tokenizer = loadTokenizerFor((*model)->path(), subject.config.vocabSize);
    if (tokenizer)
        subject.tokenizer = std::move(*tokenizer);
    else
        report_.notes.push_back("no tokenizer was measured: " + tokenizer.error().message);
    return subject;
}

bool isShape(const std::string& name) {
    const auto& known = namedShapes();
    return std::any_of(known.begin(), known.end(), [&](const ModelShape& one) { return one.name == name; });
}

/// Before anything is measured.
Status Suite::checkModels() const {
    for (const std::string& name : plan_.models) {
        std::error_code error;
        auto shape = findShape(name, plan_.layers);
        if (shape || (!isShape(name) && std::filesystem::exists(name, error))) continue;
        return isShape(name) ? shape.error()
                             : Error::notFound(shape.error().message + ", or the path of a model");
    }
    return Done{};
}

Outcome<Subject> Suite::open(const std::string& name) {
    if (!isShape(name)) return openFile(name);
    auto shape = findShape(name, plan_.layers);
    if (!shape) return shape.error();
    Subject subject{shape->text(), configOf(*shape), 1, nullptr, nullptr};
    if (shape->wholeLayers > 0) {
        subject.layerScale = static_cast<double>(shape->wholeLayers) / shape->layers;
        report_.notes.push_back(shape->text()
                                + ": seconds and tokens/s of the whole model are estimated: the "
                                  "time spent in layers times "
                                + formatNumber(subject.layerScale));
    }
    if (!needsWeights()) return subject;
    auto opened = openRandomModel({*shape, plan_.type, 1, wants(Group::Tokenizer)}, plan_.scratch, sink_);
    if (!opened) return opened.error();
    subject.model = std::move(opened->model);
    subject.tokenizer = std::move(opened->tokenizer);
    return subject;
}

// ---- measuring
// -----------------------------------------------------------------------------------------------

void Suite::addRow(const Workload& work, const Measured& measured) {
    const auto rate = [](double amount, double seconds) { return amount > 0 ? amount / seconds : none; };
    Row row{work.what, work.model, work.shape, work.threads, spreadOf(measured.seconds)};
    const double median = row.seconds.median;
    row.operations = measured.done.operations > 0 ? measured.done.operations : none;
    row.operationRate = rate(measured.done.operations, median);
    row.tokenRate = rate(measured.done.tokens, median);
    row.byteRate = rate(measured.done.bytes, median);
    const bool cut = work.layerScale > 1;
    row.wholeSeconds = cut ? spreadOf(measured.whole).median : none;
    row.wholeTokenRate = cut ? rate(measured.done.tokens, row.wholeSeconds) : none;
    report_.rows.push_back(std::move(row));
}

Status Suite::measure(const Subject& subject, std::vector<Workload> work,
                      const std::vector<RatioDraft>& ratios, bool warmUp) {
    if (work.empty()) return Done{};
    for (Workload& one : work)
        if (one.model.empty()) one.model = subject.name;
    report(work.front().what + ", " + subject.name + ", " + work.front().shape);
    auto measured = alternate(work, plan_.repeats, warmUp, sink_);
    if (!measured) return measured.error();
    for (std::size_t at = 0; at < work.size(); ++at) addRow(work[at], (*measured)[at]);
    for (const RatioDraft& draft : ratios) {
        std::vector<double> values;
        for (std::size_t repeat = 0; repeat < (*measured)[draft.upper].seconds.size(); ++repeat)
            values.push_back(draft.factor * (*measured)[draft.upper].seconds[repeat]
                             / (*measured)[draft.lower].seconds[repeat]);
        report_.ratios.push_back({draft.what, subject.name, work[draft.upper].shape,
                                  spreadOf(std::move(values)), draft.target, draft.atMost});
    }
    return Done{};
}

Status Suite::gemm(const Subject& subject) {
    for (const GemmCase& one : gemmCases(subject.config)) {
        std::vector<Workload> work{gemmWork(one, 1)};
        if (plan_.threads > 1) work.push_back(gemmWork(one, plan_.threads));
        if (Status done = measure(subject, std::move(work), {}); !done) return done;
    }
    return Done{};
}

Status Suite::attention(const Subject& subject) {
    if (!attended_.insert({subject.config.headDim, subject.config.windowOf(0)}).second) return Done{};
    std::vector<int> contexts = plan_.contexts;
    if (contexts.empty()) contexts.assign(std::begin(attentionContexts), std::end(attentionContexts));
    for (const int context : contexts) {
        if (Status fits = checkMemory(4.0 * 4 * subject.config.headDim * context,
                                      "attention of a head at " + formatCount(context) + " tokens");
            !fits)
            return fits;
        std::vector<Workload> work{attentionWork(subject.config, context, plan_.threads)};
        if (Status done = measure(subject, std::move(work), {}); !done) return done;
    }
    return Done{};
}

int Suite::windowsOf(const ModelConfig& config, int context) const {
    constexpr double brief = 1.5e11; // operations
    if (plan_.windows > 0) return plan_.windows;
    const int wanted = std::max(1, 2048 / context);
    return wanted * ForwardPass::operations(config, context) <= brief ? wanted : 1;
}

Status Suite::passes(const Subject& subject) {
    if (!wants(Group::Prefill) && !wants(Group::Threads) && !wants(Group::Capture) && !wants(Group::Reverse)
        && !wants(Group::Search) && !plan_.quant)
        return Done{};
    for (const int context : plan_.contexts.empty() ? std::vector<int>{passContext} : plan_.contexts)
        if (Status done = passesAt(subject, context); !done) return done;
    return Done{};
}

// All in turn, so that each can be divided by each.
Status Suite::passesAt(const Subject& subject, int context) {
    auto made = makePassSetup(subject.model, subject.name, subject.layerScale, context,
                              windowsOf(subject.config, context), sink_);
    if (!made) return made.error();
    const auto& setup = *made;
    const auto tokens = static_cast<long long>(setup->windows.size()) * context;
    if (wants(Group::Reverse) || wants(Group::Search))
        if (Status fits =
                checkMemory(ReversePass::peakBytes(subject.config, context, tokens, plan_.threads),
                            "a reverse pass of " + subject.name + " at " + formatCount(context) + " tokens");
            !fits)
            return fits;
    std::vector<Workload> work;
    std::vector<RatioDraft> ratios;
    const bool compares = wants(Group::Capture) || wants(Group::Reverse) || plan_.quant;
    if (wants(Group::Prefill)) work.push_back(prefillWork(setup, Logits::Last, plan_.threads));
    const std::size_t plain = work.size();
    if (wants(Group::Prefill) || compares) work.push_back(prefillWork(setup, Logits::All, plan_.threads));
    if (wants(Group::Capture)) {
        ratios.push_back({"capture / prefill", work.size(), plain, 1, 1.10, true});
        work.push_back(captureWork(setup, plan_.threads));
    }
    if (wants(Group::Reverse)) {
        ratios.push_back({"reverse pass / prefill", work.size(), plain, 1, 2.5, true});
        work.push_back(reverseWork(setup, plan_.threads));
    }
    if (plan_.quant) {
        auto variant = variantWork(setup, *plan_.quant, plan_.threads);
        if (!variant) return variant.error();
        ratios.push_back({plan_.quant->text() + " / prefill", work.size(), plain, 1, std::nullopt, true});
        work.push_back(std::move(*variant));
    }
    if (Status done = measure(subject, std::move(work), ratios); !done) return done;
    if (Status done = threads(subject, setup); !done) return done;
    if (!wants(Group::Search)) return Done{};
    std::vector<Workload> search{searchWork(setup, plan_.threads)};
    return measure(subject, std::move(search), {}, false);
}

// One thread against two, and against all: how much of each is used.
Status Suite::threads(const Subject& subject, const std::shared_ptr<const PassSetup>& setup) {
    if (!wants(Group::Threads)) return Done{};
    if (plan_.threads < 2) {
        report_.notes.push_back("threads: one alone has nothing to be compared with");
        return Done{};
    }
    std::vector<Workload> work{prefillWork(setup, Logits::All, 1)};
    std::vector<RatioDraft> ratios;
    for (const int count : std::set<int>{2, plan_.threads}) {
        ratios.push_back({"efficiency of " + std::to_string(count) + " threads", 0, work.size(), 1.0 / count,
                          count == 2 ? std::optional(0.9) : std::nullopt, false});
        work.push_back(prefillWork(setup, Logits::All, count));
    }
    return measure(subject, std::move(work), ratios);
}

Status Suite::tokenizer(const Subject& subject) {
    if (!subject.tokenizer || !vocabularies_.insert(subject.tokenizer->description()).second) return Done{};
    return measure(subject, {encodeWork(subject.tokenizer), decodeWork(subject.tokenizer)}, {});
}

Status Suite::session(const Subject& subject) {
    auto session = benchSession(subject.config);
    if (!session) return session.error();
    const std::filesystem::path file =
        plan_.scratch / ("qroar-bench-" + std::to_string(static_cast<long>(::getpid())) + ".h5");
    Status done = measure(subject, {saveWork(*session, file), openWork(*session, file)}, {});
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    return done;
}

Status Suite::bands(const Subject& subject) {
    auto session = benchSession(subject.config);
    if (!session) return session.error();
    for (const BandMetric& metric : bandMetrics()) {
        std::vector<Workload> work{bandWork(*session, metric, false)};
        if (metric.pooled) work.push_back(bandWork(*session, metric, true));
        if (Status done = measure(subject, std::move(work), {}); !done) return done;
    }
    return Done{};
}

Status Suite::measureSubject(const Subject& subject) {
    const struct {
        bool wanted;
        Status (Suite::*run)(const Subject&);
    } parts[] = {{wants(Group::Gemm), &Suite::gemm},
                 {wants(Group::Attention), &Suite::attention},
                 {true, &Suite::passes},
                 {wants(Group::Tokenizer), &Suite::tokenizer},
                 {wants(Group::Session), &Suite::session},
                 {wants(Group::Bands), &Suite::bands}};
    for (const auto& part : parts)
        if (part.wanted)
            if (Status done = (this->*part.run)(subject); !done) return done;
    return Done{};
}

Status Suite::run() {
    if (Status known = checkModels(); !known) return known;
    report("what the machine can do");
    report_.rates = measureRates(plan_.threads, plan_.memoryBytes);
    for (; subject_ < plan_.models.size(); ++subject_) {
        auto subject = open(plan_.models[subject_]);
        if (!subject) return subject.error();
        if (Status done = measureSubject(*subject); !done) return done;
    }
    report("what the machine can do");
    MachineRates after;
    measureOperations(plan_.threads, after);
    MachineRates& rates = report_.rates; // the higher one is nearer to what the machine can do
    report_.driftedBy = after.allThreads / rates.allThreads - 1;
    rates.oneThread = std::max(rates.oneThread, after.oneThread);
    rates.allThreads = std::max(rates.allThreads, after.allThreads);
    return Done{};
}

Report Suite::take() {
    for (Row& row : report_.rows) row.shareOfPeak = row.operationRate / report_.rates.peakOf(row.threads);
    return std::move(report_);
}

} // namespace

const char* groupName(Group group) {
    switch (group) {
    case Group::Gemm:
        return "gemm";
    case Group::Attention:
        return "attention";
    case Group::Prefill:
        return "prefill";
    case Group::Threads:
        return "threads";
    case Group::Capture:
        return "capture";
    case Group::Reverse:
        return "reverse";
    case Group::Search:
        return "search";
    case Group::Tokenizer:
        return "tokenizer";
    case Group::Session:
        return "session";
    case Group::Bands:
        return "bands";
    }
    return "";
}

Outcome<Group> parseGroup(std::string_view name) {
    std::string names;
    for (const Group group : allGroups) {
        if (name == groupName(group)) return group;
        names += (names.empty() ? "" : ", ") + std::string(groupName(group));
    }
    return Error::bad("unknown benchmark '" + std::string(name) + "': expected some of " + names);
}

Outcome<Report> runSuite(const Plan& plan, ProgressSink& sink) {
    Suite suite(plan, sink);
    Status done = suite.run();
    if (!done && done.error().code != ErrorCode::Cancelled) return done.error();
    Report report = suite.take();
    report.complete = done.ok();
    return report;
}

} // namespace qroar::bench
