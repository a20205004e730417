// What this machine gives: CPU, memory, disk. For winnow doctor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace winnow {

struct Machine {
  std::string cpu;  // "AMD EPYC 7763 64-Core Processor"; empty when the system does not say
  int cpus = 0;     // that this process may run on
  int64_t memory_bytes = 0, free_memory_bytes = 0;  // 0: the system does not say
  int64_t memory_limit_bytes = 0;                   // of the container; 0: none
};

// Reads /proc and /sys.
Machine this_machine();

// A field of /proc/meminfo ("MemTotal") in bytes; 0 when absent.
int64_t meminfo_bytes(std::string_view meminfo, std::string_view field);

// Free bytes for this user where the folder is, or would be; 0 when the system does not say.
int64_t free_disk_bytes(const std::string& folder);

// Whether PATH has an executable of this name.
bool program_in_path(const std::string& name);

}  // namespace winnow
