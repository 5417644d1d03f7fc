// What the verdict of a search says of report documents that the search saw, whole or in part.
#include "core/controls/held_out.h"
#include "core/controls/search_report.h"
#include "tests/core/search/search_fixture.h"

#include <QtTest>

using namespace qroar;
using namespace qroar::test;

class TestHeldOut : public QObject {
    Q_OBJECT
    TinySearch tiny_;

    /// `count` tokens of `from` at the start of another document.
    static Document quoting(const Document& from, std::size_t count, const char* name) {
        Document document = randomDocuments(1, 150, 64, 77).front();
        document.name = document.fingerprint = name;
        std::copy_n(from.tokens.begin(), count, document.tokens.begin());
        return document;
    }
    std::vector<Document> measured() const {
        const auto& dev = *tiny_.plan.documents;
        return {quoting(dev[2], 100, "half"), quoting(dev[1], 0, "new"), quoting(dev[1], 53, "a quotation"),
                dev[3]};
    }

  private slots:
    void sameAndPartlySameAreFound() {
        const auto seen = seenDocuments(*tiny_.plan.documents, measured());
        QCOMPARE(seen.size(), std::size_t{2});
        QCOMPARE(seen[0].name, std::string("half"));
        QCOMPARE(seen[0].seen, std::string("doc2"));
        QVERIFY(!seen[0].same && std::abs(seen[0].share - 0.5) < 0.2);
        QVERIFY(seen[1].same);
        QVERIFY(seen[0].words().find(" % of half occurs in doc2") != std::string::npos);
        QCOMPARE(seen[1].words(), std::string("the scales were made on doc3"));
        QCOMPARE(notHeldOutWords(seen),
                 "Not held out: " + seen[0].words() + ", the scales were made on doc3.");
        QCOMPARE(notHeldOutWords({}), std::string());
    }

    /// A record carries what it takes, so that files of searches know it too.
    void theVerdictSaysSo() {
        SearchPlan plan = tiny_.plan;
        plan.method = SearchMethod::Gradient;
        plan.steps = 1;
        ProgressSink silent;
        auto record = runSearch(plan, silent);
        QVERIFY(record.ok());
        QCOMPARE(seenDocuments(record->documents, measured()).size(), std::size_t{2});
        auto old = record->documents; // of an earlier version
        for (SessionDocument& document : old) document.sketch.clear();
        QCOMPARE(seenDocuments(old, measured()).size(), std::size_t{1});

        SearchReportTask task{plan.model, plan.weights, plan.rope, {}, plan.contexts, {}};
        task.documents = std::make_shared<const std::vector<Document>>(measured());
        const auto report = reportSearch(task, *record, silent);
        QVERIFY(report.ok());
        QVERIFY(record->verdict.words.rfind("Not held out: ", 0) == 0);
        QVERIFY(record->verdict.words.find("% of half occurs in doc2") != std::string::npos);
        QCOMPARE(report->verdict.words, record->verdict.words);
        task.documents = std::make_shared<const std::vector<Document>>(std::vector<Document>{measured()[1]});
        QVERIFY(reportSearch(task, *record, silent).ok());
        QVERIFY(record->verdict.words.find("Not held out") == std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestHeldOut)
#include "test_held_out.moc"
