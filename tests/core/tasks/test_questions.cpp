// Questions in the layouts of the hub: the prompts that lm-evaluation-harness makes of them, written out here
// by hand, and files that are wrong. Lines are like those of the data sets, made up for this test.
#include "core/tasks/questions.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace qroar;

class TestQuestions : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    Outcome<std::vector<Question>> read(const std::string& lines, int from = 0) const {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / "hub.jsonl";
        test::writeBytes(path, lines);
        return readQuestions(path, from);
    }
    Question one(const std::string& line, int from = 0) const {
        auto questions = read(line, from);
        if (!questions) qFatal("%s", questions.error().message.c_str());
        if (questions->size() != 1) qFatal("%zu questions", questions->size());
        return questions->front();
    }
    /// Whether the refusal of `line`, the second of a file, names file and line and says all of `parts`.
    bool refuses(const std::string& line, std::initializer_list<const char*> parts) const {
        const auto questions = read(R"({"context": "c", "choices": ["a", "b"], "answer": 0})"
                                    "\n"
                                    + line);
        const std::string message = questions ? "read" : questions.error().message;
        bool all = message.find("hub.jsonl: line 2") != std::string::npos;
        for (const char* part : parts) all = all && message.find(part) != std::string::npos;
        if (!all) qWarning("%s", message.c_str());
        return all;
    }

  private slots:
    void arc() {
        const std::string head = R"({"id": "M1", "question": "Which is hot?", "choices": {"text": )"
                                 R"(["ice", "fire", "snow"], "label": )";
        const Question letters = one(head + R"(["A", "B", "C"]}, "answerKey": "B"})");
        QCOMPARE(letters.context, std::string("Question: Which is hot?\nAnswer:"));
        QVERIFY(letters.choices == std::vector<std::string>({"ice", "fire", "snow"}));
        QVERIFY(letters.answer == 1 && letters.layout == QuestionLayout::Arc && letters.contexts.empty());
        // labels may be numbers, and where numbers start in other layouts does not matter
        QCOMPARE(one(head + R"(["1", "2", "3"]}, "answerKey": "3"})", 1).answer, 2);
    }

    void hellaSwag() {
        const Question whole = one(
            R"({"ind": 4, "activity_label": "Baking", "ctx_a": "[header] How to bake [title] Mix it.", )"
            R"("ctx_b": "a man from Rome", "ctx": "not this one", "label": "2", )"
            R"("endings": [" stirs  it. ", "[step] rests.", "eats [substeps] it [title] More.", "goes."]})");
        // brackets go and leave two spaces behind, of which one goes; ctx_b begins large and goes on small
        QCOMPARE(whole.context, std::string("Baking: How to bake. Mix it. A man from rome"));
        QVERIFY(whole.choices
                == std::vector<std::string>({"stirs it.", " rests.", "eats it. More.", "goes."}));
        QVERIFY(whole.answer == 2 && whole.layout == QuestionLayout::HellaSwag);
        const Question plain =
            one(R"({"ctx": "A man sits. he", "endings": ["stands.", "flies."], "label": 1})");
        QCOMPARE(plain.context, std::string("A man sits. he"));
        QCOMPARE(plain.answer, 1);
        QCOMPARE(one(R"({"ctx": "x", "endings": ["a", "b"], "label": "0"})", 1).answer, 0);
        QCOMPARE(
            one(R"({"activity_label": "A", "ctx_a": "b", "ctx_b": "", "endings": ["c", "d"], "label": 0})")
                .context,
            std::string("A: b"));
    }

    void boolQ() {
        const Question yes = one(R"({"question": "is it wet", "passage": "Rain fell.", "answer": true})");
        QCOMPARE(yes.context, std::string("Rain fell.\nQuestion: is it wet?\nAnswer:"));
        QVERIFY(yes.choices == std::vector<std::string>({"no", "yes"}) && yes.answer == 1);
        QVERIFY(yes.layout == QuestionLayout::BoolQ);
        QCOMPARE(one(R"({"question": "q", "passage": "p", "answer": false})", 1).answer, 0);
        QCOMPARE(one(R"({"question": "q", "passage": "p", "label": 1, "idx": 0})").answer, 1); // super_glue
    }

    void winoGrande() {
        const Question question =
            one(R"({"sentence": "The cup missed the box because the _ was small .", "option1": "cup", )"
                R"("option2": "box", "answer": "2"})");
        QVERIFY(question.layout == QuestionLayout::WinoGrande && question.answer == 1);
        QCOMPARE(question.contextOf(0), std::string("The cup missed the box because the cup"));
        QCOMPARE(question.contextOf(1), std::string("The cup missed the box because the box"));
        QVERIFY(question.choices == std::vector<std::string>({"was small .", "was small ."}));
        QCOMPARE(one(R"({"sentence": "a _ b", "option1": "x", "option2": "y", "answer": "1"})", 1).answer, 0);
    }

    void layoutsMayBeMixed() {
        const auto questions =
            read(R"({"question": "q", "passage": "p", "answer": false})"
                 "\n"
                 R"({"context": "c", "choices": ["a", "b"], "answer": "b", "question": "q"})")
                .value();
        QVERIFY(questions[0].layout == QuestionLayout::BoolQ);
        QVERIFY(questions[1].layout == QuestionLayout::Plain && questions[1].contextOf(1) == "c");
        QCOMPARE(questions[1].line, 2);
    }

    void refusals() {
        QVERIFY(refuses(R"({"text": "x", "id": 3})",
                        {"no key \"context\"", "expected context, choices, answer", "found \"id, text\""}));
        // ARC
        QVERIFY(refuses(R"({"question": "q", "choices": ["a", "b"], "answerKey": "A"})",
                        {"\"choices\"", "expected an object", "found an array"}));
        QVERIFY(refuses(R"({"question": "q", "choices": {"text": ["a", "b"]}, "answerKey": "A"})",
                        {"\"choices\"", "text and label"}));
        QVERIFY(
            refuses(R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A"]}, "answerKey": "A"})",
                    {"\"label\"", "at least two, found 1"}));
        QVERIFY(refuses(
            R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B", "C"]}, "answerKey": "A"})",
            {"\"choices\"", "found 3 for 2"}));
        QVERIFY(refuses(
            R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "E"})",
            {"\"answerKey\"", "expected one of \"A, B\", found \"E\""}));
        QVERIFY(refuses(R"({"question": "q", "answerKey": "E"})", {"no key \"choices\"", "ARC"}));
        QVERIFY(refuses(
            R"({"question": 1, "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"})",
            {"\"question\": expected a text, found a number"}));
        // HellaSwag: the test split has no labels
        QVERIFY(refuses(R"({"ctx": "c", "endings": ["a", "b"], "label": ""})",
                        {"\"label\"", "expected a number from 0 to 1, found \"\""}));
        QVERIFY(refuses(R"({"ctx": "c", "endings": ["a", "b"], "label": 2})", {"found 2"}));
        QVERIFY(refuses(R"({"ctx": "c", "endings": "ab", "label": 0})", {"\"endings\"", "found a string"}));
        QVERIFY(refuses(R"({"endings": ["a", "b"], "label": 0})", {"no key \"ctx\"", "HellaSwag"}));
        // BoolQ
        QVERIFY(refuses(R"({"question": "q", "passage": "p", "answer": "maybe"})",
                        {"\"answer\"", "expected true or false", "found \"maybe\""}));
        QVERIFY(refuses(R"({"question": "q", "passage": "p", "label": -1})", {"\"label\""}));
        QVERIFY(refuses(R"({"passage": "p", "answer": true})", {"no key \"question\"", "BoolQ"}));
        // WinoGrande
        const std::string options = R"(, "option1": "x", "option2": "y", "answer": )";
        QVERIFY(refuses(R"({"sentence": "no blank")" + options + "\"1\"}", {"\"sentence\"", "\"no blank\""}));
        QVERIFY(refuses(R"({"sentence": "at the end _ ")" + options + "\"1\"}", {"\"sentence\""}));
        QVERIFY(refuses(R"({"sentence": "a _ b")" + options + "\"0\"}",
                        {"\"answer\"", "expected a number from 1 to 2, found 0"}));
        QVERIFY(refuses(R"({"sentence": "a _ b")" + options + "\"\"}", {"\"answer\"", "found \"\""}));
        QVERIFY(refuses(R"({"sentence": "a _ b", "option1": "x", "answer": "1"})", {"no key \"option2\""}));
        QVERIFY(refuses(R"({"sentence": "a _ b", "option1": "", "option2": "y", "answer": "1"})",
                        {"\"option1\": expected a text, found an empty one"}));
    }
};

QTEST_APPLESS_MAIN(TestQuestions)
#include "test_questions.moc"
