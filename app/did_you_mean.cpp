#include "app/did_you_mean.h"

#include "hub/known_models.h"

namespace winnow {

std::string did_you_mean(std::string_view wrong, std::span<const std::string> names) {
  const std::string near = nearest_name(wrong, names);
  return near.empty() ? "" : ", did you mean \"" + near + "\"?";
}

}  // namespace winnow
