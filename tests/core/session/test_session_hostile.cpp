// Session files nobody vouches for: damaged, cut off, and made to mislead. Every one must end in an Error
// that names the file and what is wrong, never in a crash, never in memory the file does not justify.
#include "core/session/session_file.h"
#include "tests/core/session/hdf5_edit.h"
#include "tests/core/session/session_equality.h"
#include "tests/support/synthetic_session.h"

#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QTemporaryFile>
#include <QTest>

#include <hdf5.h>
#include <omp.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <sys/resource.h>
#include <unistd.h>

using namespace qroar;
using namespace qroar::test;

/// HDF5 1.10 leaks when it gives up on damaged metadata (only the unsealed flips reach that). Ours is
/// checked: everything else runs leak-free.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libhdf5";
}

/// HDF5's checksum of its metadata; exported, but in no public header.
extern "C" std::uint32_t H5_checksum_lookup3(const void* key, size_t length, std::uint32_t start);

namespace {

hid_t packed(const std::vector<hsize_t>& chunk) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 9);
    return creation;
}

using Spoil = std::function<void(hid_t)>;
struct Case {
    const char* name;
    const char* expected; ///< part of the message
    Spoil spoil;
};

const char* const table = "conditions/003/inverse_frequency";
const char* const moments = "conditions/003/statistics/moments";
const char* const edges = "conditions/003/statistics/bucket_edges";
const char* const lengths = "conditions/003/statistics/histogram_length";
const char* const firsts = "conditions/003/statistics/histogram_first";
const char* const values = "conditions/003/nll/values";

