#include "app/machine.h"

#include <doctest/doctest.h>

using namespace winnow;

TEST_CASE("memory is in bytes, and 0 when the field is not there") {
  const char* meminfo =
      "MemTotal:       24000000 kB\nMemFree:         1 kB\nMemAvailable:   12 kB\n";
  CHECK(meminfo_bytes(meminfo, "MemTotal") == 24'576'000'000);
  CHECK(meminfo_bytes(meminfo, "MemAvailable") == 12'288);
  CHECK(meminfo_bytes(meminfo, "SwapTotal") == 0);
}

TEST_CASE("this machine has a CPU, memory and a disk, also for a folder that is not there yet") {
  const Machine machine = this_machine();
  CHECK(machine.cpus >= 1);
  CHECK(machine.memory_bytes > 0);
  CHECK(machine.free_memory_bytes <= machine.memory_bytes);
  CHECK(free_disk_bytes("/tmp/no/such/folder") > 0);
}

TEST_CASE("sh is in PATH and a name that nobody has is not") {
  CHECK(program_in_path("sh"));
  CHECK(!program_in_path("no-such-program-as-this"));
}
