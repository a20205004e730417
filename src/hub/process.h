// Running another program and reading what it says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace winnow {

struct ProcessEnd {
  int status;          // the exit code; 128 + the signal's number when a signal ended it
  std::string output;  // the last 64 kB of its stdout and stderr
};

// Runs argv[0], found in PATH, with the given variables added to the environment and nothing on
// stdin. Calls tick about five times a second while it runs. Empty when there is no such program;
// throws kIo when the system refuses. When tick throws, the program is told to end and waited for
// first.
std::optional<ProcessEnd> run_process(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& variables,
    const std::function<void()>& tick);

}  // namespace winnow
