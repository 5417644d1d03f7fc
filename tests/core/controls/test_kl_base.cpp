// The logits file of llama-perplexity: bytes put together here by hand, read by the product and back; a run
// against a file against the same run against the model itself; files that are cut, padded or absurd.
#include "core/controls/controls.h"
#include "core/controls/kl_base.h"
#include "core/evaluate/divergence.h"
#include "tests/core/controls/controls_fixture.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

using namespace qroar;
using namespace qroar::test;

namespace {

void put(std::string& bytes, const void* value, std::size_t size) {
    bytes.append(static_cast<const char*>(value), size);
}
template<class T>
void put(std::string& bytes, T value) {
    put(bytes, &value, sizeof value);
}

/// A record as the format's notes describe it.
struct Record {
    float scale, least;
    std::vector<std::uint16_t> codes;
};
std::string fileOf(std::int32_t context, std::int32_t vocab, const std::vector<std::int32_t>& tokens,
                   const std::vector<Record>& records) {
    std::string bytes = "_logits_";
    put(bytes, context);
    put(bytes, vocab);
    put(bytes, static_cast<std::int32_t>(tokens.size() / static_cast<std::size_t>(context)));
    for (const std::int32_t token : tokens) put(bytes, token);
    for (const Record& record : records) {
        put(bytes, record.scale);
        put(bytes, record.least);
        for (const std::uint16_t code : record.codes) put(bytes, code);
        if (vocab % 2) put(bytes, std::uint16_t{0xABCD}); // padding, of any value
    }
    return bytes;
}

/// n_ctx 4, vocabulary 3, two chunks; one record each, after position 2.
std::string smallFile() {
    return fileOf(4, 3, {0, 1, 2, 1, 2, 2, 0, 0},
                  {{4.9F / 65535, -5.0F, {65535, 13375, 0}}, {0.0F, std::log(1.0F / 3), {0, 0, 0}}});
}

std::string contentOf(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// ln p of every token, naively.
std::vector<double> logProbabilities(const std::vector<float>& logits) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    std::vector<double> result;
    for (const float logit : logits) result.push_back(logit - std::log(sum));
    return result;
}

} // namespace

