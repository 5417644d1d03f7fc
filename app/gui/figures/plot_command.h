// `qroar plot`, as qroar-workbench runs it: a figure or a composition of a session into a file, without a
// window. Needs a QApplication. Not here: what the words mean (widgets/figures/figure_spec.h).
#pragma once

#include <QStringList>

namespace qroar {

/// `arguments` are those behind "plot". Says on stderr what went wrong; 0 done, 1 failed, 2 usage.
int runPlot(const QStringList& arguments);

} // namespace qroar
