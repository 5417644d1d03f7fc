// The view of the RoPE audit: its numbers against core's, what it puts on the clipboard, what it refuses,
// empty states, options, tables and figures.
#include "core/exporting/rope_audit.h"
#include "tests/support/synthetic_session.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/rope_audit_panel.h"
#include "widgets/plot/line_plot.h"

#include <QApplication>
#include <QClipboard>
#include <QFileInfo>
#include <QGuiApplication>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMouseEvent>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include <cmath>
#include <nlohmann/json.hpp>

using namespace qroar;

namespace {

RopeSpec specOf(const char* text) {
    return *RopeSpec::parse(text);
}

/// A checkpoint whose yarn the loaders read differently.
std::shared_ptr<const Session> trappedSession() {
    auto session = std::make_shared<Session>(*test::makeSyntheticSession());
    session->model.architecture = "LlamaForCausalLM";
    session->model.ropeSource = {};
    session->model.maxPositions = 1024;
    session->model.originalMaxPositions = 256;
    session->model.storedRope = specOf("yarn:8:orig=256:attn=1.5");
    return session;
}

QString clipboard() {
    return QGuiApplication::clipboard()->text();
}

QToolButton* buttonOf(RopeAuditPanel& panel, const char* name) {
    return panel.findChild<QToolButton*>(QLatin1String(name));
}

int rowOf(QAbstractItemModel& table, const QString& loader) {
    for (int row = 0; row < table.rowCount(); ++row)
        if (table.index(row, 0).data().toString() == loader) return row;
    return -1;
}

QVariant cell(QAbstractItemModel* model, const QString& loader, const char* column) {
    auto* table = qobject_cast<ResultTableModel*>(model);
    return table->index(rowOf(*table, loader), table->columnOf(QLatin1String(column)))
        .data(ResultTableModel::valueRole);
}

int conditionOf(const Session& session, RopeKind kind) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.rope.kind == kind) return static_cast<int>(index);
    return -1;
}

/// Of a condition's scaling, at the longest length of the session.
RopeAudit auditOf(const Session& session, RopeKind kind) {
    long long longest = session.model.maxPositions;
    for (const auto& one : session.conditions) longest = std::max<long long>(longest, one->key.context);
    const auto index = static_cast<std::size_t>(conditionOf(session, kind));
    return *auditScaling(session.conditions[index]->key.rope, session.model, longest);
}

} // namespace

class TestWidgetsRopeAudit : public QObject {
    Q_OBJECT
  private slots:
    void init() { QGuiApplication::clipboard()->clear(); }

