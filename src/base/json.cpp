#include "base/json.h"

#include <boost/json.hpp>
#include <boost/json/src.hpp>  // header-only use: Boost.JSON is compiled here and nowhere else
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace winnow {
namespace {

namespace bj = boost::json;

const bj::value& value_of(const void* value) {
  static const bj::value null;
  return value ? *static_cast<const bj::value*>(value) : null;
}

[[noreturn]] void mismatch(const Json& json, std::string_view want) {
  fail(Code::kInvalidArgument, json.path(), ": want ", want, ", got ", json.kind());
}

std::string child_path(const std::string& path, std::string_view key) {
  // Not through a stream: a vocabulary has a hundred thousand of these.
  std::string out;
  out.reserve(path.size() + 1 + key.size());
  return out.append(path).append(path.ends_with(": ") ? "" : ".").append(key);
}

template <typename Number>
void append_number(std::string& text, Number number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  text.append(buffer, end);
}

}  // namespace

Json Json::parse(std::string_view text, std::string_view what, JsonLimits limits) {
  bj::parse_options options;
  options.max_depth = limits.max_depth;
  options.allow_invalid_utf8 = limits.allow_invalid_utf8;
  bj::stream_parser parser({}, options);
  bj::error_code error;
  size_t used = 0;
  if (!text.empty()) used = parser.write_some(text.data(), text.size(), error);
  if (!error && used == text.size()) parser.finish(error);
  if (!error && used < text.size()) error = bj::error::extra_data;
  if (error) fail(Code::kCorrupt, what, ": not JSON at byte ", used, ": ", error.message());
  auto document = std::make_shared<const bj::value>(parser.release());
  const void* root = document.get();
  return Json(std::move(document), root, cat(what, ": "));
}

bool Json::is_null() const { return value_of(value_).is_null(); }
bool Json::is_bool() const { return value_of(value_).is_bool(); }
bool Json::is_number() const { return value_of(value_).is_number(); }
bool Json::is_integer() const {
  const bj::value& v = value_of(value_);
  return v.is_int64() || v.is_uint64();
}
bool Json::is_string() const { return value_of(value_).is_string(); }
bool Json::is_array() const { return value_of(value_).is_array(); }
bool Json::is_object() const { return value_of(value_).is_object(); }

std::string_view Json::kind() const {
  const bj::value& v = value_of(value_);
  if (v.is_null()) return "null";
  if (v.is_bool()) return "boolean";
  if (v.is_number()) return "number";
  if (v.is_string()) return "string";
  return v.is_array() ? "array" : "object";
}

bool Json::boolean() const {
  if (!is_bool()) mismatch(*this, "boolean");
  return value_of(value_).get_bool();
}

int64_t Json::integer() const {
  const bj::value& v = value_of(value_);
  if (v.is_int64()) return v.get_int64();
  if (v.is_double()) {
    const double d = v.get_double();
    if (std::abs(d) < 9e15 && d == std::floor(d)) return static_cast<int64_t>(d);
  }
  mismatch(*this, "integer");
}

double Json::number() const {
  const bj::value& v = value_of(value_);
  if (v.is_double()) return v.get_double();
  if (v.is_int64()) return static_cast<double>(v.get_int64());
  if (v.is_uint64()) return static_cast<double>(v.get_uint64());
  mismatch(*this, "number");
}

std::string_view Json::string() const {
  if (!is_string()) mismatch(*this, "string");
  const bj::string& s = value_of(value_).get_string();
  return {s.data(), s.size()};
}

size_t Json::size() const {
  const bj::value& v = value_of(value_);
  if (v.is_array()) return v.get_array().size();
  if (v.is_object()) return v.get_object().size();
  mismatch(*this, "array or object");
}

Json Json::operator[](size_t index) const {
  if (!is_array()) mismatch(*this, "array");
  const bj::array& a = value_of(value_).get_array();
  if (index >= a.size())
    fail(Code::kInvalidArgument, path_, ": want element ", index, ", got ", a.size(), " elements");
  return Json(document_, &a[index], path_ + '[' + std::to_string(index) + ']');
}

std::vector<std::pair<std::string_view, Json>> Json::members() const {
  if (!is_object()) mismatch(*this, "object");
  std::vector<std::pair<std::string_view, Json>> out;
  for (const bj::key_value_pair& pair : value_of(value_).get_object()) {
    const std::string_view key(pair.key().data(), pair.key().size());
    out.emplace_back(key, Json(document_, &pair.value(), child_path(path_, key)));
  }
  return out;
}

std::optional<Json> Json::find(std::string_view key) const {
  if (!is_object()) mismatch(*this, "object");
  const bj::value* found = value_of(value_).get_object().if_contains({key.data(), key.size()});
  if (!found || found->is_null()) return std::nullopt;
  return Json(document_, found, child_path(path_, key));
}

Json Json::at(std::string_view key) const {
  if (std::optional<Json> found = find(key)) return *found;
  fail(Code::kInvalidArgument, path_, path_.ends_with(": ") ? "" : ": ", "missing key `", key, '`');
}

bool Json::boolean(std::string_view key, bool absent) const {
  const auto found = find(key);
  return found ? found->boolean() : absent;
}
int64_t Json::integer(std::string_view key, int64_t absent) const {
  const auto found = find(key);
  return found ? found->integer() : absent;
}
double Json::number(std::string_view key, double absent) const {
  const auto found = find(key);
  return found ? found->number() : absent;
}
std::string Json::string(std::string_view key, std::string_view absent) const {
  const auto found = find(key);
  return std::string(found ? found->string() : absent);
}

void JsonWriter::comma() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::begin_object() {
  comma();
  text_ += '{';
  first_ = true;
  return *this;
}
JsonWriter& JsonWriter::end_object() {
  text_ += '}';
  first_ = false;
  return *this;
}
JsonWriter& JsonWriter::begin_array() {
  comma();
  text_ += '[';
  first_ = true;
  return *this;
}
JsonWriter& JsonWriter::end_array() {
  text_ += ']';
  first_ = false;
  return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
  value(name);
  text_ += ':';
  first_ = true;
  return *this;
}
JsonWriter& JsonWriter::value(std::string_view text) {
  comma();
  text_ += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        text_ += "\\\"";
        break;
      case '\\':
        text_ += "\\\\";
        break;
      case '\n':
        text_ += "\\n";
        break;
      case '\r':
        text_ += "\\r";
        break;
      case '\t':
        text_ += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          constexpr char kHex[] = "0123456789abcdef";
          text_ += "\\u00";
          text_ += kHex[(c >> 4) & 15];
          text_ += kHex[c & 15];
        } else {
          text_ += c;
        }
    }
  }
  text_ += '"';
  return *this;
}
JsonWriter& JsonWriter::value(float number) {
  if (!std::isfinite(number)) return null();
  comma();
  append_number(text_, number);
  return *this;
}
JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  comma();
  append_number(text_, number);
  return *this;
}
JsonWriter& JsonWriter::value(int64_t number) {
  comma();
  append_number(text_, number);
  return *this;
}
JsonWriter& JsonWriter::value(uint64_t number) {
  comma();
  append_number(text_, number);
  return *this;
}
JsonWriter& JsonWriter::value(bool truth) { return raw(truth ? "true" : "false"); }
JsonWriter& JsonWriter::null() { return raw("null"); }
JsonWriter& JsonWriter::raw(std::string_view json) {
  comma();
  text_ += json;
  return *this;
}

void append_json(JsonWriter& json, const Json& value) {
  if (value.is_bool()) {
    json.value(value.boolean());
  } else if (value.is_integer()) {
    json.value(value.integer());
  } else if (value.is_number()) {
    json.value(value.number());
  } else if (value.is_string()) {
    json.value(value.string());
  } else if (value.is_array()) {
    json.begin_array();
    for (size_t i = 0; i < value.size(); ++i) append_json(json, value[i]);
    json.end_array();
  } else if (value.is_object()) {
    json.begin_object();
    for (const auto& [key, member] : value.members()) append_json(json.key(key), member);
    json.end_object();
  } else {
    json.null();
  }
}

}  // namespace winnow
