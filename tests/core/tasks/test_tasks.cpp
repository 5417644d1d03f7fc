// Tasks by likelihood: prompts as they are promised, scores against the naive reference's logits, intervals
// by hand, and files of questions that are right and wrong.
#include "core/tasks/choices.h"
#include "core/tasks/copying.h"
#include "core/tasks/passkey.h"
#include "tests/core/controls/controls_fixture.h"
#include "tests/support/reference_llama.h"

#include <QtTest>

#include <omp.h>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Ids are bytes, 1 is BOS. "the" is one token, 2, so that a boundary can matter.
class ByteTokenizer final : public Tokenizer {
  public:
    explicit ByteTokenizer(TokenId bos) : bos_(bos) {}
    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override {
        std::string text;
        for (const TokenId id : ids)
            text += id == 2 ? "the" : id == 1 ? "" : std::string(1, static_cast<char>(id));
        return text;
    }
    [[nodiscard]] int vocabSize() const override { return 128; }
    [[nodiscard]] TokenId bosToAdd() const override { return bos_; }
    [[nodiscard]] std::string description() const override { return "bytes"; }

  private:
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool /*special*/) const override {
        std::vector<TokenId> ids;
        for (std::size_t at = 0; at < text.size(); ++at) {
            const bool the = text.substr(at, 3) == "the";
            ids.push_back(the ? 2 : static_cast<unsigned char>(text[at]));
            if (the) at += 2;
        }
        return ids;
    }
    TokenId bos_;
};

RandomModelOptions byteModel() {
    RandomModelOptions options = TinyModel::tinyOptions();
    options.vocab = 128;
    options.maxPositions = 64;
    return options;
}

/// ln p of every scored token, naively.
std::vector<double> naive(const ReferenceLlama& reference, const Prompt& prompt) {
    const auto nll = reference.nll({prompt.tokens.begin(), prompt.tokens.end()});
    std::vector<double> scores;
    for (std::size_t token = prompt.first; token < prompt.tokens.size(); ++token)
        scores.push_back(-nll[token - 1]);
    return scores;
}
double total(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
}

int occurrences(const std::string& text, const std::string& part) {
    int count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

} // namespace

class TestTasks : public QObject {
    Q_OBJECT
    TinyModel tiny_{byteModel()};
    ByteTokenizer tokenizer_{1};
    ControlVariant variant_;
    QTemporaryDir folder_;
    StopAt never_;

    WorkMeter meter() { return WorkMeter(never_, 1e9); }
    QString messageFor(const std::string& lines, int from = 0) const {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / "questions.jsonl";
        writeBytes(path, lines);
        const auto questions = readQuestions(path, from);
        return QString::fromStdString(questions ? "read" : questions.error().message);
    }
    std::vector<Question> read(const std::string& lines, int from = 0) const {
        const QString message = messageFor(lines, from);
        if (message != "read") qFatal("%s", qPrintable(message));
        return readQuestions(std::filesystem::path(folder_.path().toStdString()) / "questions.jsonl", from)
            .value();
    }

  private slots:
    void initTestCase() {
        variant_ = {"Q", RopeSpec::parse("linear:2").value(),
                    openWeights(tiny_.model, QuantSpec::parse("rtn:4:g32").value()).value()};
    }

    void wilson() {
        // Textbook values: 0 of 10 and 8 of 10 at 95 %.
        QVERIFY(std::abs(wilsonInterval(0, 10).high - 0.27753) < 1e-4);
        QCOMPARE(wilsonInterval(0, 10).low, 0.0);
        QVERIFY(std::abs(wilsonInterval(8, 10).low - 0.49016) < 1e-4);
        QVERIFY(std::abs(wilsonInterval(8, 10).high - 0.94331) < 1e-4);
        QCOMPARE(wilsonInterval(10, 10).high, 1.0);
        QCOMPARE(wilsonInterval(0, 0).high, 1.0);
    }

