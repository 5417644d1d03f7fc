#include "app/cli/compare_rows.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/diagnostics/csv.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <utility>

namespace qroar::cli {

namespace {

constexpr std::array tensors{QkTensor::Q, QkTensor::K};
constexpr std::array stages{RopeStage::Pre, RopeStage::Post};

Json sessionRow(const ComparedSession& one) {
    const Session& session = *one.session;
    return {{"path", one.path},
            {"model", session.modelPath},
            {"model_fingerprint", session.modelFingerprint},
            {"documents", session.documents.size()},
            {"conditions", session.conditions.size()},
            {"searches", session.searches.size()},
            {"created", session.provenance.created}};
}

/// What a model is, field by field, in words of config.json where it has them.
Json modelFields(const Session& session) {
    const ModelConfig& model = session.model;
    return {{"fingerprint", session.modelFingerprint},
            {"format", session.modelFormat},
            {"architecture", model.architecture},
            {"layers", model.layers},
            {"heads", model.heads},
            {"kv_heads", model.kvHeads},
            {"head_dim", model.headDim},
            {"rotary_dim", model.rotaryDim},
            {"hidden_size", model.hiddenSize},
            {"vocab_size", model.vocabSize},
            {"trained_context", model.trainedContext()},
            {"rope_theta", model.ropeTheta},
            {"stored_rope", model.storedRope.text()}};
}

Json modelJson(const Session& a, const Session& b) {
    const Json fieldsA = modelFields(a), fieldsB = modelFields(b);
    Json differences = Json::array();
    for (const auto& [field, value] : fieldsA.items())
        if (value != fieldsB[field])
            differences.push_back({{"field", field}, {"a", value}, {"b", fieldsB[field]}});
    return {{"same", differences.empty()}, {"differences", std::move(differences)}};
}

/// Names in both, only in A, only in B; `keyOf` tells one from another, `nameOf` is what is listed.
template<class Items, class KeyOf, class NameOf>
Json membership(const Items& a, const Items& b, KeyOf keyOf, NameOf nameOf) {
    const auto holds = [&](const Items& items, const auto& key) {
        return std::any_of(items.begin(), items.end(), [&](const auto& item) { return keyOf(item) == key; });
    };
    Json both = Json::array(), onlyA = Json::array(), onlyB = Json::array();
    for (const auto& item : a) (holds(b, keyOf(item)) ? both : onlyA).push_back(nameOf(item));
    for (const auto& item : b)
        if (!holds(a, keyOf(item))) onlyB.push_back(nameOf(item));
    return {{"both", std::move(both)}, {"only_a", std::move(onlyA)}, {"only_b", std::move(onlyB)}};
}

/// Documents of one name whose tokens differ: neither is in one session only. Each of B's is used once.
struct Retokenized {
    const SessionDocument *a, *b;
};
std::vector<Retokenized> retokenized(const Session& a, const Session& b) {
    const auto has = [](const Session& session, const std::string& fingerprint) {
        return std::any_of(session.documents.begin(), session.documents.end(),
                           [&](const SessionDocument& one) { return one.fingerprint == fingerprint; });
    };
    std::vector<Retokenized> result;
    for (const SessionDocument& one : a.documents) {
        if (has(b, one.fingerprint)) continue;
        for (const SessionDocument& other : b.documents) {
            const bool used = std::any_of(result.begin(), result.end(),
                                          [&](const Retokenized& pair) { return pair.b == &other; });
            if (used || other.name != one.name || has(a, other.fingerprint)) continue;
            result.push_back({&one, &other});
            break;
        }
    }
    return result;
}

/// As membership(), with the documents that both have under one name, in tokens of their own, apart.
Json documentsJson(const Session& a, const Session& b) {
    const std::vector<Retokenized> apart = retokenized(a, b);
    std::vector<SessionDocument> ofA, ofB;
    Json other = Json::array();
    const auto rest = [&](const Session& session, const SessionDocument* Retokenized::*side) {
        std::vector<SessionDocument> left;
        for (const SessionDocument& one : session.documents)
            if (std::none_of(apart.begin(), apart.end(),
                             [&](const Retokenized& pair) { return pair.*side == &one; }))
                left.push_back(one);
        return left;
    };
    for (const auto& [one, two] : apart)
        other.push_back({{"name", one->name}, {"tokens_a", one->tokens}, {"tokens_b", two->tokens}});
    Json result = membership(
        rest(a, &Retokenized::a), rest(b, &Retokenized::b),
        [](const SessionDocument& document) { return document.fingerprint; },
        [](const SessionDocument& document) { return document.name; });
    result["other_tokens"] = std::move(other);
    return result;
}

/// Why losses per token are not subtracted; empty without documents of one name in other tokens. Sessions do
/// not hold their tokenizers: the vocabularies and models tell whether those can have been the same.
std::string tokensReason(const ComparedSession& a, const ComparedSession& b, const Json& documents) {
    if (documents["other_tokens"].empty()) return {};
    const auto told = [](const ComparedSession& one) {
        return one.path + " (" + one.session->modelPath + ", vocabulary of "
               + formatCount(one.session->model.vocabSize) + ")";
    };
    const bool sameModel = a.session->modelFingerprint == b.session->modelFingerprint;
    const bool sameVocabulary = a.session->model.vocabSize == b.session->model.vocabSize;
    const std::string both = "A, " + told(a) + ", and B, " + told(b) + ", ";
    const std::string losses = "; losses per token are then of other tokens and are not subtracted";
    if (sameModel)
        return both + "are of one model: the texts were changed, or another tokenizer was given" + losses;
    return both
           + (sameVocabulary ? "have other tokenizers, or the texts were changed"
                             : "were tokenized differently")
           + losses;
}

/// Windows of B's documents under the indices that A gives these documents; what A lacks is left out.
std::vector<WindowNll> underIndicesOf(const Session& a, const Session& b,
                                      const std::vector<WindowNll>& windows) {
    std::map<int, int> indexInA;
    for (std::size_t inB = 0; inB < b.documents.size(); ++inB)
        for (std::size_t inA = 0; inA < a.documents.size(); ++inA)
            if (a.documents[inA].fingerprint == b.documents[inB].fingerprint)
                indexInA[static_cast<int>(inB)] = static_cast<int>(inA);
    std::vector<WindowNll> result;
    for (const WindowNll& window : windows)
        if (const auto found = indexInA.find(window.document); found != indexInA.end()) {
            result.push_back(window);
            result.back().document = found->second;
        }
    std::stable_sort(result.begin(), result.end(), [](const WindowNll& one, const WindowNll& other) {
        return std::pair(one.document, one.index) < std::pair(other.document, other.index);
    });
    return result;
}

struct Both {
    const ComparedSession &a, &b;
    std::shared_ptr<const ConditionResult> conditionA, conditionB;
};

/// Conditions that stand against each other: of the same key; then those with scales that only one session
/// has against the same without scales in the other, which shows what the scales do.
std::vector<Both> partners(const ComparedSession& a, const ComparedSession& b) {
    std::vector<Both> result;
    const auto without = [](const ConditionKey& key) {
        ConditionKey plain = key;
        plain.scales.clear();
        return plain;
    };
    for (const auto& condition : a.session->conditions) {
        auto partner = b.session->find(condition->key);
        if (!partner && !condition->key.scales.empty()) partner = b.session->find(without(condition->key));
        if (partner) result.push_back({a, b, condition, partner});
    }
    for (const auto& condition : b.session->conditions) {
        if (condition->key.scales.empty() || a.session->find(condition->key)) continue;
        if (const auto plain = a.session->find(without(condition->key)))
            result.push_back({a, b, plain, condition});
    }
    return result;
}

/// "yarn:4 . 1024 . none", with what B has instead where that is another one.
std::string conditionText(const Json& row) {
    const auto a = row["condition"].get<std::string>(), b = row["condition_b"].get<std::string>();
    return a == b ? a : a + ", B: " + b;
}

Json nllRow(const Both& both, const ComparisonOptions& options) {
    const ConditionResult &a = *both.conditionA, &b = *both.conditionB;
    const auto summary = [&](const ConditionResult& of) {
        return summarizeNll(of.windows, of.key.context, static_cast<int>(of.table.trainedContext),
                            options.convention, 0);
    };
    const NllSummary summaryA = summary(a), summaryB = summary(b);
    const PairedDifference paired =
        pairedDifference(a.windows, underIndicesOf(*both.a.session, *both.b.session, b.windows),
                         a.key.context, options.convention, options.draws);
    const bool known = paired.ciLow && paired.ciHigh;
    return {{"condition", a.key.text()},
            {"context", a.key.context},
            {"convention", conventionName(options.convention)},
            {"tokens_a", summaryA.tokens},
            {"tokens_b", summaryB.tokens},
            {"nll_a", number(summaryA.nll)},
            {"nll_b", number(summaryB.nll)},
            {"shared_documents", paired.documents},
            {"shared_windows", paired.windows},
            {"shared_tokens", paired.tokens},
            {"difference", paired.tokens > 0 ? number(paired.mean) : Json(nullptr)},
            {"ci95", known ? Json({*paired.ciLow, *paired.ciHigh}) : Json(nullptr)},
            {"condition_b", b.key.text()}};
}

/// Two grids of the same metric: a row of what differs most and on average, and a row a cell.
void addGrid(const Json& head, const std::string& conditionB, const BandGrid& a, const BandGrid& b,
             Json& rows, Json& cells) {
    if (a.layers != b.layers || a.bands != b.bands || a.layers == 0) return;
    double most = 0, sum = 0, sumOfSizes = 0;
    int count = 0, mostLayer = -1, mostBand = -1;
    for (int layer = 0; layer < a.layers; ++layer)
        for (int band = 0; band < a.bands; ++band) {
            const double difference = a.at(layer, band) - b.at(layer, band);
            Json cell = head;
            cell["layer"] = layer;
            cell["band"] = band;
            cell["a"] = number(a.at(layer, band));
            cell["b"] = number(b.at(layer, band));
            cell["difference"] = number(difference);
            cell["condition_b"] = conditionB;
            cells.push_back(std::move(cell));
            if (!std::isfinite(difference)) continue;
            ++count;
            sum += difference;
            sumOfSizes += std::abs(difference);
            if (mostLayer >= 0 && std::abs(difference) <= std::abs(most)) continue;
            most = difference;
            mostLayer = layer;
            mostBand = band;
        }
    if (count == 0) return;
    Json row = head;
    row["cells"] = count;
    row["largest"] = most;
    row["largest_layer"] = mostLayer;
    row["largest_band"] = mostBand;
    row["mean"] = sum / count;
    row["mean_absolute"] = sumOfSizes / count;
    row["condition_b"] = conditionB;
    rows.push_back(std::move(row));
}

Json gridHead(const Both& both, const char* metric, const char* tensor, const char* stage,
              const Json& epsilon) {
    return {{"condition", both.conditionA->key.text()},
            {"metric", metric},
            {"tensor", tensor ? Json(tensor) : Json(nullptr)},
            {"stage", stage ? Json(stage) : Json(nullptr)},
            {"epsilon", epsilon}};
}

void addGrids(const Both& both, const BandPartition& bands, Json& rows, Json& cells) {
    const ConditionResult &a = *both.conditionA, &b = *both.conditionB;
    if (a.statistics.cells() == 0 || b.statistics.cells() == 0) return;
    const auto pressure = [&](const ConditionResult& of, PressureForm form) {
        return pressureGrid(form, of.table, of.key.context, bands, of.statistics);
    };
    for (const auto& [form, metric] :
         {std::pair{PressureForm::Raw, "ip_raw"}, std::pair{PressureForm::Saturated, "ip_saturated"},
          std::pair{PressureForm::EnergyWeighted, "ip_weighted"}})
        addGrid(gridHead(both, metric, nullptr, nullptr, nullptr), b.key.text(), pressure(a, form),
                pressure(b, form), rows, cells);
    const auto shortA = both.a.session->shortReference(a), shortB = both.b.session->shortReference(b);
    const auto usable = [](const auto& reference, const ConditionResult& of) {
        return reference && reference.get() != &of && reference->statistics.cells() > 0;
    };
    if (!usable(shortA, a) || !usable(shortB, b)) return;
    for (const QkTensor tensor : tensors)
        for (const RopeStage stage : stages)
            for (const double epsilon : tailEpsilons) {
                const TailInflationOptions what{tensor, stage, epsilon, false};
                addGrid(gridHead(both, "tir", tensor == QkTensor::Q ? "q" : "k",
                                 stage == RopeStage::Pre ? "pre" : "post", epsilon),
                        b.key.text(), tailInflation(a, *shortA, bands, what),
                        tailInflation(b, *shortB, bands, what), rows, cells);
            }
}

/// Why grids cannot be subtracted; empty when they can.
std::string whyNoGrids(const ModelConfig& a, const ModelConfig& b) {
    if (a.layers == b.layers && a.pairs() == b.pairs()) return {};
    return "A has " + std::to_string(a.layers) + " layers of " + std::to_string(a.pairs()) + " pairs, B "
           + std::to_string(b.layers) + " of " + std::to_string(b.pairs());
}

std::string rowsCsv(const Json& rows) {
    std::string text;
    const auto cell = [](const Json& value) {
        if (value.is_null()) return std::string();
        return value.is_string() ? csvField(value.get<std::string>()) : value.dump();
    };
    for (const Json& row : rows) {
        std::string header, line;
        bool first = true;
        for (const auto& [key, value] : row.items()) {
            const bool interval = key == "ci95";
            header += (header.empty() ? "" : ",") + (interval ? std::string("ci95_low,ci95_high") : key);
            if (!std::exchange(first, false)) line += ',';
            if (!interval)
                line += cell(value);
            else
                line += value.is_null() ? "," : cell(value[0]) + "," + cell(value[1]);
        }
        if (text.empty()) text = header + '\n';
        text += line + '\n';
    }
    return text;
}

double valueOf(const Json& field) {
    return field.is_number() ? field.get<double>() : NAN;
}

void printMembers(const std::string& what, const Json& members) {
    const auto list = [](const Json& names) {
        std::string text;
        for (const Json& name : names) text += (text.empty() ? "" : "; ") + name.get<std::string>();
        return text;
    };
    std::cout << what << ": " << members["both"].size() << " in both";
    for (const auto& [key, words] : {std::pair{"only_a", "only in A"}, std::pair{"only_b", "only in B"}})
        if (!members[key].empty())
            std::cout << ", " << members[key].size() << ' ' << words << " (" << list(members[key]) << ")";
    std::cout << '\n';
}

void printModel(const Json& model) {
    std::cout << "models: " << (model["same"].get<bool>() ? "the same" : "different") << '\n';
    if (model["differences"].empty()) return;
    Table table({"field", "A", "B"});
    const auto text = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    for (const Json& row : model["differences"])
        table.add({text(row["field"]), text(row["a"]), text(row["b"])});
    table.print();
}

using Rows = std::vector<const Json*>;

/// Of the rows with a number in `field`, those in which A and B differ, the largest difference first, and
/// behind them the rows without a number; `same` counts the rest.
Rows largestFirst(const Json& rows, const char* field, int& same) {
    Rows sorted;
    same = 0;
    for (const Json& row : rows)
        if (valueOf(row[field]) == 0)
            ++same;
        else
            sorted.push_back(&row);
    const auto size = [field](const Json* row) {
        const double value = std::abs(valueOf((*row)[field]));
        return std::isnan(value) ? -1 : value;
    };
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&size](const Json* a, const Json* b) { return size(a) > size(b); });
    return sorted;
}