    void numbersAreCores() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        const auto session = trappedSession();
        panel.setSession(session);
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
        RopeSpec own;
        own.kind = RopeKind::Model;
        const long long longest = 4096; // of the session's conditions
        QCOMPARE(panel.audit()->context, longest);
        const auto audit = auditScaling(own, session->model, longest);
        QVERIFY(audit.ok());
        QAbstractItemModel* table = panel.tableModel();
        QCOMPARE(table->rowCount(), static_cast<int>(audit->loaders.size()));
        for (const LoaderVerdict& verdict : audit->loaders) {
            const QString name = QLatin1String(ropeLoaderName(verdict.loaded.loader));
            QCOMPARE(cell(table, name, "phase_error").toDouble(), verdict.phaseError);
            QCOMPARE(cell(table, name, "attention_factor").toDouble(), verdict.loaded.table->attentionFactor);
            QCOMPARE(cell(table, name, "status").toString(), verdict.status == LoaderStatus::Same
                                                                 ? QStringLiteral("same")
                                                                 : QStringLiteral("differs"));
            if (verdict.pair >= 0) QCOMPARE(cell(table, name, "pair").toInt(), verdict.pair);
        }
        QCOMPARE(cell(table, "transformers 5", "status").toString(), QStringLiteral("same"));
        QCOMPARE(cell(table, "llama.cpp", "status").toString(), QStringLiteral("differs"));
        QCOMPARE(cell(table, "transformers 4.48", "status").toString(),
                 QStringLiteral("differs")); // 4, not 8
        const auto tables = panel.tables();
        QCOMPARE(tables.size(), 3U);
        QCOMPARE(tables[1].model->rowCount(),
                 static_cast<int>(audit->loaders.size()) * session->model.pairs());
        QCOMPARE(tables[2].model->rowCount(), static_cast<int>(audit->warnings.size()));
        QVERIFY(audit->warnings.size() >= 2); // factor against lengths, attention factor
        int alone = 0;                        // loaders with something to say; the others share the last line
        for (const LoaderVerdict& verdict : audit->loaders)
            alone += verdict.status != LoaderStatus::Same || !verdict.loaded.notes.empty();
        QCOMPARE(panel.findings()->count(), static_cast<int>(audit->warnings.size()) + alone + 1);
        QVERIFY(panel.findings()->item(panel.findings()->count() - 1)->text().endsWith("5: same"));
        QVERIFY(panel.findings()->item(0)->toolTip().contains("differs from max_position_embeddings"));
        QVERIFY(panel.summary().contains("llama.cpp: differs"));
    }

    void curvesAreTheErrors() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession());
        panel.ensureFresh();
        bool seen = false;
        for (const LinePlot::Series& line : panel.plot()->series()) {
            if (!line.line || !line.name.contains("transformers 4.48")) continue; // hollow points
            seen = true;
            const auto errors = phaseErrors(*panel.audit(), panel.audit()->of(RopeLoader::Transformers48));
            QCOMPARE(line.y.size(), errors.size());
            for (std::size_t pair = 0; pair < errors.size(); ++pair)
                QCOMPARE(line.y[pair], std::max(errors[pair], 1e-4));
        }
        QVERIFY(seen);
        QCOMPARE(panel.setOption("value", "ratio"), QString());
        panel.ensureFresh();
        const LinePlot::Series& first = panel.plot()->series().front();
        QVERIFY(first.name.startsWith("qroar") && first.name.contains(", 5"));
        QCOMPARE(first.y.front(), 1.0);
        QVERIFY(std::abs(first.y.back() - 0.125) < 1e-12);
    }

    void noErrorIsNoErrorOnALogarithmicAxis() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession());
        panel.resize(1000, 700);
        panel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&panel));
        panel.ensureFresh();
        LinePlot& plot = *panel.plot();
        const LinePlot::Series *same = nullptr, *hollow = nullptr;
        for (const LinePlot::Series& one : plot.series()) {
            if (one.line && one.name.contains(", 5")) same = &one;
            if (!one.line && one.name.contains(", 5")) hollow = &one;
            for (std::size_t at = 0; at < one.y.size(); ++at) {
                QCOMPARE(one.y[at], std::max(one.readout[at], 1e-4));
                if (!one.line) QVERIFY(one.readout[at] < 1e-4);
            }
        }
        QVERIFY(same && hollow);
        const auto errors = phaseErrors(*panel.audit(), panel.audit()->of(RopeLoader::Transformers5));
        QCOMPARE(same->readout, errors);
        QCOMPARE(errors.front(), 0.0);
        QCOMPARE(hollow->x.size(), errors.size());
        QCOMPARE(hollow->marker, QCPScatterStyle::ssCircle);
        QVERIFY(!hollow->inLegend);
        plot.replot();
        QCOMPARE(plot.yAxis->tickVectorLabels().first(), QString("≤ ") + ReadableLogTicker::textOf(1e-4));
        QCOMPARE(plot.yAxis->tickVector().first(), 1e-4);
        const QPointF at(plot.xAxis->coordToPixel(0), plot.yAxis->coordToPixel(1e-4));
        QMouseEvent event(QEvent::MouseMove, at, plot.mapToGlobal(at), Qt::NoButton, Qt::NoButton,
                          Qt::NoModifier);
        QApplication::sendEvent(&plot, &event);
        QTRY_VERIFY2(plot.readoutText().contains("phase error: 0 rad"), qPrintable(plot.readoutText()));
        QCOMPARE(panel.setOption("value", "ratio"), QString());
        panel.ensureFresh();
        plot.replot();
        for (const QString& label : plot.yAxis->tickVectorLabels()) QVERIFY(!label.contains("≤"));
    }

    void flagsOnTheClipboard() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        QSignalSpy said(&panel, &DiagnosticPanel::message), refused(&panel, &DiagnosticPanel::failed);
        panel.setSession(trappedSession());
        QTest::mouseClick(buttonOf(panel, "copyFlags"), Qt::LeftButton);
        QCOMPARE(clipboard(), QString()); // attention factor 1.5: no flag says it
        QCOMPARE(refused.count(), 1);
        QVERIFY(refused.first().first().toString().contains("attention factor 1.5"));
        QCOMPARE(panel.setOption("spec", "yarn:8"), QString());
        QTest::keyClick(buttonOf(panel, "copyFlags"), Qt::Key_Space);
        QCOMPARE(clipboard(), QStringLiteral("--rope-scaling yarn --rope-scale 8 --yarn-orig-ctx 256 "
                                             "--yarn-ext-factor 1"));
        QCOMPARE(said.count(), 1);
    }

    void configOnTheClipboard() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        const auto session = trappedSession();
        panel.setSession(session);
        panel.ensureFresh();
        const QList<QAction*> versions = buttonOf(panel, "copyConfig")->menu()->actions();
        QCOMPARE(versions.size(), 2);
        versions[0]->trigger();
        auto json = nlohmann::json::parse(clipboard().toStdString());
        QCOMPARE(json["rope_scaling"]["factor"].get<double>(), 8.0);
        QCOMPARE(json["rope_scaling"]["attention_factor"].get<double>(), 1.5);
        versions[1]->trigger();
        json = nlohmann::json::parse(clipboard().toStdString());
        QCOMPARE(json["rope_parameters"]["rope_type"].get<std::string>(), std::string("yarn"));
        QCOMPARE(json["rope_parameters"]["rope_theta"].get<double>(), session->model.ropeTheta);
        RopeSpec own;
        own.kind = RopeKind::Model;
        QCOMPARE(clipboard().toStdString(),
                 *ropeConfigText(own, session->model, ConfigSpelling::Transformers5));
    }

    void aScalingOfAConditionIsAuditedAsWritten() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(test::makeSyntheticSession());
        QCOMPARE(panel.setOption("scaling", "condition"), QString());
        QVERIFY(panel.followsCondition());
        const auto& conditions = panel.session()->conditions;
        for (std::size_t index = 0; index < conditions.size(); ++index) {
            selection.setCondition(static_cast<int>(index));
            panel.ensureFresh();
            QVERIFY2(panel.audit(), qPrintable(panel.emptyText()));
            QCOMPARE(panel.audit()->ours.spec, conditions[index]->key.rope);
        }
    }

    void aAndBOfOneSession() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(test::makeSyntheticSession());
        Selection chosen;
        chosen.condition = conditionOf(*panel.session(), RopeKind::Yarn);
        chosen.conditionB = conditionOf(*panel.session(), RopeKind::Linear);
        QVERIFY(chosen.condition >= 0 && chosen.conditionB >= 0);
        // of the checkpoint there is one: what to do is said
        chosen.compare = CompareMode::Difference;
        selection.setSelection(chosen);
        QVERIFY2(panel.emptyText().contains("Scaling of the selected condition"),
                 qPrintable(panel.emptyText()));
        QCOMPARE(panel.setOption("scaling", "condition"), QString());
        panel.ensureFresh();
        QVERIFY2(panel.emptyText().isEmpty(), qPrintable(panel.emptyText()));
        QVERIFY2(panel.figureTitle().contains("yarn") && panel.figureTitle().contains("minus linear"),
                 qPrintable(panel.figureTitle()));
        const RopeAudit a = auditOf(*panel.session(), RopeKind::Yarn),
                        b = auditOf(*panel.session(), RopeKind::Linear);
        int unlike = 0;
        for (const LoaderVerdict& ofA : a.loaders) {
            const LoaderVerdict& ofB = b.of(ofA.loaded.loader);
            const QString name = QLatin1String(ropeLoaderName(ofA.loaded.loader));
            if (!ofA.loaded.table || !ofB.loaded.table) continue;
            QCOMPARE(cell(panel.tableModel(), name, "phase_error_a").toDouble(), ofA.phaseError);
            QCOMPARE(cell(panel.tableModel(), name, "phase_error_b").toDouble(), ofB.phaseError);
            QCOMPARE(cell(panel.tableModel(), name, "phase_error_difference").toDouble(),
                     ofA.phaseError - ofB.phaseError);
            QCOMPARE(cell(panel.tableModel(), name, "attention_factor_difference").toDouble(),
                     ofA.loaded.table->attentionFactor - ofB.loaded.table->attentionFactor);
            unlike += ofA.loaded.table->attentionFactor != ofB.loaded.table->attentionFactor;
        }
        QVERIFY(unlike > 0);
        // by pair, in the plot and in the table
        QCOMPARE(panel.setOption("value", "ratio"), QString());
        panel.ensureFresh();
        const LinePlot::Series& ours = panel.plot()->series().front();
        QVERIFY(ours.name.startsWith("qroar"));
        ResultTableModel* pairs = panel.tables()[1].model;
        const int pairCount = panel.session()->model.pairs();
        for (int pair = 0; pair < pairCount; ++pair) {
            const auto at = static_cast<std::size_t>(pair);
            QCOMPARE(ours.y[at], a.ours.omega[at] / a.ours.plain[at] - b.ours.omega[at] / b.ours.plain[at]);
            const LoaderTable& first = a.loaders.front().loaded;
            const auto in = [&](const char* column) {
                return pairs->index(pair, pairs->columnOf(QLatin1String(column)))
                    .data(ResultTableModel::valueRole)
                    .toDouble();
            };
            QCOMPARE(in("omega_a"), first.table->omega[at]);
            QCOMPARE(in("omega_difference"),
                     first.table->omega[at] - b.of(first.loader).loaded.table->omega[at]);
        }
        // B by itself
        chosen.compare = CompareMode::B;
        selection.setSelection(chosen);
        panel.ensureFresh();
        QCOMPARE(panel.audit()->ours.spec.kind, RopeKind::Linear);
        QVERIFY2(panel.figureTitle().contains("B, linear"), qPrintable(panel.figureTitle()));
        // a typed spec is A's
        panel.specEdit()->setText("ntk:4");
        emit panel.specEdit()->editingFinished();
        chosen.compare = CompareMode::Difference;
        selection.setSelection(chosen);
        QVERIFY2(panel.figureTitle().contains("ntk:4 minus linear"), qPrintable(panel.figureTitle()));
        for (const char* suffix : {"svg", "csv"}) {
            const QTemporaryDir folder;
            QString error;
            QVERIFY2(panel.exportTo(folder.filePath(QStringLiteral("x.") + suffix), &error),
                     qPrintable(error));
        }
    }

    void checkpointsOfTwoSessions() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(test::makeSyntheticSession());
        panel.setOther(trappedSession(), QStringLiteral("b.h5"));
        Selection chosen;
        chosen.condition = chosen.conditionB = 0;
        chosen.compare = CompareMode::Difference;
        selection.setSelection(chosen);
        panel.ensureFresh();
        QVERIFY2(panel.emptyText().isEmpty(), qPrintable(panel.emptyText()));
        QVERIFY2(panel.figureTitle().contains("b.h5"), qPrintable(panel.figureTitle()));
        QCOMPARE(cell(panel.tableModel(), "llama.cpp", "status_a").toString(), QStringLiteral("same"));
        QVERIFY(cell(panel.tableModel(), "llama.cpp", "status_b").toString().startsWith("differs"));
        QVERIFY2(panel.summary().contains("loaders have another verdict"), qPrintable(panel.summary()));
        chosen.compare = CompareMode::B;
        selection.setSelection(chosen);
        panel.ensureFresh();
        QCOMPARE(panel.audit()->ours.spec.kind, RopeKind::Yarn);
        test::SyntheticOptions small;
        small.pairs = 4;
        small.bands = 2;
        panel.setOther(test::makeSyntheticSession(small), QStringLiteral("small.h5"));
        chosen.compare = CompareMode::Difference;
        selection.setSelection(chosen);
        QVERIFY2(panel.emptyText().contains("of 4 pairs"), qPrintable(panel.emptyText()));
    }

    void numbersAreShort() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession()); // of yarn:8 the usual factor is 0.1 ln 8 + 1
        panel.ensureFresh();
        QString said = panel.summary();
        for (int row = 0; row < panel.findings()->count(); ++row) said += panel.findings()->item(row)->text();
        QVERIFY2(said.contains("1.20794:"), qPrintable(said));
        QVERIFY2(!said.contains("1.2079441"), qPrintable(said));
        // all digits are in the tool tip and in the file
        auto* table = qobject_cast<ResultTableModel*>(panel.tableModel());
        const auto index = table->index(rowOf(*table, "llama.cpp"), table->columnOf("attention_factor"));
        QCOMPARE(index.data().toString(), QStringLiteral("1.208"));
        QCOMPARE(index.data(Qt::ToolTipRole).toString(), QStringLiteral("1.2079441541679836"));
        QVERIFY(table->toCsv({}).contains("1.2079441541679836"));
    }

    void ggufFilesByTheirFormat() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        auto session = std::make_shared<Session>(*trappedSession());
        session->modelFormat = "GGUF 3";
        panel.setSession(session);
        panel.ensureFresh();
        QCOMPARE(cell(panel.tableModel(), "llama.cpp", "status").toString(), QStringLiteral("same"));
        QCOMPARE(cell(panel.tableModel(), "vllm", "status").toString(), QStringLiteral("differs"));
    }

    void nothingScrollsInWhatScrolls() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession());
        panel.resize(900, 600);
        panel.show();
        panel.ensureFresh();
        const auto bars = [&panel] {
            QCoreApplication::processEvents();
            QCoreApplication::processEvents();
            int visible = 0;
            for (const auto* bar : panel.findChildren<QScrollBar*>()) visible += bar->isVisible() ? 1 : 0;
            return visible;
        };
        QVERIFY(panel.findings()->count() > 1);
        for (const QSize& size : {QSize(900, 600), QSize(900, 300), QSize(900, 200), QSize(600, 240),
                                  QSize(300, 260), QSize(240, 170), QSize(900, 260), QSize(1200, 700)}) {
            panel.resize(size);
            QTRY_VERIFY2(bars() <= 1, qPrintable(QString("%1 x %2").arg(size.width()).arg(size.height())));
            // All findings are there, whole.
            const QRect last =
                panel.findings()->visualItemRect(panel.findings()->item(panel.findings()->count() - 1));
            QVERIFY2(last.bottom() <= panel.findings()->viewport()->height(),
                     qPrintable(QString("%1 x %2: %3 of %4")
                                    .arg(size.width())
                                    .arg(size.height())
                                    .arg(last.bottom())
                                    .arg(panel.findings()->viewport()->height())));
        }
        panel.resize(900, 700);
        QCOMPARE(bars(), 0);
    }

    void emptyStatesSayWhatToDo() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        QVERIFY(panel.emptyText().contains("Open a model"));
        panel.copyFlags();
        QCOMPARE(clipboard(), QString());
        panel.setSession(trappedSession());
        panel.specEdit()->setText("yarm:8");
        emit panel.specEdit()->editingFinished();
        panel.ensureFresh();
        QVERIFY2(panel.emptyText().contains("yarm"), qPrintable(panel.emptyText()));
        QVERIFY(!panel.audit());
        QVERIFY(!panel.setOption("spec", "yarm:8").isEmpty());
        panel.specEdit()->clear();
        emit panel.specEdit()->editingFinished();
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
    }

    void aRowSelectsItsPair() {
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession());
        panel.ensureFresh();
        emit panel.plot()->seriesClicked(0, 5.2);
        QCOMPARE(selection.selection().pair, 5);
    }

    void figuresAndTablesAreWritten() {
        QTemporaryDir folder;
        SelectionModel selection;
        RopeAuditPanel panel(&selection);
        panel.setSession(trappedSession());
        for (const char* suffix : {"png", "svg", "pdf", "csv"}) {
            QString error;
            const QString path = folder.filePath(QStringLiteral("audit.") + QLatin1String(suffix));
            QVERIFY2(panel.exportTo(path, &error), qPrintable(error));
            QVERIFY(QFileInfo(path).size() > 300);
        }
    }
};

QTEST_MAIN(TestWidgetsRopeAudit)
#include "test_widgets_rope_audit.moc"