    void promptsAreTokenizedTogether() {
        const Prompt plain = encodePrompt(tokenizer_, "ab", "cd").value();
        QCOMPARE(plain.tokens, (std::vector<TokenId>{1, 'a', 'b', ' ', 'c', 'd'}));
        QCOMPARE(plain.first, std::size_t{3}); // the space belongs to the continuation
        QCOMPARE(encodePrompt(tokenizer_, "ab ", "cd").value().tokens, plain.tokens);
        QCOMPARE(encodePrompt(tokenizer_, "ab ", "cd").value().first, plain.first);
        QCOMPARE(encodePrompt(tokenizer_, "ab", " cd").value().tokens, plain.tokens);
        const Prompt lines = encodePrompt(tokenizer_, "ab\n", "cd").value();
        QCOMPARE(lines.tokens, (std::vector<TokenId>{1, 'a', 'b', '\n', 'c', 'd'}));
        // Without a context BOS stands in front; without BOS nothing does.
        QCOMPARE(encodePrompt(tokenizer_, "", "cd").value().first, std::size_t{1});
        QVERIFY(!encodePrompt(ByteTokenizer(-1), "", "cd").ok());
        QCOMPARE(encodePrompt(ByteTokenizer(-1), "ab", "cd").value().first, std::size_t{2});
        QVERIFY(!encodePrompt(tokenizer_, "ab", "").ok());
    }

    void scoresAgreeWithTheNaiveReference() {
        ReferenceLlama reference(*tiny_.model, referenceRtn(4, 32, false));
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        std::vector<Prompt> prompts;
        for (const auto& [context, continuation] : std::vector<std::pair<const char*, const char*>>{
                 {"one", "x"}, {"a much longer context than that", "and more"}, {"", "all of it"}})
            prompts.push_back(encodePrompt(tokenizer_, context, continuation).value());
        WorkMeter work = meter();
        const auto scores = scorePrompts(tiny_.model, variant_, 64, prompts, work);
        QVERIFY2(scores.ok(), scores ? "" : scores.error().message.c_str());
        for (std::size_t at = 0; at < prompts.size(); ++at) {
            const auto expected = naive(reference, prompts[at]);
            QCOMPARE((*scores)[at].logProbability.size(), expected.size());
            for (std::size_t token = 0; token < expected.size(); ++token)
                QVERIFY(std::abs((*scores)[at].logProbability[token] - expected[token]) < 1e-4);
            QVERIFY(std::abs((*scores)[at].logLikelihood() - total(expected)) < 1e-3);
            // Most probable: no other token has a higher logit.
            const auto logits = reference.logits({prompts[at].tokens.begin(), prompts[at].tokens.end()});
            int hits = 0;
            for (std::size_t token = prompts[at].first; token < prompts[at].tokens.size(); ++token) {
                const auto row = logits.begin() + static_cast<std::ptrdiff_t>((token - 1) * 128);
                hits += std::max_element(row, row + 128) - row == prompts[at].tokens[token] ? 1 : 0;
            }
            QCOMPARE((*scores)[at].hits(), hits);
        }
    }

    void scoresDoNotDependOnThreads() {
        std::vector<Prompt> prompts;
        for (int length = 5; length < 60; length += 9)
            prompts.push_back(
                encodePrompt(tokenizer_, std::string(static_cast<std::size_t>(length), 'q'), "answer")
                    .value());
        const int before = omp_get_max_threads();
        std::vector<double> sums[3];
        for (const int threads : {1, 2, 4}) {
            omp_set_num_threads(threads);
            WorkMeter work = meter();
            const auto scores = scorePrompts(tiny_.model, variant_, 80, prompts, work).value();
            for (const PromptScore& score : scores) sums[threads / 2].push_back(score.logLikelihood());
        }
        omp_set_num_threads(before);
        QCOMPARE(sums[1], sums[0]);
        QCOMPARE(sums[2], sums[0]);
    }

