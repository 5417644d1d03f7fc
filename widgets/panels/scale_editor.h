// ScaleEditor: gains by hand. A slider and a spin box for gQ and gK of every band, for the whole model or for
// the selected layer, alone or in gangs, shared or mirrored, and what they would do to the loss: at once, to
// first order, from the gradients that the session holds. It holds no truth: it shows the GainEdit it is
// given and says what the user wants. Not here: undo, exact evaluation, the list (app/gui/scales,
// what_if_list.h).
#pragma once

#include "core/diagnostics/gain_prediction.h"
#include "core/rope/band_layout.h"
#include "core/scales/gain_edit.h"
#include "core/session/session.h"
#include "widgets/common/selection_model.h"

#include <QElapsedTimer>
#include <QPointer>
#include <QWidget>

#include <memory>
#include <optional>
#include <vector>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLayout;
class QMenu;
class QProgressBar;
class QPushButton;
class QScrollArea;
class QStackedWidget;
class QToolButton;
class QVBoxLayout;

namespace qroar {

class ScaleEditorRow;

class ScaleEditor : public QWidget {
    Q_OBJECT
  public:
    explicit ScaleEditor(SelectionModel* selection, QWidget* parent = nullptr);

    /// Null shows the empty state. Takes its bands.
    void setSession(std::shared_ptr<const Session> session);
    void setBands(const BandPartition& bands);
    /// What is shown from now on; nothing is emitted.
    void setEdit(const GainEdit& edit);
    /// Why an exact evaluation cannot start (no model, no documents, something else runs); empty: it can.
    void setProblem(const QString& problem);
    /// An exact evaluation runs: percent done, or -1 when it ended.
    void setProgress(int percent, const QString& text = {});

    [[nodiscard]] const GainEdit& edit() const { return edit_; }
    /// What is predicted and measured for: the selected condition, or its twin without gains; null without.
    [[nodiscard]] std::shared_ptr<const ConditionResult> condition() const;
    /// Of the gains shown; absent when the condition has no gradients.
    /// Of the gains being set, also while nothing of it is on screen.
    [[nodiscard]] const std::optional<GainPrediction>& prediction();
    [[nodiscard]] QString predictionText(); ///< as it is on screen

    // For tests and for who restores a state.
    void setLayerScope(bool selectedLayer);
    void setLink(GainLink link);
    void setGang(bool on);
    void setRange(double least, double most);
    [[nodiscard]] ScaleEditorRow* row(int band) const { return rows_[static_cast<std::size_t>(band)]; }
    [[nodiscard]] int rowCount() const { return static_cast<int>(rows_.size()); }

  signals:
    /// The user moved something. Edits of the same `gesture` that follow each other are one undo step.
    void edited(const qroar::GainEdit& next, const QString& text, const QString& gesture);
    void evaluateRequested();
    void cancelRequested();
    void pinRequested(); ///< keep gains and prediction in the list without an evaluation

  public:
    [[nodiscard]] QSize sizeHint() const override;

  protected:
    void showEvent(QShowEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void buildHead(QVBoxLayout* column);
    void buildChoices(); ///< scope, link, gang, what to start from
    [[nodiscard]] QLayout* buildRange();
    void buildFoot(QVBoxLayout* column);
    void makeRows();
    void refresh(); ///< rows, notes, prediction; later, while hidden
    void showPrediction();
    void showPredictionInSight();
    void showNotes();
    void fillStart(); ///< the menu of what to start from
    void moved(int band, bool key, double value, bool held);
    void begin(const QString& control);
    void ask(const GainEdit& next, const QString& text);
    void rangeFromWindows();
    [[nodiscard]] int layer() const; ///< of the scope; -1: the whole model
    [[nodiscard]] GainLink link() const;
    [[nodiscard]] QString bandName(int band) const;
    [[nodiscard]] QString whyNoPrediction() const;

    QPointer<SelectionModel> selection_;
    std::shared_ptr<const Session> session_;
    BandPartition bands_;
    GainEdit edit_;
    std::optional<GainPrediction> prediction_;
    std::shared_ptr<const ConditionResult>
        predictedFor_; ///< with predictedOf_, what prediction_ follows from
    GainEdit predictedOf_;
    std::vector<ScaleEditorRow*> rows_;
    QElapsedTimer clock_; ///< since the last move
    QString control_;     ///< that moved
    int gesture_ = 0;
    bool stale_ = false, rangeTouched_ = false, running_ = false;
    QString problem_;

    QStackedWidget* pages_ = nullptr;
    QLabel *empty_ = nullptr, *note_ = nullptr, *differs_ = nullptr, *change_ = nullptr, *detail_ = nullptr,
           *warning_ = nullptr, *problemLabel_ = nullptr;
    QComboBox *scope_ = nullptr, *link_ = nullptr;
    QCheckBox* gang_ = nullptr;
    QScrollArea* scroll_ = nullptr;
    QPushButton* start_ = nullptr;
    QToolButton* windows_ = nullptr;
    QMenu* startMenu_ = nullptr;
    QDoubleSpinBox *least_ = nullptr, *most_ = nullptr;
    QVBoxLayout* rowColumn_ = nullptr;
    QPushButton *evaluate_ = nullptr, *pin_ = nullptr, *reset_ = nullptr;
    QProgressBar* progress_ = nullptr;
};

/// "−0.0123 nats a token (perplexity −1.22 %)".
QString nllChangeText(double change);

} // namespace qroar
