// MainWindow: wiring only. It owns the pieces (workspace, controllers, panels, docks), connects them, and
// turns menu actions into calls. What they do is in their own files.
#pragma once

#include "app/gui/analysis_controller.h"
#include "app/gui/app_settings.h"
#include "app/gui/autosave.h"
#include "app/gui/compare_controller.h"
#include "app/gui/export/export_controller.h"
#include "app/gui/samples.h"
#include "app/gui/scales/manual_scales.h"
#include "app/gui/search/search_controller.h"
#include "app/gui/session_controller.h"

#include "app/gui/window/appearance.h"
#include "app/gui/window/export_plots.h"
#include "app/gui/window/taskbar_progress.h"
#include "app/gui/window/view_state.h"
#include "app/gui/workspace.h"
#include "widgets/common/selection_model.h"

#include <QMainWindow>
#include <QMessageBox>

#include <QTimer>

#include <functional>
#include <map>
#include <optional>
#include <set>

class QActionGroup;
class QLabel;
class QStackedWidget;

namespace qroar {

class CompareBar;
class BandEditor;
class ExportPanel;
class FigureCenter;
class HelpCenter;
class LayoutMenu;
class LogPanel;
class MessageBar;
class PlotArea;
class ProjectTree;
class RunStatus;
class SearchSetup;
class SelectionBar;
class SessionTabs;
class SetupPanel;
class StartPage;
struct DroppedPaths;

/// What a window takes from outside: tests hand in folders of their own.
struct WindowEnvironment {
    QSettings* settings = nullptr; ///< must outlive the window
    QString autosaveFolder;        ///< empty: no autosave
    QStringList sampleFolders;
    TaskbarProgress::Send taskbar; ///< of the desktop; empty: none
};

class MainWindow : public QMainWindow {
    Q_OBJECT

  public:
    explicit MainWindow(const WindowEnvironment& environment, QWidget* parent = nullptr);
    ~MainWindow() override;

    /// A session (.h5) or a model, by what the path looks like. A session that is open already comes to the
    /// front.
    void openPath(const QString& path);
    void openModel(const QString& path);
    void openSession(const QString& path);
    void openSample();
    /// To the session's own file, or asks for one.
    bool save();
    void saveTo(const QString& path);
    /// Asks where something would be lost.
    void closeSession(SessionId id);
    void startRun();
    /// Every plot in every format; the folder is made when it is missing. `what.panels` is filled in here.
    /// False when something failed.
    bool exportPlots(const QString& folder, PlotsToExport what = {});
    /// window-light.png and -dark; with a search also window-search-light.png and -dark, with conditions that
    /// were run with gains also window-difference-light.png and -dark.
    bool saveScreenshots(const QString& folder);
    void setAppearance(AppearanceMode mode);
    void resetLayout();
    /// Offers what an earlier process left unsaved.
    void offerRecovery();

    [[nodiscard]] Workspace& workspace() { return workspace_; }
    [[nodiscard]] SelectionModel& selection() { return selection_; }
    [[nodiscard]] CompareController& compare() { return compare_; }
    [[nodiscard]] CompareBar& compareBar() const { return *compareBar_; }
    [[nodiscard]] SessionTabs& tabs() const { return *tabs_; }
    [[nodiscard]] AnalysisController& analysis() { return analysis_; }
    [[nodiscard]] SearchController& search() { return search_; }
    [[nodiscard]] ExportController& exporting() { return exporting_; }
    [[nodiscard]] ManualScales& scales() const { return *scales_; }
    [[nodiscard]] SearchSetup& searchSetup() const { return *searchSetup_; }
    [[nodiscard]] ExportPanel& exportPanel() const { return *exportPanel_; }
    [[nodiscard]] SetupPanel& setup() const { return *setup_; }
    [[nodiscard]] PlotArea& plots() const { return *plots_; }
    [[nodiscard]] MessageBar& messages() const { return *messages_; }
    [[nodiscard]] MessageBar& recovery() const { return *recovery_; }
    [[nodiscard]] BandEditor& bandEditor() const { return *bandEditor_; }
    [[nodiscard]] LogPanel& log() const { return *log_; }
    [[nodiscard]] RunStatus& runStatus() const { return *runStatus_; }
    [[nodiscard]] bool showsStartPage() const;
    [[nodiscard]] HelpCenter& help() const { return *help_; }
    [[nodiscard]] FigureCenter& figures() const { return *figures_; }
    [[nodiscard]] LayoutMenu& layouts() const { return *layouts_; }
    void setPreferences(const Preferences& preferences);
    /// Models, sessions and documents at once; says what is not among them.
    void openDropped(const DroppedPaths& paths, const QString& refused);

