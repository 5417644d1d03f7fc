// Coordinates, gains and the chain rule against plain loops and finite differences; what cannot matter.
#include "core/search/search_space.h"

#include <QtTest>

#include <cmath>

using namespace qroar;

namespace {

ModelConfig grouped() {
    ModelConfig config;
    config.layers = 3;
    config.heads = 6;
    config.kvHeads = 2;
    config.headDim = 10;
    config.rotaryDim = 8;
    return config;
}

SearchSpace spaceOf(SearchVariant variant, SearchScope scope) {
    return *SearchSpace::make(grouped(), variant, scope,
                              *BandPartition::parseEdges("1", 4)); // pairs 0 | 1 2 3
}

std::vector<double> someTheta(int dimension) {
    std::vector<double> theta;
    for (int at = 0; at < dimension; ++at) theta.push_back(0.1 * std::sin(1.0 + 3 * at));
    return theta;
}

QkGradient someGradient() {
    QkGradient gradient = QkGradient::zero(grouped());
    for (std::size_t at = 0; at < gradient.lnGainQ.size(); ++at)
        gradient.lnGainQ[at] = std::cos(2.0 * static_cast<double>(at));
    for (std::size_t at = 0; at < gradient.lnGainK.size(); ++at)
        gradient.lnGainK[at] = std::sin(5.0 * static_cast<double>(at));
    return gradient;
}

/// The function whose gradient with respect to ln gQ and ln gK is someGradient().
double linear(const QkGains& gains) {
    const QkGradient gradient = someGradient();
    double sum = 0;
    for (std::size_t at = 0; at < gains.q.size(); ++at) sum += gradient.lnGainQ[at] * std::log(gains.q[at]);
    for (std::size_t at = 0; at < gains.k.size(); ++at) sum += gradient.lnGainK[at] * std::log(gains.k[at]);
    return sum;
}

bool mentions(const std::vector<std::string>& notes, const char* text) {
    return std::any_of(notes.begin(), notes.end(),
                       [text](const std::string& note) { return note.find(text) != std::string::npos; });
}

} // namespace

Q_DECLARE_METATYPE(qroar::SearchVariant)
Q_DECLARE_METATYPE(qroar::SearchScope)

class TestSearchSpace : public QObject {
    Q_OBJECT

    static void allSpaces() {
        QTest::addColumn<SearchVariant>("variant");
        QTest::addColumn<SearchScope>("scope");
        QTest::addColumn<int>("dimension");
        const int bands = 2;
        for (const SearchVariant variant :
             {SearchVariant::Query, SearchVariant::Key, SearchVariant::Shared, SearchVariant::Symmetric})
            for (const SearchScope scope : {SearchScope::Model, SearchScope::Layer, SearchScope::Head}) {
                const int heads = variant == SearchVariant::Query ? 6 : 2;
                const int dimension = scope == SearchScope::Model   ? bands
                                      : scope == SearchScope::Layer ? 3 * bands
                                                                    : 3 * heads * bands;
                QTest::addRow("%s, %s", searchVariantName(variant), searchScopeName(scope))
                    << variant << scope << dimension;
            }
    }

  private slots:
    void gains_data() { allSpaces(); }
    void gains() {
        QFETCH(SearchVariant, variant);
        QFETCH(SearchScope, scope);
        QFETCH(int, dimension);
        const SearchSpace space = spaceOf(variant, scope);
        QCOMPARE(space.dimension(), dimension);
        const auto theta = someTheta(dimension);
        const QkGains gains = space.toGains(theta);
        QVERIFY(gains.fits(grouped()));
        for (int layer = 0; layer < 3; ++layer)
            for (int head = 0; head < 6; ++head)
                for (int pair = 0; pair < 4; ++pair) {
                    const int band = pair == 0 ? 0 : 1,
                              group = variant == SearchVariant::Query ? head : head / 3;
                    const int groups = variant == SearchVariant::Query ? 6 : 2;
                    const int at = scope == SearchScope::Model   ? band
                                   : scope == SearchScope::Layer ? 2 * layer + band
                                                                 : (layer * groups + group) * 2 + band;
                    const double e = theta[static_cast<std::size_t>(at)];
                    const double q = std::log(gains.queryGains(layer, head)[static_cast<std::size_t>(pair)]);
                    const double k =
                        std::log(gains.keyGains(layer, head / 3)[static_cast<std::size_t>(pair)]);
                    const double wantQ = variant == SearchVariant::Key      ? 0
                                         : variant == SearchVariant::Shared ? e / 2
                                                                            : e;
                    const double wantK = variant == SearchVariant::Key         ? e
                                         : variant == SearchVariant::Shared    ? e / 2
                                         : variant == SearchVariant::Symmetric ? -e
                                                                               : 0;
                    QVERIFY(std::abs(q - wantQ) < 1e-15 && std::abs(k - wantK) < 1e-15);
                    const SearchSpace::Coordinate c = space.coordinate(at);
                    QCOMPARE(c.band, band);
                    QCOMPARE(c.layer, scope == SearchScope::Model ? -1 : layer);
                    QCOMPARE(c.group, scope == SearchScope::Head ? group : -1);
                }
        const QkGains untouched =
            space.toGains(std::vector<double>(static_cast<std::size_t>(dimension), 0.0));
        QVERIFY(untouched.isIdentity()); // exactly
    }

