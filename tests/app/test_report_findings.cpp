// The findings at the head of a report: of places with enough text to tell, with losses that interact and
// with some that do not.
#include "app/gui/report/report_tables.h"
#include "tests/app/report_bench.h"

#include <QTest>

#include <map>

using namespace qroar;

namespace {

/// One spec and one quantizer: a place at each context.
std::shared_ptr<Session> ofPlaces(const std::vector<int>& contexts, int documents) {
    test::SyntheticOptions options;
    options.contexts = contexts;
    options.ropes = {"none", "yarn:4"};
    options.documents = documents;
    options.windows = 1;
    return std::make_shared<Session>(*test::makeSyntheticSession(options));
}

/// Of the conditions of one context only the first windows.
void keepWindows(Session& session, int context, std::size_t windows) {
    for (auto& condition : session.conditions) {
        if (condition->key.context != context) continue;
        auto shorter = std::make_shared<ConditionResult>(*condition);
        shorter->windows.resize(windows);
        condition = std::move(shorter);
    }
}

/// Every condition predicts as well as the first of its context: nothing interacts.
void levelLosses(Session& session) {
    std::map<int, std::vector<WindowNll>> first;
    for (auto& condition : session.conditions) {
        auto level = std::make_shared<ConditionResult>(*condition);
        level->windows = first.try_emplace(condition->key.context, condition->windows).first->second;
        condition = std::move(level);
    }
}

} // namespace

class TestReportFindings : public QObject {
    Q_OBJECT
  private slots:
    /// Findings say no more than the table: a place with too little text is none where nothing hurts.
    void findingsCountOnlyWhatCanBeTold() {
        const auto finding = [](const Session& session) { return reportFindings(session).join(u'|'); };
        QCOMPARE(
            finding(*ofPlaces({256}, 2)),
            QString("Whether interpolation and quantization hurt each other cannot be told: the one place "
                    "where they meet has too little text (fewer than 6 blocks)."));
        QCOMPARE(
            finding(*ofPlaces({256, 1024}, 2)),
            QString("Whether interpolation and quantization hurt each other cannot be told: all 2 places "
                    "where they meet have too little text (fewer than 6 blocks)."));
        const auto one = ofPlaces({1024}, 7), two = ofPlaces({256, 1024}, 7);
        QVERIFY2(finding(*one).startsWith("Interpolation and quantization hurt each other at 1 of 1 place, "
                                          "most under yarn:4, rtn:4:g64 at 1,024 tokens"),
                 qPrintable(finding(*one)));
        QVERIFY(!finding(*one).contains("too little text"));
        const ReportTable table = interactionTable(*one);
        QCOMPARE(table.rows.front()[table.columns.indexOf("Blocks")], QString("7"));

        auto mixed = std::make_shared<Session>(*two);
        keepWindows(*mixed, 256, 2);
        QVERIFY2(
            finding(*mixed).contains("at 1 of 1 place with enough text, most under yarn:4, rtn:4:g64 at "
                                     "1,024 tokens")
                && finding(*mixed).endsWith(" 1 more has too little text to tell (fewer than 6 blocks)."),
            qPrintable(finding(*mixed)));
        levelLosses(*two);
        QCOMPARE(finding(*two), QString("No measurable interaction that hurts: of 2 places, none has an "
                                        "interval above 0."));
        keepWindows(*two, 256, 2);
        QCOMPARE(finding(*two), QString("No measurable interaction that hurts: the interval of 1 place with "
                                        "enough text is not above 0. 1 more has too little text to tell "
                                        "(fewer than 6 blocks)."));
    }
};

QTEST_APPLESS_MAIN(TestReportFindings)
#include "test_report_findings.moc"