    /// How questions with consequences are asked; a modal box unless a test answers.
    using Question =
        std::function<QMessageBox::StandardButton(const QString& text, QMessageBox::StandardButtons buttons)>;
    void autosaveChanges(); ///< of all open sessions; also now and then by itself
    void setQuestion(Question question) { question_ = std::move(question); }

  signals:
    void sessionOpened(const QString& path);
    void errorShown(const QString& message);

  protected:
    void closeEvent(QCloseEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    void buildPanels();
    void buildDocks();
    void buildScales();
    void arrangeDocks();
    void buildStatusBar();
    void buildMenus();
    void buildFileMenu();
    void buildEditMenu();
    void buildSelectionMenu();
    void buildViewMenu();
    void buildRunMenu();
    void buildHelpMenu();
    void buildComfort();     ///< help, drops, preferences
    void applyPreferences(); ///< those of the settings
    void showSettings();
    void saveLog();
    void keepReachable(); ///< on a screen that is there
    void buildToolBar();
    void connectWorkspace();
    void buildBandsDock(); ///< as main_window_bands.cpp says
    void arrangeBandsDock();
    void connectBands();
    void showBands();
    void connectSessions();
    void connectSetup();
    void connectAnalysis();
    void connectSearch();
    void connectExport();
    void connectFiles();
    void sessionLoaded(const QString& path, bool recovered);
    QAction* addAction(QMenu* menu, const QString& text, const QKeySequence& keys,
                       const std::function<void()>& action, const QString& icon = {});

    void sessionChanged(const std::shared_ptr<const Session>& session);
    void updateTitle();
    void updateRecent();
    void updateActions();
    void updateIcons();
    void updateDone();
    void showPlots();
    void restoreLayout();
    void report(const QString& text);
    void reportError(const QString& text);
    void currentSessionChanged(SessionId now, SessionId before);
    [[nodiscard]] SetupRequest setupOf(SessionId id) const;
    void showInputsOf(const SetupRequest& request);
    void showAwaitedInputs();
    [[nodiscard]] QString otherName() const; ///< of the file of B's session, where that is another one
    [[nodiscard]] QString ownName() const;   ///< of A's, beside it
    void nameTheViews();                     ///< what is shown, in the breadcrumb
    void sayWhatIsAwaited();                 ///< of B, and offers to open it
    void goBackFrom(const QString& path);    ///< to the session that file was opened for, if it was for one
    [[nodiscard]] std::string viewStateOf(SessionId id) const;
    bool mayClose(SessionId id);
    [[nodiscard]] QString whatStoppingDoes() const; ///< to what is running
    [[nodiscard]] QString stopAndQuit() const;      ///< the question about it
    /// True when no search waits to be accepted or discarded, or it is not wanted.
    bool settleSearch();
    /// There is something of the session that is in no file of the user's.
    [[nodiscard]] bool hasUnkept(SessionId id) const;
    bool settleForQuitting(); ///< true when nothing is unsaved, or it is not wanted
    void loadSession(const QString& path, bool recovered);
    void showInputsOf(const Session& session, const QString& folder);

    void chooseModelFolder();
    void chooseModelFile();
    void chooseDocuments();
    void chooseSession();
    bool saveAs();
    void exportCurrentPlot();
    void saveReport(); ///< one HTML file, where the user says
    void chooseExportFolder(bool everything);
    void saveScreenshot(const QString& path, bool& fine);
    void stopRun();
    void startSearch();
    void startScaledRun(); ///< the conditions of the session with the newest gains
    void runWithGains(const std::shared_ptr<const ScaleSet>& scales, const ConditionKey& plain);
    bool showGains();      ///< gainsToShow_ as A, its condition without as B; false when it was not run
    void showDifference(); ///< of the selected condition, where it was run with gains
    void startExport();
    void chooseExportTarget();
    void jobChanged(bool running); ///< a heavy job began or ended
    [[nodiscard]] bool busy() const {
        return analysis_.running() || search_.running() || exporting_.running()
               || (scales_ && scales_->running());
    }

    AppSettings settings_;
    Appearance appearance_;
    Autosave autosave_;
    SamplePaths samples_;
    SelectionModel selection_;
    Workspace workspace_;
    JobQueue heavy_; ///< analyses
    JobQueue files_; ///< sessions: HDF5 is used from this thread only
    CompareController compare_;
    AnalysisController analysis_;
    SessionController sessions_;
    SearchController search_;
    ExportController exporting_;
    Question question_;
    TaskbarProgress taskbar_;

    QStackedWidget* pages_ = nullptr;
    StartPage* start_ = nullptr;
    PlotArea* plots_ = nullptr;
    SetupPanel* setup_ = nullptr;
    ProjectTree* project_ = nullptr;
    SearchSetup* searchSetup_ = nullptr;
    ExportPanel* exportPanel_ = nullptr;
    ManualScales* scales_ = nullptr;
    QDockWidget *scalesDock_ = nullptr, *whatIfDock_ = nullptr;
    std::pair<std::string, ConditionKey> gainsToShow_; ///< a what-if that is run, and its condition without
    BandEditor* bandEditor_ = nullptr;
    QDockWidget* bandsDock_ = nullptr;
    LogPanel* log_ = nullptr;
    MessageBar* messages_ = nullptr;
    MessageBar* recovery_ = nullptr; ///< of its own: messages come while its offer waits for an answer
    SelectionBar* selectionBar_ = nullptr;
    CompareBar* compareBar_ = nullptr;
    SessionTabs* tabs_ = nullptr;
    RunStatus* runStatus_ = nullptr;
    HelpCenter* help_ = nullptr;
    FigureCenter* figures_ = nullptr;
    LayoutMenu* layouts_ = nullptr;
    QLabel* statusText_ = nullptr;
    QDockWidget *setupDock_ = nullptr, *projectDock_ = nullptr, *searchDock_ = nullptr,
                *exportDock_ = nullptr, *logDock_ = nullptr;
    QToolBar *toolBar_ = nullptr, *pathBar_ = nullptr;
    QMenu* recentMenu_ = nullptr;
    QActionGroup* appearanceGroup_ = nullptr;
    QAction *save_ = nullptr, *saveAs_ = nullptr, *exportCurrent_ = nullptr, *exportAll_ = nullptr,
            *exportEvery_ = nullptr, *exportReport_ = nullptr, *run_ = nullptr, *stop_ = nullptr,
            *close_ = nullptr, *compareScales_ = nullptr;

    /// What the window showed of a session when another one became current.
    struct Left {
        ViewState view;
        SetupRequest setup;
        bool followResults = true;
    };
    std::map<SessionId, Left> left_;
    std::set<SessionId> recovered_;       ///< not saved since: their files have something else
    std::map<QString, SessionId> backTo_; ///< where one was when these files, of B, were asked for
    /// Inputs of the current session that Setup shows when the running analysis, of another one, has ended.
    std::optional<std::pair<SessionId, SetupRequest>> awaited_;
    std::map<SessionId, QString> pendingSaves_; ///< asked for while an analysis writes into them
    std::set<SessionId> closing_;               ///< as soon as they are saved
    std::set<SessionId> unwanted_;              ///< given up while quitting
    std::set<SessionId> unkept_;                ///< changed since they were last autosaved
    QTimer autosaveTimer_;
    bool followResults_ = true;
    bool compareWhenDone_ = false; ///< the run was asked for to see before and after
    bool searchUnwanted_ = false;  ///< given up while quitting
    bool quietModel_ = false;      ///< the model being opened came with a session: no news
    bool closeWhenStopped_ = false, closeWhenSaved_ = false, closeWhenAutosaved_ = false;
    SessionId closeSessionWhenStopped_ = noSession;
};

} // namespace qroar
