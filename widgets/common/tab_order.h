// The order in which Tab goes through a widget: that of its layouts, which is the order in which one reads.
// Qt takes the order in which widgets were made, whatever was laid out before what. Not here: what takes the
// focus.
#pragma once

class QWidget;

namespace qroar {

/// For all that is inside `area` now; again when something was added in between.
void tabAsLaidOut(QWidget* area);

} // namespace qroar
