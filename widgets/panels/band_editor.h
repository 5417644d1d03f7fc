// BandEditor: everything that can be done to bands without the mouse in a plot: a table of their names,
// colours and edges, buttons to split, merge and paint, and presets. It owns no bands: it says what they
// should become (edited()) and is told what they are. Not here: undo (app/gui/workspace.h), dragging
// (spectrum_plot.h).
#pragma once

#include "core/session/session.h"
#include "widgets/common/selection_model.h"

#include <QHash>
#include <QWidget>

#include <memory>

class QLabel;
class QLineEdit;
class QMenu;
class QPushButton;
class QSpinBox;
class QTableView;

namespace qroar {

class BandEditorModel;

class BandEditor : public QWidget {
    Q_OBJECT
  public:
    explicit BandEditor(SelectionModel* selection, QWidget* parent = nullptr);

    /// Null shows what to do instead. Takes the session's bands.
    void setSession(const std::shared_ptr<const Session>& session);
    void setModelOpen(bool open); ///< changes what to do instead
    void setBands(const BandPartition& bands);
    void setStyles(const BandStyles& styles); ///< before the setBands() of the same change
    [[nodiscard]] BandEditorModel* model() const { return model_; }
    [[nodiscard]] QTableView* table() const { return table_; }

    [[nodiscard]] int band() const;                 ///< selected, clamped; -1 without bands
    void rename(int band);                          ///< opens the editor of its name
    void setColour(int band, const QColor& colour); ///< invalid: the default of its index
    /// In front of the selected pair where that lies in the band, else in its middle.
    void split();
    /// With the band after it, the last one with the band before.
    void merge();
    void makeEqual(int count);
    void makeYarnZones();
    void makeWavelengthThirds();
    /// "0,4,9"; what is wrong is said below the field.
    void setEdges(const QString& text);

    [[nodiscard]] QSize sizeHint() const override { return {380, 420}; }

  signals:
    /// `text` for the undo stack; edits with the same `run` that follow each other are one step.
    void edited(const qroar::BandLayout& after, const QString& text, const QString& run);

  protected:
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override; ///< the table's size

  private:
    void buildTable();
    void
    fitColumns(); ///< into the table: titles give way, then names, then the last digits, all with tool tips
    [[nodiscard]] int widthOf(int column); ///< of the widest cell
    [[nodiscard]] QWidget* buildButtons();
    [[nodiscard]] QWidget* buildPresets();
    void buildColourMenu();
    void applyZones(const ZoneLayout& zones, const QStringList& names, const QString& text);
    [[nodiscard]] FrequencyTable frequencies() const; ///< of the selected condition, else of the model
    void update(const BandLayout& layout);
    void followSelection();
    void updateButtons();

    SelectionModel* selection_;
    std::shared_ptr<const Session> session_;
    BandEditorModel* model_;
    QTableView* table_;
    QLabel *empty_, *problem_ = nullptr;
    QWidget* body_;
    QMenu* colours_ = nullptr;
    QPushButton *splitButton_ = nullptr, *mergeButton_ = nullptr, *colourButton_ = nullptr,
                *yarnButton_ = nullptr, *thirdsButton_ = nullptr;
    QSpinBox* count_ = nullptr;
    QLineEdit* edges_ = nullptr;
    bool following_ = false;
    QHash<int, int> widest_;                 ///< of columns, since the bands were others
    QHash<QPair<int, QString>, int> widths_; ///< of cells by column and text: a drag of an edge changes two
};

} // namespace qroar