class TestKlBase : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    std::filesystem::path path(const char* name) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    std::filesystem::path written(const std::string& bytes) const {
        writeBytes(path("base.kld"), bytes);
        return path("base.kld");
    }
    QString messageFor(const std::string& bytes) const {
        const auto base = KlBase::open(written(bytes));
        return QString::fromStdString(base ? "opened" : base.error().message);
    }

  private slots:
    void readsBytesByHand() {
        const auto base = KlBase::open(written(smallFile()));
        QVERIFY2(base.ok(), base ? "" : base.error().message.c_str());
        const KlBase& file = **base;
        QCOMPARE(file.shape().context, 4);
        QCOMPARE(file.shape().vocab, 3);
        QCOMPARE(file.shape().chunks, 2);
        QCOMPARE(file.shape().recordsPerChunk(), 1LL);
        QCOMPARE(file.shape().recordBytes(), 16LL);
        QCOMPARE(int(file.token(1, 2)), 0);

        // ln p = -0.1, -4 (nearly), -5 against a model that says ln q = ln(0.5, 0.25, 0.25).
        const TokenId tokens[] = {0, 1, 2, 1};
        Matrix logits(4, 3); // all four positions at once; three of them have no record
        for (std::ptrdiff_t row = 0; row < 4; ++row)
            for (std::ptrdiff_t token = 0; token < 3; ++token)
                logits.row(row)[token] = token == 0 ? std::log(2.0F) + 3 : 3.0F;
        WindowDivergence into{0, 0, {9, 9, 9}, {9, 9, 9}, {9, 9, 9}};
        file.compare(0, tokens, 0, logits.view(), into);
        const double expected = std::exp(-0.1) * (-0.1 - std::log(0.5))
                                + std::exp(-4.0) * (-4 - std::log(0.25))
                                + std::exp(-5.0) * (-5 - std::log(0.25));
        QVERIFY(std::abs(into.kl[2] - expected) < 1e-5);
        QVERIFY(std::abs(into.deltaP[2] - (0.25 - std::exp(-4.0))) < 1e-5); // the correct token is 1
        QCOMPARE(int(into.sameTop[2]), 1);
        QCOMPARE(into.kl[0], 9.0F); // positions without a record are left alone
        QCOMPARE(into.kl[1], 9.0F);
        // Chunk 1: uniform, scale 0; the first of equals is on top.
        file.compare(1, tokens, 0, logits.view(), into);
        QVERIFY(std::abs(into.kl[2] - (-std::log(3.0) - std::log(0.5) / 3 - 2 * std::log(0.25) / 3)) < 1e-5);
        QCOMPARE(int(into.sameTop[2]), 1);
        // No chunk 2.
        WindowDivergence untouched{0, 0, {7, 7, 7}, {7, 7, 7}, {7, 7, 7}};
        file.compare(2, tokens, 0, logits.view(), untouched);
        QCOMPARE(untouched.kl[2], 7.0F);
    }

    void improbableTokensAreSkipped() {
        // ln p of the second token is -16: outside the sum, as in llama-perplexity.
        const auto base = KlBase::open(written(fileOf(3, 2, {0, 1, 1}, {{16.0F / 65535, -16, {65535, 0}}})));
        QVERIFY2(base.ok(), base ? "" : base.error().message.c_str());
        const TokenId tokens[] = {0, 1, 1};
        Matrix logits(1, 2);
        logits.row(0)[0] = 0;
        logits.row(0)[1] = -200;
        WindowDivergence into{0, 0, {0, 0}, {0, 0}, {0, 0}};
        (*base)->compare(0, tokens, 1, logits.view(), into);
        QVERIFY(std::abs(into.kl[1]) < 1e-5);
    }

    void encodingError() {
        std::mt19937 random(3);
        std::normal_distribution<float> normal(0, 4);
        const int vocab = 501; // odd: padded
        std::vector<TokenId> ids(9, 1);
        const std::vector<Window> windows{{0, 0, ids}};
        std::vector<std::vector<float>> rows;
        Matrix logits(9, vocab);
        for (std::ptrdiff_t row = 0; row < 9; ++row) {
            rows.emplace_back();
            for (std::ptrdiff_t token = 0; token < vocab; ++token)
                rows.back().push_back(logits.row(row)[token] = normal(random));
        }
        auto writer = KlBaseWriter::create(path("coded.kld"), vocab, windows);
        QVERIFY2(writer.ok(), writer ? "" : writer.error().message.c_str());
        (*writer)->deliver(0, 0, logits.view().rowsFrom(0, 5));
        QVERIFY(!(*writer)->finish()); // a part is missing
        writer = KlBaseWriter::create(path("coded.kld"), vocab, windows);
        (*writer)->deliver(0, 5, logits.view().rowsFrom(5, 4)); // in any order
        (*writer)->deliver(0, 0, logits.view().rowsFrom(0, 5));
        const Status finished = (*writer)->finish();
        QVERIFY2(finished.ok(), finished ? "" : finished.error().message.c_str());

        const std::string bytes = contentOf(path("coded.kld"));
        const std::size_t record = 2 * (2 * 251 + 4), offset = 20 + 4 * 9;
        QCOMPARE(bytes.size(), offset + 4 * record); // positions 4 .. 7
        double worst = 0;
        for (std::size_t position = 4; position < 8; ++position) {
            const char* at = bytes.data() + offset + (position - 4) * record;
            float scale = 0, least = 0;
            std::memcpy(&scale, at, 4);
            std::memcpy(&least, at + 4, 4);
            const auto exact = logProbabilities(rows[position]);
            const double top = *std::max_element(exact.begin(), exact.end());
            for (std::size_t token = 0; token < static_cast<std::size_t>(vocab); ++token) {
                std::uint16_t code = 0;
                std::memcpy(&code, at + 8 + 2 * token, 2);
                const double found = static_cast<double>(scale) * code + least;
                if (exact[token] > top - 16)
                    worst = std::max(worst, std::abs(found - exact[token]));
                else
                    QVERIFY(std::abs(found - (top - 16)) < 2e-5);
            }
        }
        QVERIFY2(worst > 5e-5 && worst < 1.23e-4 + 2e-6, qPrintable(QString::number(worst)));
    }

    void aRunAgainstItsOwnFile() {
        const TinyModel tiny;
        const auto documents = randomDocuments({100, 70}, 64);
        const auto windows = cutWindows(documents, 33).value();
        const auto weights = [&](const char* spec) {
            return openWeights(tiny.model, QuantSpec::parse(spec).value()).value();
        };
        const std::vector<ControlVariant> variants{{"FP", RopeSpec{}, weights("none")},
                                                   {"Q", RopeSpec{}, weights("rtn:3:g32")}};
        StopAt never;
        auto writer = KlBaseWriter::create(path("run.kld"), 64, windows);
        QVERIFY(writer.ok());
        ControlOptions options;
        options.tap = writer->get();
        const auto direct = runControls(tiny.model, documents, {33}, variants, options, never);
        QVERIFY(direct.ok());
        QVERIFY((*writer)->finish().ok());
        const auto base = KlBase::open(path("run.kld"));
        QVERIFY2(base.ok(), base ? "" : base.error().message.c_str());
        QVERIFY((*base)->checkFits(tiny.model->config(), windows).ok());

        ControlOptions against;
        against.external = base->get();
        against.externalName = "run.kld";
        const auto stored = runControls(tiny.model, documents, {33}, variants, against, never);
        QVERIFY(stored.ok());
        const ConditionResult &own = *(*stored)[0].condition, &q = *(*stored)[1].condition;
        QCOMPARE(own.reference, std::string("run.kld"));
        const auto half = [](const ConditionResult& c, Convention convention) {
            return summarizeDivergence(c.divergence, 33, 16, convention);
        };
        // llama-perplexity's tokens, whatever convention is asked for.
        QCOMPARE(half(q, Convention::All).tokens, 5LL * 16);
        QCOMPARE(half(q, Convention::LastHalf).tokens, 5LL * 16);
        QVERIFY(std::isnan(q.divergence[0].kl[15]) && !std::isnan(q.divergence[0].kl[16]));
        // The model against its own codes: rounding only. And the quantized one as without the file.
        QVERIFY(std::abs(half(own, Convention::All).mean) < 1e-5);
        QCOMPARE(half(own, Convention::All).sameTop, 1.0);
        const auto exact = half(*(*direct)[1].condition, Convention::LastHalf),
                   coded = half(q, Convention::All);
        QVERIFY(exact.mean > 1e-3);
        QVERIFY2(std::abs(exact.mean - coded.mean) < 2e-5,
                 qPrintable(QString("%1 and %2").arg(exact.mean).arg(coded.mean)));
        QVERIFY(std::abs(exact.p99 - coded.p99) < 2e-4 && std::abs(exact.rmsDeltaP - coded.rmsDeltaP) < 1e-5);
        QCOMPARE(coded.sameTop, exact.sameTop);
        QCOMPARE(q.windows, (*direct)[1].condition->windows);
    }

    void otherTextsModelsAndLengths() {
        const auto base = KlBase::open(written(smallFile())).value();
        ModelConfig config;
        config.vocabSize = 3;
        std::vector<TokenId> first{0, 1, 2, 1}, second{2, 2, 0, 0}, longer{0, 1, 2, 1, 0};
        QVERIFY(base->checkFits(config, std::vector<Window>{{0, 0, first}, {0, 1, second}}).ok());
        QVERIFY(base->checkFits(config, std::vector<Window>{{0, 0, first}}).ok());
        QVERIFY(
            base->checkFits(config, std::vector<Window>{{0, 0, first}, {0, 1, second}, {0, 2, first}}).ok());
        const auto message = [&](std::vector<Window> windows) {
            const Status fits = base->checkFits(config, windows);
            return QString::fromStdString(fits ? "fits" : fits.error().message);
        };
        QVERIFY(message({{0, 0, longer}})
                    .contains("base.kld: made with chunks of 4 tokens, the run has windows of 5"));
        second[1] = 1;
        QVERIFY(message({{0, 0, first}, {0, 1, second}})
                    .contains("base.kld: chunk 1, position 1: token 2, the documents have 1"));
        config.vocabSize = 4;
        QVERIFY(message({{0, 0, first}})
                    .contains("base.kld: made with a vocabulary of 3 tokens, the model has 4"));
    }

    void cutAndPadded() {
        const std::string good = smallFile();
        QCOMPARE(messageFor(good), QString("opened"));
        for (std::size_t size = 0; size < good.size(); ++size) {
            const QString message = messageFor(good.substr(0, size));
            QVERIFY2(message.contains("base.kld"), qPrintable(message));
        }
        QVERIFY(messageFor(good + '\0').contains("need 84 bytes, found 85"));
        std::string other = good;
        other[0] = 'X';
        QVERIFY(messageFor(other).contains("expected a llama-perplexity logits file"));
        QVERIFY(!KlBase::open(path("missing.kld")).ok());
    }

    void absurdSizes() {
        const std::int32_t most = std::numeric_limits<std::int32_t>::max();
        const std::int32_t least = std::numeric_limits<std::int32_t>::min();
        for (const std::int32_t value : {0, 1, -1, 5, 1 << 30, most, least})
            for (std::size_t field = 0; field < 3; ++field) {
                std::string bytes = smallFile();
                std::memcpy(bytes.data() + 8 + 4 * field, &value, 4);
                const QString message = messageFor(bytes);
                QVERIFY2(message.contains("base.kld"), qPrintable(message));
            }
        std::string bytes = smallFile();
        for (std::size_t field = 0; field < 3; ++field) std::memcpy(bytes.data() + 8 + 4 * field, &most, 4);
        QVERIFY(messageFor(bytes).contains("more bytes than there are"));
    }

    void recordsThatAreNoProbabilities() {
        const float nan = std::numeric_limits<float>::quiet_NaN(),
                    infinity = std::numeric_limits<float>::infinity();
        const std::vector<std::pair<float, float>> wrong{{nan, -5.0F},         {0.0001F, nan},
                                                         {-0.0001F, -5.0F},    {infinity, 0},
                                                         {0.0001F, -infinity}, {0.001F, -5.0F}};
        for (const auto& [scale, lowest] : wrong) {
            const QString message = messageFor(fileOf(3, 2, {0, 1, 1}, {{scale, lowest, {1, 0}}}));
            QVERIFY2(message.contains("chunk 0, position 1: expected logarithms of probabilities"),
                     qPrintable(message));
        }
    }

    void whatCannotBeWritten() {
        std::vector<TokenId> ids(4, 1);
        const std::vector<Window> windows{{0, 0, ids}};
        QVERIFY(!KlBaseWriter::create(path("no/such/folder.kld"), 3, windows).ok());
        QVERIFY(!KlBaseWriter::create(path("empty.kld"), 3, {}).ok());
        // A vocabulary for which no disk suffices: refused before anything is written.
        std::vector<TokenId> many(1 << 20, 1);
        const std::vector<Window> large{{0, 0, many}};
        const auto writer =
            KlBaseWriter::create(path("large.kld"), std::numeric_limits<std::int32_t>::max(), large);
        QVERIFY(!writer.ok());
        QVERIFY(writer.error().message.find("are free") != std::string::npos);
        QVERIFY(!std::filesystem::exists(path("large.kld")));
    }
};

QTEST_APPLESS_MAIN(TestKlBase)
#include "test_kl_base.moc"
