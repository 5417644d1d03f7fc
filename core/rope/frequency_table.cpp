// Formulas: method.md section 3 (those of Hugging Face transformers 5.x, modeling_rope_utils). Everything in
// double.
#include "core/base/strings.h"
#include "core/rope/rope_spec.h"
#include "core/rope/spec_rules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {

constexpr double twoPi = 2 * std::numbers::pi;

/// theta^(-2i/d), [d/2].
std::vector<double> plainFrequencies(double theta, int rotaryDim) {
    std::vector<double> omega(static_cast<std::size_t>(rotaryDim / 2));
    for (std::size_t pair = 0; pair < omega.size(); ++pair)
        omega[pair] = std::pow(theta, -2.0 * static_cast<double>(pair) / rotaryDim);
    return omega;
}

/// L0: orig=, else what the checkpoint names, else max_position_embeddings: one rule for every kind.
double trainedContextOf(const RopeSpec& spec, const RopeModel& model) {
    return spec.original.value_or(model.trainedContext());
}

/// s when the spec leaves it out: max_position_embeddings / L0 (yarn, longrope).
double impliedFactor(const RopeSpec& spec, const RopeModel& model, double trainedContext) {
    return spec.factor.value_or(model.maxPositions / trainedContext);
}

/// NTK-aware: the base grows, base' = base * stretch^(d/(d-2)), so that the last pair slows down by `stretch`
/// and pair 0 does not change. stretch = s, or s L/L0 - (s-1) when dynamic.
void applyNtk(double stretch, const RopeModel& model, FrequencyTable& table) {
    const double d = model.rotaryDim;
    table.factor = stretch;
    table.omega = plainFrequencies(model.theta * std::pow(stretch, d / (d - 2)), model.rotaryDim);
}

double yarnMscale(double factor, double k) {
    return factor <= 1 ? 1.0 : 0.1 * k * std::log(factor) + 1;
}

double yarnAttentionFactor(const RopeSpec& spec, double factor) {
    if (spec.attentionFactor) return *spec.attentionFactor;
    const double mscale = spec.mscale.value_or(0), mscaleAllDim = spec.mscaleAllDim.value_or(0);
    if (mscale != 0 && mscaleAllDim != 0) // 0 counts as not set, as in transformers
        return yarnMscale(factor, mscale) / yarnMscale(factor, mscaleAllDim);
    return yarnMscale(factor, 1);
}

/// c(r): the (fractional) pair that turns r times within the trained context.
double pairOfRotations(double rotations, double trainedContext, const RopeModel& model) {
    return model.rotaryDim * std::log(trainedContext / (twoPi * rotations)) / (2 * std::log(model.theta));
}

void applyYarn(const RopeModel& model, FrequencyTable& table) {
    const RopeSpec& spec = table.spec;
    table.factor = impliedFactor(spec, model, table.trainedContext);
    double low = pairOfRotations(spec.betaFast.value_or(yarnBetaFast), table.trainedContext, model);
    double high = pairOfRotations(spec.betaSlow.value_or(yarnBetaSlow), table.trainedContext, model);
    if (spec.truncate.value_or(true)) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, model.rotaryDim - 1.0);
    if (low == high) high += 0.001;
    if (high < low)
        table.warnings.push_back("yarn: the ramp ends (pair " + formatNumber(high)
                                 + ") before it starts (pair " + formatNumber(low)
                                 + "); a trained context of " + formatNumber(table.trainedContext)
                                 + " does not fit rope_theta " + formatNumber(model.theta));
    table.rampLow = low;
    table.rampHigh = high;
    table.ramp.resize(table.plain.size());
    for (std::size_t pair = 0; pair < table.plain.size(); ++pair) {
        const double ramp = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
        table.ramp[pair] = ramp;
        table.omega[pair] = table.plain[pair] * ((1 - ramp) + ramp / table.factor);
    }
    table.attentionFactor = yarnAttentionFactor(spec, table.factor);
    if (!spec.factor && !spec.original && !model.originalMaxPositions)
        table.warnings.push_back(
            "yarn: no factor is given and the model names no "
            "original_max_position_embeddings, so the factor is 1 and nothing is scaled");
}

