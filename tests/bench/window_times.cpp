#include "tests/bench/window_times.h"

#include <QAbstractEventDispatcher>
#include <QDeadlineTimer>
#include <QMetaEnum>
#include <QThread>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace qroar::bench {

namespace {

double clockOf(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

std::string described(const QObject& receiver, int type) {
    const char* name = QMetaEnum::fromType<QEvent::Type>().valueToKey(type);
    std::string text = std::string(receiver.metaObject()->className()) + ' ' + (name ? name : "");
    if (!receiver.objectName().isEmpty()) text += " of " + receiver.objectName().toStdString();
    return text;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

} // namespace

double wallNow() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double waitedNow() {
    // Opened once: reading it is a part of what is measured.
    static thread_local const int file = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    char text[96];
    const ssize_t size = file < 0 ? -1 : ::pread(file, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = 0;
    unsigned long long ran = 0, waited = 0; // nanoseconds
    return std::sscanf(text, "%llu %llu", &ran, &waited) == 2 ? static_cast<double>(waited) * 1e-6 : 0;
}

double threadTime() {
    return clockOf(CLOCK_THREAD_CPUTIME_ID);
}

double processTime() {
    return clockOf(CLOCK_PROCESS_CPUTIME_ID);
}

bool TimedApplication::notify(QObject* receiver, QEvent* event) {
    if (depth_ != 1) return QApplication::notify(receiver, event);
    const double begin = wallNow(), ranBefore = threadTime();
    const std::string name = traced > 0 ? described(*receiver, event->type()) : std::string();
    ++depth_;
    const bool result = QApplication::notify(receiver, event);
    --depth_;
    const double took = wallNow() - begin, ran = threadTime() - ranBefore;
    longest_.event = std::max(longest_.event, took);
    if (traced > 0 && took > 1) {
        char text[48];
        std::snprintf(text, sizeof text, "    %7.1f ms, cpu %.1f  ", took, ran);
        pass_ += text + name + '\n';
    }
    return result;
}

void TimedApplication::measure(const std::function<void()>& work) {
    if (depth_ > 0) return work();
    const double waited = waitedNow(), wall = wallNow(), cpu = threadTime();
    ++depth_;
    work();
    --depth_;
    const double took = wallNow() - wall, ran = threadTime() - cpu;
    longest_.wall = std::max(longest_.wall, took);
    longest_.cpu = std::max(longest_.cpu, ran);
    // Short passes, which are most, need no file read again.
    longest_.judged = std::max(longest_.judged, took - (took > 1 ? waitedNow() - waited : 0));
    if (traced > 0 && took > traced) std::printf("  pass of %.1f ms, cpu %.1f\n%s", took, ran, pass_.c_str());
    pass_.clear();
}

void TimedApplication::pass() {
    bool busy = false;
    measure([&] { busy = QAbstractEventDispatcher::instance()->processEvents(QEventLoop::AllEvents); });
    if (!busy) QThread::usleep(200);
}

void TimedApplication::settle(int milliseconds) {
    const QDeadlineTimer end(milliseconds);
    while (!end.hasExpired()) pass();
}

TimedApplication& application() {
    return *static_cast<TimedApplication*>(qApp);
}

void settle() {
    application().settle();
}

void skipped(const QString& what, const QString& why) {
    std::printf("not measured: %s: %s\n", qPrintable(what), qPrintable(why));
}

void Table::interaction(const char* name, int count, const std::function<void(int)>& act, double limit) {
    if (!wanted(name)) { // it may be what others build upon
        for (int index = 0; index < count; ++index) act(index);
        return application().settle(5);
    }
    settle();
    application().take();
    if (application().traced > 0) std::printf("%s\n", name);
    for (int index = 0; index < count; ++index) {
        if (application().traced > 0) std::printf(" %d\n", index);
        application().measure([&] { act(index); });
        settle();
    }
    if (application().traced > 0) std::printf("-- end\n");
    add(name, count, application().take(), limit);
}

void Table::add(const std::string& name, int count, const Times& worst, double limit) {
    auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& one) { return one.name == name; });
    if (row == rows_.end()) row = rows_.insert(row, {name, 0, limit, {}});
    row->count = std::max(row->count, count);
    row->rounds.push_back(worst);
}

namespace {
constexpr double Times::*columns[] = {&Times::wall, &Times::cpu, &Times::event, &Times::judged};
} // namespace

void Table::print() const {
    std::printf("%-46s %4s %8s %8s %8s %8s %8s %7s %6s\n", "longest pass of the loop", "n", "wall ms",
                "cpu ms", "event ms", "least", "median", "limit", "ratio");
    for (const Row& row : rows_) {
        std::printf("%-46s %4d", row.name.c_str(), row.count);
        double last = 0, least = 0;
        for (const auto column : columns) {
            std::vector<double> values;
            for (const Times& one : row.rounds) values.push_back(one.*column);
            last = median(values);
            least = *std::min_element(values.begin(), values.end());
            if (column != &Times::judged) std::printf(" %8.1f", last);
        }
        std::printf(" %8.1f %8.1f %7.0f %6.2f%s\n", least, last, row.limit, last / row.limit,
                    last > row.limit ? "  OVER" : "");
    }
}

int Table::over() const {
    return static_cast<int>(std::count_if(rows_.begin(), rows_.end(), [](const Row& row) {
        std::vector<double> values;
        for (const Times& one : row.rounds) values.push_back(one.judged);
        return median(values) > row.limit;
    }));
}

} // namespace qroar::bench
