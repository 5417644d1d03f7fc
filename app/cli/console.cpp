#include "app/cli/console.h"

#include "core/base/strings.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace qroar::cli {

namespace {
volatile std::sig_atomic_t interrupted = 0; // the only thing a signal handler may touch

void onInterrupt(int signal) {
    interrupted = 1;
    std::signal(signal, SIG_DFL);
}

/// Columns that a UTF-8 text takes in a terminal (one a code point; enough for our tables).
std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool looksNumeric(const std::string& cell) {
    return !cell.empty() && cell.find_first_not_of("0123456789.,+-e %[]") == std::string::npos;
}
} // namespace

namespace {
Status& failure() {
    static Status last = Done{};
    return last;
}
} // namespace

const Status& lastFailure() {
    return failure();
}

int fail(const Error& error) {
    if (error.code != ErrorCode::Cancelled) failure() = error;
    std::cerr << "qroar: " << error.message << '\n';
    return error.code == ErrorCode::Cancelled ? exitCancelled : exitFailed;
}

void print(const Json& document) {
    std::cout << document.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void Table::print() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_)
        for (std::size_t column = 0; column < row.size(); ++column) {
            if (widths.size() <= column) widths.push_back(0);
            widths[column] = std::max(widths[column], width(row[column]));
        }
    for (std::size_t at = 0; at < rows_.size(); ++at) {
        std::string line;
        for (std::size_t column = 0; column < rows_[at].size(); ++column) {
            const std::string& cell = rows_[at][column];
            const std::string pad(widths[column] - width(cell), ' ');
            // A header stands over its column the way the column's first value does.
            const bool right = looksNumeric(at == 0 && rows_.size() > 1 ? rows_[1][column] : cell);
            line += right ? pad + cell : cell + pad;
            if (column + 1 < rows_[at].size()) line += "  ";
        }
        std::cout << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
    }
}

std::string fixed(double value, int digits) {
    if (std::isnan(value)) return "-";
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
    return buffer;
}

std::string significant(double value, int digits) {
    if (std::isnan(value)) return "-";
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    return buffer;
}

std::string readable(const std::string& text) {
    constexpr int most = 7;
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_not_of("0123456789.", at), text.size());
        std::string number = text.substr(at, end - at);
        double value = 0;
        if (number.size() > most + 1 && number.find('.') != std::string::npos && parseDouble(number, value))
            number = significant(value, most);
        result += end == at ? std::string(1, text[at]) : number;
        at = std::max(end, at + 1);
    }
    return result;
}

ConsoleProgress::ConsoleProgress() : terminal_(::isatty(STDERR_FILENO) != 0) {
    std::signal(SIGINT, onInterrupt);
    std::signal(SIGTERM, onInterrupt);
}

ConsoleProgress::~ConsoleProgress() {
    finishLine();
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

void ConsoleProgress::finishLine() {
    if (lineOpen_) std::cerr << '\n';
    lineOpen_ = false;
}

bool ConsoleProgress::cancelled() const {
    return interrupted != 0;
}

void ConsoleProgress::report(const Progress& progress) {
    const double pause = terminal_ ? 0.1 : 5.0;
    const bool newStage = progress.stage != lastStage_;
    if (!newStage && progress.secondsElapsed - lastShown_ < pause) return;
    lastShown_ = progress.secondsElapsed;
    lastStage_ = progress.stage;
    const std::string left =
        progress.secondsLeft < 0 ? "" : "  " + formatDuration(progress.secondsLeft) + " left";
    const std::string line = fixed(100 * progress.fraction, 1) + " %  " + progress.stage + left;
    if (terminal_) {
        std::cerr << "\r\033[K" << line << std::flush;
        lineOpen_ = true;
    } else {
        std::cerr << line << '\n';
    }
}

} // namespace qroar::cli
