// RankLink: the wire between the ranks of one job (processes that were started together, on one machine or
// many): buffers of bytes, nothing else. Implemented by MPI (app/cli/mpi_link.h) and, for tests, by threads.
// Not here: what is in the buffers, who computes what (ranks.h).
#pragma once

#include <string>
#include <vector>

namespace qroar {

class RankLink {
  public:
    virtual ~RankLink() = default;
    [[nodiscard]] virtual int rank() const = 0; ///< 0 .. size() - 1
    [[nodiscard]] virtual int size() const = 0;
    /// Collective: every rank calls it, and gets what all of them gave, by rank.
    virtual std::vector<std::string> exchange(const std::string& mine) = 0;
    /// Collective: what all of them gave, by rank, on rank 0; nothing on the others.
    virtual std::vector<std::string> collect(const std::string& mine) = 0;
    /// Ends all ranks with this exit code, wherever they are: the last resort. Does not return.
    virtual void abort(int code) = 0;
};

} // namespace qroar
