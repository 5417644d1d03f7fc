// Importance matrices: both layouts say the same, hostile files are refused by entry, and the weights are
// those of plain loops over every limit (and every alpha), never worse by the measure they are chosen by.
#include "core/quant/rtn.h"
#include "core/quantize/calibrate.h"
#include "core/quantize/importance_weights.h"
#include "tests/core/model/model_test.h"
#include "tests/support/imatrix_writer.h"

#include <cmath>
#include <limits>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

ProgressSink silent;

RandomModelOptions sizes() {
    RandomModelOptions options; // hidden 32, 4 heads and 2 KV heads of 8, intermediate 48, 2 layers
    options.attentionBias = options.mlpBias = true;
    return options;
}

/// Entries for every linear layer, sizes that differ by a factor of hundreds from channel to channel.
std::vector<ImatrixEntry> entries(int layers = 2) {
    std::mt19937 random(5);
    std::vector<ImatrixEntry> all;
    for (int layer = 0; layer < layers; ++layer)
        for (const auto& [stem, width] : {std::pair<const char*, int>{"attn_q", 32},
                                          {"attn_k", 32},
                                          {"attn_v", 32},
                                          {"attn_output", 32},
                                          {"ffn_gate", 32},
                                          {"ffn_up", 32},
                                          {"ffn_down", 48}}) {
            ImatrixEntry entry{"blk." + std::to_string(layer) + "." + stem + ".weight", {}, 4};
            for (int channel = 0; channel < width; ++channel)
                entry.meanSquares.push_back(std::ldexp(1.0F, static_cast<int>(random() % 12) - 6));
            all.push_back(entry);
        }
    for (const char* same : {"attn_k", "attn_v"}) // they read what q reads
        for (ImatrixEntry& entry : all)
            if (entry.name.find(same) != std::string::npos)
                for (const ImatrixEntry& q : all)
                    if (q.name == entry.name.substr(0, 6) + "attn_q.weight")
                        entry.meanSquares = q.meanSquares;
    return all;
}

ImatrixEntry* named(std::vector<ImatrixEntry>& all, const std::string& name) {
    for (ImatrixEntry& entry : all)
        if (entry.name == name) return &entry;
    qFatal("no %s", name.c_str());
}

Matrix randomWeights(int rows, int cols, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    Matrix weights(rows, cols);
    for (int row = 0; row < rows; ++row)
        for (int col = 0; col < cols; ++col)
            weights.row(row)[col] = normal(random) * (col % 11 == 2 ? 6.0F : 1.0F);
    return weights;
}

double errorOf(const Matrix& weights, const QuantizedMatrix& codes, const std::vector<float>& importance) {
    double sum = 0;
    for (std::ptrdiff_t row = 0; row < weights.rows(); ++row)
        for (std::ptrdiff_t col = 0; col < weights.cols(); ++col) {
            const auto at = static_cast<std::size_t>(row * codes.groups + codes.groupIndex(col));
            const double found = static_cast<double>(
                (codes.codes[static_cast<std::size_t>(row * weights.cols() + col)] - codes.zeros[at])
                * static_cast<double>(codes.scales[at]));
            const double off = found - static_cast<double>(weights.row(row)[col]);
            sum += static_cast<double>(importance[static_cast<std::size_t>(col)]) * off * off;
        }
    return sum;
}

} // namespace

class TestImportance : public QObject {
    Q_OBJECT
    Scratch scratch_;
    std::shared_ptr<const Model> model_;

    Outcome<ImportanceMatrix> legacy(const std::vector<ImatrixEntry>& all) const {
        return ImportanceMatrix::open(scratch_.file("i.dat", legacyImatrix(all, 3, "wiki.txt")));
    }
    Outcome<ImportanceMatrix> gguf(const std::vector<ImatrixEntry>& all) const {
        return ImportanceMatrix::open(scratch_.file("i.gguf", ggufImatrix(all).bytes()));
    }

  private slots:
    void initTestCase() {
        makeRandomHfModel(scratch_.path("model"), sizes());
        model_ = *openModel(scratch_.path("model"));
    }