void applyLlama3(FrequencyTable& table) {
    const RopeSpec& spec = table.spec;
    const double low = spec.lowFreqFactor.value_or(llama3LowFrequency);
    const double high = spec.highFreqFactor.value_or(llama3HighFrequency);
    table.factor = *spec.factor;
    for (std::size_t pair = 0; pair < table.plain.size(); ++pair) {
        const double omega = table.plain[pair], wavelength = twoPi / omega;
        if (wavelength < table.trainedContext / high) continue;
        if (wavelength > table.trainedContext / low) {
            table.omega[pair] = omega / table.factor;
            continue;
        }
        const double blend = (table.trainedContext / wavelength - low) / (high - low);
        table.omega[pair] = (1 - blend) * omega / table.factor + blend * omega;
    }
}

Status applyLongRope(const RopeModel& model, long long context, FrequencyTable& table) {
    const RopeSpec& spec = table.spec;
    const bool isLong = static_cast<double>(context) > table.trainedContext;
    const std::vector<double>& divisors = isLong ? spec.longFactors : spec.shortFactors;
    const std::string name = isLong ? "long_factor" : "short_factor";
    if (divisors.size() != table.plain.size())
        return Error::bad(
            "longrope: " + name + " must have " + std::to_string(table.plain.size())
            + " entries (rotary dims / 2), found " + std::to_string(divisors.size())
            + (divisors.empty() ? "; only a checkpoint that stores the lists can use longrope" : ""));
    for (std::size_t pair = 0; pair < divisors.size(); ++pair) {
        if (!(divisors[pair] > 0) || !std::isfinite(divisors[pair]))
            return Error::bad("longrope: " + name + "[" + std::to_string(pair)
                              + "] must be a positive number, found " + formatNumber(divisors[pair]));
        table.omega[pair] = table.plain[pair] / divisors[pair];
    }
    table.factor = impliedFactor(spec, model, table.trainedContext);
    const double grown =
        table.factor > 1 ? std::sqrt(1 + std::log(table.factor) / std::log(table.trainedContext)) : 1.0;
    table.attentionFactor = spec.attentionFactor.value_or(grown);
    return Done{};
}

Status apply(const RopeModel& model, long long context, FrequencyTable& table) {
    switch (table.spec.kind) {
    case RopeKind::None:
    case RopeKind::Model: // resolved before
        break;
    case RopeKind::Linear:
        table.factor = *table.spec.factor;
        for (double& omega : table.omega) omega /= table.factor;
        break;
    case RopeKind::Ntk:
        applyNtk(*table.spec.factor, model, table);
        break;
    case RopeKind::Dynamic: {
        const double s = *table.spec.factor;
        const double length = std::max(static_cast<double>(context), table.trainedContext);
        if (length > table.trainedContext)
            applyNtk(s * length / table.trainedContext - (s - 1), model, table);
        break;
    }
    case RopeKind::Yarn:
        applyYarn(model, table);
        break;
    case RopeKind::Llama3:
        applyLlama3(table);
        break;
    case RopeKind::LongRope:
        return applyLongRope(model, context, table);
    }
    return Done{};
}

Status checkModel(const RopeModel& model, long long context) {
    if (model.rotaryDim < 2 || model.rotaryDim % 2 != 0)
        return Error::bad("rotary dims must be even and at least 2, found "
                          + std::to_string(model.rotaryDim));
    if (model.headDim > 0 && model.rotaryDim > model.headDim)
        return Error::bad("rotary dims must not exceed the head size " + std::to_string(model.headDim)
                          + ", found " + std::to_string(model.rotaryDim));
    if (!(model.theta > 1) || !std::isfinite(model.theta))
        return Error::bad("rope_theta must be a number greater than 1, found " + formatNumber(model.theta));
    if (context < 1)
        return Error::bad("the context must be at least 1 token, found " + std::to_string(context));
    return Done{};
}

