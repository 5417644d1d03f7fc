// The numbers of PerplexityPanel: what is compared with what, estimates from core, tables and sentences. Not
// here: plots and controls (perplexity_panel.cpp).
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/nll_columns.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/perplexity_panel.h"

#include <QHeaderView>
#include <QTableView>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Quantiles of every position bucket are resampled in the thread of the window.
constexpr int bucketDraws = 200;

QVariant optional(const std::optional<double>& value) {
    return value ? QVariant(*value) : QVariant();
}

QString intervalText(const TokenEstimate& one) {
    if (!one.low || !one.high) return {};
    return QStringLiteral(" [%1, %2]").arg(readableNumber(*one.low, 4), readableNumber(*one.high, 4));
}

} // namespace

bool PerplexityPanel::isLoss() const {
    return measure() == Measure::Nll || measure() == Measure::Perplexity;
}

TokenMeasure PerplexityPanel::tokenMeasure() const {
    if (isLoss()) return TokenMeasure::Nll;
    return measure() == Measure::SameTop ? TokenMeasure::SameTop : TokenMeasure::Kl;
}

QString PerplexityPanel::axisTitle() const {
    const bool both = differs();
    switch (measure()) {
    case Measure::Nll:
        return both ? tr("Δ NLL, A − B (nats/token)") : tr("NLL (nats/token)");
    case Measure::Perplexity:
        return both ? tr("Perplexity, A / B") : tr("Perplexity");
    case Measure::KlMean:
        return both ? tr("Δ mean KL, A − B (nats)") : tr("Mean KL (nats)");
    case Measure::KlMedian:
        return both ? tr("Δ median KL, A − B (nats)") : tr("Median KL (nats)");
    case Measure::KlP99:
        return both ? tr("Δ 99 % KL, A − B (nats)") : tr("99 % quantile of KL (nats)");
    case Measure::SameTop:
        return both ? tr("Δ share of same top-1, A − B") : tr("Share of same top-1");
    }
    return {};
}

double PerplexityPanel::shownValue(double value) const {
    return measure() == Measure::Perplexity ? std::exp(value) : value;
}

bool PerplexityPanel::differs() const {
    return selection().compare == CompareMode::Difference && sideA().condition && sideB().condition;
}

/// Documents are the same by their token ids: those of one name may have others.
QString PerplexityPanel::whyNoDocuments() const {
    const Session &a = *sideA().session, &b = *sideB().session;
    if (&a == &b) return {};
    const std::vector<int> same = sameDocuments(a, b);
    if (std::any_of(same.begin(), same.end(), [](int document) { return document >= 0; })) return {};
    for (const SessionDocument& one : a.documents)
        for (const SessionDocument& other : b.documents)
            if (one.name == other.name)
                return tr("Documents of one name (%1) have other tokens in B's session than in A's: the "
                          "tokenizers differ, or the texts do. Losses per token are then of other tokens and "
                          "cannot be subtracted; show A and B beside each other instead.")
                    .arg(QString::fromStdString(one.name));
    return tr("The sessions of A and B have no document in common, so their losses cannot be paired. "
              "Run both on the same documents.");
}

QString PerplexityPanel::whyNotPaired() const {
    const Side a = sideA(), b = sideB();
    if (!a.condition || !b.condition) return tr("Choose the conditions A and B to compare.");
    if (const QString why = whyNoDocuments(); !why.isEmpty()) return why;
    if (partners().empty())
        return tr("A was run on windows of %1 tokens and B on windows of %2, and what they belong to (%3, "
                  "%4) "
                  "has no context length in common: losses are paired token by token.")
            .arg(groupedCount(a.condition->key.context), groupedCount(b.condition->key.context),
                 familyName(a.condition->key), familyName(b.condition->key));
    return {};
}

