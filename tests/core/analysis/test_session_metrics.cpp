// The derived metrics of a session file, read back with the HDF5 library alone: every value at its place,
// every dataset described, and none of it needed to load the file.
#include "core/analysis/session_metrics.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"
#include "core/evaluate/perplexity.h"
#include "core/session/session_file.h"
#include "tests/core/session/session_equality.h"
#include "tests/support/synthetic_session.h"

#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest>

#include <hdf5.h>

#include <cmath>
#include <filesystem>

using namespace qroar;

namespace {

struct Numbers {
    std::vector<hsize_t> dims;
    std::vector<double> values;
    [[nodiscard]] double at(const std::vector<std::size_t>& place) const {
        std::size_t flat = 0;
        for (std::size_t axis = 0; axis < place.size(); ++axis) flat = flat * dims[axis] + place[axis];
        return values.at(flat);
    }
};

Numbers readNumbers(hid_t file, const char* name) {
    Numbers numbers;
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return numbers;
    const hid_t space = H5Dget_space(dataset);
    numbers.dims.resize(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, numbers.dims.data(), nullptr);
    numbers.values.resize(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.values.data());
    H5Sclose(space);
    H5Dclose(dataset);
    return numbers;
}

std::string readText(hid_t file, const char* object, const char* name) {
    const hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0) return {};
    const hid_t type = H5Aget_type(attribute);
    std::string text(H5Tget_size(type), '\0');
    H5Aread(attribute, type, text.data());
    H5Tclose(type);
    H5Aclose(attribute);
    return text;
}

bool same(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || a == b;
}

} // namespace

