// A prediction that ScaleEditor keeps while nothing it follows from changes: after whatever changed it is
// that of an editor that never knew another state.
#include "tests/support/synthetic_session.h"
#include "widgets/panels/scale_editor.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

class TestWidgetsScaleEditor : public QObject {
    Q_OBJECT
    SelectionModel selection_;
    std::unique_ptr<ScaleEditor> editor_;
    std::shared_ptr<const Session> session_;
    BandPartition bands_;
    GainEdit edit_;
    double last_ = 0;

    void open(const std::shared_ptr<const Session>& session) {
        session_ = session;
        bands_ = session->bands;
        editor_->setSession(session);
    }
    void set(const GainEdit& edit) {
        edit_ = edit;
        editor_->setEdit(edit);
    }
    void setGain(int layer, int band, const BandGain& gain) {
        GainEdit next = edit_;
        next.set(bands_, layer, band, gain);
        set(next);
    }
    enum Expected { Another, TheSame, None };
    /// The words are looked at first, as they are on screen.
    void compare(Expected expected);

  private slots:
    void init();
    void cleanup() { editor_.reset(); }
    void ofAnotherCondition();
    void ofAnotherSession();
    void ofOtherGainsAndBack();
    void ofOtherBands();
    void whileHidden();
    void ofAConditionWithoutGradientsAndBack();
};

void TestWidgetsScaleEditor::compare(Expected expected) {
    ScaleEditor fresh(&selection_);
    fresh.setSession(session_);
    fresh.setBands(bands_);
    fresh.setEdit(edit_);
    QCOMPARE(editor_->predictionText(), fresh.predictionText());
    const auto &shown = editor_->prediction(), &wanted = fresh.prediction();
    QCOMPARE(shown.has_value(), wanted.has_value());
    QCOMPARE(shown.has_value(), expected != None);
    if (!shown) return;
    QCOMPARE(shown->change, wanted->change);
    QVERIFY(shown->error == wanted->error);
    QCOMPARE(shown->largestLogGain, wanted->largestLogGain);
    QVERIFY((shown->change == last_) == (expected == TheSame));
    last_ = shown->change;
}

void TestWidgetsScaleEditor::init() {
    selection_.setSelection({});
    selection_.setCondition(2);
    editor_ = std::make_unique<ScaleEditor>(&selection_);
    editor_->resize(500, 700);
    editor_->show();
    QVERIFY(QTest::qWaitForWindowExposed(editor_.get()));
    last_ = 0;
    open(makeSyntheticSession());
    set(GainEdit(6, 16));
    compare(TheSame); // ones change nothing
    setGain(-1, 1, {1.2, 1.1});
    setGain(2, 3, {0.8, 1});
    compare(Another);
}

void TestWidgetsScaleEditor::ofAnotherCondition() {
    for (const int condition : {1, 9, 17, 3, 2}) { // no two neighbours of one length and quantizer
        selection_.setCondition(condition);
        compare(Another);
    }
    selection_.setCondition(5); // the same derivatives by another name
    compare(TheSame);
    selection_.setLayer(4);
    selection_.setBand(1);
    compare(TheSame);
}

void TestWidgetsScaleEditor::ofAnotherSession() {
    SyntheticOptions other;
    other.seed = 9;
    const auto first = session_, second = makeSyntheticSession(other);
    for (const auto& one : {second, first, second}) {
        open(one);
        compare(Another);
    }
    other.pairs = 8; // the gains fit it no longer, then do
    other.layers = 3;
    open(makeSyntheticSession(other));
    set(GainEdit(3, 8));
    setGain(-1, 0, {1.3, 1});
    compare(Another);
}

void TestWidgetsScaleEditor::ofOtherGainsAndBack() {
    const GainEdit before = edit_;
    const double was = last_;
    setGain(-1, 0, {1.5, 0.9});
    compare(Another);
    setGain(4, 0, {1, 1});
    compare(Another);
    set(before); // undone
    compare(Another);
    QCOMPARE(last_, was);
    set(GainEdit(6, 16)); // all of it undone
    compare(Another);
    QCOMPARE(last_, 0.0);
    set(before);
    compare(Another);
    setGain(2, 3, {0.8, 1}); // what it has already
    compare(TheSame);
}

void TestWidgetsScaleEditor::ofOtherBands() {
    for (const int count : {3, 5, 8}) {
        bands_ = BandPartition::equal(count, 16);
        editor_->setBands(bands_);
        compare(TheSame); // gains are of pairs
        setGain(-1, count - 1, {1 + 0.1 * count, 1});
        compare(Another);
    }
}

void TestWidgetsScaleEditor::whileHidden() {
    editor_->hide();
    setGain(-1, 2, {1.4, 1});
    compare(Another);
    selection_.setCondition(11);
    compare(Another);
    setGain(-1, 2, {1.1, 1});
    editor_->show();
    compare(Another);
}

void TestWidgetsScaleEditor::ofAConditionWithoutGradientsAndBack() {
    SyntheticOptions plain;
    plain.gradients = false;
    const auto first = session_;
    open(makeSyntheticSession(plain));
    compare(None);
    open(first);
    compare(TheSame);
    open(makeSyntheticSession(plain));
    compare(None);
    setGain(-1, 5, {0.7, 1});
    open(first);
    compare(Another);
}

QTEST_MAIN(TestWidgetsScaleEditor)
#include "test_widgets_scale_editor.moc"
