#include "app/cli/session_target.h"

#include <iostream>

namespace qroar::cli {

Status SessionTarget::save(const Session& mine) {
    const std::string before = path();
    const auto written = output_.save(mine);
    if (!written) return written.error();
    if (output_.moved() && !saidMoved_)
        std::cerr << "note: " << before << " holds another session by now and was left as it is: saving in "
                  << path() << '\n';
    if (written->merged && !saidMerged_)
        std::cerr << "note: " << path() << " was changed while this ran: what was added to it is kept\n";
    if (output_.renames().size() != saidRenames_)
        for (const auto& [from, to] : output_.renames())
            std::cerr << "note: scales named " << from << " were added to it, too: those of this run are "
                      << to << '\n';
    saidMoved_ = output_.moved();
    saidMerged_ = saidMerged_ || written->merged;
    saidRenames_ = output_.renames().size();
    return Done{};
}

std::string SessionTarget::nameOf(const std::string& scales) const {
    const auto found = output_.renames().find(scales);
    return found == output_.renames().end() ? scales : found->second;
}

} // namespace qroar::cli
