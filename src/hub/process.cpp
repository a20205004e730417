#include "hub/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"

extern char** environ;

namespace winnow {
namespace {

constexpr size_t kKeptOutput = 1 << 16;

// The child; destruction ends it.
struct Child {
  pid_t pid = -1;
  int output = -1;

  ~Child() {
    if (output >= 0) ::close(output);
    if (pid > 0) {
      ::kill(pid, SIGTERM);
      wait();
    }
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  all.reserve(variables.size());
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : variables) replaced |= text.starts_with(name + "=");
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// False when there is no such program.
bool start(Child& child, const std::vector<std::string>& argv,
           const std::vector<std::pair<std::string, std::string>>& variables) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) fail(Code::kIo, "run ", argv[0], ": ", std::strerror(errno));
  child.output = pipe[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
  const std::vector<std::string> environment = environment_with(variables);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  if (error == ENOENT) return false;
  if (error != 0) fail(Code::kIo, "run ", argv[0], ": ", std::strerror(error));
  child.pid = pid;
  return true;
}

}  // namespace

std::optional<ProcessEnd> run_process(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& variables,
    const std::function<void()>& tick) {
  Child child;
  if (!start(child, argv, variables)) return std::nullopt;
  std::string output;
  char buffer[4096];
  while (true) {
    pollfd wait{child.output, POLLIN, 0};
    const int ready = ::poll(&wait, 1, 200);
    if (ready < 0 && errno != EINTR) fail(Code::kIo, "run ", argv[0], ": ", std::strerror(errno));
    if (ready > 0) {
      const ssize_t got = ::read(child.output, buffer, sizeof buffer);
      if (got == 0) break;
      if (got > 0) output.append(buffer, static_cast<size_t>(got));
      if (output.size() > 2 * kKeptOutput) output.erase(0, output.size() - kKeptOutput);
    }
    tick();
  }
  return ProcessEnd{child.wait(), std::move(output)};
}

}  // namespace winnow
