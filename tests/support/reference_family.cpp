#include "tests/support/reference_family.h"

#include <algorithm>
#include <cmath>

namespace qroar::test {

namespace {

double number(const nlohmann::json& config, const char* key, double otherwise) {
    const auto found = config.find(key);
    return found == config.end() || found->is_null() ? otherwise : found->get<double>();
}

/// 0: no cap.
double capped(double x, double cap) {
    return cap > 0 ? cap * std::tanh(x / cap) : x;
}

std::string prefixOf(int layer) {
    return "model.layers." + std::to_string(layer) + ".";
}

} // namespace

ReferenceFamily::ReferenceFamily(const std::filesystem::path& folder) : checkpoint_(readTiny(folder)) {
    const nlohmann::json& config = checkpoint_.config;
    type_ = config["model_type"];
    hidden_ = config["hidden_size"];
    inner_ = config["intermediate_size"];
    layers_ = config["num_hidden_layers"];
    heads_ = config["num_attention_heads"];
    kvHeads_ = config["num_key_value_heads"];
    headDim_ = config.value("head_dim", hidden_ / heads_);
    rotary_ = static_cast<int>(headDim_ * config.value("partial_rotary_factor", 1.0));
    vocab_ = config["vocab_size"];
    eps_ = config["rms_norm_eps"];
}

/// W x + b with the rows [first, first + count) of a stored linear layer. x [T, in] -> [T, count]
std::vector<double> ReferenceFamily::rows(const std::string& stem, int first, int count, const Values& x,
                                          int in) const {
    Values weights = checkpoint_.floats(stem + ".weight");
    if (transform) transform(stem, weights, static_cast<int>(weights.size()) / in, in);
    const Values bias = checkpoint_.has(stem + ".bias") ? checkpoint_.floats(stem + ".bias") : Values();
    const std::size_t tokens = x.size() / static_cast<std::size_t>(in);
    Values y;
    for (std::size_t token = 0; token < tokens; ++token)
        for (int row = first; row < first + count; ++row) {
            double sum = bias.empty() ? 0 : bias[row];
            for (int col = 0; col < in; ++col) sum += weights[row * in + col] * x[token * in + col];
            y.push_back(sum);
        }
    return y;
}

/// RMSNorm over as many values as the norm has; Gemma multiplies with 1 + w.
std::vector<double> ReferenceFamily::norm(const Values& x, const std::string& name) const {
    const Values w = checkpoint_.floats(name + ".weight");
    const double offset = type_.starts_with("gemma") ? 1 : 0;
    Values y(x.size());
    for (std::size_t start = 0; start < x.size(); start += w.size()) {
        double squares = 0;
        for (std::size_t at = 0; at < w.size(); ++at) squares += x[start + at] * x[start + at];
        const double root = std::sqrt(squares / static_cast<double>(w.size()) + eps_);
        for (std::size_t at = 0; at < w.size(); ++at) y[start + at] = x[start + at] / root * (offset + w[at]);
    }
    return y;
}

bool ReferenceFamily::isWindowed(int layer) const {
    const nlohmann::json& config = checkpoint_.config;
    if (type_ == "phi3") return number(config, "sliding_window", 0) > 0;
    const bool byChoice = type_ == "qwen2" || type_ == "qwen3" || type_ == "smollm3";
    if (byChoice && !config.value("use_sliding_window", false)) return false;
    if (config.contains("layer_types")) return config["layer_types"][layer] == "sliding_attention";
    if (type_ == "qwen2" || type_ == "qwen3") return layer >= number(config, "max_window_layers", 28);
    if (type_ == "gemma2") return layer % 2 == 0;
    if (type_ == "gemma3_text") return (layer + 1) % int(number(config, "sliding_window_pattern", 6)) != 0;
    if (type_ == "smollm3") return !isRotated(layer);
    return false;
}

bool ReferenceFamily::isRotated(int layer) const {
    if (type_ != "smollm3") return true;
    const nlohmann::json& config = checkpoint_.config;
    if (!config["no_rope_layers"].is_null()) return config["no_rope_layers"][layer] == 1;
    return (layer + 1) % int(number(config, "no_rope_layer_interval", 4)) != 0;
}

ReferenceRope ReferenceFamily::storedRope() const {
    const nlohmann::json& config = checkpoint_.config;
    nlohmann::json scaling = config.value("rope_scaling", nlohmann::json());
    if (config.contains("rope_parameters")) scaling = config["rope_parameters"]["full_attention"];
    ReferenceRope stored;
    if (scaling.is_null()) return stored;
    const std::string type = scaling.contains("rope_type") ? scaling["rope_type"] : scaling["type"];
    if (type == "linear") {
        stored.kind = ReferenceRope::Kind::Linear;
        stored.factor = scaling["factor"];
    }
    if (type == "longrope") {
        stored.kind = ReferenceRope::Kind::LongRope;
        stored.trainedContext = config["original_max_position_embeddings"];
        stored.factor = double(config["max_position_embeddings"]) / stored.trainedContext;
        stored.shortFactors = scaling["short_factor"].get<Values>();
        stored.longFactors = scaling["long_factor"].get<Values>();
    }
    return stored;
}

/// Gemma 3: layers with a window have a base of their own and no scaling.
ReferenceRopeTable ReferenceFamily::table(int layer, int tokens) const {
    const nlohmann::json& config = checkpoint_.config;
    const bool local = type_ == "gemma3_text" && isWindowed(layer);
    double theta = number(config, local ? "rope_local_base_freq" : "rope_theta", local ? 1e4 : 1e6);
    if (config.contains("rope_parameters"))
        theta = config["rope_parameters"][local ? "sliding_attention" : "full_attention"]["rope_theta"];
    const ReferenceRope scaling = local ? ReferenceRope() : rope.value_or(storedRope());
    ReferenceRopeTable result = referenceRopeTable(scaling, rotary_, theta, tokens);
    for (int pair = 0; pair < rotary_ / 2 && !omegaFactors.empty(); ++pair)
        result.omega[pair] *= omegaFactors[layer * (rotary_ / 2) + pair];
    return result;
}

void ReferenceFamily::gain(Values& x, int layer, int heads, const Values& gains) const {
    const int pairs = rotary_ / 2, width = heads * headDim_;
    for (std::size_t at = 0; at < x.size() && !gains.empty(); ++at) {
        const int head = int(at % width) / headDim_, dim = int(at % width) % headDim_;
        if (dim < rotary_) x[at] *= gains[(layer * heads + head) * pairs + dim % pairs];
    }
}

void ReferenceFamily::rotate(Values& x, int layer, int heads) const {
    if (!isRotated(layer)) return;
    const int width = heads * headDim_, tokens = int(x.size()) / width, pairs = rotary_ / 2;
    const ReferenceRopeTable turned = table(layer, tokens);
    for (int position = 0; position < tokens; ++position)
        for (int head = 0; head < heads; ++head)
            for (int pair = 0; pair < pairs; ++pair) {
                double& a = x[position * width + head * headDim_ + pair];
                double& b = x[position * width + head * headDim_ + pair + pairs];
                const double angle = position * turned.omega[pair], before = a;
                a = (before * std::cos(angle) - b * std::sin(angle)) * turned.attentionFactor;
                b = (before * std::sin(angle) + b * std::cos(angle)) * turned.attentionFactor;
            }
}

/// Everything from the normed stream to the output of o_proj.
std::vector<double> ReferenceFamily::attention(const Values& x, int layer) const {
    const std::string prefix = prefixOf(layer) + "self_attn.";
    const int queries = heads_ * headDim_, keys = kvHeads_ * headDim_;
    const bool fused = type_ == "phi3";
    Values q = rows(prefix + (fused ? "qkv_proj" : "q_proj"), 0, queries, x, hidden_);
    Values k = rows(prefix + (fused ? "qkv_proj" : "k_proj"), fused ? queries : 0, keys, x, hidden_);
    const Values v =
        rows(prefix + (fused ? "qkv_proj" : "v_proj"), fused ? queries + keys : 0, keys, x, hidden_);
    if (type_ == "qwen3" || type_ == "gemma3_text") {
        q = norm(q, prefix + "q_norm"); // head by head: the norm has headDim values
        k = norm(k, prefix + "k_norm");
    }
    gain(q, layer, heads_, queryGains);
    gain(k, layer, kvHeads_, keyGains);
    rotate(q, layer, heads_);
    rotate(k, layer, kvHeads_);
    const nlohmann::json& config = checkpoint_.config;
    double scale = 1 / std::sqrt(double(headDim_));
    if (type_ == "granite") scale = config["attention_multiplier"];
    if (type_.starts_with("gemma")) scale = std::pow(double(config["query_pre_attn_scalar"]), -0.5);
    const double cap = number(config, "attn_logit_softcapping", 0);
    const int tokens = int(q.size()) / queries;
    const int window = isWindowed(layer) ? int(config["sliding_window"]) : tokens;
    Values out(q.size()), weight(tokens);
    for (int token = 0; token < tokens; ++token)
        for (int head = 0; head < heads_; ++head) {
            const int kvHead = head / (heads_ / kvHeads_), oldest = std::max(0, token - window + 1);
            double total = 0;
            for (int seen = oldest; seen <= token; ++seen) {
                double score = 0;
                for (int dim = 0; dim < headDim_; ++dim)
                    score +=
                        q[token * queries + head * headDim_ + dim] * k[seen * keys + kvHead * headDim_ + dim];
                total += weight[seen] = std::exp(capped(score * scale, cap));
            }
            for (int seen = oldest; seen <= token; ++seen)
                for (int dim = 0; dim < headDim_; ++dim)
                    out[token * queries + head * headDim_ + dim] +=
                        weight[seen] / total * v[seen * keys + kvHead * headDim_ + dim];
        }
    return rows(prefix + "o_proj", 0, hidden_, out, queries);
}

std::vector<double> ReferenceFamily::feedForward(const Values& x, int layer) const {
    const std::string prefix = prefixOf(layer) + "mlp.";
    const bool fused = type_ == "phi3";
    Values gate = rows(prefix + (fused ? "gate_up_proj" : "gate_proj"), 0, inner_, x, hidden_);
    const Values up =
        rows(prefix + (fused ? "gate_up_proj" : "up_proj"), fused ? inner_ : 0, inner_, x, hidden_);
    for (std::size_t at = 0; at < gate.size(); ++at) {
        const double z = gate[at];
        const double act =
            type_.starts_with("gemma")
                ? 0.5 * z * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (z + 0.044715 * z * z * z)))
                : z / (1 + std::exp(-z));
        gate[at] = act * up[at];
    }
    return rows(prefix + "down_proj", 0, hidden_, gate, inner_);
}

