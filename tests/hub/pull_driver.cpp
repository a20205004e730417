// Drives pull for tests/hub/pull_test.py: pull_driver [--offline] [--attempts N] [--file-limit
// BYTES] MODEL. Prints the folder; or the error as "code: message" on stderr, exit 1.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "hub/pull.h"

int main(int argc, char** argv) {
  winnow::PullOptions options{.progress = true, .offline = false, .attempts = 3, .backoff_ms = 10};
  std::string model;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--offline") == 0) {
      options.offline = true;
    } else if (std::strcmp(argv[i], "--attempts") == 0) {
      options.attempts = std::stoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--file-limit") == 0) {
      const rlim_t bytes = std::stoul(argv[++i]);
      const rlimit limit{bytes, bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      ::signal(SIGXFSZ, SIG_IGN);
    } else {
      model = argv[i];
    }
  }
  try {
    std::puts(winnow::pull(model, options).c_str());
    return 0;
  } catch (const winnow::Error& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(winnow::code_name(error.code())).c_str(),
                 error.what());
    return 1;
  }
}
