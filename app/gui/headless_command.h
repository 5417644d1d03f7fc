// What sub-commands of qroar that run inside qroar-workbench share: exit codes and how they complain.
#pragma once

#include <QString>

namespace qroar {

enum HeadlessExit { Fine = 0, Failed = 1, Usage = 2 }; ///< as the command line's

/// "qroar: message" on stderr, after a usage error with where help is. Gives `code` back.
int complain(const char* command, const QString& message, HeadlessExit code);

} // namespace qroar
