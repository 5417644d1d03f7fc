// SetupPanel: what it makes of what is typed, and what it says when that cannot run.
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/setup/setup_panel.h"
#include "tests/support/synthetic_session.h"

#include <QLabel>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

using namespace qroar;

namespace {

QLineEdit* field(const SetupPanel& panel, const QString& name) {
    for (auto* edit : panel.findChildren<QLineEdit*>())
        if (edit->accessibleName() == name) return edit;
    return nullptr;
}

QToolButton* chip(const SetupPanel& panel, const QString& text) {
    for (auto* button : panel.findChildren<QToolButton*>())
        if (button->text() == text) return button;
    return nullptr;
}

QPushButton* runButton(const SetupPanel& panel) {
    return panel.findChild<QPushButton*>("runButton");
}

QString problems(const SetupPanel& panel) {
    QStringList texts;
    for (const auto* label : panel.findChildren<QLabel*>("problem"))
        if (!label->isHidden()) texts << label->text();
    return texts.join('\n');
}

/// An open model of which only the config matters.
struct ConfigOnlyModel : Model {
    ConfigOnlyModel() {
        config_.architecture = "LlamaForCausalLM";
        config_.layers = 2;
        config_.heads = 4;
        config_.kvHeads = 2;
        config_.headDim = config_.rotaryDim = 16;
        config_.vocabSize = 32;
        config_.maxPositions = 128;
        fingerprint_ = "model";
    }
};

/// One whose first query projection is stored as codes.
struct QuantizedStub : ConfigOnlyModel {
    QuantizedStub() {
        layers_.resize(2);
        StoredQuant stored;
        stored.shape = {64, 64, 4, 32};
        layers_[0].stored[0] = stored;
    }
};

OpenedModel openModelStub() {
    OpenedModel opened;
    opened.model = std::make_shared<const ConfigOnlyModel>();
    opened.tokenizerProblem = "no tokenizer.json";
    return opened;
}

SharedDocuments documentsOf(int tokens) {
    Document document;
    document.name = "a.u16";
    document.fingerprint = "text";
    document.tokens.resize(static_cast<std::size_t>(tokens), 1);
    return std::make_shared<const std::vector<Document>>(1, document);
}

void makeReady(SetupPanel& panel) {
    panel.setModelPath("/models/m");
    panel.showModel(openModelStub());
    panel.setDocuments({"/texts/a.u16"});
    panel.showDocuments(documentsOf(1000));
}

} // namespace

class TestSetupPanel : public QObject {
    Q_OBJECT