    void wrongPrompts() {
        WorkMeter work = meter();
        const auto message = [&](Prompt prompt, int context = 64) {
            const auto scores =
                scorePrompts(tiny_.model, variant_, context, std::vector<Prompt>{prompt}, work);
            return QString::fromStdString(scores ? "scored" : scores.error().message);
        };
        QCOMPARE(message({{1, 2, 3}, 1}), QString("scored"));
        QVERIFY(message({{1, 2, 3}, 0}).contains("behind at least one other"));
        QVERIFY(message({{1, 2, 3}, 3}).contains("behind at least one other"));
        QVERIFY(message({{}, 1}).contains("0 tokens"));
        QVERIFY(message({{1, 128}, 1}).contains("token 128 is outside"));
        QVERIFY(message({{1, -1}, 1}).contains("outside"));
        QVERIFY(message({{1, 2, 3}, 1}, 2).contains("do not fit the context of 2"));
        StopAt now(0);
        WorkMeter stopped(now, 1);
        stopped.setStage("x");
        const auto cancelled =
            scorePrompts(tiny_.model, variant_, 64, std::vector<Prompt>{{{1, 2}, 1}}, stopped);
        QVERIFY(!cancelled.ok() && cancelled.error().code == ErrorCode::Cancelled);
    }

    void passkeyPromptsAreAsPromised() {
        PasskeyOptions options;
        options.trials = 3;
        options.alternatives = 2;
        for (const double depth : {0.0, 0.5, 1.0}) {
            const auto prompts = passkeyPrompts(tokenizer_, 700, depth, options).value();
            QCOMPARE(prompts.size(), std::size_t{9});
            for (std::size_t at = 0; at < prompts.size(); ++at) {
                const Prompt& prompt = prompts[at];
                QVERIFY(prompt.tokens.size() <= 700 && prompt.tokens.size() > 600);
                QCOMPARE(prompt.tokens.front(), TokenId{1});
                const std::string text = tokenizer_.decode(prompt.tokens);
                const std::string key = text.substr(text.find("The pass key is ") + 16, 5);
                const std::string answer = tokenizer_.decode(
                    {prompt.tokens.begin() + static_cast<std::ptrdiff_t>(prompt.first), prompt.tokens.end()});
                QCOMPARE(answer.size(), std::size_t{6}); // a space and five digits
                QCOMPARE(answer.substr(1) == key, at % 3 == 0);
                QCOMPARE(occurrences(text, key), at % 3 == 0 ? 3 : 2);
                const int before = occurrences(text.substr(0, text.find("The pass key")), "Here we go.");
                const int all = occurrences(text, "Here we go.");
                QVERIFY(all >= 4);
                QCOMPARE(before, static_cast<int>(std::lround(depth * all)));
                QCOMPARE(occurrences(text, "What is the pass key?"), 1);
            }
        }
        QVERIFY(passkeyPrompts(tokenizer_, 700, 0.5, options).value()[3].tokens
                == passkeyPrompts(tokenizer_, 700, 0.5, options).value()[3].tokens);
        const auto tooShort = passkeyPrompts(tokenizer_, 100, 0.5, options);
        QVERIFY(!tooShort.ok());
        QVERIFY(tooShort.error().message.find("passkey at 100 tokens: at least ") != std::string::npos);
        QVERIFY(!passkeyPrompts(tokenizer_, 700, 1.5, options).ok());
    }