QString PerplexityPanel::whyNothing() const {
    const Side side = shown();
    if (!side.condition)
        return tr(
            "No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
            "Run, or use the command line: qroar evaluate MODEL --text FILE --contexts 256,1024 --rope "
            "yarn:4");
    if (selection().compare == CompareMode::Difference)
        if (const QString why = whyNotPaired(); !why.isEmpty()) return why;
    if (isLoss()) return {};
    const auto has = [](const Result& one) { return one && !one->divergence.empty(); };
    const QString howTo =
        tr("Full precision is the reference, so only quantized weights and gains have a divergence. Tick "
           "\"Divergence\" among the options of the setup and press Run (what is done stays), or use the "
           "command "
           "line: qroar analyze MODEL --text FILE --quant rtn:4:g64 --divergence --resume -o run.h5. Figures "
           "without a session: qroar evaluate with --reference.");
    if (differs()) {
        for (const Side& one : {sideA(), sideB()})
            if (!has(one.condition)) return tr("%1 has no divergence.").arg(one.name) + u' ' + howTo;
        return {};
    }
    const auto& all = side.session->conditions;
    if (std::none_of(all.begin(), all.end(), has))
        return tr("No condition of this session has a divergence.") + u' ' + howTo;
    return {};
}

void PerplexityPanel::summarize(bool conventionChanged) {
    std::map<Result, NllSummary> kept;
    if (shown().session)
        for (const auto& result : shown().session->conditions) {
            const auto known = summaries_.find(result);
            kept[result] = known != summaries_.end() && !conventionChanged
                               ? known->second
                               : summarizeNll(result->windows, result->key.context,
                                              static_cast<int>(result->table.trainedContext), convention());
        }
    summaries_ = std::move(kept);
}

std::vector<PerplexityPanel::Family> PerplexityPanel::familiesOf(const Session& session) {
    std::vector<Family> families;
    std::vector<std::string> ropes, quants;
    const auto indexIn = [](std::vector<std::string>& names, const std::string& name) {
        const auto found = std::find(names.begin(), names.end(), name);
        const auto index = found - names.begin();
        if (found == names.end()) names.push_back(name);
        return static_cast<int>(index);
    };
    for (int index = 0; index < static_cast<int>(session.conditions.size()); ++index) {
        const ConditionKey& key = session.conditions[static_cast<size_t>(index)]->key;
        const std::string rope = key.rope.text(), quant = key.weights();
        auto family = std::find_if(families.begin(), families.end(),
                                   [&](const Family& one) { return one.rope == rope && one.quant == quant; });
        if (family == families.end()) {
            families.push_back({rope, quant, indexIn(ropes, rope), indexIn(quants, quant), {}});
            family = families.end() - 1;
        }
        family->conditions.push_back(index);
    }
    for (Family& family : families)
        std::sort(family.conditions.begin(), family.conditions.end(), [&session](int a, int b) {
            return session.conditions[static_cast<size_t>(a)]->key.context
                   < session.conditions[static_cast<size_t>(b)]->key.context;
        });
    return families;
}

void PerplexityPanel::collectFamilies() {
    const Side side = shown(), b = sideB();
    families_ = side.session ? familiesOf(*side.session) : std::vector<Family>();
    otherFamilies_ = b.session ? familiesOf(*b.session) : std::vector<Family>();
}

const PerplexityPanel::Family* PerplexityPanel::familyHolding(const std::vector<Family>& families,
                                                              int condition) const {
    for (const Family& family : families)
        if (std::find(family.conditions.begin(), family.conditions.end(), condition)
            != family.conditions.end())
            return &family;
    return nullptr;
}

QString PerplexityPanel::familyOf(int condition) const {
    return familyName(shown().session->conditions[static_cast<size_t>(condition)]->key);
}

std::vector<PerplexityPanel::Partners> PerplexityPanel::partners() const {
    std::vector<Partners> all;
    const Side a = sideA(), b = sideB();
    if (!a.condition || !b.condition) return all;
    const std::vector<Family> familiesA = familiesOf(*a.session);
    const Family *ofA = familyHolding(familiesA, a.index), *ofB = familyHolding(otherFamilies_, b.index);
    if (!ofA || !ofB) return all;
    for (const int first : ofA->conditions)
        for (const int second : ofB->conditions) {
            const Result& one = a.session->conditions[static_cast<size_t>(first)];
            const Result& other = b.session->conditions[static_cast<size_t>(second)];
            if (one->key.context == other->key.context) all.push_back({one, other});
        }
    return all;
}