std::vector<Case> wrongContent() {
    return {
        {"newer schema", "newer", [](hid_t f) { setInteger(f, "/", "schema", 2); }},
        {"no schema", "schema", [](hid_t f) { H5Adelete(f, "schema"); }},
        {"schema of text", "schema",
         [](hid_t f) {
             H5Adelete(f, "schema");
             H5Arename(f, "program", "schema");
         }},
        {"no model", "/model", [](hid_t f) { H5Ldelete(f, "model", H5P_DEFAULT); }},
        {"negative layers", "layers", [](hid_t f) { setInteger(f, "model", "layers", -3); }},
        {"absurd layers", "layers", [](hid_t f) { setInteger(f, "model", "layers", 2000000000); }},
        {"layers beyond int", "layers", [](hid_t f) { setInteger(f, "model", "layers", 1LL << 40); }},
        {"one layer too many", "expected shape [3, 4, 4]",
         [](hid_t f) { setInteger(f, "model", "layers", 3); }},
        {"odd rotary_dim", "rotary_dim", [](hid_t f) { setInteger(f, "model", "rotary_dim", 7); }},
        {"kv_heads", "kv_heads", [](hid_t f) { setInteger(f, "model", "kv_heads", 3); }},
        {"flag of 2", "mlp_bias", [](hid_t f) { setInteger(f, "model", "mlp_bias", 2); }},
        {"layers without RoPE of another model", "unrotated_layers",
         [](hid_t f) { replace(f, "model/unrotated_layers", H5T_NATIVE_INT, {7}, 0); }},
        {"neither with a window nor without", "expected 0 or 1",
         [](hid_t f) { replace(f, "model/windowed_layers", H5T_NATIVE_INT, {4}, 2); }},
        {"no condition", "/conditions/007", [](hid_t f) { H5Ldelete(f, "conditions/007", H5P_DEFAULT); }},
        {"more conditions", "/conditions/018", [](hid_t f) { setInteger(f, "conditions", "count", 4000); }},
        {"negative conditions", "count", [](hid_t f) { setInteger(f, "conditions", "count", -1); }},
        {"condition twice", "twice",
         [](hid_t f) {
             H5Ldelete(f, "conditions/007", H5P_DEFAULT);
             H5Lcreate_hard(f, "conditions/006", f, "conditions/007", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"no table", "inverse_frequency", [](hid_t f) { H5Ldelete(f, table, H5P_DEFAULT); }},
        {"context of another", "values", [](hid_t f) { setInteger(f, "conditions/003", "context", 4000); }},
        {"context 1", "context", [](hid_t f) { setInteger(f, "conditions/003", "context", 1); }},
        {"NaN in the table", "inverse_frequency",
         [](hid_t f) { overwrite(f, table, H5T_NATIVE_DOUBLE, 1, 0.0 / 0.0); }},
        {"negative frequency", "inverse_frequency",
         [](hid_t f) { overwrite(f, table, H5T_NATIVE_DOUBLE, 1, -0.1); }},
        {"NaN count", "moments", [](hid_t f) { overwrite(f, moments, H5T_NATIVE_DOUBLE, 8, 0.0 / 0.0); }},
        {"negative count", "moments", [](hid_t f) { overwrite(f, moments, H5T_NATIVE_DOUBLE, 8, -1.0); }},
        {"edges fall", "bucket_edges", [](hid_t f) { overwrite(f, edges, H5T_NATIVE_INT, 1, -5); }},
        {"edges end elsewhere", "bucket_edges", [](hid_t f) { overwrite(f, edges, H5T_NATIVE_INT, 5, 999); }},
        {"bins beyond the range", "histogram_length",
         [](hid_t f) { overwrite(f, lengths, H5T_NATIVE_INT, 3, 100000); }},
        {"length overflows", "histogram_length",
         [](hid_t f) { overwrite(f, lengths, H5T_NATIVE_INT, 3, 2147483647); }},
        {"negative length", "histogram_length",
         [](hid_t f) { overwrite(f, lengths, H5T_NATIVE_INT, 3, -2); }},
        {"negative first bin", "histogram_length",
         [](hid_t f) { overwrite(f, firsts, H5T_NATIVE_INT, 3, -1); }},
        {"last length too long", "histogram_counts",
         [](hid_t f) { overwrite(f, lengths, H5T_NATIVE_INT, 2 * 4 * 4 * 5 - 1, 300); }},
        {"last length too short", "histogram_counts",
         [](hid_t f) { overwrite(f, lengths, H5T_NATIVE_INT, 2 * 4 * 4 * 5 - 1, 1); }},
        {"window of no document", "nll/document",
         [](hid_t f) { overwrite(f, "conditions/003/nll/document", H5T_NATIVE_INT, 1, 99); }},
        {"negative document", "nll/document",
         [](hid_t f) { overwrite(f, "conditions/003/nll/document", H5T_NATIVE_INT, 1, -1); }},
        {"window twice", "nll/index",
         [](hid_t f) { overwrite(f, "conditions/003/nll/index", H5T_NATIVE_INT, 1, 0); }},
        {"distortion of no layer", "distortion/layer",
         [](hid_t f) { overwrite(f, "conditions/009/distortion/layer", H5T_NATIVE_INT, 1, 2); }},
        {"divergence of other windows", "divergence/kl",
         [](hid_t f) {
             replace(f, "conditions/009/divergence/kl", H5T_IEEE_F32LE, {2, 3}, 0);
         }},
        {"divergence without its share", "divergence/same_top",
         [](hid_t f) { H5Ldelete(f, "conditions/009/divergence/same_top", H5P_DEFAULT); }},
        {"neither same nor other", "divergence/same_top",
         [](hid_t f) { overwrite(f, "conditions/009/divergence/same_top", H5T_NATIVE_INT, 4, 2); }},
        {"gradient over no tokens", "tokens",
         [](hid_t f) { setInteger(f, "conditions/003/gradient", "tokens", 0); }},
        {"gradient of other heads", "ln_gain_q",
         [](hid_t f) {
             H5Ldelete(f, "conditions/003/gradient/ln_gain_q", H5P_DEFAULT);
             H5Lcreate_hard(f, "conditions/003/gradient/ln_gain_k", f, "conditions/003/gradient/ln_gain_q",
                            H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"NaN in a gradient", "ln_omega",
         [](hid_t f) { overwrite(f, "conditions/003/gradient/ln_omega", H5T_NATIVE_DOUBLE, 1, 0.0 / 0.0); }},
        {"no gradient by the frequencies", "ln_omega",
         [](hid_t f) { H5Ldelete(f, "conditions/003/gradient/ln_omega", H5P_DEFAULT); }},
        {"band edges fall", "/bands/edges",
         [](hid_t f) { overwrite(f, "bands/edges", H5T_NATIVE_INT, 1, 3); }},
        {"band edges beyond", "/bands/edges",
         [](hid_t f) { overwrite(f, "bands/edges", H5T_NATIVE_INT, 2, 1000); }},
        {"documents differ in number", "/documents/name",
         [](hid_t f) { H5Ldelete(f, "documents/path", H5P_DEFAULT); }},
        {"a document's statistics missing", "/by_document/002",
         [](hid_t f) { H5Ldelete(f, "conditions/003/by_document/002", H5P_DEFAULT); }},
    };
}

std::vector<Case> wrongContainers() {
    return {
        {"float32 table", "another type", [](hid_t f) { replace(f, table, H5T_IEEE_F32LE, {4}, 1); }},
        {"big-endian table", "another type", [](hid_t f) { replace(f, table, H5T_IEEE_F64BE, {4}, 1); }},
        {"table of five", "expected 4 pairs", [](hid_t f) { replace(f, table, H5T_IEEE_F64LE, {5}, 1); }},
        {"table of two axes", "axes",
         [](hid_t f) {
             replace(f, table, H5T_IEEE_F64LE, {4, 1}, 1);
         }},
        {"group for a dataset", "inverse_frequency",
         [](hid_t f) {
             H5Ldelete(f, table, H5P_DEFAULT);
             H5Gclose(H5Gcreate2(f, table, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
         }},
        {"dataset for a group", "/bands", [](hid_t f) { replace(f, "bands", H5T_STD_I32LE, {4}, 1); }},
        {"soft link", "inverse_frequency",
         [](hid_t f) {
             H5Ldelete(f, table, H5P_DEFAULT);
             H5Lcreate_soft("/conditions/003/plain_inverse_frequency", f, table, H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"external link", "/conditions/003",
         [](hid_t f) {
             H5Ldelete(f, "conditions/003", H5P_DEFAULT);
             H5Lcreate_external("other.h5", "/conditions/003", f, "conditions/003", H5P_DEFAULT, H5P_DEFAULT);
         }},
        {"data in another file", "outside the file",
         [](hid_t f) {
             const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
             H5Pset_external(creation, "/etc/hostname", 0, 32);
             replace(f, table, H5T_IEEE_F64LE, {4}, 0, creation, false);
             H5Pclose(creation);
         }},
        {"variable-length names", "fixed-length",
         [](hid_t f) {
             const hid_t text = H5Tcopy(H5T_C_S1);
             H5Tset_size(text, H5T_VARIABLE);
             replace(f, "documents/name", text, {4}, 0);
             H5Tclose(text);
         }},
        {"names of two bands", "3 bands or none",
         [](hid_t f) {
             const hid_t text = H5Tcopy(H5T_C_S1);
             H5Tset_size(text, 8);
             replace(f, "bands/names", text, {2}, 'x');
             H5Tclose(text);
         }},
        {"colour in words", "#rrggbb",
         [](hid_t f) {
             const hid_t text = H5Tcopy(H5T_C_S1);
             H5Tset_size(text, 8);
             replace(f, "bands/colours", text, {3}, 'x');
             H5Tclose(text);
         }},
        {"never written", "cannot hold",
         [](hid_t f) {
             H5Ldelete(f, values, H5P_DEFAULT);
             const hsize_t dims[2] = {8, 255};
             const hid_t space = H5Screate_simple(2, dims, nullptr);
             const hid_t chunked = packed({8, 255});
             H5Dclose(H5Dcreate2(f, values, H5T_IEEE_F32LE, space, H5P_DEFAULT, chunked, H5P_DEFAULT));
             H5Pclose(chunked);
             H5Sclose(space);
         }},
        {"claims terabytes, contiguous", "values",
         [](hid_t f) {
             replace(f, values, H5T_IEEE_F32LE, {1ULL << 34, 255}, 0, H5P_DEFAULT, false);
         }},
        {"claims gigabytes, chunked", "values",
         [](hid_t f) {
             const hid_t creation = packed({256, 255});
             replace(f, values, H5T_IEEE_F32LE, {4000000, 255}, 0, creation, false);
             H5Pclose(creation);
         }},
        {"chunks of one element", "chunk shape",
         [](hid_t f) {
             const hid_t creation = packed({1, 1});
             replace(f, values, H5T_IEEE_F32LE, {800, 255}, 0, creation);
             H5Pclose(creation);
         }},
        {"chunks across rows", "chunk shape",
         [](hid_t f) {
             const hid_t creation = packed({400, 128});
             replace(f, values, H5T_IEEE_F32LE, {800, 255}, 0, creation);
             H5Pclose(creation);
         }},
        {"other filters", "filters",
         [](hid_t f) {
             const hid_t creation = packed({8, 255});
             H5Pset_fletcher32(creation);
             replace(f, values, H5T_IEEE_F32LE, {8, 255}, 0, creation);
             H5Pclose(creation);
         }},
        {"chunk of garbage", "damaged",
         [](hid_t f) {
             const hid_t creation = packed({8, 255});
             replace(f, values, H5T_IEEE_F32LE, {8, 255}, 7, creation);
             H5Pclose(creation);
             const hid_t made = H5Dopen2(f, values, H5P_DEFAULT);
             const std::vector<unsigned char> garbage(300, 0xAB);
             const hsize_t at[2] = {0, 0};
             H5Dwrite_chunk(made, H5P_DEFAULT, 0, at, garbage.size(), garbage.data());
             H5Dclose(made);
         }},
        {"chunk that skips its filters", "cannot be read",
         [](hid_t f) {
             const hid_t creation = packed({8, 255});
             replace(f, values, H5T_IEEE_F32LE, {8, 255}, 7, creation);
             H5Pclose(creation);
             const hid_t made = H5Dopen2(f, values, H5P_DEFAULT);
             const std::vector<unsigned char> raw(8 * 255 * 4, 0);
             const hsize_t at[2] = {0, 0};
             H5Dwrite_chunk(made, H5P_DEFAULT, 3, at, raw.size(), raw.data());
             H5Dclose(made);
         }},
        {"spec of nonsense", "quant",
         [](hid_t f) {
             H5Adelete_by_name(f, "conditions/003", "quant", H5P_DEFAULT);
             H5Arename_by_name(f, "conditions/003", "rope", "quant", H5P_DEFAULT);
             const hid_t from = H5Aopen_by_name(f, "model", "pair_layout", H5P_DEFAULT, H5P_DEFAULT);
             const hid_t type = H5Aget_type(from), space = H5Aget_space(from);
             const hid_t made = H5Acreate_by_name(f, "conditions/003", "rope", type, space, H5P_DEFAULT,
                                                  H5P_DEFAULT, H5P_DEFAULT);
             H5Awrite(made, type, "none\0\0\0\0\0\0");
             H5Aclose(made);
             H5Sclose(space);
             H5Tclose(type);
             H5Aclose(from);
         }},
    };
}

/// Patches the address of one chunk in the last fixed array of chunks of the file, and its checksum.
bool moveChunkBeyondTheEnd(const QString& name, int chunks, int chunk) {
    QFile file(name);
    if (!file.open(QIODevice::ReadWrite)) return false;
    QByteArray bytes = file.readAll();
    const qsizetype at = bytes.lastIndexOf("FADB"),
                    head = 4 + 1 + 1 + 8; // signature, version, client, header
    for (int sizeBytes = 1; at >= 0 && sizeBytes <= 8; ++sizeBytes) {
        const int element = 8 + sizeBytes + 4; // address, stored size, filter mask
        const qsizetype length = head + static_cast<qsizetype>(chunks) * element;
        if (at + length + 4 > bytes.size()) return false;
        char* const block = bytes.data() + at;
        const auto checksum = [&] { return H5_checksum_lookup3(block, static_cast<size_t>(length), 0); };
        std::uint32_t stored = checksum();
        if (std::memcmp(block + length, &stored, 4) != 0) continue;
        const std::uint64_t beyond = static_cast<std::uint64_t>(bytes.size()) + (1U << 30);
        std::memcpy(block + head + static_cast<qsizetype>(chunk) * element, &beyond, 8);
        stored = checksum();
        std::memcpy(block + length, &stored, 4);
        return file.seek(0) && file.write(bytes) == bytes.size();
    }
    return false;
}

std::shared_ptr<const Session> smallSession() {
    test::SyntheticOptions options;
    options.layers = 2;
    options.pairs = 4;
    options.bands = 3;
    options.contexts = {256, 512, 1024};
    options.divergence = true;
    return test::makeSyntheticSession(options);
}

} // namespace

class TestSessionHostile : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    QByteArray good_;

    QString path(const QString& name) const { return folder_.filePath(name); }
    static Outcome<std::shared_ptr<const Session>> load(const QString& name) {
        return loadSession(name.toStdString());
    }
    /// Without the seal at the end, as when another program rewrote the file.
    static QByteArray unsealed(const QByteArray& bytes) { return bytes.left(bytes.size() - 40); }
    /// A file with one condition: hundreds of them load in a few seconds.
    QByteArray tiny() const {
        Session session = *smallSession();
        session.conditions = {session.conditions[15]}; // yarn:4, 256 tokens, rtn:4:g64
        if (!saveSession(session, path("tiny.h5").toStdString())) return {};
        QFile file(path("tiny.h5"));
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    void write(const QString& name, const QByteArray& bytes) const {
        QFile file(name);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
    }

  private slots:
    void initTestCase() {
        QVERIFY(saveSession(*smallSession(), path("good.h5").toStdString()));
        QFile file(path("good.h5"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        good_ = file.readAll();
    }

    void refusesByName_data() {
        QTest::addColumn<int>("group");
        QTest::addColumn<int>("index");
        const auto add = [](const std::vector<Case>& cases, int group) {
            for (std::size_t index = 0; index < cases.size(); ++index)
                QTest::newRow(cases[index].name) << group << static_cast<int>(index);
        };
        add(wrongContent(), 0);
        add(wrongContainers(), 1);
    }
    void refusesByName() {
        QFETCH(int, group);
        QFETCH(int, index);
        const Case one = (group == 0 ? wrongContent() : wrongContainers())[static_cast<std::size_t>(index)];
        const QString name = path("spoiled.h5");
        write(name, unsealed(good_));
        const hid_t file = H5Fopen(qPrintable(name), H5F_ACC_RDWR, H5P_DEFAULT);
        QVERIFY(file >= 0);
        one.spoil(file);
        QVERIFY(H5Fclose(file) >= 0);
        QElapsedTimer timer;
        timer.start();
        const auto loaded = load(name);
        QVERIFY2(!loaded, "was accepted");
        const std::string& message = loaded.error().message;
        QVERIFY2(message.find(name.toStdString()) != std::string::npos, message.c_str());
        QVERIFY2(message.find(one.expected) != std::string::npos, message.c_str());
        QVERIFY2(timer.elapsed() < 20000, "took too long to refuse");
    }

    void notSessions() {
        QVERIFY(!load(path("no such file.h5")));
        QCOMPARE(static_cast<int>(load(path("no such file.h5")).error().code),
                 static_cast<int>(ErrorCode::NotFound));
        QVERIFY(!load(folder_.path()));
        write(path("empty.h5"), {});
        QVERIFY(!load(path("empty.h5")));
        write(path("text.h5"), "not HDF5 at all, but long enough to have a head");
        QVERIFY(load(path("text.h5")).error().message.find("HDF5") != std::string::npos);
        const hid_t other = H5Fcreate(qPrintable(path("other.h5")), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        H5Fclose(other); // an HDF5 file in the oldest format, which carries no checksums
        QVERIFY(load(path("other.h5")).error().message.find("superblock") != std::string::npos);
        const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
        H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
        H5Fclose(H5Fcreate(qPrintable(path("new.h5")), H5F_ACC_TRUNC, H5P_DEFAULT, access));
        H5Pclose(access);
        QVERIFY(load(path("new.h5")).error().message.find("schema") != std::string::npos);
    }

    void theGoodOneIsGood() {
        const auto loaded = load(path("good.h5"));
        QVERIFY2(loaded.ok(), loaded ? "" : loaded.error().message.c_str());
        QCOMPARE(test::difference(*smallSession(), **loaded), std::string());
    }

    void theSealFindsAnyChange() {
        QVERIFY(good_.right(40).startsWith("QROARXXH"));
        QByteArray changed = good_;
        changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
        write(path("changed.h5"), changed);
        const auto loaded = load(path("changed.h5"));
        QVERIFY(!loaded && loaded.error().message.find("fingerprint") != std::string::npos);
        write(path("unsealed.h5"), unsealed(good_)); // rewritten by another program
        const auto other = load(path("unsealed.h5"));
        QVERIFY2(other.ok(), other ? "" : other.error().message.c_str());
        QCOMPARE(test::difference(*smallSession(), **other), std::string());
    }

    void cutOff() {
        for (int part = 0; part < 60; ++part) {
            write(path("cut.h5"), good_.left(good_.size() * part / 60));
            QVERIFY2(!load(path("cut.h5")), qPrintable(QString::number(part)));
        }
        write(path("cut.h5"), unsealed(good_).chopped(1));
        QVERIFY(!load(path("cut.h5")));
    }

    /// Sealed: every flip is noticed. Without the seal, HDF5's own checksums and our checks stand alone: what
    /// is accepted then lies in plain values, and nothing crashes.
    void flippedBytes_data() {
        QTest::addColumn<bool>("sealed");
        QTest::newRow("sealed") << true;
        QTest::newRow("unsealed") << false;
    }
    void flippedBytes() {
        QFETCH(bool, sealed);
        const QByteArray start = sealed ? tiny() : unsealed(tiny());
        std::mt19937 random(7);
        int accepted = 0;
        for (int round = 0; round < 300; ++round) {
            QByteArray bytes = start;
            const int flips = round % 4 == 0 ? 8 : 1;
            for (int flip = 0; flip < flips; ++flip) {
                // half of them near the start, where the metadata is
                const auto range = static_cast<unsigned>(round % 2 ? bytes.size() : bytes.size() / 16);
                const auto at = static_cast<qsizetype>(random() % range);
                bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
            }
            write(path("flipped.h5"), bytes);
            const auto loaded = load(path("flipped.h5"));
            if (loaded)
                ++accepted;
            else
                QVERIFY(loaded.error().message.find("flipped.h5") != std::string::npos);
        }
        qInfo() << "accepted" << accepted << "of 300";
        QVERIFY(accepted <= (sealed ? 0 : 100));
    }

    /// In a process of its own: what HDF5 says at exit is about everything it was used for.
    void damageLeavesTheLibraryClean_data() {
        QTest::addColumn<QString>("test");
        for (const char* test : {"cutOff", "flippedBytes:sealed", "flippedBytes:unsealed"})
            QTest::newRow(test) << test;
    }
    void damageLeavesTheLibraryClean() {
        QFETCH(QString, test);
        QProcess child;
        child.start(QCoreApplication::applicationFilePath(), {test});
        QVERIFY(child.waitForFinished(300000));
        QCOMPARE(child.exitStatus(), QProcess::NormalExit);
        QCOMPARE(child.exitCode(), 0);
        const QByteArray said = child.readAllStandardError();
        QVERIFY2(!said.contains("HDF5") && !said.contains("infinite"), said.left(200).constData());
    }

    /// Chunks are inflated by several threads at a time: what is said does not depend on which was first.
    void theFirstDamagedChunkIsNamed() {
        const QString name = path("chunks.h5");
        write(name, unsealed(good_));
        const hid_t file = H5Fopen(qPrintable(name), H5F_ACC_RDWR, H5P_DEFAULT);
        const hid_t creation = packed({128, 255}); // 40 of them
        replace(file, values, H5T_IEEE_F32LE, {5120, 255}, 0, creation);
        H5Pclose(creation);
        const hid_t made = H5Dopen2(file, values, H5P_DEFAULT);
        const std::vector<unsigned char> garbage(300, 0xAB);
        for (const hsize_t row : {1280U, 1408U, 4992U}) {
            const hsize_t at[2] = {row, 0};
            H5Dwrite_chunk(made, H5P_DEFAULT, 0, at, garbage.size(), garbage.data());
        }
        H5Dclose(made);
        H5Fclose(file);
        for (int round = 0; round < 30; ++round) {
            const auto loaded = load(name);
            QVERIFY(!loaded);
            QVERIFY2(loaded.error().message.find("nll/values: the chunk at [1280, 0] is damaged")
                         != std::string::npos,
                     loaded.error().message.c_str());
        }
    }

    /// A chunk that HDF5 itself cannot read: it is asked by the thread whose error stack is quiet, however
    /// many inflate.
    void nothingIsPrintedOfAnUnreadableChunk() {
        const QString name = path("beyond.h5");
        write(name, unsealed(good_));
        const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
        H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
        const hid_t file = H5Fopen(qPrintable(name), H5F_ACC_RDWR, access);
        const hid_t creation = packed({128, 255}); // 40 of them
        replace(file, values, H5T_IEEE_F32LE, {5120, 255}, 0, creation);
        H5Pclose(creation);
        H5Fclose(file);
        H5Pclose(access);
        QVERIFY(moveChunkBeyondTheEnd(name, 40, 5));
        const int threads = omp_get_max_threads();
        omp_set_num_threads(4);
        QTemporaryFile said;
        QVERIFY(said.open());
        const int before = dup(STDERR_FILENO);
        dup2(said.handle(), STDERR_FILENO);
        QStringList errors;
        for (int round = 0; round < 100; ++round) {
            const auto loaded = load(name);
            errors << (loaded ? QStringLiteral("accepted") : QString::fromStdString(loaded.error().message));
        }
        dup2(before, STDERR_FILENO);
        close(before);
        omp_set_num_threads(threads);
        QCOMPARE(errors.removeDuplicates(), 99);
        QVERIFY2(errors.first().endsWith("nll/values: the chunk at [640, 0] cannot be read"),
                 qPrintable(errors.first()));
        QVERIFY(!errors.first().contains('\n'));
        said.seek(0);
        const QByteArray printed = said.readAll();
        QVERIFY2(printed.isEmpty(), printed.left(200).constData());
    }

    /// A few megabytes that inflate to four gigabytes of zeros: refused before anything is allocated.
    void inflationIsBounded() {
        const QString name = path("bomb.h5");
        write(name, unsealed(good_));
        const hid_t file = H5Fopen(qPrintable(name), H5F_ACC_RDWR, H5P_DEFAULT);
        const hid_t creation = packed({1024, 255});
        const hsize_t rows = 4096 * 1024, first[2] = {0, 0};
        replace(file, values, H5T_IEEE_F32LE, {rows, 255}, 0, creation, false);
        const hid_t made = H5Dopen2(file, values, H5P_DEFAULT);
        const hid_t space = spaceOf({1024, 255});
        const hid_t small =
            H5Dcreate2(file, "small", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        H5Sclose(space);
        const std::vector<float> zeros(1024 * 255);
        H5Dwrite(small, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
        H5Dflush(small);
        std::vector<unsigned char> chunk(H5Dget_storage_size(small));
        QVERIFY(!chunk.empty());
        std::uint32_t skipped = 0;
        H5Dread_chunk(small, H5P_DEFAULT, first, &skipped, chunk.data());
        for (hsize_t row = 0; row < rows; row += 1024) {
            const hsize_t at[2] = {row, 0};
            H5Dwrite_chunk(made, H5P_DEFAULT, 0, at, chunk.size(), chunk.data());
        }
        H5Dclose(small);
        H5Dclose(made);
        H5Pclose(creation);
        H5Fclose(file);
        QVERIFY(QFile(name).size() > 4000000 && QFile(name).size() < 12000000); // really filled
        rusage before{}, after{};
        getrusage(RUSAGE_SELF, &before);
        const auto loaded = load(name);
        getrusage(RUSAGE_SELF, &after);
        QVERIFY(!loaded);
        QVERIFY2(loaded.error().message.find("memory") != std::string::npos, loaded.error().message.c_str());
        QVERIFY(after.ru_maxrss - before.ru_maxrss < 100000); // kB
    }
};

QTEST_GUILESS_MAIN(TestSessionHostile)
#include "test_session_hostile.moc"
