#include "app/cli/workbench_process.h"

#include "app/cli/console.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace qroar::cli {

namespace {

constexpr const char* workbenchName = "qroar-workbench";

bool isProgram(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

} // namespace

std::filesystem::path findWorkbench() {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error && isProgram(self.parent_path() / workbenchName)) return self.parent_path() / workbenchName;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (!folder.empty() && isProgram(std::filesystem::path(folder) / workbenchName))
            return std::filesystem::path(folder) / workbenchName;
    return {};
}

int runWorkbench(const std::string& command, const std::vector<std::string>& arguments) {
    const std::filesystem::path program = findWorkbench();
    if (program.empty()) {
        std::cerr << "qroar: " << workbenchName << " was found neither beside this program nor in PATH: it "
                  << "draws the figures; install it, or build with QROAR_GUI=ON\n";
        return exitFailed;
    }
    ::setenv("QT_QPA_PLATFORM", "offscreen", 1); // no window opens, so no display is needed
    std::vector<std::string> words{program.string(), command};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::cout.flush();
    ::execv(program.c_str(), argv.data());
    std::cerr << "qroar: " << program.string() << " could not be started: " << std::strerror(errno) << '\n';
    return exitFailed;
}

} // namespace qroar::cli
