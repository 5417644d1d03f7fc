// ProjectTree: what the open session is made of: model, documents, conditions. Picking a condition selects it
// for all views.
#pragma once

#include "core/session/session.h"
#include "widgets/common/selection_model.h"

#include <QTreeWidget>

#include <memory>

namespace qroar {

class ProjectTree : public QTreeWidget {
    Q_OBJECT

  public:
    explicit ProjectTree(SelectionModel* selection, QWidget* parent = nullptr);
    void setSession(const std::shared_ptr<const Session>& session);

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    void nameRows(); ///< so that names that are cut can be told apart
    void nameRows(QTreeWidgetItem* section, const QStringList& names);
    void addModel(const Session& session);
    void addDocuments(const Session& session);
    void addConditions(const Session& session);
    void followSelection();
    void picked(const QTreeWidgetItem* item);

    SelectionModel* selection_;
    QTreeWidgetItem *documents_ = nullptr, *conditions_ = nullptr;
    QStringList names_, conditionNames_; ///< of the documents, of the conditions
};

} // namespace qroar
