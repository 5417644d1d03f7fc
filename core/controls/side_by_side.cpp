#include "core/controls/side_by_side.h"

#include "core/controls/row_divergence.h"
#include "core/inference/batches.h"
#include "core/ranks/bytes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace qroar {

namespace {

/// The first lane's residual stream of the batch in flight.
class StreamReference final : public ReferencePredictions {
  public:
    StreamReference(const ForwardPass& pass, const Residual& stream, int firstWindow)
        : pass_(pass), stream_(stream), firstWindow_(firstWindow) {}
    void compare(int window, std::span<const TokenId> tokens, int firstPosition, ConstMatrixView logits,
                 WindowDivergence& into) const override {
        Matrix reference(logits.rows, logits.cols);
        pass_.logitsOf(stream_, window - firstWindow_, firstPosition, reference.view());
        std::vector<double> scratch;
        for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
            const auto position = static_cast<std::size_t>(firstPosition + row);
            if (position + 1 >= tokens.size()) continue; // the last token predicts nothing we know
            const RowDivergence found =
                compareRows(reference.row(row), logits.row(row), logits.cols, tokens[position + 1], scratch);
            into.kl[position] = static_cast<float>(found.kl);
            into.deltaP[position] = static_cast<float>(found.deltaP);
            into.sameTop[position] = found.sameTop ? 1 : 0;
        }
    }

  private:
    const ForwardPass& pass_;
    const Residual& stream_;
    int firstWindow_;
};

/// Hands each block of logits to whoever wants it.
class LaneSink final : public LogitsSink {
  public:
    LaneSink(std::span<const Window> windows, NllSink& nll, Lane& lane, const ReferencePredictions* reference)
        : windows_(windows), nll_(nll), lane_(lane), reference_(reference) {}
    void deliver(int window, int firstPosition, ConstMatrixView logits) override {
        nll_.deliver(window, firstPosition, logits);
        if (lane_.tap) lane_.tap->deliver(window, firstPosition, logits);
        const auto at = static_cast<std::size_t>(window);
        if (reference_)
            reference_->compare(window, windows_[at].tokens, firstPosition, logits, lane_.divergence[at]);
    }

  private:
    std::span<const Window> windows_;
    NllSink& nll_;
    Lane& lane_;
    const ReferencePredictions* reference_;
};

void prepare(Lane& lane, std::span<const Window> windows) {
    if (!lane.compare) return;
    for (const Window& window : windows) {
        const std::size_t predictions = window.tokens.size() - 1;
        const float unknown = std::numeric_limits<float>::quiet_NaN();
        lane.divergence.push_back({window.document, window.index, std::vector<float>(predictions, unknown),
                                   std::vector<float>(predictions, unknown),
                                   std::vector<std::uint8_t>(predictions, 0)});
    }
}

void takeDistortions(Lane& lane, const ForwardPass& pass) {
    if (!lane.distortions.empty()) return;
    const bool calibrated = lane.weights->spec().needsCalibration();
    for (std::size_t layer = 0; layer < pass.distortions().size(); ++layer) {
        const auto codes = calibrated ? lane.weights->quantized(static_cast<int>(layer)) : nullptr;
        for (const Projection projection : allProjections) {
            const auto at = static_cast<std::size_t>(projection);
            const bool seen = codes && codes->outputDistortion[at].count > 0; // not by an importance matrix
            lane.distortions.push_back({static_cast<int>(layer), projectionName(projection),
                                        pass.distortions()[layer][at],
                                        seen ? std::optional(codes->outputDistortion[at]) : std::nullopt});
        }
    }
}

} // namespace

namespace {

BatchCut cutOf(const ModelConfig& config, int context) {
    return BatchCut::of(ForwardPass::batchTokens(config, context), context);
}

} // namespace

Status runSideBySide(ForwardPass& pass, const ModelConfig& config, std::span<const Window> windows,
                     std::vector<Lane>& lanes, const ReferencePredictions* external, WorkMeter& meter) {
    if (windows.empty()) return Done{};
    std::vector<NllSink> nll;
    for (Lane& lane : lanes) {
        prepare(lane, windows);
        nll.emplace_back(windows);
    }
    const bool compared =
        std::any_of(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.compare; });
    const auto context = static_cast<int>(windows.front().tokens.size());
    const std::size_t perBatch = cutOf(config, context).windows;
    for (std::size_t first = 0; first < windows.size(); first += perBatch) {
        const auto batch = windows.subspan(first, std::min(perBatch, windows.size() - first));
        Residual reference;
        for (std::size_t at = 0; at < lanes.size(); ++at) {
            Lane& lane = lanes[at];
            pass.use(lane.weights, lane.gains);
            Residual stream = pass.embed(batch);
            if (Status ran = pass.runLayers(stream, 0, config.layers, lane.probe, meter); !ran) return ran;
            takeDistortions(lane, pass);
            const StreamReference kept(pass, reference, static_cast<int>(first));
            const ReferencePredictions* other = external ? external : at > 0 ? &kept : nullptr;
            LaneSink sink(windows, nll[at], lane, lane.compare ? other : nullptr);
            if (Status ran = pass.streamLogits(stream, sink, static_cast<int>(first), meter); !ran)
                return ran;
            if (at == 0 && compared && !external) reference = std::move(stream);
        }
    }
    for (std::size_t at = 0; at < lanes.size(); ++at) {
        auto values = nll[at].take();
        for (std::size_t window = 0; window < windows.size(); ++window)
            lanes[at].windows.push_back(
                {windows[window].document, windows[window].index, std::move(values[window])});
    }
    return Done{};
}

