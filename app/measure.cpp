#include "app/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

namespace winnow {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

std::optional<double> percentile(std::vector<double> values, double share) {
  const auto n = static_cast<double>(values.size());
  constexpr double kRounding = 1e-9;  // 100 * (1 - 0.99) is a little less than 1
  if (values.empty() || n * (1 - share) < 1 - kRounding) return std::nullopt;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::max(std::ceil(n * share - kRounding), 1.0));
  return values[rank - 1];
}

double seconds_of_calls(size_t count, int callers, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto call = [&] {
    for (size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next = count;
        return;
      }
    }
  };
  const double start = now_seconds();
  std::vector<std::thread> threads;
  for (int i = 1; i < callers && static_cast<size_t>(i) < count; ++i) threads.emplace_back(call);
  call();
  for (std::thread& thread : threads) thread.join();
  const double seconds = now_seconds() - start;
  if (error) std::rethrow_exception(error);
  return seconds;
}

}  // namespace winnow
