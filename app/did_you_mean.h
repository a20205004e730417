// The end of a message about a name that nobody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace winnow {

// `, did you mean "port"?`, or nothing when no name is near (hub/known_models.h nearest_name says
// what near is).
std::string did_you_mean(std::string_view wrong, std::span<const std::string> names);

}  // namespace winnow