const PerplexityPanel::Partners* PerplexityPanel::partnersAtHand() const {
    for (const int context : {sideA().condition->key.context, sideB().condition->key.context})
        for (const Partners& both : partners_)
            if (both.a->key.context == context) return &both;
    return &partners_.front();
}

TokenQuestion PerplexityPanel::questionFor(const ConditionResult& condition) const {
    TokenQuestion question{condition.key.context, static_cast<int>(condition.table.trainedContext),
                           convention()};
    if (measure() == Measure::KlMedian) question.statistic = TokenStatistic::Median;
    if (measure() == Measure::KlP99) question.statistic = TokenStatistic::P99;
    return question;
}

const TokenEstimate& PerplexityPanel::whole(const Result& condition, const Result& other) {
    std::optional<TokenEstimate>& known = remembered_[{condition, other}].whole;
    if (known) return *known;
    const TokenQuestion question = questionFor(*condition);
    if (other) {
        const Session &a = *sideA().session, &b = *sideB().session;
        const std::vector<int> renamed = &a == &b ? std::vector<int>() : sameDocuments(a, b);
        known = estimateDifference(tokenSeries(*condition, tokenMeasure()),
                                   tokenSeries(*other, tokenMeasure(), renamed), question);
    } else {
        known = estimateTokens(tokenSeries(*condition, tokenMeasure()), question);
    }
    return *known;
}

const std::vector<TokenEstimate>& PerplexityPanel::byPosition(const Result& condition, const Result& other) {
    std::optional<std::vector<TokenEstimate>>& known = remembered_[{condition, other}].buckets;
    if (known) return *known;
    TokenQuestion question = questionFor(*condition);
    if (question.statistic != TokenStatistic::Mean) question.draws = bucketDraws;
    if (other) {
        const Session &a = *sideA().session, &b = *sideB().session;
        const std::vector<int> renamed = &a == &b ? std::vector<int>() : sameDocuments(a, b);
        known = differenceByPosition(tokenSeries(*condition, tokenMeasure()),
                                     tokenSeries(*other, tokenMeasure(), renamed), question);
    } else {
        known = estimateByPosition(tokenSeries(*condition, tokenMeasure()), question);
    }
    return *known;
}

void PerplexityPanel::forget() {
    const auto gone = [this](const Result& one) {
        if (!one) return false;
        for (const Side& side : {sideA(), sideB(), shown()})
            if (side.session
                && std::find(side.session->conditions.begin(), side.session->conditions.end(), one)
                       != side.session->conditions.end())
                return false;
        return true;
    };
    std::erase_if(remembered_,
                  [&](const auto& entry) { return gone(entry.first.first) || gone(entry.first.second); });
    std::erase_if(divergences_, [&](const auto& entry) { return gone(entry.first); });
}

void PerplexityPanel::fillTables() {
    fillTablesBy([this] {
        if (differs())
            fillDifferences();
        else
            fillConditions();
        fillPositions();
    });
    fillSplit();
    arrange();
    splitView_->resizeColumnsToContents();
}

