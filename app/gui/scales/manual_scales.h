// ManualScales: gains by hand in the window: the editor, the list of what-ifs and their controller, wired to
// each other and to what else is open. The window puts the two widgets into docks and connects the signals.
// Not here: what they do (scales_controller.h, scale_editor.h, what_if_list.h).
#pragma once

#include "app/gui/analysis_controller.h"
#include "app/gui/scales/scales_controller.h"
#include "widgets/panels/scale_editor.h"
#include "widgets/panels/what_if_list.h"

#include <functional>

namespace qroar {

class ManualScales : public QObject {
    Q_OBJECT

  public:
    /// All must outlive this; the two widgets belong to whoever gives them a parent.
    ManualScales(Workspace& workspace, SelectionModel& selection, const AnalysisController& analysis,
                 JobQueue& heavy, JobQueue& files, QObject* parent = nullptr);

    [[nodiscard]] ScaleEditor& editor() const { return *editor_; }
    [[nodiscard]] WhatIfList& list() const { return *list_; }
    [[nodiscard]] ScalesController& controller() { return controller_; }
    [[nodiscard]] bool running() const { return controller_.running(); }
    /// What Setup asks for: which documents are measured.
    void setRequest(std::function<SetupRequest()> request) { request_ = std::move(request); }
    /// Models, documents or jobs changed: what can be started now?
    void update(bool busy);

    /// What an evaluation would run now; an Error says what is missing.
    [[nodiscard]] Outcome<GainEffectRequest> evaluation() const;
    void evaluate();
    void pin();
    /// The what-if as a session file that --scales can name.
    void exportScales(int row, const QString& path);
    bool exportList(const QString& path);

    /// The gains being set, inside the JSON of the window's state.
    [[nodiscard]] std::string withEdit(const std::string& viewState, SessionId id) const;
    void restoreEdit(const std::string& viewState, SessionId id);

  signals:
    void message(const QString& text);
    void failed(const QString& text);
    void runningChanged(bool running);
    void progressed(const qroar::Progress& progress);
    void pinned(const QString& name);
    /// The condition (without gains) with these gains, to be run and compared.
    void conditionRequested(const std::shared_ptr<const qroar::ScaleSet>& scales,
                            const qroar::ConditionKey& plain);

  private:
    void connectEditor();
    void connectList();
    void askForScalesFile(int row);
    void compare(int first, int second);
    void requestCondition(int row);
    [[nodiscard]] std::shared_ptr<const WhatIf> whatIf(int row) const;
    [[nodiscard]] WhatIf predicted() const; ///< gains and prediction of the editor, for its condition

    Workspace& workspace_;
    const AnalysisController& analysis_;
    JobQueue& files_;
    ScalesController controller_;
    std::function<SetupRequest()> request_;
    bool busy_ = false;
    ScaleEditor* editor_ = nullptr;
    WhatIfList* list_ = nullptr;
};

} // namespace qroar
