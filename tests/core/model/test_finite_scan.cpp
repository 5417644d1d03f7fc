// The search for NaN and infinity: first in list order and element order, for any number of threads.
#include "core/model/finite_scan.h"

#include <QTest>

#include <limits>
#include <omp.h>

using namespace qroar;

namespace {
TensorView viewOf(const std::vector<float>& values) {
    TensorView view;
    view.name = "w";
    view.shape = {static_cast<long long>(values.size())};
    view.data = reinterpret_cast<const std::byte*>(values.data());
    view.bytes = values.size() * sizeof(float);
    return view;
}
constexpr float infinite = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();
} // namespace

class TestFiniteScan : public QObject {
    Q_OBJECT
  private slots:
    void extremesAreFinite() {
        const std::vector<float> values{0, -0.0f, std::numeric_limits<float>::max(),
                                        std::numeric_limits<float>::lowest(),
                                        std::numeric_limits<float>::denorm_min()};
        const TensorView view = viewOf(values);
        QVERIFY(!findNonFinite({&view}));
        QVERIFY(!findNonFinite({}));
    }

    void everyPositionIsSeen() {
        std::vector<float> values(2500, 1.0f);
        for (std::size_t bad = 0; bad < values.size(); ++bad) {
            values[bad] = bad % 2 ? -infinite : notANumber;
            const TensorView view = viewOf(values);
            const auto found = findNonFinite({&view});
            QVERIFY(found && found->element == static_cast<long long>(bad) && found->isNan == (bad % 2 == 0));
            values[bad] = 1.0f;
        }
    }

    void firstOfManyForAnyNumberOfThreads() {
        std::vector<float> clean(1000, 1.0f), large(5 << 18, 1.0f), late(10, notANumber);
        large[700000] = notANumber;
        large[300001] = infinite;
        large[300002] = notANumber;
        const TensorView a = viewOf(clean), b = viewOf(large), c = viewOf(late);
        const int before = omp_get_max_threads();
        for (const int threads : {1, 2, 7}) {
            omp_set_num_threads(threads);
            const auto found = findNonFinite({&a, &b, &c});
            QVERIFY(found && found->tensor == 1 && found->element == 300001 && !found->isNan);
        }
        omp_set_num_threads(before);
    }

    void countsOfEveryKind() {
        std::vector<float> values((1 << 18) + 100, 1.0f); // more than one tile
        for (const std::size_t bad : {0, 77, 262143, 262144, 262200}) values[bad] = notANumber;
        for (const std::size_t bad : {1, 262242, 262243}) values[bad] = bad % 2 ? -infinite : infinite;
        const NonFiniteCount found = countNonFinite(viewOf(values));
        QCOMPARE(found.nan, 5LL);
        QCOMPARE(found.infinite, 3LL);
        QCOMPARE(countNonFinite(viewOf({})).nan, 0LL);
    }

    void unalignedHalves() {
        std::vector<unsigned char> bytes(1 + 2 * 100, 0);
        TensorView view;
        view.type = DType::F16;
        view.shape = {10, 10};
        view.data = reinterpret_cast<const std::byte*>(bytes.data() + 1);
        view.bytes = 200;
        bytes[1 + 2 * 57 + 1] = 0x7B; // the largest finite exponent
        QVERIFY(!findNonFinite({&view}));
        bytes[1 + 2 * 57 + 1] = 0xFC;
        const auto found = findNonFinite({&view});
        QVERIFY(found && found->element == 57 && !found->isNan);
        view.type = DType::I16; // integers have no NaN
        QVERIFY(!findNonFinite({&view}));
    }
};

QTEST_APPLESS_MAIN(TestFiniteScan)
#include "test_finite_scan.moc"
