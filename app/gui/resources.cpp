#include "app/gui/resources.h"

#include <QDir>
#include <QtGlobal>

// Q_INIT_RESOURCE works in the global namespace only.
void loadWorkbenchResources() {
    Q_INIT_RESOURCE(workbench);
}
