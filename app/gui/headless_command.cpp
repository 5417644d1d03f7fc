#include "app/gui/headless_command.h"

#include <cstdio>

namespace qroar {

int complain(const char* command, const QString& message, HeadlessExit code) {
    std::fprintf(stderr, "qroar: %s\n", qPrintable(message));
    if (code == Usage) std::fprintf(stderr, "Run qroar %s --help for more information.\n", command);
    return code;
}

} // namespace qroar
