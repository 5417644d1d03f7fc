// The views that figures can be made of, by the keys that commands and compositions use; a view by itself,
// without a window, set up from a FigureSpec; and the FigureSpec of a view on screen. Not here: files
// (plot_command.h), several views on one page (composed_figure.h).
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_spec.h"
#include "widgets/panels/diagnostic_panel.h"

#include <functional>
#include <memory>
#include <vector>

namespace qroar {

struct FigureKind {
    QString key;   ///< "heatmap"
    QString title; ///< for people
    const QMetaObject* type = nullptr;
    std::function<std::unique_ptr<DiagnosticPanel>(SelectionModel*)> make;
};
const std::vector<FigureKind>& figureKinds();
/// Key of the kind of this view; empty when it is none of them.
QString figureKey(const DiagnosticPanel& panel);

/// Gives sessions by the path in FigureSpec::otherSession; null with a message where it cannot.
using SessionSource = std::function<std::shared_ptr<const Session>(const QString& path, QString* error)>;

/// A view with a selection of its own, which shows what the spec says.
class FigureView {
  public:
    FigureView();
    ~FigureView();
    FigureView(FigureView&&) noexcept;
    FigureView& operator=(FigureView&&) noexcept;

    /// Empty, or the option, what was expected and what was found. `sessionPath` tells the session from that
    /// of B.
    QString set(const FigureSpec& spec, const std::shared_ptr<const Session>& session,
                const SessionSource& source, const QString& sessionPath = {});
    /// What set() complained of is right by itself, but not for this session.
    [[nodiscard]] bool isMisfit() const { return misfit_; }
    /// What of the spec is not drawn, as the view itself says it; empty: nothing.
    [[nodiscard]] QString notDrawn() const;
    [[nodiscard]] DiagnosticPanel* panel() const { return panel_.get(); }
    /// Until end(): with the title and the part that the spec asks for.
    [[nodiscard]] Figure begin();
    void end() { panel_->endFigure(); }

  private:
    QString select(const std::shared_ptr<const Session>& session,
                   const std::shared_ptr<const Session>& other);
    QString setUp();

    QString misfit(const QString& problem);

    FigureSpec spec_;
    bool misfit_ = false;
    std::unique_ptr<SelectionModel> selection_;
    std::unique_ptr<DiagnosticPanel> panel_;
};

/// What `panel` shows now, in the look `style`; a size as shown becomes the pixels on screen. `otherPath` is
/// where the session of B is saved, where that is another one.
FigureSpec figureSpecOf(DiagnosticPanel& panel, const FigureStyle& style, const QString& otherPath = {});

} // namespace qroar
