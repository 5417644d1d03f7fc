#include "core/session/what_if_storage.h"

#include "core/session/document_storage.h"
#include "core/session/scales_file.h"
#include "core/session/search_record.h"
#include "core/session/search_storage.h"
#include "core/session/session_checks.h"
#include "core/session/session_layout.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace qroar {

namespace {

using h5::GroupReader;
using h5::GroupWriter;

struct NamedEffect {
    const char* name;
    const char* description;
    EffectInterval WhatIf::*member;
};
constexpr NamedEffect effects[] = {{"quantized", "(Q+g) - Q", &WhatIf::quantized},
                                   {"full", "(FP+g) - FP", &WhatIf::full},
                                   {"gap", "(Q+g) - FP", &WhatIf::gap},
                                   {"only", "quantized - full", &WhatIf::only}};

bool isNumberOrNone(double value) {
    return std::isnan(value) || std::isfinite(value);
}

Status checkEffect(const EffectInterval& effect) {
    if (!effect.measured()) return Done{};
    if (!std::isfinite(effect.mean) || !isNumberOrNone(effect.low) || !isNumberOrNone(effect.high)
        || effect.documents < 0 || effect.windows < 0 || effect.blocks < 0)
        return Error::bad("expected finite differences of NLL");
    return Done{};
}

Status checkWhatIf(const WhatIf& whatIf, const ModelConfig& model) {
    if (Status fine = checkScalesName(whatIf.scales.name); !fine) return fine;
    if (whatIf.context < 2 || whatIf.context > mostContext)
        return Error::bad("context: expected 2 or more, found " + std::to_string(whatIf.context));
    const auto positive = [](double gain) { return std::isfinite(gain) && gain > 0; };
    const QkGains& gains = whatIf.scales.gains;
    if (!gains.fits(model) || gains.empty() || !std::all_of(gains.q.begin(), gains.q.end(), positive)
        || !std::all_of(gains.k.begin(), gains.k.end(), positive))
        return Error::bad("scales: expected positive gains of the model's shape");
    if (!isNumberOrNone(whatIf.predicted) || !isNumberOrNone(whatIf.predictedError)
        || !(whatIf.largestLogGain >= 0) || !std::isfinite(whatIf.largestLogGain))
        return Error::bad("predicted: expected a finite number or none");
    for (const NamedEffect& effect : effects)
        if (Status fine = checkEffect(whatIf.*effect.member); !fine) return fine.error().in(effect.name);
    return Done{};
}

void writeEffect(GroupWriter to, const EffectInterval& effect) {
    to.integer("tokens", effect.tokens);
    to.integer("documents", effect.documents);
    to.integer("windows", effect.windows);
    to.integer("blocks", effect.blocks);
    to.list("nll_difference", std::vector<double>{effect.mean, effect.low, effect.high},
            {"nats", "mean, low, high", "mean per token and its 95 % interval; NaN without one"});
}

void writeWhatIf(GroupWriter to, const WhatIf& whatIf) {
    to.text("name", whatIf.scales.name);
    to.text("model_fingerprint", whatIf.scales.modelFingerprint);
    to.text("rope", whatIf.scales.rope);
    to.text("quant", whatIf.scales.quant);
    to.integer("context", whatIf.context);
    to.text("created", whatIf.created);
    to.text("program", whatIf.program);
    to.number("largest_log_gain", whatIf.largestLogGain);
    to.list("predicted", std::vector<double>{whatIf.predicted, whatIf.predictedError},
            {"nats", "value, standard error",
             "first-order prediction of quantized; NaN: there were no gradients, or no error of them"});
    to.text("effect", whatIf.effect);
    to.text("cause", whatIf.cause);
    to.text("verdict", whatIf.words);
    writeGains(to.group("scales"), whatIf.scales.gains);
    for (const NamedEffect& effect : effects)
        if ((whatIf.*effect.member).measured()) writeEffect(to.group(effect.name), whatIf.*effect.member);
    writeDocuments(to.group("documents"), whatIf.documents);
}

EffectInterval readEffect(const GroupReader& from) {
    EffectInterval effect;
    constexpr int many = 1 << 30;
    effect.tokens = from.integer("tokens", 1, std::numeric_limits<long long>::max());
    effect.documents = static_cast<int>(from.integer("documents", 0, many));
    effect.windows = static_cast<int>(from.integer("windows", 0, many));
    effect.blocks = static_cast<int>(from.integer("blocks", 0, many));
    const auto values = from.array<double>("nll_difference", {3}).values;
    if (from.failed()) return {};
    effect.mean = values[0];
    effect.low = values[1];
    effect.high = values[2];
    return effect;
}

std::shared_ptr<const WhatIf> readWhatIf(const GroupReader& from, const ModelConfig& model) {
    auto whatIf = std::make_shared<WhatIf>();
    whatIf->scales = readScales(from, model);
    whatIf->context = static_cast<int>(from.integer("context", 2, mostContext));
    whatIf->created = from.text("created");
    whatIf->program = from.text("program");
    whatIf->largestLogGain = from.number("largest_log_gain", 0, std::numeric_limits<double>::max());
    const auto predicted = from.array<double>("predicted", {2}).values;
    whatIf->effect = from.text("effect");
    whatIf->cause = from.text("cause");
    whatIf->words = from.text("verdict");
    if (from.failed()) return whatIf;
    whatIf->predicted = predicted[0];
    whatIf->predictedError = predicted[1];
    for (const NamedEffect& effect : effects)
        if (from.hasChild(effect.name)) (*whatIf).*effect.member = readEffect(from.group(effect.name));
    whatIf->documents = readDocuments(from.group("documents"));
    return whatIf;
}

} // namespace

Status checkWhatIfs(const Session& session) {
    if (session.whatIfs.size() > mostWhatIfs)
        return Error::bad("what_ifs: expected at most " + std::to_string(mostWhatIfs));
    std::set<std::string> names;
    for (const auto& search : session.searches) names.insert(search->scales.name);
    for (const auto& whatIf : session.whatIfs) {
        const std::string name = "what-if '" + whatIf->scales.name + "'";
        if (!names.insert(whatIf->scales.name).second) return Error::bad(name + ": its name is there twice");
        if (Status fine = checkWhatIf(*whatIf, session.model); !fine) return fine.error().in(name);
    }
    return Done{};
}

void writeWhatIfs(GroupWriter& root, const std::vector<std::shared_ptr<const WhatIf>>& whatIfs) {
    if (whatIfs.empty()) return;
    GroupWriter group = root.group("what_ifs");
    group.integer("count", static_cast<long long>(whatIfs.size()));
    for (std::size_t index = 0; index < whatIfs.size(); ++index)
        writeWhatIf(group.group(layout::numbered(index)), *whatIfs[index]);
}

std::vector<std::shared_ptr<const WhatIf>> readWhatIfs(const GroupReader& root, const ModelConfig& model) {
    std::vector<std::shared_ptr<const WhatIf>> whatIfs;
    if (!root.hasChild("what_ifs")) return whatIfs;
    const GroupReader group = root.group("what_ifs");
    const long long count = group.integer("count", 0, mostWhatIfs);
    for (long long index = 0; index < count && !root.failed(); ++index)
        whatIfs.push_back(readWhatIf(group.group(layout::numbered(static_cast<std::size_t>(index))), model));
    return whatIfs;
}

} // namespace qroar
