#include "http/body.h"

#include <limits>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

// The code unit of the \uXXXX at `at`, which is where its backslash stands.
std::optional<unsigned> escaped_unit(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    unit = unit << 4 | static_cast<unsigned>(digit);
  }
  return unit;
}

bool is_high(std::optional<unsigned> unit) { return unit && *unit >= 0xD800 && *unit < 0xDC00; }
bool is_low(std::optional<unsigned> unit) { return unit && *unit >= 0xDC00 && *unit < 0xE000; }

}  // namespace

std::string lone_surrogates_as_bytes(std::string_view json) {
  std::string out;
  size_t copied = 0;
  for (size_t at = json.find('\\'); at < json.size(); at = json.find('\\', at)) {
    const std::optional<unsigned> unit = escaped_unit(json, at);
    if (is_high(unit) && is_low(escaped_unit(json, at + 6))) {
      at += 12;
    } else if (is_high(unit) || is_low(unit)) {
      out.append(json, copied, at - copied);
      append_utf8(out, *unit);
      copied = at += 6;
    } else {
      at += 2;  // the escaped character too: it may be a backslash
    }
  }
  out.append(json, copied);
  return out;
}

Json parse_body(std::string_view body) {
  constexpr std::string_view kWhat = "the request body";
  constexpr JsonLimits kLimits{.max_depth = 32, .allow_invalid_utf8 = true};
  // Only a \u escape of D800 or above can be a surrogate's; few bodies have one.
  const bool escaped = body.find("\\ud") != body.npos || body.find("\\uD") != body.npos;
  Json json = escaped ? Json::parse(lone_surrogates_as_bytes(body), kWhat, kLimits)
                      : Json::parse(body, kWhat, kLimits);
  require(json.is_object(), kWhat, ": want an object, got ", json.kind());
  return json;
}

int int_member(const Json& object, std::string_view key, int low, int high, int absent) {
  const std::optional<Json> found = object.find(key);
  if (!found) return absent;
  const int64_t value = found->integer();
  require(low <= value && value <= high, '`', key, "`: want an integer from ", low, " to ", high,
          ", got ", value);
  return static_cast<int>(value);
}

std::vector<std::string> strings_of(const Json& array) {
  require(array.is_array(), array.path(), ": want an array of strings, got ", array.kind());
  std::vector<std::string> strings;
  strings.reserve(array.size());
  for (size_t i = 0; i < array.size(); ++i) strings.emplace_back(array[i].string());
  return strings;
}

std::string instruction_of(const Json& object) {
  for (const char* key : {"instruct", "instruction"})
    if (const auto text = object.find(key)) return std::string(text->string());
  const auto kwargs = object.find("chat_template_kwargs");
  return kwargs ? kwargs->string("instruction", "") : "";
}

Truncation truncation_of(const Json& object, bool auto_truncate) {
  Truncation truncation;
  truncation.enabled = object.boolean("truncate", auto_truncate);
  const std::string side = object.string("truncation_direction", "right");
  if (side == "left" || side == "Left")
    truncation.side = TruncationSide::kLeft;
  else
    require(side == "right" || side == "Right", "`truncation_direction`: want Left or Right, got ",
            side);
  return truncation;
}

void check_batch(std::string_view field, int64_t inputs, int limit) {
  if (inputs == 0) fail(Code::kEmpty, '`', field, "` cannot be empty");
  if (inputs > limit) throw TooManyInputs(inputs, limit);
}

std::vector<int32_t> token_ids(const Json& array, bool may_be_empty) {
  require(array.is_array(), array.path(), ": want an array of token ids, got ", array.kind());
  std::vector<int32_t> ids;
  ids.reserve(array.size());
  for (size_t i = 0; i < array.size(); ++i) {
    const int64_t id = array[i].integer();
    require(id >= 0 && id <= std::numeric_limits<int32_t>::max(), array[i].path(),
            ": want a token id, got ", id);
    ids.push_back(static_cast<int32_t>(id));
  }
  if (ids.empty() && !may_be_empty) fail(Code::kEmpty, array.path(), " cannot be empty");
  return ids;
}

}  // namespace winnow
