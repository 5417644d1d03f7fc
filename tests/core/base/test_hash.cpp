// Fingerprints: the published XXH3-128 of known inputs, the same whether added whole or in pieces.
#include "core/base/hash.h"

#include <QTest>

using namespace qroar;

namespace {
std::string hashOf(std::string_view text) {
    Fingerprint fingerprint;
    fingerprint.add(text);
    return fingerprint.hex();
}
} // namespace

class TestHash : public QObject {
    Q_OBJECT
  private slots:
    void emptyInputIsTheSpecifiedValue() {
        // XXH3_128bits of no bytes with seed 0, from the algorithm's specification.
        QCOMPARE(hashOf(""), std::string("99aa06d3014798d86001c324468d497f"));
    }

    void piecesEqualWhole() {
        const std::string text(100000, 'q');
        Fingerprint pieces;
        for (std::size_t at = 0; at < text.size(); at += 777)
            pieces.add(std::string_view(text).substr(at, 777));
        pieces.add(nullptr, 0);
        QCOMPARE(pieces.hex(), hashOf(text));
    }

    void everyByteCounts() {
        std::string text(5000, '\0');
        const std::string before = hashOf(text);
        QCOMPARE(before.size(), std::size_t{32});
        for (const std::size_t at : {std::size_t{0}, std::size_t{2500}, std::size_t{4999}}) {
            text[at] = 1;
            QVERIFY(hashOf(text) != before);
            text[at] = 0;
        }
        QVERIFY(hashOf(std::string(4999, '\0')) != before);
    }

    void hexMayBeAskedAgain() {
        Fingerprint fingerprint;
        fingerprint.add("a");
        QCOMPARE(fingerprint.hex(), fingerprint.hex());
        const std::string before = fingerprint.hex();
        fingerprint.add("b");
        QVERIFY(fingerprint.hex() != before);
        QCOMPARE(fingerprint.hex(), hashOf("ab"));
    }
};

QTEST_APPLESS_MAIN(TestHash)
#include "test_hash.moc"
