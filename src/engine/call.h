// The caller's side of any request.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

namespace winnow {

// Who waits, until when, and whether he still does.
struct Call {
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<const std::atomic<bool>> cancelled = nullptr;  // null: never
};

}  // namespace winnow