class TestSessionMetrics : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::shared_ptr<const Session> session_;
    std::filesystem::path path_;
    hid_t file_ = -1;

  private slots:
    void initTestCase() {
        test::SyntheticOptions options;
        options.layers = 3;
        options.pairs = 8;
        options.bands = 3;
        Session session = *test::makeSyntheticSession(options);
        session.bands = *BandPartition::fromEdges({0, 1, 5, 8}, 8);
        auto bare = std::make_shared<ConditionResult>(*session.conditions.back());
        bare->statistics = {}; // as without capture
        bare->byDocument.clear();
        session.conditions.back() = bare;
        session_ = std::make_shared<const Session>(std::move(session));
        path_ = std::filesystem::path(folder_.path().toStdString()) / "run.h5";
        const Status saved = saveSession(*session_, path_, sessionMetrics(*session_));
        QVERIFY2(saved.ok(), saved ? "" : saved.error().message.c_str());
        file_ = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        QVERIFY(file_ >= 0);
    }
    void cleanupTestCase() { H5Fclose(file_); }

    void pressure() {
        const Numbers raw = readNumbers(file_, "/metrics/interpolation_pressure/raw");
        const std::size_t conditions = session_->conditions.size();
        QVERIFY((raw.dims == std::vector<hsize_t>{conditions, 3, 3}));
        const std::pair<const char*, PressureForm> forms[] = {
            {"/metrics/interpolation_pressure/raw", PressureForm::Raw},
            {"/metrics/interpolation_pressure/saturated", PressureForm::Saturated},
            {"/metrics/interpolation_pressure/weighted", PressureForm::EnergyWeighted}};
        for (const auto& [name, form] : forms) {
            const Numbers stored = readNumbers(file_, name);
            for (std::size_t at = 0; at + 1 < conditions; ++at) {
                const ConditionResult& c = *session_->conditions[at];
                const BandGrid grid =
                    pressureGrid(form, c.table, c.key.context, session_->bands, c.statistics);
                for (int layer = 0; layer < 3; ++layer)
                    for (int band = 0; band < 3; ++band)
                        QVERIFY(same(
                            stored.at({at, static_cast<std::size_t>(layer), static_cast<std::size_t>(band)}),
                            grid.at(layer, band)));
            }
            QVERIFY(std::isnan(stored.at({conditions - 1, 0, 0}))); // nothing was captured
        }
        // By hand: linear:4 at context 256, first pair alone in its band: omega_0 D / s = 256 / 4.
        for (std::size_t at = 0; at < conditions; ++at)
            if (session_->conditions[at]->key.text() == "linear:4 \u00b7 256 \u00b7 none")
                QVERIFY(std::abs(raw.at({at, 1, 0}) - 64) < 1e-12);
    }

    void tails() {
        const Numbers value = readNumbers(file_, "/metrics/tail_inflation/value");
        const Numbers reference = readNumbers(file_, "/metrics/tail_inflation/short_reference");
        const Numbers epsilon = readNumbers(file_, "/metrics/tail_inflation/epsilon");
        const Numbers factor = readNumbers(file_, "/metrics/tail_inflation/attention_factor");
        const std::size_t conditions = session_->conditions.size();
        QVERIFY((value.dims == std::vector<hsize_t>{conditions, 2, 2, 3, 3, 3}));
        QVERIFY((epsilon.values == std::vector<double>{1e-2, 1e-3, 1e-4}));
        int compared = 0;
        for (std::size_t at = 0; at < conditions; ++at) {
            const ConditionResult& longer = *session_->conditions[at];
            QCOMPARE(factor.values[at], longer.table.attentionFactor);
            const auto shorter = session_->shortReference(longer);
            if (reference.values[at] < 0) {
                QVERIFY(std::isnan(value.at({at, 1, 1, 1, 0, 0})));
                continue;
            }
            QCOMPARE(session_->conditions[static_cast<std::size_t>(reference.values[at])], shorter);
            for (std::size_t tensor = 0; tensor < 2; ++tensor)
                for (std::size_t stage = 0; stage < 2; ++stage)
                    for (std::size_t tail = 0; tail < 3; ++tail) {
                        const BandGrid grid = tailInflation(longer, *shorter, session_->bands,
                                                            {tensor == 0 ? QkTensor::Q : QkTensor::K,
                                                             stage == 0 ? RopeStage::Pre : RopeStage::Post,
                                                             epsilon.values[tail], false});
                        QVERIFY(same(value.at({at, tensor, stage, tail, 2, 1}), grid.at(2, 1)));
                        ++compared;
                    }
        }
        QVERIFY(compared > 100);
        QCOMPARE(reference.values.back(), -1.0);
    }

    void perplexityByPlainSums() {
        const Numbers nll = readNumbers(file_, "/metrics/perplexity/nll");
        const Numbers perplexity = readNumbers(file_, "/metrics/perplexity/perplexity");
        const Numbers tokens = readNumbers(file_, "/metrics/perplexity/tokens");
        std::vector<double> sums(session_->conditions.size());
        for (std::size_t at = 0; at < session_->conditions.size(); ++at) {
            double sum = 0, count = 0;
            for (const WindowNll& window : session_->conditions[at]->windows)
                for (const float one : window.nll) {
                    sum += static_cast<double>(one);
                    ++count;
                }
            sums[at] = sum;
            QCOMPARE(tokens.values[at], count);
            QVERIFY(std::abs(nll.values[at] - sum / count) < 1e-12);
            QVERIFY(std::abs(std::log(perplexity.values[at]) - sum / count) < 1e-12);
        }
        // The buckets add up to the same.
        const Numbers condition = readNumbers(file_, "/metrics/perplexity_by_position/condition");
        const Numbers count = readNumbers(file_, "/metrics/perplexity_by_position/tokens");
        const Numbers mean = readNumbers(file_, "/metrics/perplexity_by_position/nll");
        QVERIFY(condition.values.size() > session_->conditions.size());
        for (std::size_t row = 0; row < condition.values.size(); ++row)
            sums[static_cast<std::size_t>(condition.values[row])] -= count.values[row] * mean.values[row];
        for (const double left : sums) QVERIFY(std::abs(left) < 1e-6);
    }

    void interactionOfEveryPair() {
        const Numbers value = readNumbers(file_, "/metrics/interaction/value");
        const Numbers fp = readNumbers(file_, "/metrics/interaction/fp");
        const Numbers pi = readNumbers(file_, "/metrics/interaction/pi");
        const Numbers q = readNumbers(file_, "/metrics/interaction/q");
        const Numbers both = readNumbers(file_, "/metrics/interaction/q_pi");
        QCOMPARE(value.values.size(), std::size_t{2 * 3}); // two interpolations, three contexts
        for (std::size_t row = 0; row < value.values.size(); ++row)
            QVERIFY(std::abs(value.values[row]
                             - (both.values[row] - q.values[row] - pi.values[row] + fp.values[row]))
                    < 1e-12);
    }

    void binEdges() {
        const Numbers edges = readNumbers(file_, "/histogram_edges");
        QCOMPARE(edges.values.size(), std::size_t{1203});
        QCOMPARE(edges.values[0], 0.0);
        QVERIFY(std::isinf(edges.values[1202]));
        for (int bin = 1; bin <= 1201; ++bin) { // the formula of the handbook
            const int octave = (bin - 1) / 40, step = (bin - 1) % 40;
            const double expected =
                std::ldexp(1 + std::floor(2048 * (std::exp2(step / 40.0) - 1) + 0.5) / 2048, octave - 14);
            QCOMPARE(edges.values[static_cast<std::size_t>(bin)], expected);
        }
        QVERIFY(readText(file_, "/histogram_edges", "units").starts_with("activation units"));
    }

    void everythingIsDescribed() {
        QCOMPARE(readText(file_, "/metrics/tail_inflation/value", "bands"), std::string("0,1,5,8"));
        QCOMPARE(readText(file_, "/metrics/tail_inflation/value", "axes"),
                 std::string("condition, tensor (q, k), stage (pre, post RoPE), epsilon, layer, band"));
        QVERIFY(readText(file_, "/metrics/tail_inflation", "formula").starts_with("ours, after the papers"));
        QVERIFY(readText(file_, "/metrics/interaction", "formula").starts_with("ours"));
        const QString program = QStandardPaths::findExecutable("h5dump");
        if (program.isEmpty()) QSKIP("h5dump (package hdf5-tools) is not installed");
        QProcess process;
        process.start(program, {"-H", "-g", "/metrics", QString::fromStdString(path_.string())});
        QVERIFY(process.waitForFinished(60000));
        const QString headers = QString::fromUtf8(process.readAllStandardOutput());
        QCOMPARE(headers.count("DATASET \""), 2 + 3 + 5 + 6 + 6 + 8);
        QCOMPARE(headers.count("ATTRIBUTE \"units\""), headers.count("DATASET \""));
        QCOMPARE(headers.count("ATTRIBUTE \"axes\""), headers.count("DATASET \""));
        QCOMPARE(headers.count("ATTRIBUTE \"formula\""), 6);
        QCOMPARE(headers.count("ATTRIBUTE \"bands\""), 4);
        process.start(program, {"-d", "/metrics/tail_inflation/short_reference_name",
                                QString::fromStdString(path_.string())});
        QVERIFY(process.waitForFinished(60000));
        const QByteArray names =
            process.readAllStandardOutput(); // h5dump writes the middle dots in its own way
        QVERIFY2(names.contains("\"none ") && names.contains(" 256 "), names);
    }

    void loadingIgnoresThem() {
        const auto loaded = loadSession(path_);
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QCOMPARE(test::difference(*session_, **loaded), std::string());
        // A file of the time before them has neither; a mutilated group hurts nobody.
        const auto old = path_.parent_path() / "old.h5", odd = path_.parent_path() / "odd.h5";
        for (const auto& target : {old, odd}) {
            std::filesystem::copy_file(path_, target);
            std::filesystem::resize_file(target, std::filesystem::file_size(target) - 40); // the seal
            const hid_t file = H5Fopen(target.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
            QVERIFY(file >= 0);
            if (target == old) {
                H5Ldelete(file, "metrics", H5P_DEFAULT);
                H5Ldelete(file, "histogram_edges", H5P_DEFAULT);
            } else {
                H5Ldelete(file, "metrics/tail_inflation/value", H5P_DEFAULT);
                H5Lcreate_soft("/nowhere", file, "metrics/tail_inflation/value", H5P_DEFAULT, H5P_DEFAULT);
            }
            QVERIFY(H5Fclose(file) >= 0);
            const auto again = loadSession(target);
            QVERIFY2(again.ok(), again ? "" : again.error().message.c_str());
            QCOMPARE(test::difference(*session_, **again), std::string());
        }
    }

    void nothingToDeriveNothingWritten() {
        Session empty = *session_;
        empty.conditions.clear();
        QVERIFY(sessionMetrics(empty).groups.empty());
    }
};

QTEST_GUILESS_MAIN(TestSessionMetrics)
#include "test_session_metrics.moc"
