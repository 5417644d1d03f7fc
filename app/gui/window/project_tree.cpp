#include "app/gui/window/project_tree.h"

#include "core/base/strings.h"
#include "widgets/common/cell_tips.h"
#include "widgets/common/elided.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QHeaderView>
#include <QSignalBlocker>

namespace qroar {

namespace {

constexpr int conditionRole = Qt::UserRole;

/// `unit`: of the numbers below, at the head of their column.
QTreeWidgetItem* section(QTreeWidget* tree, const QString& title, const QString& unit = {}) {
    auto* item = new QTreeWidgetItem(tree, {title, unit});
    QFont font = item->font(0);
    font.setBold(true);
    item->setFont(0, font);
    item->setFlags(Qt::ItemIsEnabled);
    item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
    item->setForeground(1, tree->palette().placeholderText());
    item->setFirstColumnSpanned(unit.isEmpty());
    item->setExpanded(true);
    return item;
}

void row(QTreeWidgetItem* parent, const QString& name, const QString& value, const QString& tip = {}) {
    auto* item = new QTreeWidgetItem(parent, {name, value});
    item->setToolTip(0, tip.isEmpty() ? name : tip);
    item->setToolTip(1, tip.isEmpty() ? value : tip);
    item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
}

double meanNll(const ConditionResult& condition) {
    double sum = 0;
    std::size_t count = 0;
    for (const WindowNll& window : condition.windows) {
        for (const float value : window.nll) sum += static_cast<double>(value);
        count += window.nll.size();
    }
    return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

} // namespace

ProjectTree::ProjectTree(SelectionModel* selection, QWidget* parent)
    : QTreeWidget(parent), selection_(selection) {
    setColumnCount(2);
    setHeaderHidden(true);
    setFrameShape(QFrame::NoFrame);
    setIndentation(12);
    setTextElideMode(Qt::ElideMiddle);
    setUniformRowHeights(true);
    CellTips::watch(this);
    setAccessibleName(tr("Project: model, documents and conditions"));
    header()->setStretchLastSection(false);
    header()->setSectionResizeMode(0, QHeaderView::Stretch);
    header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    connect(this, &QTreeWidget::currentItemChanged, this, &ProjectTree::picked);
    connect(selection_, &SelectionModel::changed, this, &ProjectTree::followSelection);
    setSession(nullptr);
}

void ProjectTree::setSession(const std::shared_ptr<const Session>& session) {
    const QSignalBlocker quiet(this);
    clear();
    documents_ = conditions_ = nullptr;
    names_.clear();
    conditionNames_.clear();
    if (!session) {
        auto* item = new QTreeWidgetItem(this, {tr("No session. Run an analysis, or open a session.")});
        item->setFirstColumnSpanned(true);
        item->setFlags(Qt::NoItemFlags);
        return;
    }
    addModel(*session);
    addDocuments(*session);
    addConditions(*session);
    nameRows();
    followSelection();
}

void ProjectTree::addModel(const Session& session) {
    auto* model = section(this, tr("Model"));
    const ModelConfig& config = session.model;
    const QString path = QString::fromStdString(session.modelPath);
    // Both in the first column: a wide second one would leave no room for the names of conditions.
    row(model,
        tr("%1, %2").arg(QString::fromStdString(config.architecture),
                         QString::fromStdString(session.modelFormat)),
        {}, path);
    model->child(0)->setFirstColumnSpanned(true);
    row(model, tr("layers, heads (KV)"),
        tr("%1, %2 (%3)").arg(config.layers).arg(config.heads).arg(config.kvHeads));
    row(model, tr("rotary pairs"), groupedCount(config.pairs()));
    row(model, tr("trained context"), groupedCount(config.trainedContext()));
    row(model, tr("stored RoPE"), QString::fromStdString(config.storedRope.text()));
}

void ProjectTree::addDocuments(const Session& session) {
    documents_ = section(this, tr("Documents (%1)").arg(session.documents.size()), tr("tokens"));
    for (const SessionDocument& document : session.documents)
        row(documents_, names_.emplaceBack(QString::fromStdString(document.name)),
            groupedCount(document.tokens),
            tr("%1\n%2 tokens").arg(QString::fromStdString(document.path), groupedCount(document.tokens)));
}

void ProjectTree::nameRows() {
    nameRows(documents_, names_);
    nameRows(conditions_, conditionNames_);
}

void ProjectTree::nameRows(QTreeWidgetItem* section, const QStringList& names) {
    if (!section) return;
    const QSignalBlocker quiet(this);
    const int count = sizeHintForColumn(1),
              margins = 2 * indentation() + 2 * style()->pixelMetric(QStyle::PM_FocusFrameHMargin) + 6;
    const int room = std::max(60, viewport()->width() - count - margins);
    const QStringList shown = elidedApart(names, fontMetrics(), room);
    for (int index = 0; index < section->childCount();
         ++index) { // where the middle will do, Qt's ellipsis does
        const bool cut = shown[index] != fontMetrics().elidedText(names[index], Qt::ElideMiddle, room);
        section->child(index)->setText(0, cut ? shown[index] : names[index]);
    }
}

void ProjectTree::resizeEvent(QResizeEvent* event) {
    QTreeWidget::resizeEvent(event);
    nameRows();
}

void ProjectTree::addConditions(const Session& session) {
    conditions_ = section(this, tr("Conditions (%1)").arg(session.conditions.size()), tr("NLL, nats"));
    for (std::size_t index = 0; index < session.conditions.size(); ++index) {
        const ConditionResult& condition = *session.conditions[index];
        const QString& name = conditionNames_.emplaceBack(conditionName(condition.key));
        const double nll = meanNll(condition);
        row(conditions_, name, readableNumber(nll, 4),
            tr("%1\n%2 nats per token, %3 windows, %4")
                .arg(name, readableNumber(nll, 5),
                     groupedCount(static_cast<long long>(condition.windows.size())),
                     QString::fromStdString(formatDuration(condition.seconds))));
        conditions_->child(static_cast<int>(index))->setData(0, conditionRole, static_cast<int>(index));
    }
}

void ProjectTree::followSelection() {
    if (!conditions_) return;
    const QSignalBlocker quiet(this);
    if (QTreeWidgetItem* item = conditions_->child(selection_->selection().condition)) setCurrentItem(item);
}

void ProjectTree::picked(const QTreeWidgetItem* item) {
    if (item && conditions_ && item->parent() == conditions_)
        selection_->setCondition(item->data(0, conditionRole).toInt());
}

} // namespace qroar
