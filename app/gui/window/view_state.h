// ViewState: what the window shows of one session (selection, comparison, choices of the panels), to come
// back to when its tab or its file is opened again; as JSON in session files. Not here: layouts of docks
// (settings), zoom.
#pragma once

#include "app/gui/compare_controller.h"

#include <QMap>

namespace qroar {

class PlotArea;

struct ViewState {
    Selection selection;
    CompareController::State b;
    QMap<QString, QMap<QString, QString>> panels; ///< panel, option, value: DiagnosticPanel::options()
};

/// What the window shows now.
ViewState viewStateOf(const SelectionModel& selection, const CompareController& compare,
                      const PlotArea& plots);
/// The other way round. Options that panels do not have, or no longer, are passed over.
void showViewState(const ViewState& state, SelectionModel& selection, CompareController& compare,
                   PlotArea& plots);

/// Conditions by their keys and other sessions by their files, so that both are found again.
std::string viewStateJson(const ViewState& state, const Workspace& workspace, SessionId of);
/// Reads what viewStateJson() wrote, now or in earlier versions: what is missing, unknown or outside the
/// session keeps its value of `base`. A B of a file that is not open, or has no such condition, is awaited.
ViewState viewStateFrom(const std::string& json, const ViewState& base, const Workspace& workspace,
                        SessionId of);

} // namespace qroar
