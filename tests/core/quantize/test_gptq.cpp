// GPTQ on single matrices: against the column-by-column reference, the identities it keeps, silent inputs,
// threads.
#include "core/quantize/gptq.h"
#include "tests/support/naive_gptq.h"
#include "tests/support/random_matrix.h"

#include <QtTest>

#include <omp.h>

#include <cmath>
#include <random>

using namespace qroar;
using qroar::test::randomMatrix;

namespace {

ProgressSink silent;

/// 2 X^T X of inputs that depend on each other: every one is mixed from a few sources, with growing size.
std::vector<double> correlatedHessian(int inputs, unsigned seed) {
    const int tokens = 3 * inputs, sources = inputs / 3 + 1;
    const Matrix mix = randomMatrix(inputs, sources, seed), source = randomMatrix(tokens, sources, seed + 1),
                 noise = randomMatrix(tokens, inputs, seed + 2);
    std::vector<double> hessian(static_cast<std::size_t>(inputs * inputs));
    std::vector<double> x(static_cast<std::size_t>(inputs));
    for (int token = 0; token < tokens; ++token) {
        for (int input = 0; input < inputs; ++input) {
            double value = 0.3 * noise.row(token)[input];
            for (int s = 0; s < sources; ++s) value += mix.row(input)[s] * source.row(token)[s];
            x[input] = value * (0.2 + 3.0 * ((7 * input) % inputs) / inputs);
        }
        for (int a = 0; a < inputs; ++a)
            for (int b = 0; b < inputs; ++b) hessian[a * inputs + b] += 2 * x[a] * x[b];
    }
    return hessian;
}

std::vector<double> diagonalHessian(int inputs) {
    std::vector<double> hessian(static_cast<std::size_t>(inputs * inputs));
    for (int input = 0; input < inputs; ++input) hessian[input * inputs + input] = 0.1 + (13 * input) % 29;
    return hessian;
}

QuantizedMatrix quantize(const QuantSpec& spec, const Matrix& weight, std::vector<double> hessian) {
    WorkMeter meter(silent, 1);
    const auto factor =
        GptqFactor::make(std::move(hessian), weight.cols(), spec.actOrder, gptqDamping, meter);
    if (!factor) qFatal("%s", factor.error().message.c_str());
    return quantizeGptq(spec, weight.view(), *factor, meter);
}

/// sum over rows of e H e^T.
double loss(const std::vector<double>& hessian, const Matrix& weight, const std::vector<double>& values) {
    double sum = 0;
    const std::ptrdiff_t inputs = weight.cols();
    for (std::ptrdiff_t row = 0; row < weight.rows(); ++row)
        for (std::ptrdiff_t a = 0; a < inputs; ++a)
            for (std::ptrdiff_t b = 0; b < inputs; ++b)
                sum += (weight.row(row)[a] - values[row * inputs + a]) * hessian[a * inputs + b]
                       * (weight.row(row)[b] - values[row * inputs + b]);
    return sum;
}

std::vector<double> dequantized(const QuantizedMatrix& matrix) {
    Matrix values(matrix.rows, matrix.cols);
    matrix.dequantize(values.view());
    return {values.data(), values.data() + matrix.rows * matrix.cols};
}

bool same(const QuantizedMatrix& a, const QuantizedMatrix& b) {
    return a.codes == b.codes && a.zeros == b.zeros && a.scales == b.scales && a.groupOf == b.groupOf;
}

} // namespace

class TestGptq : public QObject {
    Q_OBJECT
  private slots:
    void factorIsTheCholeskyFactorOfTheDampedInverse() {
        const int inputs = 230; // three blocks
        const std::vector<double> hessian = correlatedHessian(inputs, 5);
        double mean = 0;
        for (int at = 0; at < inputs; ++at) mean += hessian[at * inputs + at] / inputs;
        WorkMeter meter(silent, 1);
        const auto factor = GptqFactor::make(hessian, inputs, false, 0.01, meter);
        QVERIFY(factor.ok());
        const Matrix& u = factor->upper;
        // U (H + damping) U^T = I, and U is upper triangular with a positive diagonal: there is only one such
        // U.
        for (int a = 0; a < inputs; ++a) {
            QVERIFY(u.row(a)[a] > 0);
            for (int b = 0; b < a; ++b) QCOMPARE(u.row(a)[b], 0.0F);
        }
        std::vector<double> right(hessian.size()); // (H + damping) U^T
        for (int a = 0; a < inputs; ++a)
            for (int b = 0; b < inputs; ++b) {
                for (int c = b; c < inputs; ++c)
                    right[a * inputs + b] += (hessian[a * inputs + c] + (a == c ? 0.01 * mean : 0))
                                             * static_cast<double>(u.row(b)[c]);
            }
        for (int a = 0; a < inputs; ++a)
            for (int b = 0; b < inputs; ++b) {
                double sum = 0;
                for (int c = a; c < inputs; ++c)
                    sum += static_cast<double>(u.row(a)[c]) * right[c * inputs + b];
                QVERIFY2(std::abs(sum - (a == b ? 1 : 0)) < 1e-3,
                         qPrintable(QString("%1 %2: %3").arg(a).arg(b).arg(sum)));
            }
    }

