// DiagnosticPanel: what every view has in common: a session, a band partition and a selection that come in, a
// tool bar, a table twin, a one-line live summary, an empty state that says what to do, and export. Panels
// compute nothing heavy: they call core's pure functions on stored statistics, in the thread of the window,
// and only while they are in sight (one that is hidden or behind the tab of another catches up when it is
// shown or exported).
#pragma once

#include "core/session/session.h"
#include "widgets/common/selection_model.h"
#include "widgets/figures/figure_style.h"

#include <QAbstractItemModel>
#include <QImage>
#include <QPointer>
#include <QRectF>
#include <QWidget>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

class QAbstractButton;
class QBoxLayout;
class QComboBox;
class QDoubleSpinBox;
class QLineEdit;
class QMenu;
class QScrollArea;
class QSortFilterProxyModel;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace qroar {

class BasePlot;
class CompactComboBox;
class EmptyText;
class FlowArea;
class RefreshTurn;
class ResultTableModel;
class StepQueue;
class TextLine;
struct ColorMap;
struct Figure;

class DiagnosticPanel : public QWidget {
    Q_OBJECT
  public:
    ~DiagnosticPanel() override;

    /// Why a condition that was run for losses alone cannot show `what`, and what to do.
    [[nodiscard]] static QString noStatisticsText(const QString& condition, const QString& what);
    /// Null shows the empty state. Takes the session's bands unless the bands in force fit its pairs.
    virtual void setSession(std::shared_ptr<const Session> session);
    /// Re-aggregates from stored statistics. Ignored when it does not fit the session's pairs.
    virtual void setBands(const BandPartition& bands);
    /// What the bands are called and painted in. setSession() takes those of the session.
    void setBandStyles(const BandStyles& styles);
    [[nodiscard]] const BandStyles& bandStyles() const { return bandStyles_; }
    [[nodiscard]] QString bandName(int band) const; ///< "band 3", or its own name
    [[nodiscard]] const std::shared_ptr<const Session>& session() const { return session_; }
    /// Whose conditions Selection::conditionB is an index into; null: those of session(). `name` is what
    /// titles and legends call it (its file); empty: its model's. `provenance` as in setProvenance().
    /// `ownName` is what session() is called beside it.
    void setOther(std::shared_ptr<const Session> other, const QString& name = {},
                  const QString& provenance = {}, const QString& ownName = {});
    [[nodiscard]] const QString& ownName() const { return ownName_; }
    [[nodiscard]] const QString& otherName() const { return otherName_; }
    [[nodiscard]] const QString& otherProvenance() const { return otherProvenance_; }
    [[nodiscard]] const std::shared_ptr<const Session>& other() const { return other_; }
    [[nodiscard]] const BandPartition& bands() const { return bands_; }
    [[nodiscard]] SelectionModel* selectionModel() const { return selection_; }

    [[nodiscard]] QString title() const { return title_; }
    /// Title of exported figures: the panel's title and what is selected.
    [[nodiscard]] QString figureTitle();
    /// One sentence with the selected numbers, also given to assistive technology.
    [[nodiscard]] QString summary();
    /// What the empty state says; empty when there is something to see.
    [[nodiscard]] QString emptyText();
    /// The table twin; up to date when this returns. Owned by the panel.
    virtual QAbstractItemModel* tableModel();
    /// All tables of the panel: the twin first. The user chooses among them where there are several.
    struct Table {
        QString key, name; ///< for files and for the box that chooses; the key of the twin is empty
        ResultTableModel* model = nullptr;
        QStringList comments{}; ///< what a CSV file says first, beside the figure's title
    };
    [[nodiscard]] virtual std::vector<Table> tables(); ///< up to date
    bool exportTable(const Table& table, const QString& path, QString* error) const;