void printNll(const Json& rows) {
    if (rows.empty()) return;
    int same = 0;
    const Rows sorted = largestFirst(rows, "difference", same);
    std::cout << "\nNLL, nats per token; A - B over the windows that both hold, 95 % interval; the largest "
                 "difference first\n\n";
    Table table({"condition", "A", "B", "A - B", "95 %", "shared tokens"});
    for (const Json* shown : sorted) {
        const Json& row = *shown;
        const Json& ci = row["ci95"];
        table.add({conditionText(row), fixed(valueOf(row["nll_a"]), 4), fixed(valueOf(row["nll_b"]), 4),
                   fixed(valueOf(row["difference"]), 4),
                   ci.is_null() ? "-" : "[" + fixed(ci[0], 4) + ", " + fixed(ci[1], 4) + "]",
                   row["shared_tokens"].dump()});
    }
    if (!sorted.empty()) table.print();
    if (same > 0) std::cout << same << " of " << rows.size() << " conditions have the same NLL in both\n";
}

/// What has no tail, and the tails of `epsilon`.
Json gridsOf(const Json& all, double epsilon) {
    Json grids = Json::array();
    for (const Json& row : all)
        if (!row["epsilon"].is_number() || row["epsilon"].get<double>() == epsilon) grids.push_back(row);
    return grids;
}

