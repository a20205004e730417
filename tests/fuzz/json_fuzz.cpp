// Any bytes: either a value whose accessors hold, or one Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace {

void walk(const winnow::Json& json) {
  if (json.is_array())
    for (size_t i = 0; i < json.size(); ++i) walk(json[i]);
  if (json.is_object())
    for (const auto& [key, value] : json.members()) walk(value);
  if (json.is_string()) winnow::JsonWriter().value(json.string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    walk(winnow::Json::parse({reinterpret_cast<const char*>(data), size}, "input"));
  } catch (const winnow::Error&) {
  }
  return 0;
}