namespace {

/// A reference that numbers the windows of the whole run, seen by a rank that numbers its own.
class ReferenceFrom final : public ReferencePredictions {
  public:
    ReferenceFrom(const ReferencePredictions& whole, std::size_t first)
        : whole_(whole), first_(static_cast<int>(first)) {}
    void compare(int window, std::span<const TokenId> tokens, int firstPosition, ConstMatrixView logits,
                 WindowDivergence& into) const override {
        whole_.compare(first_ + window, tokens, firstPosition, logits, into);
    }

  private:
    const ReferencePredictions& whole_;
    int first_;
};

/// How many there are, and of each what `partsOf` gives to its visitor.
template<class List, class PartsOf>
void packAll(Packer& to, const List& list, PartsOf&& partsOf) {
    to.put(static_cast<std::uint64_t>(list.size()));
    for (const auto& one : list) partsOf(one, [&to](const auto&... parts) { (to.put(parts), ...); });
}

void pack(Packer& to, const Lane& lane) {
    packAll(to, lane.windows,
            [](const WindowNll& one, auto&& put) { put(one.document, one.index, one.nll); });
    packAll(to, lane.divergence, [](const WindowDivergence& one, auto&& put) {
        put(one.document, one.index, one.kl, one.deltaP, one.sameTop);
    });
    packAll(to, lane.distortions, [](const LayerDistortion& one, auto&& put) {
        put(one.layer, one.projection, one.distortion, one.output.has_value(),
            one.output.value_or(Distortion{}));
    });
}

void unpack(Unpacker& from, Lane& lane) {
    for (auto count = from.get<std::uint64_t>(); count > 0 && !from.bad(); --count) {
        const int document = from.get<int>(), index = from.get<int>();
        lane.windows.push_back({document, index, from.list<float>()});
    }
    for (auto count = from.get<std::uint64_t>(); count > 0 && !from.bad(); --count) {
        WindowDivergence window{from.get<int>(), from.get<int>(), from.list<float>(), {}, {}};
        window.deltaP = from.list<float>();
        window.sameTop = from.list<std::uint8_t>();
        lane.divergence.push_back(std::move(window));
    }
    const bool known = !lane.distortions.empty(); // every rank with windows finds the same
    for (auto count = from.get<std::uint64_t>(); count > 0 && !from.bad(); --count) {
        LayerDistortion one;
        one.layer = from.get<int>();
        one.projection = from.text();
        one.distortion = from.get<Distortion>();
        const bool seen = from.get<bool>();
        const auto output = from.get<Distortion>();
        if (seen) one.output = output;
        if (!known) lane.distortions.push_back(std::move(one));
    }
}

} // namespace

WindowBlocks sharedBlocks(const ModelConfig& config, std::size_t windows, int context) {
    return {windows, cutOf(config, context).unit};
}

Status shareSideBySide(Ranks& ranks, const std::string& what, ForwardPass& pass, const ModelConfig& config,
                       std::span<const Window> windows, std::vector<Lane>& lanes,
                       const ReferencePredictions* external, WorkMeter& meter) {
    if (ranks.alone() || windows.empty()) return runSideBySide(pass, config, windows, lanes, external, meter);
    const bool tapped = std::any_of(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.tap; });
    auto own =
        sharedBlocks(config, windows.size(), static_cast<int>(windows.front().tokens.size())).of(ranks);
    if (tapped) own = {0, ranks.first() ? windows.size() : 0};
    const auto parts = ranks.share(what + ", forward passes", meter, [&]() -> Outcome<std::string> {
        std::optional<ReferenceFrom> reference;
        if (external) reference.emplace(*external, own.first);
        const Status ran = runSideBySide(pass, config, windows.subspan(own.first, own.count), lanes,
                                         reference ? &*reference : nullptr, meter);
        if (!ran) return ran.error();
        Packer packer;
        for (const Lane& lane : lanes) pack(packer, lane);
        return packer.take();
    });
    if (!parts) return parts.error();
    for (Lane& lane : lanes) {
        lane.windows.clear();
        lane.divergence.clear();
        lane.distortions.clear();
    }
    for (const std::string& part : *parts) {
        Unpacker from(part);
        for (Lane& lane : lanes) unpack(from, lane);
        if (from.bad() || !from.atEnd())
            return Error::bad("forward passes: another rank sent something else");
    }
    return Done{};
}

Status checkFinite(const std::vector<WindowNll>& windows, const std::vector<Document>& documents,
                   const std::string& what) {
    for (const WindowNll& window : windows)
        for (std::size_t token = 0; token < window.nll.size(); ++token)
            if (!std::isfinite(window.nll[token]))
                return Error::bad(what + ": the model's output is not a number in "
                                  + documents[static_cast<std::size_t>(window.document)].name + ", window "
                                  + std::to_string(window.index) + ", position " + std::to_string(token)
                                  + ": its activations overflow under this condition");
    return Done{};
}

} // namespace qroar