/// Rows of a metric beside each other, as only those have one unit: tails first, which the files measured;
/// pressures follow from the frequencies, or weigh them.
Rows byMetric(Rows rows) {
    const auto rank = [](const Json* row) {
        const auto metric = (*row)["metric"].get<std::string>();
        return metric == "tir" ? 0 : metric == "ip_weighted" ? 1 : metric == "ip_saturated" ? 2 : 3;
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&rank](const Json* a, const Json* b) { return rank(a) < rank(b); });
    return rows;
}

void printGrids(const Json& document, double epsilon) {
    if (!document["grids_reason"].is_null())
        std::cout << "\nno grids: " << document["grids_reason"].get<std::string>() << '\n';
    if (document["grids"].empty()) return;
    std::cout << "\nlayer x band, A - B; tails of the top " << 100 * epsilon
              << " %; of every metric the largest difference first\n\n";
    Table table({"condition", "metric", "largest", "at layer", "band", "mean", "mean |A - B|"});
    int same = 0;
    const Json grids = gridsOf(document["grids"], epsilon);
    const Rows sorted = largestFirst(grids, "largest", same);
    for (const Json* one : byMetric(sorted)) {
        const Json& row = *one;
        std::string metric = row["metric"].get<std::string>();
        if (row["tensor"].is_string())
            metric += " " + row["tensor"].get<std::string>() + " " + row["stage"].get<std::string>();
        table.add({conditionText(row), metric, significant(row["largest"], 4), row["largest_layer"].dump(),
                   row["largest_band"].dump(), significant(row["mean"], 4),
                   significant(row["mean_absolute"], 4)});
    }
    if (!sorted.empty()) table.print();
    if (same > 0) std::cout << same << " of " << grids.size() << " grids are the same in both\n";
}

} // namespace

