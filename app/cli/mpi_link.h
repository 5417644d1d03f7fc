// The ranks of a job started by mpirun (or srun): RankLink over MPI. Optional: CMake's QROAR_MPI. A process
// that nobody started that way never touches MPI. Not here: what ranks do (core/ranks).
#pragma once

#include "core/base/outcome.h"
#include "core/ranks/rank_link.h"

#include <memory>

namespace qroar::cli {

/// Null for a process that was started alone. Errors: started as one of several ranks, but built without MPI
/// (each of them would do the whole work and write the same files); MPI does not start. MPI ends with the
/// link.
Outcome<std::unique_ptr<RankLink>> openRanks(int* argc, char*** argv);

} // namespace qroar::cli
