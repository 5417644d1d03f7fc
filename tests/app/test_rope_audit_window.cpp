// The RoPE audit in the real window: of an open model before anything was run,
// by keys, onto the clipboard.
#include "tests/app/docks_by_keys.h"
#include "tests/support/safetensors_writer.h"
#include "widgets/panels/rope_audit_panel.h"

#include <QClipboard>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QListWidget>
#include <QToolButton>

using namespace qroar;
using namespace qroar::test;
using Bench = test::SessionBench;

namespace {

/// A random model whose config.json says yarn in a way that loaders read
/// differently.
QString trappedModel(const Bench& bench) {
    QString model = bench.folder.filePath("model");
    test::makeRandomHfModel(model.toStdString());
    QFile file(model + "/config.json");
    if (!file.open(QIODevice::ReadOnly)) return {};
    QJsonObject config = QJsonDocument::fromJson(file.readAll()).object();
    file.close();
    const int trained = config["max_position_embeddings"].toInt() / 4;
    config["rope_scaling"] = QJsonObject{{"type", "yarn"},
                                         {"factor", 8.0},
                                         {"attn_factor", 1.1},
                                         {"original_max_position_embeddings", trained}};
    if (!file.open(QIODevice::WriteOnly)) return {};
    file.write(QJsonDocument(config).toJson());
    return model;
}

} // namespace

class TestRopeAuditWindow : public QObject {
    Q_OBJECT

  private slots:
    /// Without a session, from the keyboard, onto the clipboard.
    void theRopeOfAnOpenModelIsAudited() {
        Bench bench;
        QVERIFY(activated(bench));
        auto* panel = bench.window->plots().findChild<RopeAuditPanel*>();
        QVERIFY2(panel->emptyText().contains("Open a model"), qPrintable(panel->emptyText()));
        bench.window->openModel(trappedModel(bench));
        QTRY_VERIFY_WITH_TIMEOUT(panel->emptyText().isEmpty(), 20000);
        QVERIFY(!bench.window->workspace().session());
        press(bench, Qt::Key_1, Qt::ControlModifier | Qt::AltModifier);
        QTRY_VERIFY(inFront(bench, "ropeAudit"));
        QVERIFY(dockOf(bench, "ropeAudit")->isAncestorOf(QApplication::focusWidget()));
        panel->ensureFresh();
        QCOMPARE(panel->emptyText(), QString());
        QStringList said;
        for (int row = 0; row < panel->findings()->count(); ++row)
            said << panel->findings()->item(row)->text();
        const QString all = said.join(u'\n');
        for (const char* what : {"type: only the old name", "attn_factor: is not read",
                                 "factor: yarn: 8 differs", "transformers 4.48: differs", "vllm: same"})
            QVERIFY2(all.contains(QLatin1String(what)), qPrintable(all));
        QGuiApplication::clipboard()->clear();
        auto* copy = panel->findChild<QToolButton*>("copyFlags");
        copy->setFocus();
        press(bench, Qt::Key_Space);
        QVERIFY2(QGuiApplication::clipboard()->text().startsWith("--rope-scaling yarn --rope-scale 8"),
                 qPrintable(QGuiApplication::clipboard()->text()));
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        QCOMPARE(panel->setOption("spec", "llama3:8"), QString());
        press(bench, Qt::Key_Space);
        QCOMPARE(errors.count(), 1);
        QVERIFY(errors.first().first().toString().contains("rope_freqs.weight"));
        QVERIFY(QGuiApplication::clipboard()->text().startsWith("--rope-scaling yarn")); // as it was
    }
};

QTEST_MAIN(TestRopeAuditWindow)
#include "test_rope_audit_window.moc"