void PerplexityPanel::fillConditions() {
    const auto& conditions = shown().session->conditions;
    const bool compared = std::any_of(conditions.begin(), conditions.end(),
                                      [](const Result& one) { return !one->divergence.empty(); });
    std::vector<ResultTableModel::Row> rows;
    for (const auto& result : conditions) {
        const NllSummary& summary = summaries_.at(result);
        QVariant interaction;
        for (const Interaction& one : interactions_)
            if (one.rope == result->key.rope.text() && one.quant == result->key.weights()
                && one.context == result->key.context)
                interaction = one.value;
        rows.push_back({QString::fromStdString(result->key.rope.text()),
                        QString::fromStdString(result->key.weights()), result->key.context,
                        QLatin1String(conventionName(convention())), summary.documents, summary.windows,
                        summary.tokens, summary.nll, optional(summary.ciLow), optional(summary.ciHigh),
                        summary.perplexity, interaction});
        const TokenEstimate& drawn = whole(result);
        const bool known = drawn.tokens > 0;
        rows.back().insert(rows.back().end(),
                           {axisTitle(), known ? QVariant(shownValue(drawn.value)) : QVariant(),
                            known ? shownBound(drawn.low) : QVariant(),
                            known ? shownBound(drawn.high) : QVariant()});
        if (!compared) continue;
        if (!divergences_.count(result))
            divergences_[result] =
                summarizeDivergence(result->divergence, result->key.context,
                                    static_cast<int>(result->table.trainedContext), convention());
        const DivergenceSummary& kl = divergences_.at(result);
        const auto orNothing = [&kl](double value) { return kl.tokens > 0 ? QVariant(value) : QVariant(); };
        rows.back().insert(rows.back().end(),
                           {QString::fromStdString(result->reference), orNothing(kl.mean), optional(kl.ciLow),
                            optional(kl.ciHigh), orNothing(kl.median), orNothing(kl.p90), orNothing(kl.p99),
                            orNothing(kl.max), orNothing(kl.sameTop), orNothing(kl.rmsDeltaP)});
    }
    std::vector<ResultTableModel::Column> columns{
        {"rope", tr("RoPE"), tr("RoPE spec")},
        {"quant", tr("Quant"), tr("Quantizer")},
        {"context", tr("Context"), tr("Tokens")},
        {"convention", tr("Convention"), tr("Which tokens of a window count")}};
    for (auto& column : nllColumns(tr("That contributed"))) columns.push_back(std::move(column));
    columns.push_back(
        {"interaction", tr("Interaction"), tr("ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP)")});
    addDrawnColumns(columns);
    if (compared) {
        const QString kl = tr("KL(reference ‖ this) per predicted token, nats");
        columns.insert(
            columns.end(),
            {{"reference", tr("Reference"), tr("What the divergence was measured against")},
             {"kl_mean", tr("KL mean"), kl},
             {"kl_ci95_low", tr("KL 95 % low"), tr("Block bootstrap of the mean, nats")},
             {"kl_ci95_high", tr("KL 95 % high"), tr("Block bootstrap of the mean, nats")},
             {"kl_median", tr("KL median"), kl},
             {"kl_p90", tr("KL 90 %"), kl},
             {"kl_p99", tr("KL 99 %"), kl},
             {"kl_max", tr("KL largest"), kl},
             {"same_top1", tr("Same top-1"), tr("Share of tokens where both put the same token first")},
             {"rms_delta_p", tr("RMS Δp"),
              tr("Root mean square of the change of the right token's probability, 0 to 1")}});
    }
    table().setTable(std::move(columns), std::move(rows));
}

QVariant PerplexityPanel::shownBound(const std::optional<double>& bound) const {
    return bound ? QVariant(shownValue(*bound)) : QVariant();
}

/// What the figure shows, whatever the measure is.
void PerplexityPanel::addDrawnColumns(std::vector<ResultTableModel::Column>& columns) const {
    columns.insert(columns.end(), {{"measure", tr("Drawn"), tr("What the figure shows")},
                                   {"value", unitBox_->shownText(), axisTitle()},
                                   {"value_ci95_low", tr("95 % low"), tr("Block bootstrap")},
                                   {"value_ci95_high", tr("95 % high"), tr("Block bootstrap")}});
}