/// Checkpoints that say the same thing twice, differently. `typedOriginal`: orig= came from the user, who
/// knows.
void addWarnings(const RopeModel& model, bool typedOriginal, FrequencyTable& table) {
    if (!model.originalMaxPositions || *model.originalMaxPositions <= 0) return;
    const RopeSpec& spec = table.spec;
    const std::string kind = ropeKindName(spec.kind);
    const double ratio = static_cast<double>(model.maxPositions) / *model.originalMaxPositions;
    if ((spec.kind == RopeKind::Yarn || spec.kind == RopeKind::Llama3) && spec.factor
        && std::abs(*spec.factor - ratio) > 1e-6 * ratio)
        table.warnings.push_back(
            kind + ": the factor " + formatNumber(*spec.factor)
            + " differs from max_position_embeddings / original_max_position_embeddings = "
            + std::to_string(model.maxPositions) + " / " + std::to_string(*model.originalMaxPositions) + " = "
            + formatNumber(ratio) + "; loaders disagree on which one counts, the factor is used here"
            + (spec.kind == RopeKind::Llama3 ? " (usual for Llama 3.1 checkpoints)" : ""));
    if (spec.kind == RopeKind::Dynamic && !typedOriginal && model.maxPositions != *model.originalMaxPositions)
        table.warnings.push_back("dynamic: measured against original_max_position_embeddings "
                                 + std::to_string(*model.originalMaxPositions)
                                 + "; transformers measures against max_position_embeddings: write orig="
                                 + std::to_string(model.maxPositions) + " for that");
}

Status checkTable(const FrequencyTable& table) {
    for (std::size_t pair = 0; pair < table.omega.size(); ++pair)
        if (!(table.omega[pair] > 0) || !std::isfinite(table.omega[pair]))
            return Error::bad("the frequency of pair " + std::to_string(pair)
                              + " is not a positive number: " + formatNumber(table.omega[pair]));
    if (!(table.attentionFactor > 0) || !std::isfinite(table.attentionFactor))
        return Error::bad("the attention factor is not a positive number: "
                          + formatNumber(table.attentionFactor));
    return Done{};
}

} // namespace

double FrequencyTable::wavelength(int pair) const {
    return twoPi / omega[static_cast<std::size_t>(pair)];
}

bool FrequencyTable::scales(int layer) const {
    return !std::binary_search(unscaledLayers.begin(), unscaledLayers.end(), layer);
}

Outcome<FrequencyTable> buildFrequencyTable(const RopeSpec& spec, const RopeModel& model, long long context) {
    FrequencyTable table;
    table.spec = spec.kind == RopeKind::Model ? model.stored : spec;
    if (table.spec.kind == RopeKind::LongRope && table.spec.longFactors.empty()
        && table.spec.shortFactors.empty() && model.stored.kind == RopeKind::LongRope) {
        table.spec.longFactors = model.stored.longFactors;   // `longrope` typed by a user: the lists are the
        table.spec.shortFactors = model.stored.shortFactors; // checkpoint's
    }
    const std::string where = "RoPE " + table.spec.text();
    if (table.spec.kind == RopeKind::Model)
        return Error::bad("the model's stored scaling is 'model' itself").in(where);
    if (Status status = checkModel(model, context); !status) return status.error().in(where);
    if (Status status = checkRopeSpec(table.spec); !status) return status.error().in(where);
    table.trainedContext = trainedContextOf(table.spec, model);
    if (table.spec.kind != RopeKind::None && table.trainedContext < 1)
        return Error::bad("the model names no trained context (max_position_embeddings "
                          + std::to_string(model.maxPositions) + "); write orig=")
            .in(where);
    if ((table.spec.kind == RopeKind::Yarn || table.spec.kind == RopeKind::LongRope) && !table.spec.factor
        && model.maxPositions < 1)
        return Error::bad("without a factor the model must name max_position_embeddings, found "
                          + std::to_string(model.maxPositions))
            .in(where);

    table.plain = plainFrequencies(model.theta, model.rotaryDim);
    table.omega = table.plain;
    table.unscaledLayers = model.unscaledLayers;
    if (Status status = apply(model, context, table); !status) return status.error().in(where);
    if (Status status = checkTable(table); !status) return status.error().in(where);
    addWarnings(model, spec.kind != RopeKind::Model && spec.original.has_value(), table);
    return table;
}

} // namespace qroar