    void bothLayoutsSayTheSame() {
        auto all = entries();
        all.push_back({"output.weight", std::vector<float>(32, 1.0F), 4}); // not asked for
        for (const auto& matrix : {legacy(all), gguf(all)}) {
            QROAR_OPENED(matrix);
            QVERIFY(matrix->fits(model_->config()).ok());
            QCOMPARE(matrix->entries(), std::size_t{15});
            QCOMPARE(matrix->chunks(), 3);
            QVERIFY(matrix->text().find("3 chunks of wiki.txt") != std::string::npos);
            for (int layer = 0; layer < 2; ++layer)
                for (const auto& [projection, stem] : {std::pair{Projection::Q, "attn_q"},
                                                       {Projection::K, "attn_k"},
                                                       {Projection::V, "attn_v"},
                                                       {Projection::O, "attn_output"},
                                                       {Projection::Gate, "ffn_gate"},
                                                       {Projection::Up, "ffn_up"},
                                                       {Projection::Down, "ffn_down"}}) {
                    const auto found = matrix->of(model_->config(), layer, projection);
                    QROAR_OPENED(found);
                    QVERIFY(
                        *found
                        == named(all, "blk." + std::to_string(layer) + "." + stem + ".weight")->meanSquares);
                }
        }
        QVERIFY(legacy(all)->fingerprint() != gguf(all)->fingerprint());
        // Very old files end behind the entries.
        const auto old = ImportanceMatrix::open(scratch_.file("old.dat", legacyImatrix(all)));
        QROAR_OPENED(old);
        QCOMPARE(old->chunks(), 0);
    }

