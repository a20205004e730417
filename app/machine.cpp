#include "app/machine.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/thread_pool.h"

namespace winnow {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What follows "name<spaces>:" on the first line that starts with the name.
std::string_view field_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find_first_not_of(" \t", name.size());
    if (colon == std::string_view::npos || line[colon] != ':') continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string_view::npos ? "" : line.substr(value);
  }
  return "";
}

int64_t number_in(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

int64_t meminfo_bytes(std::string_view meminfo, std::string_view field) {
  return number_in(field_of(meminfo, field)) * 1024;
}

Machine this_machine() {
  Machine machine;
  const std::string cpuinfo = file_text("/proc/cpuinfo");
  machine.cpu = field_of(cpuinfo, "model name");
  machine.cpus = usable_cpus();
  const std::string meminfo = file_text("/proc/meminfo");
  machine.memory_bytes = meminfo_bytes(meminfo, "MemTotal");
  machine.free_memory_bytes = meminfo_bytes(meminfo, "MemAvailable");
  // cgroup v2, then v1, whose "no limit" is a number above any memory.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const int64_t limit = number_in(file_text(path));
    if (limit > 0 && limit < machine.memory_bytes) machine.memory_limit_bytes = limit;
  }
  return machine;
}

int64_t free_disk_bytes(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path path = fs::absolute(folder, error);
  while (!path.empty() && !fs::exists(path, error) && path != path.parent_path())
    path = path.parent_path();
  const fs::space_info space = fs::space(path, error);
  return error ? 0 : static_cast<int64_t>(space.available);
}

bool program_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  return false;
}

}  // namespace winnow
