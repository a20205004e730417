// A progress bar on stderr for work longer than a second. Silent when stderr is not a terminal. One
// thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace winnow {

class Progress {
 public:
  // unit: what is counted, for the line ("pairs", "bytes"; bytes are shown as kB, MB, GB).
  Progress(std::string label, int64_t total, std::string unit);
  ~Progress();  // ends the line if one was drawn
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws the line at most ten times a second; done counts from 0 to total.
  void advance_to(int64_t done);

 private:
  std::string label_, unit_;
  int64_t total_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

// 1234567 -> "1.2 MB".
std::string human_bytes(int64_t bytes);

}  // namespace winnow
