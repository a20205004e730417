// What a request's head says, as winnow reads it. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

// The path of a request's target: "/a%20b?c" and "http://host/a%20b" are "/a b". A broken escape
// stays as it is.
std::string path_of_target(std::string_view target);

// X-Request-Timeout-Ms: a whole number of milliseconds, 1 to a day's. Empty when it is not.
std::optional<std::chrono::milliseconds> timeout_of_header(std::string_view text);

}  // namespace winnow