    /// What else the panel can show of the same condition, as words for files ("tir", "ip_raw"); empty: one
    /// thing only.
    [[nodiscard]] virtual QStringList variants() const { return {}; }
    [[nodiscard]] virtual QString variantPrefix() const {
        return {};
    } ///< what such a file's name begins with
    [[nodiscard]] virtual int variant() const { return 0; }
    virtual void setVariant(int /*index*/) {}
    /// False for views of something else, which are the same whatever condition is selected.
    [[nodiscard]] virtual bool followsCondition() const { return true; }
    /// Shows something of a session that holds a model and nothing else, too, and changes none of it.
    [[nodiscard]] virtual bool needsOnlyModel() const { return false; }
    /// What of a comparison is not drawn as asked for, in words; empty: nothing.
    [[nodiscard]] virtual QString comparisonNote() const { return {}; }

    /// A control of the panel by itself (not of the selection), in words that files and commands keep.
    struct Option {
        QString name;       ///< "metric", "curve", "scale"
        QString value;      ///< now
        QStringList values; ///< all there are; toggles have "off" and "on", numbers and free text none
        QString text;       ///< what it is, for people
        bool free = false;  ///< text that the user types
    };
    [[nodiscard]] QList<Option> options() const;
    /// Empty, or what is wrong: a name or value that there is not, and those there are.
    QString setOption(const QString& name, const QString& value);

    /// Writes the figure (.png .svg .pdf) or the table twin (.csv), by suffix, in the light export theme,
    /// with title and provenance. False with a message when there is nothing to show, the suffix is unknown
    /// or writing fails.
    bool exportTo(const QString& path, QString* error, const FigureStyle& style = {});
    /// Asks for a file name, beginning in `folder`, and exports there. A name without a suffix gets that of
    /// the chosen kind of file. The path; empty when nothing was written.
    QString saveAs(const QString& folder = {});
    /// The figure as exportTo draws it; null in the empty state. `scale` device pixels per logical pixel; 0:
    /// that of the style.
    [[nodiscard]] QImage renderFigure(const FigureStyle& style = {}, double scale = 0);
    /// For figures of several panels: what exportTo would draw. Up to date, and arranged for a file until
    /// endFigure().
    [[nodiscard]] Figure beginFigure();
    void endFigure() { arrangeForExport(false); }
    [[nodiscard]] QList<BasePlot*> plots() const;
    /// The chosen table (else the twin) as tab-separated text with all digits, a line of column keys first.
    [[nodiscard]] QString tableText();
    [[nodiscard]] QStringList tableComments() const; ///< what a CSV file says first: title and provenance
    void setProvenance(const QString& text) { provenance_ = text; }
    /// Lines: of the session, and of B's while that is another one.
    [[nodiscard]] QStringList provenance() const;
    /// Formula of what is shown, with its source: what the chosen entry of the panel's boxes says of itself;
    /// empty where none does.
    [[nodiscard]] QString formula() const;
    /// How the "i" button explains what is shown: its tool tip, asked for whenever that changes.
    void setHelpSource(std::function<QString(const DiagnosticPanel&)> source);
    /// Colours of sequential maps on screen and in files, instead of the theme's.
    void setSequentialMap(const ColorMap& map);
    void home(); ///< resets the zoom of every plot
    /// While on, dragging with the left button zooms into the plots instead of moving them.
    void setZoomMode(bool on);
    [[nodiscard]] bool zoomMode() const;
    void zoomBack(); ///< to the ranges before the last zoom, of every plot
    void zoomForward();
    void copyImage(const FigureStyle& style = {});
    void copyTable();
    /// Brings pending changes on screen now, visible or not.
    void ensureFresh();
    /// Nothing is pending: what is on screen is what the session says.
    [[nodiscard]] bool isFresh() const { return pending_ == 0; }
    /// It came into sight: up to date before it is painted, where `steps` have not done much already, else
    /// soon.
    void catchUp();
    /// Panels of a window that recompute one after the other; must outlive them. Without, each in an event of
    /// its own.
    void setSteps(StepQueue* steps);

  signals:
    /// For the status bar: what was saved.
    void message(const QString& text);
    /// What the user asked for and did not get.
    void failed(const QString& text);
    /// The dialog for figures is wanted; without a listener the panel asks for a file name itself.
    void figureWanted();
    /// The command that reproduces the figure is wanted on the clipboard.
    void commandWanted();
    /// The section of the handbook is wanted that explains what is shown.
    void helpRequested();