void PerplexityPanel::fillDifferences() {
    std::vector<ResultTableModel::Row> rows;
    for (const Partners& both : partners_) {
        const TokenEstimate difference = whole(both.a, both.b);
        const TokenEstimate a = whole(both.a), b = whole(both.b);
        rows.push_back({conditionName(both.a->key), conditionName(both.b->key), both.a->key.context,
                        axisTitle(), difference.documents, difference.windows, difference.tokens,
                        shownValue(a.value), shownValue(b.value), shownValue(difference.value),
                        shownBound(difference.low), shownBound(difference.high)});
    }
    const QString unit = unitBox_->shownText();
    const bool isRatio = measure() == Measure::Perplexity; // exp of the difference of NLL
    const QString key = isRatio ? QStringLiteral("ratio") : QStringLiteral("difference");
    table().setTable({{"a", tr("A"), tr("Condition A")},
                      {"b", tr("B"), tr("Condition B")},
                      {"context", tr("Context"), tr("Tokens")},
                      {"measure", tr("Measure"), tr("What the figure shows")},
                      {"documents", tr("Documents"), tr("That both have")},
                      {"windows", tr("Windows"), tr("That both have")},
                      {"tokens", tr("Tokens"), tr("Compared")},
                      {"value_a", tr("of A"), unit},
                      {"value_b", tr("of B"), unit},
                      {key, isRatio ? tr("A / B") : tr("A − B"), tr("Over the tokens that both have")},
                      {key + QStringLiteral("_ci95_low"), tr("95 % low"), tr("Paired block bootstrap")},
                      {key + QStringLiteral("_ci95_high"), tr("95 % high"), tr("Paired block bootstrap")}},
                     std::move(rows));
}

void PerplexityPanel::fillPositions() {
    std::vector<ResultTableModel::Row> rows;
    const auto add = [&](const QString& name, const std::vector<TokenEstimate>& buckets) {
        for (const TokenEstimate& one : buckets)
            rows.push_back({name, one.from, one.to, one.tokens, axisTitle(), shownValue(one.value),
                            shownBound(one.low), shownBound(one.high)});
    };
    if (differs()) {
        const Partners& both = *partnersAtHand();
        const bool isRatio = measure() == Measure::Perplexity;
        add((isRatio ? tr("%1 / %2") : tr("%1 − %2"))
                .arg(conditionName(both.a->key), conditionName(both.b->key)),
            byPosition(both.a, both.b));
    } else {
        for (const Result& result : shown().session->conditions)
            if (result->key.context == shown().condition->key.context)
                add(conditionName(result->key), byPosition(result));
    }
    positionModel_->setTable({{"condition", tr("Condition"), tr("RoPE, context, weights")},
                              {"from_position", tr("From"), tr("First position of the predicted token")},
                              {"to_position", tr("To"), tr("One past the last position")},
                              {"tokens", tr("Tokens"), tr("Predicted tokens")},
                              {"measure", tr("Measure"), tr("What the figure shows")},
                              {"value", unitBox_->shownText(), axisTitle()},
                              {"ci95_low", tr("95 % low"), tr("Block bootstrap")},
                              {"ci95_high", tr("95 % high"), tr("Block bootstrap")}},
                             std::move(rows));
}

void PerplexityPanel::fillSplit() {
    std::vector<ResultTableModel::Row> split;
    for (const Interaction& one : interactions_)
        split.push_back({QString::fromStdString(one.rope), QString::fromStdString(one.quant), one.context,
                         one.fp, one.pi, one.q, one.qpi, one.value});
    splitModel_->setTable(
        {{"rope", tr("RoPE (PI)"), tr("RoPE spec")},
         {"quant", tr("Quant (Q)"), tr("Quantizer")},
         {"context", tr("Context"), tr("Tokens")},
         {"fp", tr("FP"), tr("Mean NLL, full precision without scaling")},
         {"pi", tr("PI"), tr("Mean NLL, full precision with scaling")},
         {"q", tr("Q"), tr("Mean NLL, quantized without scaling")},
         {"qpi", tr("Q + PI"), tr("Mean NLL, quantized with scaling")},
         {"interaction", tr("Interaction"),
          tr("ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP), nats; above 0 they hurt each "
             "other. [ours]")}},
        std::move(split));
}