    void chainRule_data() { allSpaces(); }
    void chainRule() {
        QFETCH(SearchVariant, variant);
        QFETCH(SearchScope, scope);
        const SearchSpace space = spaceOf(variant, scope);
        const auto gradient = space.gradient(someGradient());
        const auto theta = someTheta(space.dimension());
        for (std::size_t at = 0; at < theta.size(); ++at) {
            auto more = theta, less = theta;
            more[at] += 0.5; // the function is linear in theta
            less[at] -= 0.5;
            const double slope = linear(space.toGains(more)) - linear(space.toGains(less));
            QVERIFY(std::abs(gradient[at] - slope) < 1e-12);
        }
    }

    void names() {
        QCOMPARE(spaceOf(SearchVariant::Query, SearchScope::Head).coordinateName(2 * (6 + 4) + 1),
                 std::string("layer 1, head 4, band 1"));
        QCOMPARE(spaceOf(SearchVariant::Key, SearchScope::Head).coordinateName(3),
                 std::string("layer 0, KV head 1, band 1"));
        QCOMPARE(spaceOf(SearchVariant::Query, SearchScope::Model).coordinateName(1), std::string("band 1"));
        QVERIFY(!parseSearchVariant("both"));
        QVERIFY(parseSearchScope("everything").error().message.find("layer") != std::string::npos);
    }

    void wrongBandsAreRefused() {
        const auto space = SearchSpace::make(grouped(), SearchVariant::Query, SearchScope::Layer,
                                             BandPartition::equal(2, 5));
        QVERIFY(!space.ok());
        QVERIFY(space.error().message.find("4") != std::string::npos);
    }

    void whatCannotMatterIsSaid() {
        const QuantSpec rtn = *QuantSpec::parse("rtn:4:g64");
        QVERIFY(checkVariantMatters(SearchVariant::Query, rtn).ok());
        const Status symmetric = checkVariantMatters(SearchVariant::Symmetric, rtn);
        QVERIFY(!symmetric.ok());
        QVERIFY(symmetric.error().message.find("rtn:4:g64") != std::string::npos);
        QVERIFY(!checkVariantMatters(SearchVariant::Symmetric, {}).ok());

        const auto head = whatCannotMatter(grouped(), rtn, SearchVariant::Key, SearchScope::Head);
        QVERIFY(mentions(head, "one per KV head"));
        QVERIFY(mentions(head, "Symmetric"));
        QVERIFY(mentions(head, "not rotated")); // 10 - 8 dims
        const auto layer = whatCannotMatter(grouped(), rtn, SearchVariant::Key, SearchScope::Layer);
        QVERIFY(!mentions(layer, "KV head"));
        QVERIFY(mentions(layer, "query, key and shared coincide"));
    }

    void headsThatShareANormShareTheirGains() {
        ModelConfig config = grouped();
        config.qkNorms = true;
        config.architecture = "Qwen3ForCausalLM";
        const BandPartition bands = *BandPartition::parseEdges("1", 4);
        const auto head = SearchSpace::make(config, SearchVariant::Query, SearchScope::Head, bands);
        QVERIFY(!head.ok());
        QVERIFY(head.error().message.find("Qwen3ForCausalLM") != std::string::npos);
        QVERIFY(head.error().message.find("layer or model") != std::string::npos);
        QVERIFY(SearchSpace::make(config, SearchVariant::Query, SearchScope::Layer, bands).ok());
    }
};

QTEST_APPLESS_MAIN(TestSearchSpace)
#include "test_search_space.moc"