  protected:
    enum Change { SessionChanged = 1, BandsChanged = 2, SelectionChanged = 4, OptionsChanged = 8 };
    using Changes = int; ///< or-ed Change values

    DiagnosticPanel(const QString& title, SelectionModel* selection, QWidget* parent);

    /// Recomputes what `changes` made stale and calls showContent or showEmpty. Never called without a
    /// session.
    virtual void refresh(Changes changes) = 0;
    /// Sentence for the empty state without a session.
    [[nodiscard]] virtual QString noSessionText() const;
    /// The heading while there is nothing to show.
    [[nodiscard]] virtual QString emptyTitle() const { return title_; }
    /// Subclasses call this when one of their own controls changed.
    void invalidate(Changes changes);

    /// `content` is shown while there is something to see; where there is less room than its
    /// minimumSizeHint(), it scrolls.
    void setContent(QWidget* content);
    /// Part of the exported figure, at `place` (fractions of its area).
    void addFigurePart(BasePlot* plot, const QRectF& place = {0, 0, 1, 1});
    /// Parts that the view in force does not use are left out of figures.
    void useFigurePart(BasePlot* plot, bool used, const QRectF& place = {0, 0, 1, 1});
    void addControl(QWidget* control); ///< into the tool bar, left of the common buttons
    /// Makes a box (the value of entry i is keys[i]) or a checkable button part of options(). Setting it
    /// counts as the user's choice: activated() is emitted, or toggled().
    void addOption(const QString& name, QComboBox* box, const QStringList& keys);
    /// A box whose entries change: their texts are the values. `now` says which one is meant by what is
    /// chosen.
    void addOption(const QString& name, QComboBox* box, std::function<QString()> now);
    void addOption(const QString& name, QAbstractButton* toggle);
    void addOption(const QString& name, QDoubleSpinBox* number);
    /// Gives of a text what the panel takes of it, and says what is wrong with the rest.
    using TextReader = std::function<QString(const QString& text, QString* wrong)>;
    /// Free text. Setting it emits editingFinished(); what the reader does not take is no value.
    void addOption(const QString& name, QLineEdit* edit, TextReader reader);
    /// The figure's title is "title: detail"; on screen the detail (which condition) gets a line of its own
    /// where one line has no room.
    void showContent(const QString& title, const QString& detail, const QString& summary);
    void showEmpty(const QString& text);

    [[nodiscard]] const Selection& selection() const { return selection_->selection(); }
    /// The selected condition, or mostTellingCondition(); null without conditions.
    [[nodiscard]] std::shared_ptr<const ConditionResult> condition() const;
    [[nodiscard]] int conditionIndex() const;
    /// One of the two conditions that are compared.
    struct Side {
        std::shared_ptr<const Session> session;           ///< whose conditions `index` counts
        std::shared_ptr<const ConditionResult> condition; ///< null: nothing chosen
        int index = -1;
        QString name; ///< of the condition, with that of its session where it is another one
    };
    [[nodiscard]] Side sideA() const; ///< condition()
    [[nodiscard]] Side sideB() const; ///< Selection::conditionB
    [[nodiscard]] bool hasOtherSession() const { return other_ && other_ != session_; }
    [[nodiscard]] QString
    otherText() const; ///< what B's session is called: its file, its model where that differs
    /// What A's session is called in a difference from B's whose file has the same name; empty: no need.
    [[nodiscard]] QString ownText() const;
    /// Why A and B cannot be subtracted (no B, other numbers of layers or pairs); empty when they can.
    [[nodiscard]] QString whyNotComparable() const;
    [[nodiscard]] bool subtracts() const; ///< A - B is asked for and possible
    /// A or B, as asked for; A of a difference, and where B is asked for but cannot be shown.
    [[nodiscard]] Side shown() const;
    /// "A", or "A minus B" while subtracting: what titles say.
    [[nodiscard]] QString shownName() const;
    /// Bands and what they are called of shown(): bands(), or those of B's session while that is shown and
    /// has another number of pairs (where nothing can be edited).
    [[nodiscard]] const BandPartition& shownBands() const;
    [[nodiscard]] const BandStyles& shownBandStyles() const;
    [[nodiscard]] bool showsOtherBands() const { return &shownBands() != &bands_; }
    [[nodiscard]] ResultTableModel& table() { return *table_; }
    /// How the tables get what was just computed: at once while one is on screen, else when they are asked
    /// for. What `fill` reads stays as it is until the next refresh.
    void fillTablesBy(std::function<void()> fill);
    /// While tables() is asked for to list them on screen, where all that takes long may come later.
    [[nodiscard]] bool isListing() const { return listing_; }
    [[nodiscard]] int selectedLayer(int layers) const; ///< clamped
    [[nodiscard]] int selectedBand() const;            ///< clamped

