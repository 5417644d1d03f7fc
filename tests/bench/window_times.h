// What bench_window measures with: how long the loop of events kept its user waiting, and the table of it. A
// user waits for a pass of the loop: posted events, paints and timers that are due are all dealt with before
// the next key or movement of the mouse is. Not here: what is done to the window.
#pragma once

#include <QApplication>

#include <functional>
#include <string>
#include <vector>

namespace qroar::bench {

struct Times {
    double wall = 0, cpu = 0; ///< milliseconds
    double judged = 0;        ///< wall time without that in which others had the processors
    double event = 0;         ///< the longest single event, wall
};

class TimedApplication : public QApplication {
  public:
    TimedApplication(int& argc, char** argv) : QApplication(argc, argv) {}
    bool notify(QObject* receiver, QEvent* event) override;
    /// Of the thread that calls, as one pass.
    void measure(const std::function<void()>& work);
    /// One pass of the loop, measured; sleeps a little when there was nothing to do.
    void pass();
    void settle(int milliseconds = 60); ///< timers of the panels that wait for quiet included
    Times take() { return std::exchange(longest_, Times()); } ///< the longest since it was asked last

    /// Events that take longer (ms, wall) are named on stdout. 0: none.
    double traced = 0;

  private:
    Times longest_;
    int depth_ = 0;
    std::string pass_; ///< its longest events, for `traced`
};

TimedApplication& application();
void settle();
/// On stdout.
void skipped(const QString& what, const QString& why);

double wallNow();     ///< milliseconds
double waitedNow();   ///< ms in which this thread was ready and others had the processors; 0: not known
double processTime(); ///< ms of all threads
double threadTime();  ///< ms of the calling one

/// Rows: what, how often, the times of every round.
class Table {
  public:
    /// `act(i)` is one interaction; a row of the longest pass of `count`.
    void interaction(const char* name, int count, const std::function<void(int)>& act, double limit);
    void add(const std::string& name, int count, const Times& worst, double limit);
    void print() const;
    /// Whose median over the rounds is beyond its limit.
    [[nodiscard]] int over() const;
    /// Rows whose name does not contain this are not measured; empty: all.
    std::string only;
    [[nodiscard]] bool wanted(const std::string& name) const { return name.find(only) != std::string::npos; }

  private:
    struct Row {
        std::string name;
        int count = 0;
        double limit = 0;
        std::vector<Times> rounds;
    };
    std::vector<Row> rows_;
};

} // namespace qroar::bench
