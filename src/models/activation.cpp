#include "models/activation.h"

#include <string>

#include "base/error.h"

namespace winnow {

Activation activation_of(const Json& config, std::string_view key, std::string_view absent) {
  const std::string name(config.string(key, absent));
  if (name == "gelu" || name == "gelu_python") return Activation::kGelu;
  // One formula under three names.
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
    return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  fail(Code::kUnsupported, config.path(), key,
       ": want gelu, gelu_new, gelu_pytorch_tanh or relu, got ", name);
}

}  // namespace winnow
