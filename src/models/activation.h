// Activations by the names that checkpoints have for them.
#pragma once

#include <string_view>

#include "base/json.h"
#include "ops/kernels.h"

namespace winnow {

// The activation that config's key names; `absent` where it has none. Throws kUnsupported naming
// key and value.
Activation activation_of(const Json& config, std::string_view key, std::string_view absent);

}  // namespace winnow
