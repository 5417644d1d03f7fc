#include "app/gui/window/session_tabs.h"

#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

#include <QDir>
#include <QMouseEvent>

namespace qroar {

namespace {
constexpr int mostCharacters = 44; ///< of average width, with the button
} // namespace

SessionTabs::SessionTabs(Workspace& workspace, QWidget* parent) : QTabBar(parent), workspace_(workspace) {
    setAccessibleName(tr("Open sessions"));
    setMovable(true);
    setTabsClosable(true);
    setExpanding(false);
    setDocumentMode(true);
    setUsesScrollButtons(true);
    setElideMode(Qt::ElideMiddle);
    connect(&workspace_, &Workspace::listChanged, this, &SessionTabs::follow);
    connect(this, &QTabBar::tabMoved, this, [this](int from, int to) {
        if (!following_) workspace_.move(from, to);
    });
    connect(this, &QTabBar::currentChanged, this, [this](int tab) {
        if (!following_) workspace_.setCurrent(idAt(tab));
    });
    connect(this, &QTabBar::tabCloseRequested, this, [this](int tab) { emit closeWanted(idAt(tab)); });
    follow();
}

SessionId SessionTabs::idAt(int tab) const {
    return tab < 0 ? noSession : tabData(tab).toInt();
}

void SessionTabs::follow() {
    if (following_) return; // a move of a tab comes back as the order that it has already
    following_ = true;
    const std::vector<SessionId> ids = workspace_.sessions();
    while (count() > static_cast<int>(ids.size())) removeTab(count() - 1);
    while (count() < static_cast<int>(ids.size())) addTab(QString());
    for (int tab = 0; tab < count(); ++tab) {
        const SessionId id = ids[static_cast<std::size_t>(tab)];
        const QString name = workspace_.name(id);
        // An ampersand would be taken for a mnemonic.
        const QString text = QString(name).replace('&', "&&") + (workspace_.dirty(id) ? "*" : "");
        setTabData(tab, id);
        if (tabText(tab) != text) setTabText(tab, text);
        const auto session = workspace_.session(id);
        const QString path = workspace_.path(id);
        setTabToolTip(tab, QStringList{path.isEmpty() ? name : QDir::toNativeSeparators(path),
                                       tr("%1, %2").arg(modelName(*session),
                                                        counted(session->conditions.size(), tr("condition"),
                                                                tr("conditions"))),
                                       workspace_.dirty(id) ? tr("not saved") : tr("saved")}
                               .join('\n'));
        if (id == workspace_.current()) setCurrentIndex(tab);
    }
    setVisible(count() > 1);
    following_ = false;
}

/// However long a name is, the other tabs keep their room.
QSize SessionTabs::tabSizeHint(int index) const {
    QSize size = QTabBar::tabSizeHint(index);
    size.setWidth(std::min(size.width(), fontMetrics().averageCharWidth() * mostCharacters));
    return size;
}

QSize SessionTabs::minimumTabSizeHint(int index) const {
    QSize size = QTabBar::minimumTabSizeHint(index);
    size.setWidth(std::min(size.width(), fontMetrics().averageCharWidth() * 16));
    return size;
}

void SessionTabs::mouseReleaseEvent(QMouseEvent* event) {
    const int tab = tabAt(event->position().toPoint());
    if (event->button() == Qt::MiddleButton && tab >= 0) {
        emit closeWanted(idAt(tab));
        return;
    }
    QTabBar::mouseReleaseEvent(event);
}

} // namespace qroar