    void agreesWithTheColumnByColumnReference_data() {
        QTest::addColumn<QString>("spec");
        QTest::addColumn<int>("inputs");
        for (const char* spec : {"gptq:4:g32", "gptq:3:g48", "gptq:4:g128:sym", "gptq:2:row", "gptq:4:g200",
                                 "gptq:4:g32:act", "gptq:3:g64:sym:act", "gptq:8:row:act"})
            QTest::newRow(spec) << spec << 300;
        QTest::newRow("few inputs") << "gptq:4:g64" << 5;
        QTest::newRow("one input") << "gptq:4:g64" << 1;
    }
    void agreesWithTheColumnByColumnReference() {
        QFETCH(QString, spec);
        QFETCH(int, inputs);
        const QuantSpec quant = *QuantSpec::parse(spec.toStdString());
        const int rows = 40; // more than one tile
        const Matrix weight = randomMatrix(rows, inputs, 3);
        const std::vector<double> hessian = correlatedHessian(inputs, 4);
        const QuantizedMatrix ours = quantize(quant, weight, hessian);
        const naive::GptqResult reference =
            naive::gptq({weight.data(), weight.data() + rows * inputs}, rows, inputs, hessian, quant.bits,
                        quant.groupSize, quant.symmetric, quant.actOrder, 0.01);
        QVERIFY(ours.consistent());
        const int shift = quant.symmetric ? 1 << (quant.bits - 1) : 0;
        for (std::ptrdiff_t input = 0; input < inputs; ++input)
            QCOMPARE(static_cast<int>(ours.groupIndex(input)), reference.groupOf[input]);
        // A tie that falls the other way in single precision changes the rest of its row: few rows, no more
        // loss.
        int otherRows = 0;
        for (int row = 0; row < rows; ++row) {
            bool other = false;
            for (int at = row * inputs; at < (row + 1) * inputs; ++at)
                other |= ours.codes[at] != reference.codes[at] + shift;
            for (std::ptrdiff_t at = row * ours.groups; at < (row + 1) * ours.groups; ++at)
                other |=
                    ours.scales[at] != reference.scales[at] || ours.zeros[at] != reference.zeros[at] + shift;
            otherRows += other ? 1 : 0;
        }
        QVERIFY2(otherRows <= 4, qPrintable(QString::number(otherRows)));
        const double expected = loss(hessian, weight, reference.values),
                     found = loss(hessian, weight, dequantized(ours));
        QVERIFY2(std::abs(found - expected) < 0.02 * expected,
                 qPrintable(QString("%1 %2").arg(found).arg(expected)));
    }

    void inputsThatDoNotDependOnEachOtherAreRoundedToNearest_data() {
        QTest::addColumn<QString>("spec");
        for (const char* spec : {"gptq:4:g64", "gptq:3:g48:sym", "gptq:4:row", "gptq:2:g200"})
            QTest::newRow(spec) << spec;
    }
    void inputsThatDoNotDependOnEachOtherAreRoundedToNearest() {
        QFETCH(QString, spec);
        const QuantSpec quant = *QuantSpec::parse(spec.toStdString());
        const Matrix weight = randomMatrix(37, 300, 8);
        const QuantizedMatrix ours = quantize(quant, weight, diagonalHessian(300));
        QVERIFY(same(ours, quantizeRtn(quant.roundToNearest(), weight.view())));
    }

    void losesLessThanRoundToNearest() {
        const QuantSpec quant = *QuantSpec::parse("gptq:3:g64");
        const Matrix weight = randomMatrix(24, 256, 9);
        const std::vector<double> hessian = correlatedHessian(256, 10);
        const double nearest =
            loss(hessian, weight, dequantized(quantizeRtn(quant.roundToNearest(), weight.view())));
        QVERIFY(loss(hessian, weight, dequantized(quantize(quant, weight, hessian))) < 0.5 * nearest);
    }