    void entriesThatReadTheSame() {
        auto all = entries();
        const auto wanted = named(all, "blk.1.attn_q.weight")->meanSquares;
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [](const ImatrixEntry& entry) {
                                     return entry.name == "blk.1.attn_k.weight"
                                            || entry.name == "blk.0.ffn_gate.weight";
                                 }),
                  all.end());
        const auto matrix = legacy(all);
        QROAR_OPENED(matrix);
        QVERIFY(matrix->fits(model_->config()).ok());
        QVERIFY(*matrix->of(model_->config(), 1, Projection::K) == wanted);
    }

    void whatDoesNotFit() {
        const auto declined = [&](const std::vector<ImatrixEntry>& all, const std::string& entry,
                                  const char* words) {
            for (const auto& matrix : {legacy(all), gguf(all)}) {
                QROAR_OPENED(matrix);
                QROAR_REFUSED(matrix->fits(model_->config()), "i.", entry, words);
            }
        };
        auto all = entries();
        all.erase(all.begin() + 3);
        declined(all, "\"blk.0.attn_output.weight\"", "is missing");
        all = entries();
        named(all, "blk.1.ffn_down.weight")->meanSquares.pop_back();
        declined(all, "\"blk.1.ffn_down.weight\"", "expected 48 values");
        declined(entries(3), "blk.2.", "the model has 2 layers");
        all = entries();
        all.push_back({"blk.0.ffn_up_exps.weight", std::vector<float>(64, 1.0F), 1});
        declined(all, "ffn_up_exps", "mixture of experts");
    }

    void hostileFiles() {
        const auto at = [&](const std::string& bytes) {
            return ImportanceMatrix::open(scratch_.file("h.dat", bytes));
        };
        const std::string whole = legacyImatrix(entries(), 3, "t");
        QROAR_REFUSED(at(""), "h.dat", "not an importance matrix");
        QROAR_REFUSED(at("abc"), "h.dat", "end of the file");
        QROAR_REFUSED(at(std::string(8, '\0')), "found 0");
        QROAR_REFUSED(at(std::string(8, '\x7F')), "not an importance matrix");
        for (const std::size_t length : {std::size_t{4}, std::size_t{6}, std::size_t{20}, std::size_t{30},
                                         std::size_t{100}, whole.size() / 2})
            QROAR_REFUSED(at(whole.substr(0, length)), "h.dat");
        for (const float value : {-1.0F, NAN, std::numeric_limits<float>::infinity()}) {
            auto all = entries();
            all[2].meanSquares[5] = value;
            QROAR_REFUSED(legacy(all), "\"blk.0.attn_v.weight\"", "sums of squares", "at 5");
            QROAR_REFUSED(gguf(all), "\"blk.0.attn_v.weight\"", "sums of squares", "at 5");
        }
        auto all = entries();
        all[1].count = 0;
        QROAR_REFUSED(legacy(all), "blk.0.attn_k.weight", "1 or more calls");
        QROAR_REFUSED(gguf(all), "blk.0.attn_k.weight", "positive count");
        all = entries();
        all[1].name = all[0].name;
        QROAR_REFUSED(legacy(all), "blk.0.attn_q.weight", "twice");
        auto file = ggufImatrix(entries());
        file.tensorF32("x.weight.in_sum2", {4}, {1, 1, 1, 1});
        QROAR_REFUSED(ImportanceMatrix::open(scratch_.file("h.gguf", file.bytes())), "\"x.weight\"",
                      ".counts");
        file.tensorF32("x.weight.counts", {2}, {1, 1});
        QROAR_REFUSED(ImportanceMatrix::open(scratch_.file("h.gguf", file.bytes())), "\"x.weight\"",
                      "2 experts");
        GgufWriter other;
        other.text("general.type", "model");
        QROAR_REFUSED(ImportanceMatrix::open(scratch_.file("h.gguf", other.bytes())), "general.type",
                      "\"model\"");
        GgufWriter none;
        none.text("general.type", "imatrix");
        QROAR_REFUSED(ImportanceMatrix::open(scratch_.file("h.gguf", none.bytes())),
                      "no tensor ends in .in_sum2");
        QROAR_REFUSED(ImportanceMatrix::open(scratch_.path("nowhere.dat")), "nowhere.dat");
    }

    void roundingAgainstPlainLoops_data() {
        QTest::addColumn<std::string>("spec");
        for (const char* spec : {"rtn:4:g16", "rtn:3:g10", "rtn:2:row", "rtn:4:g16:sym", "rtn:8:row:sym"})
            QTest::newRow(spec) << std::string(spec);
    }
    /// Every group has the limit of least weighted error, found again by trying all.
    void roundingAgainstPlainLoops() {
        QFETCH(std::string, spec);
        const QuantSpec grid = *QuantSpec::parse(spec);
        const Matrix weights = randomWeights(9, 44, 3);
        std::vector<float> importance;
        std::mt19937 random(8);
        for (int col = 0; col < 44; ++col)
            importance.push_back(std::ldexp(1.0F, static_cast<int>(random() % 14) - 7));
        long long clipped = 0;
        const QuantizedMatrix found = quantizeByImportance(grid, weights.view(), importance, &clipped);
        QVERIFY(found.consistent());
        const int size = grid.groupSize > 0 ? grid.groupSize : 44;
        long long limited = 0;
        for (int row = 0; row < 9; ++row)
            for (int first = 0; first < 44; first += size) {
                const int count = std::min(size, 44 - first);
                float largest = 0;
                for (int at = 0; at < count; ++at)
                    largest = std::max(largest, std::abs(weights.row(row)[first + at]));
                double least = INFINITY;
                int winner = -1;
                std::vector<float> values;
                for (int step = 0; step < 10; ++step) {
                    std::vector<float> cut(weights.row(row) + first, weights.row(row) + first + count);
                    const auto limit = static_cast<float>((1 - step / 20.0) * static_cast<double>(largest));
                    for (float& value : cut) value = std::min(std::max(value, -limit), limit);
                    Matrix one(1, count);
                    std::copy(cut.begin(), cut.end(), one.data());
                    applyRtn(grid, one.view());
                    double error = 0;
                    for (int at = 0; at < count; ++at) {
                        const double off = static_cast<double>(one.data()[at])
                                           - static_cast<double>(weights.row(row)[first + at]);
                        error +=
                            static_cast<double>(importance[static_cast<std::size_t>(first + at)]) * off * off;
                    }
                    if (error < least) {
                        least = error;
                        winner = step;
                        values.assign(one.data(), one.data() + count);
                    }
                }
                limited += winner > 0;
                Matrix floats(9, 44);
                found.dequantize(floats.view());
                for (int at = 0; at < count; ++at)
                    QCOMPARE(floats.row(row)[first + at], values[static_cast<std::size_t>(at)]);
            }
        QCOMPARE(clipped, limited);
        const double plain = errorOf(weights, quantizeRtn(grid, weights.view()), importance);
        QVERIFY(errorOf(weights, found, importance) <= plain);
        if (grid.bits < 8) QVERIFY(clipped > 0 && errorOf(weights, found, importance) < 0.999 * plain);
    }

    void noImportanceIsPlainRounding() {
        const QuantSpec grid = *QuantSpec::parse("rtn:3:g16");
        const Matrix weights = randomWeights(5, 32, 4);
        const auto found = quantizeByImportance(grid, weights.view(), std::vector<float>(32, 0.0F));
        const auto plain = quantizeRtn(grid, weights.view());
        QVERIFY(found.codes == plain.codes && found.scales == plain.scales && found.zeros == plain.zeros);
    }

    void weightsOfAModel() {
        const auto matrix = legacy(entries());
        QROAR_OPENED(matrix);
        WorkMeter meter(silent, 1);
        for (const char* text : {"rtn:3:g16", "awq:3:g16", "awq:4:row:sym"}) {
            const QuantSpec spec = *QuantSpec::parse(text);
            const auto weights = importanceWeights(model_, spec, *matrix, meter);
            QROAR_OPENED(weights);
            QVERIFY((*weights)->spec() == spec);
            double weighted = 0, plain = 0;
            for (int layer = 0; layer < 2; ++layer) {
                LayerWeights original;
                original.load(*model_, layer);
                const auto changed = (*weights)->layer(layer);
                const auto codes = (*weights)->quantized(layer);
                for (const Projection p : allProjections) {
                    const auto at = static_cast<std::size_t>(p);
                    const auto importance = *matrix->of(model_->config(), layer, p);
                    QVERIFY(codes->projection[at].consistent());
                    Matrix rounded = original.projection[at];
                    applyRtn(spec.roundToNearest(), rounded.view());
                    for (std::ptrdiff_t row = 0; row < rounded.rows(); ++row)
                        for (std::ptrdiff_t col = 0; col < rounded.cols(); ++col) {
                            // Where AWQ divides a norm, the weights are those times its scale: undo it.
                            const float norm =
                                p == Projection::O || p == Projection::Down ? 1.0F
                                : p < Projection::O
                                    ? changed->attentionNorm[static_cast<std::size_t>(col)]
                                          / original.attentionNorm[static_cast<std::size_t>(col)]
                                    : changed->feedForwardNorm[static_cast<std::size_t>(col)]
                                          / original.feedForwardNorm[static_cast<std::size_t>(col)];
                            if (p != Projection::Q && p != Projection::K) continue;
                            const double w = original.projection[at].row(row)[col],
                                         a = changed->projection[at].row(row)[col] * norm,
                                         b = rounded.row(row)[col];
                            const double square = importance[static_cast<std::size_t>(col)];
                            weighted += square * (a - w) * (a - w);
                            plain += square * (b - w) * (b - w);
                        }
                }
            }
            QVERIFY2(weighted < plain, text);
        }
        QROAR_REFUSED(importanceWeights(model_, *QuantSpec::parse("gptq:4:g16"), *matrix, meter),
                      "gptq:4:g16", "rtn and awq do");
        // The factory takes the matrix for rtn and awq, and text for gptq.
        const auto made =
            makeWeightsOn(nullptr, {}, 0, 0, model_, *QuantSpec::parse("awq:4:g16"), silent, &*matrix);
        QROAR_OPENED(made);
        QROAR_REFUSED(
            makeWeightsOn(nullptr, {}, 0, 0, model_, *QuantSpec::parse("gptq:4:g16"), silent, &*matrix),
            "name documents");
    }

    /// Scales of AWQ change nothing but rounding: at 8 bits the layer computes what it did.
    void awqKeepsTheFunction() {
        const auto matrix = legacy(entries());
        LayerWeights original;
        original.load(*model_, 0);
        const auto layer =
            quantizeAwqByImportance(*model_, 0, *QuantSpec::parse("awq:8:g16"), original, *matrix);
        QVERIFY(layer.attentionNorm != original.attentionNorm); // something was folded
        for (const Projection p : {Projection::Q, Projection::Gate}) {
            const auto& norm = p == Projection::Q ? layer.attentionNorm : layer.feedForwardNorm;
            const auto& before = p == Projection::Q ? original.attentionNorm : original.feedForwardNorm;
            const QuantizedMatrix& codes = layer.projection[static_cast<std::size_t>(p)];
            Matrix floats(codes.rows, codes.cols);
            codes.dequantize(floats.view());
            for (std::ptrdiff_t row = 0; row < codes.rows; ++row)
                for (std::ptrdiff_t col = 0; col < codes.cols; ++col) {
                    const double was =
                        static_cast<double>(original.projection[static_cast<std::size_t>(p)].row(row)[col])
                        * static_cast<double>(before[static_cast<std::size_t>(col)]);
                    const double is = static_cast<double>(floats.row(row)[col])
                                      * static_cast<double>(norm[static_cast<std::size_t>(col)]);
                    QVERIFY(std::abs(is - was) < 0.05);
                }
        }
    }
};

QTEST_APPLESS_MAIN(TestImportance)
#include "test_importance.moc"