    void passkeyByHand() {
        PasskeyOptions options;
        options.contexts = {320};
        options.depths = {0.5};
        options.trials = 4;
        options.alternatives = 3;
        WorkMeter work = meter();
        const auto found = runPasskey(tiny_.model, variant_, tokenizer_, options, work);
        QVERIFY2(found.ok(), found ? "" : found.error().message.c_str());
        QCOMPARE(found->size(), std::size_t{1});
        ReferenceLlama reference(*tiny_.model, referenceRtn(4, 32, false));
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        const auto prompts = passkeyPrompts(tokenizer_, 320, 0.5, options).value();
        double mean = 0, margin = 0, rank = 0, first = 0;
        for (std::size_t trial = 0; trial < 4; ++trial) {
            std::vector<double> scores;
            for (std::size_t key = 0; key < 4; ++key)
                scores.push_back(total(naive(reference, prompts[4 * trial + key])));
            const double best = *std::max_element(scores.begin() + 1, scores.end());
            const auto better = std::count_if(scores.begin() + 1, scores.end(),
                                              [&](double score) { return score > scores[0]; });
            mean += scores[0] / 4;
            margin += (scores[0] - best) / 4;
            rank += static_cast<double>(1 + better) / 4;
            first += better == 0 ? 0.25 : 0;
        }
        const PasskeyResult& result = found->front();
        QCOMPARE(result.trials, 4);
        QCOMPARE(result.candidates, 4);
        QCOMPARE(result.context, 320);
        QVERIFY(std::abs(result.logLikelihood - mean) < 1e-3 && std::abs(result.margin - margin) < 1e-3);
        QCOMPARE(result.rank, rank);
        QCOMPARE(result.accuracy, first);
    }

    void copyPromptsRepeat() {
        ModelConfig config;
        config.vocabSize = 20;
        config.bosId = 3;
        config.eosId = 4;
        const auto prompts = copyPrompts(config, 5, 40, 12, 7);
        QCOMPARE(prompts.size(), std::size_t{7});
        for (const Prompt& prompt : prompts) {
            QCOMPARE(prompt.tokens.size(), std::size_t{1 + 40 + 12});
            QCOMPARE(prompt.tokens[0], TokenId{5});
            QCOMPARE(prompt.first, std::size_t{2});
            for (std::size_t token = 1; token <= 12; ++token)
                QCOMPARE(prompt.tokens[token + 40], prompt.tokens[token]);
            for (std::size_t token = 1; token < prompt.tokens.size(); ++token)
                QVERIFY(prompt.tokens[token] >= 0 && prompt.tokens[token] < 20 && prompt.tokens[token] != 3
                        && prompt.tokens[token] != 4 && prompt.tokens[token] != 5);
        }
        QVERIFY(prompts[0].tokens != prompts[1].tokens);
        QCOMPARE(copyPrompts(config, -1, 40, 12, 7)[0].tokens.size(), std::size_t{52});
    }

    void copyingByHand() {
        CopyOptions options;
        options.distances = {4, 24};
        options.length = 10;
        options.trials = 7;
        WorkMeter work = meter();
        const auto found = runCopying(tiny_.model, variant_, 1, options, work);
        QVERIFY2(found.ok(), found ? "" : found.error().message.c_str());
        QCOMPARE(found->size(), std::size_t{2});
        QCOMPARE((*found)[0].length, 4); // at most the distance
        const CopyResult& result = (*found)[1];
        QCOMPARE(result.length, 10);
        QCOMPARE(result.trials, 7);
        ReferenceLlama reference(*tiny_.model, referenceRtn(4, 32, false));
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        double first = 0, again = 0;
        for (const Prompt& prompt : copyPrompts(tiny_.model->config(), 1, 24, 10, 7)) {
            const auto nll = reference.nll({prompt.tokens.begin(), prompt.tokens.end()});
            for (std::size_t token = 1; token < 10; ++token) { // x_1 .. x_9; x_t is tokens[t + 1]
                first += nll[token] / (9 * 7);
                again += nll[token + 24] / (9 * 7);
            }
        }
        QVERIFY(std::abs(result.firstNll - first) < 1e-4 && std::abs(result.repeatNll - again) < 1e-4);
        QVERIFY(std::abs(result.difference.mean - (again - first)) < 1e-4);
        QCOMPARE(result.difference.tokens, 63LL);
        QCOMPARE(result.difference.blocks, 7);
        QVERIFY(result.difference.ciLow && *result.difference.ciLow < result.difference.mean);
        options.distances = {1};
        QVERIFY(!runCopying(tiny_.model, variant_, 1, options, work).ok());
    }

