// Inflating and unshuffling of chunks against zlib itself and plain loops: the same verdict and the same
// bytes, whole or damaged.
#include "core/session/chunk_codec.h"

#include <QTest>

#include <zlib.h>

#include <random>
#include <vector>

using namespace qroar;

using Bytes = std::vector<unsigned char>;

namespace {

/// Runs of all lengths and noise: long and short matches, literals.
Bytes content(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    Bytes bytes;
    while (bytes.size() < size) {
        const auto value = static_cast<unsigned char>(random());
        if (random() % 3 == 0)
            bytes.push_back(value);
        else
            bytes.insert(bytes.end(), random() % 70, static_cast<unsigned char>(value & 7U));
    }
    bytes.resize(size);
    return bytes;
}

Bytes packed(const Bytes& bytes, int level) {
    uLongf size = compressBound(static_cast<uLong>(bytes.size()));
    Bytes result(size);
    compress2(result.data(), &size, bytes.data(), static_cast<uLong>(bytes.size()), level);
    result.resize(size);
    return result;
}

/// What zlib says of the same bytes: content only where it is whole and fills the target exactly.
bool byZlib(const Bytes& from, Bytes& target) {
    uLongf got = static_cast<uLongf>(target.size());
    return uncompress(target.data(), &got, from.data(), static_cast<uLong>(from.size())) == Z_OK
           && got == target.size();
}

} // namespace

class TestChunkCodec : public QObject {
    Q_OBJECT

  private slots:
    void adlerIsZlibs() {
        for (const std::size_t size : {0, 1, 2, 63, 64, 65, 127, 128, 5552, 131071, 131072, 131073, 700001}) {
            const auto length = static_cast<uInt>(size);
            const Bytes mixed = content(size, 3), ones(size, 255), zeros(size, 0);
            for (const Bytes* bytes : {&mixed, &ones, &zeros})
                QCOMPARE(static_cast<uLong>(h5::adler32(*bytes)), ::adler32(1, bytes->data(), length));
        }
    }

    void inflatesWhatZlibDeflated() {
        for (const std::size_t size : {1, 100, 65536, 262144, 300001})
            for (const int level : {0, 1, 2, 9}) {
                const Bytes bytes = content(size, static_cast<unsigned>(size));
                Bytes from = packed(bytes, level), target(size);
                QVERIFY(h5::inflateExactly(from, target));
                QCOMPARE(target, bytes);
                from.insert(from.end(), 7, 0xAB); // what lies behind is not its business
                QVERIFY(h5::inflateExactly(from, target));
                Bytes larger(size + 1), smaller(size - 1);
                QVERIFY(!h5::inflateExactly(from, larger));
                QVERIFY(!h5::inflateExactly(from, smaller));
            }
    }

    /// Every byte changed, every length: refused or accepted as zlib does.
    void damageIsFound() {
        const Bytes bytes = content(900, 5);
        const Bytes whole = packed(bytes, 2);
        std::mt19937 random(11);
        int refused = 0;
        for (std::size_t at = 0; at < whole.size(); ++at)
            for (int round = 0; round < 8; ++round) {
                Bytes from = whole, ours(bytes.size()), theirs(bytes.size());
                from[at] = static_cast<unsigned char>(from[at] ^ (1U << (round % 8)));
                const bool fine = byZlib(from, theirs);
                refused += fine ? 0 : 1;
                QCOMPARE(h5::inflateExactly(from, ours), fine);
                if (fine) QCOMPARE(ours, theirs);
            }
        QVERIFY(refused > static_cast<int>(7 * whole.size())); // few changes of a head are harmless
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const Bytes from(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            Bytes target(bytes.size());
            QVERIFY(!h5::inflateExactly(from, target));
        }
    }

    void unshufflesAllWidths() {
        for (const std::size_t width : {1, 2, 3, 4, 7, 8, 16})
            for (const std::size_t elements : {1, 5, 16, 33, 1000})
                for (const std::size_t count : {elements, elements / 2}) {
                    const Bytes planes = content(width * elements, static_cast<unsigned>(width));
                    Bytes expected(width * count + 1, 0x55), found = expected;
                    for (std::size_t element = 0; element < count; ++element)
                        for (std::size_t byte = 0; byte < width; ++byte)
                            expected[element * width + byte] = planes[byte * elements + element];
                    h5::unshuffle(planes, width, count, found.data());
                    QCOMPARE(found, expected); // the byte behind is untouched
                }
    }
};

QTEST_GUILESS_MAIN(TestChunkCodec)
#include "test_chunk_codec.moc"
