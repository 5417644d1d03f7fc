// The controls of one band in the scale editor: a logarithmic slider and a spin box each for gQ and gK, the
// effective gain as a number and a bar, a check box that makes the band part of the gang, and a reset. It
// shows what it is told and says what the user wants. Not here: what a move does (core/scales/gain_edit.h).
#pragma once

#include "core/scales/gain_edit.h"

#include <QSlider>
#include <QWidget>

#include <optional>

class QCheckBox;
class QDoubleSpinBox;
class QLabel;
class QToolButton;

namespace qroar {

/// A slider whose position is the logarithm of its value.
class LogSlider : public QSlider {
    Q_OBJECT
  public:
    explicit LogSlider(QWidget* parent = nullptr);
    void setLogRange(double least, double most);
    /// Without a signal; values outside stand at the end.
    void showGain(double gain);
    [[nodiscard]] double gain() const; ///< at the position

  signals:
    void gainChosen(double gain);

  protected:
    void wheelEvent(QWheelEvent* event) override; ///< only with the focus: the list is scrolled by it
    void paintEvent(QPaintEvent* event) override; ///< with a mark at 1

  private:
    double least_ = 0.5, most_ = 2;
};

/// A gain as a bar from 1, on the slider's logarithmic scale.
class GainBar : public QWidget {
    Q_OBJECT
  public:
    using QWidget::QWidget;
    void show(double gain, double least, double most);
    [[nodiscard]] double gain() const { return gain_; }
    [[nodiscard]] QSize sizeHint() const override { return {64, 10}; }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    double gain_ = 1, least_ = 0.25, most_ = 4;
};

class ScaleEditorRow : public QWidget {
    Q_OBJECT
  public:
    explicit ScaleEditorRow(int band, QWidget* parent = nullptr);

    struct Content {
        QString name, place;  ///< "band 3" or its own name; "pairs 9-12"
        BandGain value;       ///< set here
        BandGain total;       ///< with what it is on top of: what logits see
        bool differs = false; ///< a layer's own
        bool onTop = false;   ///< there is something below
        double least = 0.5, most = 2;
        double lowest = 1, highest = 1; ///< effective gains of its pairs
        bool operator==(const Content&) const = default;
    };
    void show(const Content& content);
    [[nodiscard]] bool inGang() const;
    void setInGang(bool on);
    void setGangShown(bool on);

    // For tests and for who puts the focus somewhere.
    [[nodiscard]] LogSlider* slider(bool key) const { return key ? k_.slider : q_.slider; }
    [[nodiscard]] QDoubleSpinBox* box(bool key) const { return key ? k_.box : q_.box; }
    [[nodiscard]] QToolButton* resetButton() const { return reset_; }
    [[nodiscard]] QString effectiveText() const;
    [[nodiscard]] QString spreadText() const; ///< empty while all pairs have the same gain

  protected:
    void changeEvent(QEvent* event) override;

  signals:
    /// `held`: a slider is being dragged.
    void moved(int band, bool key, double value, bool held);
    void pressed(int band, bool key); ///< a drag begins
    void released();
    void resetRequested(int band);

  private:
    struct Side {
        LogSlider* slider = nullptr;
        QDoubleSpinBox* box = nullptr;
    };
    Side makeSide(bool key);
    void showValues(const Content& content);

    int band_;
    QCheckBox* gang_ = nullptr;
    QLabel *name_ = nullptr, *effective_ = nullptr, *spread_ = nullptr;
    GainBar* bar_ = nullptr;
    Side q_, k_;
    QToolButton* reset_ = nullptr;
    std::optional<Content> shown_; ///< by the words: a drag of an edge changes those of two rows
};

} // namespace qroar