  private slots:
    void contexts_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("expected"); // numbers, or a part of the message
        QTest::addColumn<bool>("valid");
        QTest::newRow("two") << "256, 1024"
                             << "256 1024" << true;
        QTest::newRow("sorted, unique, spaces") << " 1024 ,256,1024, "
                                                << "256 1024" << true;
        QTest::newRow("word") << "256, lots"
                              << "\"lots\": expected a whole number" << false;
        QTest::newRow("fraction") << "256.5"
                                  << "expected a whole number" << false;
        QTest::newRow("too small") << "1"
                                   << "context 1: expected at least 2" << false;
        QTest::newRow("negative") << "-256"
                                  << "expected at least 2" << false;
        QTest::newRow("huge") << "99999999999"
                              << "expected at most" << false;
        QTest::newRow("beyond any integer") << "99999999999999999999999"
                                            << "whole number" << false;
        QTest::newRow("nothing") << "  "
                                 << "no context length" << false;
        QTest::newRow("commas") << ",,,"
                                << "no context length" << false;
    }
    void contexts() {
        QFETCH(QString, text);
        QFETCH(QString, expected);
        QFETCH(bool, valid);
        const auto contexts = parseContexts(text);
        QCOMPARE(contexts.ok(), valid);
        if (!valid) {
            QVERIFY2(QString::fromStdString(contexts.error().message).contains(expected),
                     contexts.error().message.c_str());
            return;
        }
        QStringList numbers;
        for (const int context : *contexts) numbers << QString::number(context);
        QCOMPARE(numbers.join(' '), expected);
    }

    void saysWhatIsMissing() {
        SetupPanel panel;
        QVERIFY(!runButton(panel)->isEnabled());
        QVERIFY(panel.problem().contains("model"));
        panel.showModel(openModelStub());
        QVERIFY(panel.problem().contains("document"));
        panel.setDocuments({"/texts/a.u16"});
        panel.showDocuments(documentsOf(1000));
        QCOMPARE(panel.problem(), QString());
        QVERIFY(runButton(panel)->isEnabled());
        panel.setRopes({});
        QVERIFY(panel.problem().contains("RoPE"));
        panel.setRopes({"none"});
        panel.setQuants({});
        QVERIFY(panel.problem().contains("weight variant"));
        panel.setQuants({"none"});
        field(panel, "Context lengths in tokens")->setText("abc");
        QVERIFY(panel.problem().contains("context"));
        QVERIFY(problems(panel).contains("abc"));
        QVERIFY(!runButton(panel)->isEnabled());
    }

    void specsAreCheckedWhileTyped() {
        SetupPanel panel;
        makeReady(panel);
        panel.show();
        QLineEdit* rope = field(panel, "Another RoPE spec");
        QTest::keyClicks(rope, "yarn:-1");
        QVERIFY(!problems(panel).isEmpty());
        QVERIFY(!runButton(panel)->isEnabled());
        rope->clear();
        QCOMPARE(problems(panel), QString());
        QVERIFY(runButton(panel)->isEnabled());
        QTest::keyClicks(rope, "YARN?");
        QTest::keyClick(rope, Qt::Key_Return); // refused: nothing is added
        QCOMPARE(rope->text(), QString("YARN?"));
        rope->clear();
        QTest::keyClicks(rope, "yarn:8:beta_fast=16");
        QTest::keyClick(rope, Qt::Key_Return);
        QCOMPARE(rope->text(), QString());
        QVERIFY(chip(panel, "yarn:8:beta_fast=16"));
        QCOMPARE(panel.request().ropes.back().text(), std::string("yarn:8:beta_fast=16"));
    }

    void quantizersThatCannotRunAreRefusedByName() {
        SetupPanel panel;
        makeReady(panel);
        panel.show();
        QLineEdit* quant = field(panel, "Another weight variant");
        QTest::keyClicks(quant, "stored");
        QVERIFY2(problems(panel).contains("stored"), qPrintable(problems(panel)));
        QVERIFY(!runButton(panel)->isEnabled());
        quant->clear();
        for (const char* calibrated : {"awq:4:g128", "gptq:4:g64:act"}) {
            QTest::keyClicks(quant, calibrated);
            QTest::keyClick(quant, Qt::Key_Return);
            QCOMPARE(panel.request().quants.back().text(), std::string(calibrated));
        }
        QTest::keyClicks(quant, "rtn:4:g32:sym");
        QTest::keyClick(quant, Qt::Key_Return);
        QCOMPARE(panel.request().quants.back().text(), std::string("rtn:4:g32:sym"));
    }

    void quantizedModelsRunAsStored() {
        SetupPanel panel;
        makeReady(panel);
        panel.show();
        QCOMPARE(panel.request().quants.size(), std::size_t{2});
        OpenedModel opened = openModelStub();
        opened.model = std::make_shared<const QuantizedStub>();
        panel.showModel(opened);
        QCOMPARE(panel.request().quants.size(), std::size_t{1});
        QCOMPARE(panel.request().quants.front().text(), std::string("stored"));
        QVERIFY(chip(panel, "stored") && !chip(panel, "rtn:4:g64") && !chip(panel, "rtn:4:g128"));
        bool described = false;
        for (const auto* label : panel.findChildren<QLabel*>())
            described = described || label->text().contains("GPTQ, 4 bits, groups of 32");
        QVERIFY(described);
        QLineEdit* quant = field(panel, "Another weight variant");
        QTest::keyClicks(quant, "rtn:4:g64");
        QVERIFY2(problems(panel).contains("use --quant stored"), qPrintable(problems(panel)));
        quant->clear();
        panel.showModel(openModelStub()); // and back
        QCOMPARE(panel.request().quants.size(), std::size_t{2});
        QVERIFY(chip(panel, "rtn:4:g64") && !chip(panel, "stored"));
        // A choice that the new model can run stays.
        panel.setQuants({"rtn:3:row"});
        panel.showModel(openModelStub());
        QCOMPARE(panel.request().quants.size(), std::size_t{1});
        QCOMPARE(panel.request().quants.front().text(), std::string("rtn:3:row"));
    }

    void addedChipsCanBeRemovedPresetsCannot() {
        SetupPanel panel;
        makeReady(panel);
        panel.show();
        panel.setRopes({"none", "yarn:16"});
        QTest::keyClick(chip(panel, "yarn:16"), Qt::Key_Delete);
        QVERIFY(!chip(panel, "yarn:16"));
        QTest::keyClick(chip(panel, "none"), Qt::Key_Delete);
        QVERIFY(chip(panel, "none"));
    }

    void presetsFollowTheFactor() {
        SetupPanel panel;
        panel.setRopes({"none", "yarn:4"});
        auto* factor = panel.findChildren<QSpinBox*>().first();
        QCOMPARE(factor->accessibleName(), QString("Scaling factor of the RoPE presets"));
        factor->setValue(8);
        QVERIFY(chip(panel, "yarn:8"));
        QVERIFY(chip(panel, "yarn:8")->isChecked());
        QVERIFY(!chip(panel, "yarn:4"));
        QVERIFY(chip(panel, "linear:8") && !chip(panel, "linear:8")->isChecked());
    }

    void contextsAreSuggestedUntilTheUserWritesSome() {
        SetupPanel panel;
        panel.showModel(openModelStub()); // trained for 128
        QCOMPARE(panel.request().contexts, (std::vector<int>{128, 512}));
        panel.showDocuments(documentsOf(300));
        QCOMPARE(panel.request().contexts, (std::vector<int>{128}));
        QLineEdit* contexts = field(panel, "Context lengths in tokens");
        contexts->selectAll();
        QTest::keyClicks(contexts, "64");
        panel.showDocuments(documentsOf(3000));
        QCOMPARE(panel.request().contexts, (std::vector<int>{64}));
    }

    void estimateAndItsErrorsAreShown() {
        SetupPanel panel;
        makeReady(panel);
        AnalysisEstimate estimate;
        estimate.seconds = 65;
        estimate.peakBytes = 3 << 20;
        estimate.tokens = 12345;
        estimate.notes = {"b.txt: 10 tokens, too short for context 128: left out there"};
        panel.showEstimate(estimate);
        const auto shown = [&panel](const QString& text) {
            for (const auto* label : panel.findChildren<QLabel*>())
                if (label->text().contains(text)) return true;
            return false;
        };
        QVERIFY(shown("1:05"));
        QVERIFY(shown("3.0 MiB"));
        QVERIFY(shown("12,345"));
        QVERIFY(shown("too short"));
        panel.showEstimateProblem("context 4096: no document is long enough");
        QVERIFY(problems(panel).contains("long enough"));
        QVERIFY(!runButton(panel)->isEnabled());
        panel.setContexts({128}); // any change asks again
        QVERIFY(runButton(panel)->isEnabled());
    }

    void runSaysWhatIsLeft() {
        SetupPanel panel;
        makeReady(panel);
        panel.setRopes({"none", "yarn:4"});
        panel.setQuants({"none"});
        panel.setContexts({64, 128});
        panel.setDone(0, {});
        QVERIFY(runButton(panel)->text().contains("4"));
        panel.setDone(3, {});
        QVERIFY(runButton(panel)->text().contains("1 more"));
        panel.setDone(4, {});
        QVERIFY(!runButton(panel)->isEnabled());
        panel.setDone(0, "the open session used other documents");
        QVERIFY(runButton(panel)->isEnabled());
        QVERIFY(runButton(panel)->toolTip().contains("other documents"));
    }

    void documentsCanBeAddedOnceAndRemoved() {
        SetupPanel panel;
        QSignalSpy chosen(&panel, &SetupPanel::documentsChosen);
        panel.addDocuments({"/a.txt", "/b.txt", "/a.txt"});
        QCOMPARE(panel.request().documents, (QStringList{"/a.txt", "/b.txt"}));
        auto* list = panel.findChild<QListWidget*>();
        list->setCurrentRow(0);
        QTest::keyClick(list, Qt::Key_Delete);
        // the list's own shortcut needs an active window; the button does the same
        if (list->count() == 2) QTest::mouseClick(chip(panel, "Remove"), Qt::LeftButton);
        QCOMPARE(panel.request().documents, (QStringList{"/b.txt"}));
        QCOMPARE(chosen.last().first().toStringList(), (QStringList{"/b.txt"}));
    }

    void gradientsAreAskedForAndRemembered() {
        SetupPanel panel;
        auto* box = panel.findChild<QCheckBox*>(QStringLiteral("gradients"));
        QVERIFY(box && !panel.request().gradients);
        QSignalSpy changed(&panel, &SetupPanel::requestChanged);
        box->click();
        QVERIFY(panel.request().gradients);
        QVERIFY(changed.count() > 0); // the estimate is out of date
        panel.setRequest(SetupRequest{});
        QVERIFY(!box->isChecked());
        test::SyntheticOptions options;
        QVERIFY(requestOf(*test::makeSyntheticSession(options), {}).gradients);
        options.gradients = false;
        QVERIFY(!requestOf(*test::makeSyntheticSession(options), {}).gradients);
    }

    /// Divergence and noise have boxes, ask for themselves, and come back with a session that has them.
    void divergenceAndNoiseAreAskedForAndRemembered() {
        SetupPanel panel;
        for (const auto& [name, asked, option] :
             {std::tuple{"divergence", &SetupRequest::divergence, " --divergence "},
              std::tuple{"noise", &SetupRequest::noise, " --noise "}}) {
            auto* box = panel.findChild<QCheckBox*>(QLatin1String(name));
            QVERIFY2(box && !(panel.request().*asked), name);
            QVERIFY(!box->toolTip().isEmpty());
            QSignalSpy changed(&panel, &SetupPanel::requestChanged);
            box->click();
            const SetupRequest request = panel.request();
            QVERIFY2(request.*asked && changed.count() > 0, name);
            QVERIFY(reproduceCommand(request).find(option) != std::string::npos);
            panel.setRequest(SetupRequest{});
            QVERIFY(!box->isChecked());
            panel.setRequest(request);
            QVERIFY2(box->isChecked(), name);
            box->click();
        }
        SetupRequest wanted;
        QVERIFY(!makePlan(wanted, nullptr, nullptr).divergence);
        wanted.divergence = true;
        QVERIFY(makePlan(wanted, nullptr, nullptr).divergence);
        Session session = *test::makeSyntheticSession();
        auto without = std::make_shared<ConditionResult>(*session.conditions.back());
        without->divergence.clear();
        session.conditions = {without};
        QVERIFY(!requestOf(session, {}).divergence);
        auto with = std::make_shared<ConditionResult>(*without);
        with->divergence.resize(1);
        session.conditions = {with};
        QVERIFY(requestOf(session, {}).divergence);
    }

    void commandIsQuotedForAShell() {
        SetupRequest request;
        request.modelPath = "/models/my model";
        request.documents = {"/texts/it's.txt", "/texts/plain.txt"};
        request.contexts = {64, 128};
        request.ropes = {*RopeSpec::parse("none"), *RopeSpec::parse("yarn:4")};
        request.quants = {*QuantSpec::parse("rtn:4:g64")};
        request.maxWindows = 3;
        request.groupPerKvHead = request.gradients = true;
        QCOMPARE(QString::fromStdString(reproduceCommand(request)),
                 QString("qroar analyze '/models/my model' --text '/texts/it'\\''s.txt' /texts/plain.txt "
                         "--contexts 64,128 --rope none,yarn:4 --quant rtn:4:g64 --max-windows 3 --bands 8 "
                         "--per-kv-head --gradients -o run.h5"));
    }

    void continuingIsRefusedWithTheReason() {
        const auto session = test::makeSyntheticSession();
        AnalysisPlan plan;
        plan.model = std::make_shared<const ConfigOnlyModel>();
        plan.documents = documentsOf(10);
        QVERIFY(whyNotContinued(*session, plan).contains("another model"));
        Session same = *session;
        same.modelFingerprint = "model";
        QVERIFY(whyNotContinued(same, plan).contains("other documents"));
        same.documents = {{"a.u16", "/texts/a.u16", "text", 10}};
        same.maxWindows = 5;
        QVERIFY(whyNotContinued(same, plan).contains("window limit"));
        plan.maxWindows = 5;
        QCOMPARE(whyNotContinued(same, plan), QString());
        plan.groupPerKvHead = true;
        QVERIFY(whyNotContinued(same, plan).contains("heads"));
    }

    void droppedPathsAreSorted() {
        const DroppedPaths paths = sortDropped({"/x/run.h5", "/x/m.safetensors", "/x/a.txt", "/x/b.u16"});
        QCOMPARE(paths.session, QString("/x/run.h5"));
        QCOMPARE(paths.model, QString("/x/m.safetensors"));
        QCOMPARE(paths.documents, (QStringList{"/x/a.txt", "/x/b.u16"}));
        QCOMPARE(sortDropped({"/x/m.gguf"}).model, QString("/x/m.gguf"));
        QVERIFY(sortDropped({}).empty());
    }
};

QTEST_MAIN(TestSetupPanel)
#include "test_setup_panel.moc"
