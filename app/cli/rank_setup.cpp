#include "app/cli/rank_setup.h"

#include "core/ranks/bytes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <omp.h>
#include <sched.h>
#include <unistd.h>

namespace qroar::cli {

namespace {

/// Where a rank runs.
struct Place {
    std::string machine;
    std::vector<std::uint8_t> mayUse; ///< [cores] whether it may run there
};

Place placeOfThis() {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    Place place{name, std::vector<std::uint8_t>(
                          static_cast<std::size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_CONF))), 0)};
    cpu_set_t set;
    CPU_ZERO(&set);
    const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
    for (std::size_t core = 0; core < place.mayUse.size(); ++core)
        place.mayUse[core] = !known || (core < CPU_SETSIZE && CPU_ISSET(core, &set)) ? 1 : 0;
    return place;
}

} // namespace

bool isShared(std::string_view subcommand) {
    return subcommand == "analyze" || subcommand == "evaluate" || subcommand == "search";
}

std::string onEach(int ranks) {
    return ranks > 1 ? " on each of " + std::to_string(ranks) + " ranks" : "";
}

void silenceOthers(const Ranks& ranks) {
    if (ranks.first()) return;
    std::cout.rdbuf(nullptr);
    std::cerr.rdbuf(nullptr);
}

void divideCores(Ranks& ranks) {
    if (ranks.alone()) return;
    const Place own = placeOfThis();
    Packer packer;
    packer.put(own.machine);
    packer.put(own.mayUse);
    std::vector<int> users(own.mayUse.size(), 0);
    int together = 0;
    for (const std::string& bytes : ranks.exchange(packer.take())) {
        Unpacker from(bytes);
        const Place theirs{from.text(), from.list<std::uint8_t>()};
        if (theirs.machine != own.machine || theirs.mayUse.size() != users.size()) continue;
        ++together;
        for (std::size_t core = 0; core < users.size(); ++core) users[core] += theirs.mayUse[core];
    }
    ranks.setOnThisMachine(together);
    double cores = 0; // a core that n ranks may use counts 1 / n
    for (std::size_t core = 0; core < users.size(); ++core)
        if (own.mayUse[core] && users[core] > 0) cores += 1.0 / users[core];
    if (!std::getenv("OMP_NUM_THREADS"))
        omp_set_num_threads(std::max(1, static_cast<int>(std::lround(std::floor(cores + 1e-9)))));
    const auto used = std::count_if(users.begin(), users.end(), [](int count) { return count > 0; });
    const auto there = static_cast<std::ptrdiff_t>(sysconf(_SC_NPROCESSORS_ONLN));
    if (ranks.first() && used < there)
        std::cerr << "note: the ranks on this machine may use " << used << " of its " << there
                  << " cores: mpirun --bind-to none gives them all\n";
}

} // namespace qroar::cli
