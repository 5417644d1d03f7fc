#include "app/cli/mpi_link.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#ifdef QROAR_HAS_MPI
#include <mpi.h>
#endif

namespace qroar::cli {

namespace {

int numberIn(const char* variable) {
    const char* text = std::getenv(variable);
    return text ? std::atoi(text) : 0;
}

/// Open MPI, MPICH and PMI say how many there are; PMIx (Slurm) says who this is, and Slurm how many.
int ranksStarted() {
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
        if (const int size = numberIn(variable); size > 0) return size;
    return std::getenv("PMIX_RANK") ? std::max(1, numberIn("SLURM_STEP_NUM_TASKS")) : 0;
}

#ifdef QROAR_HAS_MPI

class MpiLink final : public RankLink {
  public:
    MpiLink() {
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
    }
    ~MpiLink() override { MPI_Finalize(); }
    MpiLink(const MpiLink&) = delete;
    MpiLink& operator=(const MpiLink&) = delete;
    [[nodiscard]] int rank() const override { return rank_; }
    [[nodiscard]] int size() const override { return size_; }

    std::vector<std::string> exchange(const std::string& mine) override {
        std::vector<std::string> all(static_cast<std::size_t>(size_));
        for (int from = 0; from < size_; ++from) {
            std::string& bytes = all[static_cast<std::size_t>(from)];
            if (from == rank_) bytes = mine;
            unsigned long long count = bytes.size();
            broadcast(&count, sizeof count, from);
            bytes.resize(count);
            broadcast(bytes.data(), bytes.size(), from);
        }
        return all;
    }

    std::vector<std::string> collect(const std::string& mine) override {
        std::vector<std::string> all;
        if (rank_ != 0) {
            unsigned long long count = mine.size();
            send(&count, sizeof count);
            send(mine.data(), mine.size());
            return all;
        }
        all.resize(static_cast<std::size_t>(size_));
        all[0] = mine;
        for (int from = 1; from < size_; ++from) {
            unsigned long long count = 0;
            receive(&count, sizeof count, from);
            all[static_cast<std::size_t>(from)].resize(count);
            receive(all[static_cast<std::size_t>(from)].data(), count, from);
        }
        return all;
    }

    void abort(int code) override { MPI_Abort(MPI_COMM_WORLD, code); }

  private:
    static constexpr std::size_t mostBytes = 1U << 30; ///< of a message: MPI counts in int

    /// Ranks that wait leave the cores to those that work.
    static void wait(MPI_Request request) {
        int done = 0;
        auto pause = std::chrono::microseconds(20);
        for (MPI_Test(&request, &done, MPI_STATUS_IGNORE); !done;
             MPI_Test(&request, &done, MPI_STATUS_IGNORE)) {
            std::this_thread::sleep_for(pause);
            pause = std::min(2 * pause, std::chrono::microseconds(1000));
        }
    }
    /// In pieces of at most mostBytes; transfer(pointer, count) starts one.
    template<class Transfer>
    static void inPieces(void* bytes, std::size_t count, const Transfer& transfer) {
        for (std::size_t at = 0; at < count; at += mostBytes)
            wait(transfer(static_cast<char*>(bytes) + at, static_cast<int>(std::min(mostBytes, count - at))));
    }
    static void broadcast(void* bytes, std::size_t count, int from) {
        inPieces(bytes, count, [from](void* at, int some) {
            MPI_Request request;
            MPI_Ibcast(at, some, MPI_BYTE, from, MPI_COMM_WORLD, &request);
            return request;
        });
    }
    static void send(const void* bytes, std::size_t count) {
        inPieces(const_cast<void*>(bytes), count, [](void* at, int some) {
            MPI_Request request;
            MPI_Isend(at, some, MPI_BYTE, 0, 0, MPI_COMM_WORLD, &request);
            return request;
        });
    }
    static void receive(void* bytes, std::size_t count, int from) {
        inPieces(bytes, count, [from](void* at, int some) {
            MPI_Request request;
            MPI_Irecv(at, some, MPI_BYTE, from, 0, MPI_COMM_WORLD, &request);
            return request;
        });
    }

    int rank_ = 0, size_ = 1;
};

#endif

} // namespace

Outcome<std::unique_ptr<RankLink>> openRanks([[maybe_unused]] int* argc, [[maybe_unused]] char*** argv) {
    const int started = ranksStarted();
    if (started == 0) return std::unique_ptr<RankLink>();
#ifdef QROAR_HAS_MPI
    // Ranks of one machine read each other's memory where the system lets them, and complain where it does
    // not, as in many containers: they take the way that always works, unless told otherwise.
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    int provided = 0;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return Error::unsupported("MPI does not start");
    return std::unique_ptr<RankLink>(std::make_unique<MpiLink>());
#else
    if (started == 1) return std::unique_ptr<RankLink>();
    return Error::unsupported("started as " + std::to_string(started)
                              + " ranks, but this qroar was built without MPI: build it with -DQROAR_MPI=ON");
#endif
}

} // namespace qroar::cli
