// FigureDialog: "Export figure": the current plot or the whole arrangement, its look with a live preview, and
// the ways out: file, clipboard, command. The look and the format are remembered. Not here: what a panel
// shows (the panels themselves), several panels in a grid (composer_dialog.h).
#pragma once

#include "app/gui/app_settings.h"
#include "app/gui/figures/figure_preview.h"
#include "widgets/figures/figure_style.h"

#include <QDialog>
#include <QPointer>

class QComboBox;
class QPushButton;

namespace qroar {

class DiagnosticPanel;
class FigureStyleForm;
class PlotArea;

class FigureDialog : public QDialog {
    Q_OBJECT

  public:
    /// Both must outlive this.
    FigureDialog(PlotArea& plots, AppSettings& settings, QWidget* parent = nullptr);

    /// Null: the whole arrangement.
    void choose(DiagnosticPanel* panel);
    [[nodiscard]] DiagnosticPanel* panel() const;
    [[nodiscard]] FigureStyle style() const;
    void setStyle(const FigureStyle& style);
    [[nodiscard]] FigurePreview& preview() const { return *preview_; }
    /// By suffix. False with a message.
    bool saveTo(const QString& path, QString* error);
    void copyImage();
    /// Nothing while it asks for a file name or says what went wrong.
    void done(int result) override;

  signals:
    void message(const QString& text);
    void failed(const QString& text);
    void commandWanted(qroar::DiagnosticPanel* panel, const qroar::FigureStyle& style);

  private:
    void fillFigures();
    void updateButtons();
    void save();
    void copyTable();
    void remember();
    [[nodiscard]] FigurePreview::Drawn draw(QSize room);

    PlotArea& plots_;
    AppSettings& settings_;
    QList<QPointer<DiagnosticPanel>> panels_; ///< of the box, behind the arrangement
    bool asks_ = false; ///< for a file name, or shows what went wrong: it stays open until it knows
    QComboBox *what_ = nullptr, *format_ = nullptr;
    FigureStyleForm* form_ = nullptr;
    FigurePreview* preview_ = nullptr;
    QPushButton *save_ = nullptr, *image_ = nullptr, *table_ = nullptr, *command_ = nullptr;
};

/// Asks for a name for a figure, beginning in the folder for exports; empty: none. `format` comes first.
/// `completed` becomes true when the name had no suffix and got that of the chosen kind.
QString askForFigureName(QWidget* parent, AppSettings& settings, const QString& title, const QString& name,
                         const QString& format, bool* completed);

} // namespace qroar