    void showEvent(QShowEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    /// Before and after the figure is drawn for a file or the clipboard, where all parts are beside each
    /// other.
    virtual void arrangeForExport(bool /*exporting*/) {}
    /// What a panel has to offer first in the menu of its plots.
    virtual void extendPlotMenu(QMenu& /*menu*/, const QPoint& /*globalPosition*/) {}
    /// Row of the table twin that the user clicked.
    virtual void tableRowActivated(int row);

  private:
    void buildToolBar();
    void buildTitles(QBoxLayout& column);
    void buildTable();
    [[nodiscard]] bool isInSight() const;
    void updateIcons();
    void updateTexts(); ///< fits titles and summary to the width
    void updateHelp();
    void showPage();                     ///< the table or the content
    std::vector<Table> tablesToLookAt(); ///< tables() while isListing()
    void listTables();                   ///< fills the box that chooses one
    void chooseTable();
    void fillTables();                     ///< what fillTablesBy() put off
    [[nodiscard]] bool showsTable() const; ///< rather than the content
    [[nodiscard]] Table chosenTable();     ///< on screen, else the twin
    void showPlotMenu(const QPoint& globalPosition);
    void save();
    [[nodiscard]] Figure figure() const;

    QString title_, heading_, detail_, figureTitle_, summary_, emptyText_, provenance_, otherName_, ownName_,
        otherProvenance_;
    QPointer<SelectionModel> selection_;
    std::shared_ptr<const Session> session_, other_;
    BandPartition bands_, otherBands_; ///< the latter those of other_
    BandStyles bandStyles_;
    ResultTableModel* table_ = nullptr;
    QScrollArea* content_ = nullptr;
    std::vector<std::pair<BasePlot*, QRectF>> parts_;
    std::vector<BasePlot*> unused_; ///< of parts_
    struct OptionControl {
        QString name;
        QComboBox* box = nullptr; ///< or
        QAbstractButton* toggle = nullptr;
        QStringList keys;
        QDoubleSpinBox* number = nullptr; ///< or
        QLineEdit* edit = nullptr;
        TextReader reader;
        std::function<QString()> now{}; ///< of a box whose entries change
        [[nodiscard]] QStringList values() const;
    };
    std::vector<OptionControl> optionControls_;
    FlowArea* controls_ = nullptr;
    TextLine *titleLine_ = nullptr, *detailLine_ = nullptr, *summaryLine_ = nullptr;
    EmptyText* emptyLabel_ = nullptr;
    QStackedWidget* stack_ = nullptr;
    QTableView* tableView_ = nullptr;
    QSortFilterProxyModel* sorted_ = nullptr;
    CompactComboBox* tableBox_ = nullptr;
    QToolButton *tableButton_ = nullptr, *copyButton_ = nullptr, *saveButton_ = nullptr,
                *homeButton_ = nullptr, *zoomButton_ = nullptr, *helpButton_ = nullptr;
    std::function<QString(const DiagnosticPanel&)> helpSource_;
    RefreshTurn* turn_ = nullptr;
    Changes pending_ = 0;
    bool refreshing_ = false, listing_ = false;
    std::function<void()> fill_; ///< null: the tables are filled
};

} // namespace qroar