    void scaledRowsKeepTheirCodes() { // identity 3 of method.md: with a fixed Hessian
        const QuantSpec quant = *QuantSpec::parse("gptq:4:g64");
        const Matrix weight = randomMatrix(32, 256, 12);
        const std::vector<double> hessian = correlatedHessian(256, 13);
        const QuantizedMatrix plain = quantize(quant, weight, hessian);
        for (const float factor : {2.0F, 0.25F, 1.13F}) {
            Matrix scaled = weight;
            for (std::ptrdiff_t at = 0; at < scaled.rows() * scaled.cols(); ++at) scaled.data()[at] *= factor;
            const QuantizedMatrix other = quantize(quant, scaled, hessian);
            int flips = 0;
            for (std::size_t at = 0; at < plain.codes.size(); ++at)
                flips += plain.codes[at] != other.codes[at];
            if (factor != 1.13F) { // powers of two are exact
                QCOMPARE(flips, 0);
                for (std::size_t at = 0; at < plain.scales.size(); ++at)
                    QCOMPARE(other.scales[at], factor * plain.scales[at]);
            }
            // Rounded scales move ties, and a tie that falls the other way changes the rest of its row.
            std::vector<double> values = dequantized(other);
            for (double& value : values) value /= factor;
            const double before = loss(hessian, weight, dequantized(plain)),
                         after = loss(hessian, weight, values);
            QVERIFY2(std::abs(after / before - 1) < 0.05, qPrintable(QString::number(after / before)));
        }
    }

    void silentInputsAreRoundedToNearest() {
        const QuantSpec quant = *QuantSpec::parse("gptq:4:g32");
        const int inputs = 96;
        const Matrix weight = randomMatrix(8, inputs, 14);
        std::vector<double> hessian = correlatedHessian(inputs, 15);
        for (int input = 32; input < 64; ++input) // a whole group
            for (int other = 0; other < inputs; ++other)
                hessian[input * inputs + other] = hessian[other * inputs + input] = 0;
        const QuantizedMatrix ours = quantize(quant, weight, hessian);
        const QuantizedMatrix nearest = quantizeRtn(quant.roundToNearest(), weight.view());
        for (int row = 0; row < 8; ++row) {
            QCOMPARE(ours.scales[row * 3 + 1], nearest.scales[row * 3 + 1]);
            for (int input = 32; input < 64; ++input)
                QCOMPARE(ours.codes[row * inputs + input], nearest.codes[row * inputs + input]);
        }
        for (const double value : dequantized(ours)) QVERIFY(std::isfinite(value));
        // Nothing but silence.
        const QuantizedMatrix deaf = quantize(quant, weight, std::vector<double>(inputs * inputs));
        QVERIFY(same(deaf, nearest));
    }

    void theScaleOfTheHessianDoesNotMatter() {
        const QuantSpec quant = *QuantSpec::parse("gptq:4:g32:act");
        const Matrix weight = randomMatrix(16, 96, 16);
        std::vector<double> hessian = correlatedHessian(96, 17);
        for (int other = 0; other < 96; ++other) hessian[5 * 96 + other] = hessian[other * 96 + 5] = 0;
        const QuantizedMatrix plain = quantize(quant, weight, hessian);
        for (double& value : hessian) value *= 1024;
        QVERIFY(same(plain, quantize(quant, weight, hessian)));
    }

    void sameResultForEveryThreadCount() {
        const int before = omp_get_max_threads();
        const QuantSpec quant = *QuantSpec::parse("gptq:4:g32:act");
        const Matrix weight = randomMatrix(100, 300, 18);
        const std::vector<double> hessian = correlatedHessian(300, 19);
        std::vector<QuantizedMatrix> results;
        for (const int threads : {1, 2, 5}) {
            omp_set_num_threads(threads);
            results.push_back(quantize(quant, weight, hessian));
        }
        omp_set_num_threads(before);
        QVERIFY(same(results[0], results[1]) && same(results[0], results[2]));
    }

    void codesThatHadToBeClampedAreCounted() {
        WorkMeter meter(silent, 1);
        const Matrix weight = randomMatrix(16, 64, 20);
        const auto factor = GptqFactor::make(diagonalHessian(64), 64, false, gptqDamping, meter);
        long long clipped = -1;
        const QuantSpec quant = *QuantSpec::parse("gptq:4:g32");
        quantizeGptq(quant, weight.view(), *factor, meter, &clipped);
        Matrix rounded = weight;
        QCOMPARE(clipped, applyRtn(quant.roundToNearest(), rounded.view()).clipped);
    }

    void hopelessHessiansAreRefused() {
        WorkMeter meter(silent, 1);
        std::vector<double> hessian = diagonalHessian(4);
        hessian[1] = hessian[4] = 1000; // |h01| far above the diagonal: indefinite
        const auto factor = GptqFactor::make(hessian, 4, false, gptqDamping, meter);
        QVERIFY(!factor.ok());
        QVERIFY(factor.error().message.find("positive definite") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestGptq)
#include "test_gptq.moc"