std::vector<double> ReferenceFamily::logits(const std::vector<int>& ids) const {
    const nlohmann::json& config = checkpoint_.config;
    const bool gemma = type_.starts_with("gemma"), granite = type_ == "granite";
    const Values embedding = checkpoint_.floats("model.embed_tokens.weight");
    const double embeddingScale = gemma     ? std::sqrt(double(hidden_))
                                  : granite ? double(config["embedding_multiplier"])
                                            : 1;
    const double residual = granite ? double(config["residual_multiplier"]) : 1;
    Values x;
    for (const int id : ids)
        for (int at = 0; at < hidden_; ++at) x.push_back(embedding[id * hidden_ + at] * embeddingScale);
    for (int layer = 0; layer < layers_; ++layer) {
        const std::string prefix = prefixOf(layer);
        Values block = attention(norm(x, prefix + "input_layernorm"), layer);
        if (gemma) block = norm(block, prefix + "post_attention_layernorm");
        for (std::size_t at = 0; at < x.size(); ++at) x[at] += residual * block[at];
        block = feedForward(
            norm(x, prefix + (gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm")), layer);
        if (gemma) block = norm(block, prefix + "post_feedforward_layernorm");
        for (std::size_t at = 0; at < x.size(); ++at) x[at] += residual * block[at];
    }
    const std::string head = checkpoint_.has("lm_head.weight") ? "lm_head" : "model.embed_tokens";
    Values all = rows(head, 0, vocab_, norm(x, "model.norm"), hidden_);
    for (double& logit : all)
        logit = capped(granite ? logit / double(config["logits_scaling"]) : logit,
                       number(config, "final_logit_softcapping", 0));
    return all;
}

std::vector<double> ReferenceFamily::nll(const std::vector<int>& ids) const {
    const Values all = logits(ids);
    Values losses;
    for (std::size_t token = 0; token + 1 < ids.size(); ++token) {
        const double* row = all.data() + token * vocab_;
        double total = 0;
        for (int at = 0; at < vocab_; ++at) total += std::exp(row[at]);
        losses.push_back(std::log(total) - row[ids[token + 1]]);
    }
    return losses;
}

} // namespace qroar::test
