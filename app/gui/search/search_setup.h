// SearchSetup: what to search for (which documents, weights, scope, limits), the buttons that drive a search,
// and what it found in words. It runs nothing: it says what the user chose and shows what it is told.
#pragma once

#include "app/gui/search/search_controller.h"

#include <QWidget>

class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QTreeWidget;
class QVBoxLayout;

namespace qroar {

class GainWindowTable;

class SearchSetup : public QWidget {
    Q_OBJECT

  public:
    explicit SearchSetup(QWidget* parent = nullptr);

    void setModel(const OpenedModel& model);
    void setDocuments(const SharedDocuments& documents);
    void setSession(const std::shared_ptr<const Session>& session);
    /// Another job holds the heavy thread: nothing can be started.
    void setBlocked(bool blocked);
    void setState(SearchController::State state);
    void setRecord(const std::shared_ptr<const SearchRecord>& record);

    /// What is filled in; an Error says, in words for the user, why it cannot run.
    [[nodiscard]] Outcome<SearchTask> task() const;

    // For tests and for who fills in a proposal.
    void setScope(SearchScope scope);
    void setVariant(SearchVariant variant);
    void setContexts(const QString& text);
    void setRope(const QString& text);
    void setQuant(const QString& text);
    void setSteps(int steps);

  signals:
    void startRequested();
    void pauseRequested();
    void resumeRequested();
    void stopRequested();
    void acceptRequested();
    void discardRequested();

  private:
    enum Role { Search, Report, Unused };
    void buildDocuments(QVBoxLayout* column);
    void buildForm(QVBoxLayout* column);
    void buildLimits(QFormLayout* form);
    void buildButtons(QVBoxLayout* column);
    void edited();
    void offerVariants();
    void updateButtons();
    [[nodiscard]] SharedDocuments documentsOf(Role role) const;
    [[nodiscard]] Status fillSpecs(SearchTask& task) const;
    [[nodiscard]] std::string commandOf(const SearchTask& task) const;

    OpenedModel model_;
    SharedDocuments documents_;
    std::shared_ptr<const Session> session_;
    SearchController::State state_ = SearchController::State::Idle;
    bool blocked_ = false;

    QTreeWidget* roles_ = nullptr;
    QComboBox *rope_ = nullptr, *quant_ = nullptr, *scope_ = nullptr, *variant_ = nullptr, *method_ = nullptr;
    QLineEdit *contexts_ = nullptr, *bands_ = nullptr;
    QSpinBox *steps_ = nullptr, *budget_ = nullptr, *maxWindows_ = nullptr;
    QDoubleSpinBox *leastTau_ = nullptr, *tau_ = nullptr, *lambda_ = nullptr, *delta_ = nullptr;
    GainWindowTable* windows_ = nullptr;
    QLabel *notes_ = nullptr, *result_ = nullptr;
    QPushButton *start_ = nullptr, *pause_ = nullptr, *stop_ = nullptr, *accept_ = nullptr,
                *discard_ = nullptr;
};

} // namespace qroar