    void answers() {
        const auto answer = [&](const std::string& value, int from = 0) {
            return read(R"({"context": "c", "choices": ["red", "green", "7", "d"], "answer": )" + value + "}",
                        from)
                .front()
                .answer;
        };
        QCOMPARE(answer("0"), 0);
        QCOMPARE(answer("3"), 3);
        QCOMPARE(answer("1", 1), 0);
        QCOMPARE(answer("\"2\""), 2);
        QCOMPARE(answer("\"2\"", 1), 1);
        QCOMPARE(answer("\"B\""), 1);
        QCOMPARE(answer("\"c\""), 2);
        QCOMPARE(answer("\" C \"", 1), 2); // letters do not depend on where numbers start
        QCOMPARE(answer("\"green\""), 1);
        QCOMPARE(answer("\"7\""), 2); // a choice itself
        QCOMPARE(answer("\"d\""), 3);
        QCOMPARE(read(R"({"context": "c", "choices": ["no", "yes"], "answer": true})").front().answer, 1);
        QCOMPARE(read(R"({"context": "c", "choices": [" Yes", "no"], "answer": true})").front().answer, 0);
        QCOMPARE(read(R"({"context": "c", "choices": ["true", "false"], "answer": false})").front().answer,
                 1);
        QCOMPARE(read(R"({"context": "c", "choices": ["wet", "dry"], "answer": true})").front().answer, 1);
        const auto two = read("{\"context\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":1,\"id\":9}\r\n\n"
                              "{\"choices\":[\"x\",\"y\",\"z\"],\"answer\":\"A\",\"context\":\"b\"}");
        QCOMPARE(two.size(), std::size_t{2});
        QCOMPARE(two[1].line, 3);
        QCOMPARE(two[1].choices.size(), std::size_t{3});
    }

