// A thin strip to drag a dock by, instead of a title bar that repeats what its tab or its content says.
#pragma once

class QDockWidget;

namespace qroar {

/// A floating dock gets its real title bar back, to be moved and closed.
void useGrip(QDockWidget* dock);

} // namespace qroar
