#include "tasks/stop_text.h"

#include "base/error.h"

namespace winnow {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (size_t i = 0; i < stops_.size(); ++i)
    require(!stops_[i].empty(), "stop[", i, "]: want a string of at least one character, got \"\"");
}

std::string StopText::push(std::string_view piece) {
  if (stopped_) return {};
  held_ += piece;
  return release(/*ended=*/false);
}

std::string StopText::finish() {
  if (stopped_) return {};
  return release(/*ended=*/true);
}

// Takes from held_ what lies before the first place where a stop string is, or may yet be.
std::string StopText::release(bool ended) {
  size_t at = 0;
  bool waits = false;
  for (; at < held_.size(); ++at) {
    const std::string_view rest = std::string_view(held_).substr(at);
    for (const std::string& stop : stops_) {
      if (rest.starts_with(stop)) stopped_ = true;
      if (!ended && rest.size() < stop.size() && stop.starts_with(rest)) waits = true;
    }
    if (stopped_ || waits) break;
  }
  std::string out = held_.substr(0, at);
  held_.erase(0, at);
  return out;
}

}  // namespace winnow
