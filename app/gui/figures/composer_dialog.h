// ComposerDialog: figures of several panels: a grid whose cells are taken from what the plots show, in an
// order that can be dragged, with labels, a common look and a preview. Stays open beside the window, so that
// the next plot can be set up and added. Not here: the value (composition.h), drawing (composed_figure.h).
#pragma once

#include "app/gui/app_settings.h"
#include "app/gui/figures/composed_figure.h"
#include "app/gui/figures/figure_preview.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QListWidget;
class QPushButton;
class QSpinBox;

namespace qroar {

class FigureStyleForm;

class ComposerDialog : public QDialog {
    Q_OBJECT

  public:
    /// `settings` must outlive this.
    ComposerDialog(AppSettings& settings, SessionSource source, QWidget* parent = nullptr);

    void setSession(const std::shared_ptr<const Session>& session, const QString& path = {});
    [[nodiscard]] const Composition& composition() const { return composition_; }
    void setComposition(const Composition& composition);
    /// Behind the others; the grid grows when it is full. False when it is full and as large as it can be.
    bool add(const FigureSpec& spec);
    [[nodiscard]] FigurePreview& preview() const { return *preview_; }
    /// .svg, .pdf, .png, .csv or .qfigure. False with a message.
    bool saveTo(const QString& path, QString* error);
    bool open(const QString& path, QString* error);

  signals:
    void currentPlotWanted(); ///< answered with add()
    void message(const QString& text);
    void failed(const QString& text);

  private:
    [[nodiscard]] QWidget* buildCells();
    [[nodiscard]] QWidget* buildPage();
    void buildButtons(class QBoxLayout& column);
    void rebuildList();
    void nameCells(); ///< as their views are called
    void readOrder(); ///< the list was dragged
    void readPage();
    void readCell();
    void showCell();
    void removeCell();
    void moveCell(int by);
    void changed(); ///< the composition: flows the cells, draws
    void askAndSave();
    void askAndOpen();
    [[nodiscard]] FigurePreview::Drawn draw(QSize room);

    AppSettings& settings_;
    SessionSource source_;
    std::shared_ptr<const Session> session_;
    QString sessionPath_;
    Composition composition_;
    ComposedFigure composed_;
    bool filling_ = false; ///< controls are being set by the program
    QListWidget* list_ = nullptr;
    QSpinBox *rows_ = nullptr, *columns_ = nullptr, *rowSpan_ = nullptr, *columnSpan_ = nullptr;
    QComboBox* labels_ = nullptr;
    QCheckBox *bold_ = nullptr, *headings_ = nullptr;
    QLineEdit *title_ = nullptr, *heading_ = nullptr;
    QPushButton *remove_ = nullptr, *up_ = nullptr, *down_ = nullptr;
    FigureStyleForm* form_ = nullptr;
    FigurePreview* preview_ = nullptr;
};

} // namespace qroar
