// Before and after a search for gains: which conditions differ in nothing but the gains.
#include "tests/support/synthetic_session.h"
#include "widgets/common/before_after.h"

#include <QtTest>

using namespace qroar;
using namespace qroar::test;

namespace {

/// A session whose conditions under yarn:4 were run with gains too; their statistics differ from those
/// without.
std::shared_ptr<const Session> sessionWithGains(const std::vector<std::string>& names = {"g1"}) {
    auto session = std::make_shared<Session>(*makeSyntheticSession());
    for (std::size_t set = 0; set < names.size(); ++set) {
        SyntheticOptions other;
        other.seed = 7 + set;
        const auto made = makeSyntheticSession(other);
        for (const auto& condition : made->conditions) {
            if (condition->key.rope.text() != "yarn:4") continue;
            auto scaled = std::make_shared<ConditionResult>(*condition);
            scaled->key.scales = names[set];
            session->conditions.push_back(scaled);
        }
    }
    return session;
}

int indexOf(const Session& session, const std::string& text) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

ConditionKey keyOf(const std::string& rope, int context, const std::string& scales) {
    ConditionKey key;
    key.rope = *RopeSpec::parse(rope);
    key.context = context;
    key.quant = *QuantSpec::parse("rtn:4:g64");
    key.scales = scales;
    return key;
}

} // namespace

class TestWidgetsBeforeAfter : public QObject {
    Q_OBJECT
    std::shared_ptr<const Session> session_ = sessionWithGains();
    int before_ = indexOf(*session_, keyOf("yarn:4", 1024, "").text());
    int after_ = indexOf(*session_, keyOf("yarn:4", 1024, "g1").text());

  private slots:
    void twinsDifferInGainsOnly() {
        QVERIFY(before_ >= 0 && after_ >= 0);
        for (const int either : {before_, after_})
            QCOMPARE(scaleTwins(*session_, either, {}), (ScaleTwins{before_, after_}));
        const int alone = indexOf(*session_, keyOf("linear:4", 1024, "").text());
        QCOMPARE(scaleTwins(*session_, alone, {}), (ScaleTwins{alone, -1}));
        QVERIFY(whyNoTwins(*session_, alone).contains("linear:4"));
        QVERIFY(whyNoTwins(*session_, after_).isEmpty());
        QVERIFY(!whyNoTwins(*makeSyntheticSession(), 0).isEmpty());
        QCOMPARE(scaleTwins(*session_, -1, {}), ScaleTwins());
        QCOMPARE(scaleTwins(*session_, 10000, {}), ScaleTwins());
        // of several gains: the last, the preferred, or the one that is selected
        const auto several = sessionWithGains({"g1", "g2", "g3"});
        const auto after = [&](const char* name) {
            return indexOf(*several, keyOf("yarn:4", 1024, name).text());
        };
        QCOMPARE(scaleTwins(*several, before_, {}).after, after("g3"));
        QCOMPARE(scaleTwins(*several, before_, "g2").after, after("g2"));
        QCOMPARE(scaleTwins(*several, before_, "g1").after, after("g1"));
        QCOMPARE(scaleTwins(*several, after("g1"), "g2").after, after("g1"));
    }
};

QTEST_MAIN(TestWidgetsBeforeAfter)
#include "test_widgets_before_after.moc"
