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

  private:
    void addModel(const Session& session);
    void addDocuments(const Session& session);
    void addConditions(const Session& session);
    void followSelection();
    void picked(const QTreeWidgetItem* item);

    SelectionModel* selection_;
    QTreeWidgetItem* conditions_ = nullptr;
};

} // namespace qroar