Json comparison(const ComparedSession& a, const ComparedSession& b, const ComparisonOptions& options,
                Json& cells) {
    const Session &one = *a.session, &other = *b.session;
    const std::string reason = whyNoGrids(one.model, other.model);
    Json nll = Json::array(), grids = Json::array();
    cells = Json::array();
    for (const Both& both : partners(a, b)) {
        if (!both.conditionA->windows.empty() && !both.conditionB->windows.empty())
            nll.push_back(nllRow(both, options));
        if (reason.empty()) addGrids(both, one.bands, grids, cells);
    }
    Json documents = documentsJson(one, other);
    const std::string otherTokens = tokensReason(a, b, documents);
    return {{"schema", 1},
            {"a", sessionRow(a)},
            {"b", sessionRow(b)},
            {"model", modelJson(one, other)},
            {"documents", std::move(documents)},
            {"tokens_reason", otherTokens.empty() ? Json(nullptr) : Json(otherTokens)},
            {"conditions", membership(
                               one.conditions, other.conditions,
                               [](const auto& condition) { return condition->key.text(); },
                               [](const auto& condition) { return condition->key.text(); })},
            {"band_edges", one.bands.edges()},
            {"nll", std::move(nll)},
            {"grids_reason", reason.empty() ? Json(nullptr) : Json(reason)},
            {"grids", std::move(grids)}};
}

