// `qroar report`, as qroar-workbench runs it: the HTML report of a session, without a window. Needs a
// QApplication. Not here: what a report holds (html_report.h).
#pragma once

#include <QStringList>

namespace qroar {

/// `arguments` are those behind "report". Says on stderr what went wrong; 0 done, 1 failed, 2 usage.
int runReport(const QStringList& arguments);

} // namespace qroar
