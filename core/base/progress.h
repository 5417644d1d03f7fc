// ProgressSink: how a long computation tells its caller where it is, and learns that it should stop.
// The engine calls report() from its own thread, at most a few hundred times a second; the sink throttles for
// display. cancelled() may be called from any worker thread, between tiles of work; it must be cheap.
#pragma once

#include <string>

namespace qroar {

struct Progress {
    std::string stage;         ///< what is running, for the user ("yarn:4 at 1,024, rtn:4:g64")
    double fraction = 0;       ///< of the whole job, 0..1, in units of estimated work (not of items)
    double secondsElapsed = 0; ///< since the job started
    double secondsLeft = -1;   ///< estimate; negative while unknown
};

class ProgressSink {
  public:
    virtual ~ProgressSink() = default;
    virtual void report(const Progress&) {}
    [[nodiscard]] virtual bool cancelled() const { return false; }
};

} // namespace qroar
