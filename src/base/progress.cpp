#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace winnow {

std::string human_bytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1000 && unit < 4) value /= 1000, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

Progress::Progress(std::string label, int64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(total, 1)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (drawn_) std::fputc('\n', stderr);
}

void Progress::advance_to(int64_t done) {
  using namespace std::chrono;
  const auto now = steady_clock::now();
  if (!terminal_ || now - start_ < seconds(1)) return;
  if (done < total_ && now - last_ < milliseconds(100)) return;
  last_ = now;
  const double elapsed = duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / elapsed;
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(kWidth * std::min(done, total_) / total_);
  std::string bar(filled, '#');
  bar.resize(kWidth, '.');
  std::string count = unit_ == "bytes"
                          ? human_bytes(done) + " of " + human_bytes(total_) + ", " +
                                human_bytes(static_cast<int64_t>(rate)) + "/s"
                          : std::to_string(done) + " of " + std::to_string(total_) + " " + unit_ +
                                ", " + std::to_string(static_cast<int64_t>(rate)) + "/s";
  std::fprintf(stderr, "\r%s [%s] %s, %.0f s left \033[K", label_.c_str(), bar.c_str(),
               count.c_str(), left);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace winnow
