// What winnow bench measures with: medians, percentiles, and a fixed piece of work shared by
// callers.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace winnow {

double now_seconds();  // of a clock that never goes back

// The middle value, of an even number the mean of the middle two; 0 of none.
double median(std::vector<double> values);

// The value below or at which `share` of them lie (nearest rank): of 100 values, share 0.99, the
// 99th. Empty where they are too few to say: fewer than 1 / (1 - share).
std::optional<double> percentile(std::vector<double> values, double share);

// Calls work(i) once for each i in [0, count) from so many threads, and returns the seconds until
// the last has returned. The first exception of any call is thrown after all threads have ended;
// what had not begun by then is left out.
double seconds_of_calls(size_t count, int callers, const std::function<void(size_t)>& work);

}  // namespace winnow