Status writeComparisonCsv(const std::filesystem::path& folder, const Json& document, const Json& cells) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return Error::io(folder.string() + ": cannot be created: " + failed.message());
    for (const auto& [name, rows] : {std::pair<const char*, const Json&>{"nll.csv", document["nll"]},
                                     {"grids.csv", document["grids"]},
                                     {"cells.csv", cells}}) {
        if (rows.empty()) // no table without a header
            std::filesystem::remove(folder / name, failed);
        else if (Status written = writeTextAtomically(folder / name, rowsCsv(rows)); !written)
            return written;
    }
    return Done{};
}

void printComparison(const Json& document, double epsilon) {
    std::cout << "A: " << document["a"]["path"].get<std::string>()
              << "\nB: " << document["b"]["path"].get<std::string>() << "\n\n";
    printModel(document["model"]);
    printMembers("documents", document["documents"]);
    if (!document["tokens_reason"].is_null()) {
        std::cout << "in other tokens: " << document["tokens_reason"].get<std::string>() << '\n';
        Table table({"document", "tokens in A", "tokens in B"});
        for (const Json& row : document["documents"]["other_tokens"])
            table.add({row["name"].get<std::string>(), formatCount(row["tokens_a"].get<long long>()),
                       formatCount(row["tokens_b"].get<long long>())});
        table.print();
    }
    printMembers("conditions", document["conditions"]);
    printNll(document["nll"]);
    printGrids(document, epsilon);
}

} // namespace qroar::cli
