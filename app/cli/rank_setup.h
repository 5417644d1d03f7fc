// What a rank does before its sub-command: who speaks, and how many threads it takes of its machine. Not
// here: the wire (mpi_link.h), what all of them must have read (rank_inputs.h), the work (core/ranks).
#pragma once

#include "core/ranks/ranks.h"

#include <string>
#include <string_view>

namespace qroar::cli {

/// Whether ranks share the work of a sub-command; rank 0 runs all others alone.
bool isShared(std::string_view subcommand);
/// Rank 0 speaks: the others write nothing to standard output and error from now on.
void silenceOthers(const Ranks& ranks);
/// Collective. Cores are divided among the ranks that may use them, unless OMP_NUM_THREADS says otherwise; a
/// note tells when mpirun bound the ranks to a part of the machine.
void divideCores(Ranks& ranks);
/// " on each of 4 ranks", of what an estimate says; nothing for one.
std::string onEach(int ranks);

} // namespace qroar::cli