/// What is subtracted has windows of one length, which A or B may not have.
QString PerplexityPanel::detailText() const {
    const Partners* both = differs() ? partnersAtHand() : nullptr;
    const int context = both ? both->a->key.context : shown().condition->key.context;
    const QString detail = tr("%1 tokens, convention %2")
                               .arg(groupedCount(context), QLatin1String(conventionName(convention())));
    const auto named = [](const Result& condition, const QString& session) {
        const QString name = conditionName(condition->key);
        return session.isEmpty() ? name : tr("%1 (%2)").arg(name, session);
    };
    if (both)
        return tr("%1 minus %2, %3")
            .arg(named(both->a, ownText()), named(both->b, hasOtherSession() ? otherText() : QString()),
                 detail);
    const bool ofB = selection().compare == CompareMode::B && sideB().condition && hasOtherSession();
    return ofB ? tr("%1: %2").arg(otherText(), detail) : detail;
}

QString PerplexityPanel::replacedText() const {
    const Partners& both = *partnersAtHand();
    QStringList parts;
    const auto add = [&parts](const QString& side, const Result& chosen, const Result& drawn) {
        if (chosen != drawn)
            parts << tr("%1 is %2, whose windows have another length: %3 in its place")
                         .arg(side, conditionName(chosen->key), conditionName(drawn->key));
    };
    add(QStringLiteral("A"), sideA().condition, both.a);
    add(QStringLiteral("B"), sideB().condition, both.b);
    return parts.join(QStringLiteral("; "));
}

QString PerplexityPanel::summaryText() {
    if (differs()) return differenceText();
    if (isLoss()) return splitSummary(*shown().condition);
    const TokenEstimate& one = whole(shown().condition);
    if (one.tokens == 0)
        return tr("%1 has no divergence: it is the reference, or was run without").arg(shown().name);
    return tr("%1: %2 %3%4 against %5, %6 tokens")
        .arg(shown().name, unitBox_->shownText(), readableNumber(one.value, 4), intervalText(one),
             QString::fromStdString(shown().condition->reference), groupedCount(one.tokens));
}

QString PerplexityPanel::differenceText() {
    const Partners& both = *partnersAtHand();
    const TokenEstimate& one = whole(both.a, both.b);
    QString text =
        tr("A − B at %1 tokens: %2 %3%4, paired over %5 windows of %6 documents")
            .arg(groupedCount(both.a->key.context),
                 isLoss() ? tr("Δ NLL") : tr("Δ %1").arg(unitBox_->shownText()), readableNumber(one.value, 4),
                 intervalText(one), groupedCount(one.windows), groupedCount(one.documents));
    if (!isLoss() && both.a->reference != both.b->reference)
        text +=
            tr(" · references differ: %1, %2")
                .arg(QString::fromStdString(both.a->reference), QString::fromStdString(both.b->reference));
    if (const QString replaced = replacedText(); !replaced.isEmpty())
        text += QStringLiteral(" · ") + replaced;
    return text;
}

QString PerplexityPanel::splitSummary(const ConditionResult& shownOne) const {
    const NllSummary& summary = summaries_.at(shown().condition);
    QString text = tr("%1: NLL %2").arg(shown().name, readableNumber(summary.nll, 5));
    if (summary.ciLow && summary.ciHigh)
        text += QStringLiteral(" [%1, %2]")
                    .arg(readableNumber(*summary.ciLow, 5), readableNumber(*summary.ciHigh, 5));
    text += tr(", perplexity %1, %2 tokens")
                .arg(readableNumber(summary.perplexity, 5), groupedCount(summary.tokens));
    for (const Interaction& one : interactions_)
        if (one.rope == shownOne.key.rope.text() && one.quant == shownOne.key.weights()
            && one.context == shownOne.key.context)
            text += tr(" · interaction %1 nats").arg(readableNumber(one.value, 3));
    return text;
}

} // namespace qroar