    void wrongQuestions() {
        const std::string good = R"({"context": "c", "choices": ["a", "b"], "answer": 0})"
                                 "\n";
        const auto message = [&](const std::string& line, int from = 0) {
            return messageFor(good + line, from);
        };
        const auto says = [](const QString& found, const char* part) {
            if (found.contains("questions.jsonl: line 2") && found.contains(part)) return true;
            qWarning() << found << "lacks" << part;
            return false;
        };
        QVERIFY(says(message("{"), "line 2"));
        QVERIFY(says(message("[1]"), "expected an object, found a"));
        QVERIFY(says(message(R"({"choices": ["a", "b"], "answer": 0})"), "no key \"context\""));
        QVERIFY(says(message(R"({"context": "c", "answer": 0})"), "no key \"choices\""));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"]})"), "no key \"answer\""));
        QVERIFY(says(message(R"({"context": 3, "choices": ["a", "b"], "answer": 0})"), "context"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a"], "answer": 0})"), "at least two, found 1"));
        QVERIFY(says(message(R"({"context": "c", "choices": "ab", "answer": 0})"),
                     "at least two, found a string"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", 2], "answer": 0})"),
                     "texts that are not empty"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", ""], "answer": 0})"),
                     "texts that are not empty"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": 2})"),
                     "\"answer\": 2 is none of 2 choices, counted from 0"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": -1})"), "none of 2"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": 99999999999999999999})"),
                     "answer"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": "Z"})"), "none of 2"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": "neither"})"),
                     "found \"neither\""));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": [0]})"), "found a"));
        QVERIFY(says(message(R"({"context": "c", "choices": ["a", "b"], "answer": null})"), "found"));
        QVERIFY(
            says(message("{\"context\": \"\xff\", \"choices\": [\"a\", \"b\"], \"answer\": 0}"), "line 2"));
        QVERIFY(messageFor("\n \n").contains("holds no questions"));
        QVERIFY(message(R"({"context": "c", "choices": ["a", "b"], "answer": 0})", 1).contains("line 1"));
    }

    void choicesByHand() {
        std::string lines;
        std::mt19937 random(7);
        const char* const words[] = {"a", "longer choice", "third", "a very much longer choice"};
        for (int question = 0; question < 12; ++question)
            lines += "{\"context\":\"question " + std::to_string(question) + "\",\"choices\":[\"" + words[0]
                     + "\",\"" + words[1] + "\",\"" + words[2] + "\""
                     + (question % 2 ? "" : std::string(",\"") + words[3] + "\"")
                     + "],\"answer\":" + std::to_string(random() % 3) + "}\n";
        const auto questions = read(lines);
        const auto prompts = choicePrompts(questions, tokenizer_).value();
        WorkMeter work = meter();
        const auto found = runChoices(tiny_.model, variant_, questions, prompts, work);
        QVERIFY2(found.ok(), found ? "" : found.error().message.c_str());
        ReferenceLlama reference(*tiny_.model, referenceRtn(4, 32, false));
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        int right = 0, rightNorm = 0;
        double chance = 0;
        for (const Question& question : questions) {
            std::size_t plain = 0, norm = 0;
            std::vector<double> scores;
            for (const std::string& choice : question.choices)
                scores.push_back(
                    total(naive(reference, encodePrompt(tokenizer_, question.context, choice).value())));
            for (std::size_t at = 1; at < scores.size(); ++at) {
                const auto perByte = [&](std::size_t of) {
                    return scores[of] / static_cast<double>(question.choices[of].size());
                };
                if (scores[at] > scores[plain]) plain = at;
                if (perByte(at) > perByte(norm)) norm = at;
            }
            right += static_cast<int>(plain) == question.answer;
            rightNorm += static_cast<int>(norm) == question.answer;
            chance += 1.0 / static_cast<double>(scores.size()) / 12;
        }
        QCOMPARE(found->questions, 12);
        QCOMPARE(found->acc, right / 12.0);
        QCOMPARE(found->accNorm, rightNorm / 12.0);
        QVERIFY(std::abs(found->chance - chance) < 1e-12);
        QVERIFY(found->accInterval.low <= found->acc && found->acc <= found->accInterval.high);
        QVERIFY(right > 0 && rightNorm != right); // the case tells the two apart
        QVERIFY(found->layouts == std::vector<QuestionLayout>{QuestionLayout::Plain});
        QVERIFY(!choicePrompts({{"", {"x", "y"}, 0, 4}}, ByteTokenizer(-1)).ok());
        QVERIFY(choicePrompts({{"", {"x", "y"}, 0, 4}}, ByteTokenizer(-1)).error().message.find("line 4")
                != std::string::npos);
    }

    /// Partial evaluation: the same text is scored behind two contexts.
    void winoGrandeByHand() {
        const auto questions =
            read(R"({"sentence": "cups and _ are so", "option1": "a", "option2": "bbb", "answer": "1"})"
                 "\n"
                 R"({"sentence": "one _ more", "option1": "pot", "option2": "x", "answer": "2"})");
        const auto prompts = choicePrompts(questions, tokenizer_).value();
        QCOMPARE(prompts.size(), std::size_t{4});
        QCOMPARE(tokenizer_.decode(prompts[1].tokens), std::string("cups and bbb are so"));
        QCOMPARE(prompts[1].tokens.size() - prompts[1].first, std::string(" are so").size());
        WorkMeter work = meter();
        const auto found = runChoices(tiny_.model, variant_, questions, prompts, work).value();
        ReferenceLlama reference(*tiny_.model, referenceRtn(4, 32, false));
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        int right = 0;
        for (std::size_t at = 0; at < 2; ++at) {
            const double first = total(naive(reference, prompts[2 * at]));
            right += (total(naive(reference, prompts[2 * at + 1])) > first) == (questions[at].answer == 1);
        }
        QCOMPARE(found.acc, right / 2.0);
        QCOMPARE(found.accNorm, found.acc); // the scored text is the same
        QVERIFY(found.layouts == std::vector<QuestionLayout>{QuestionLayout::WinoGrande});
    }
};

QTEST_APPLESS_MAIN(TestTasks)
#include "test_tasks.moc"
