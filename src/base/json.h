// JSON: reading through a well-kept library behind an immutable view, and a small streaming writer.
// Wraps Boost.JSON; no other room sees its types.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace winnow {

struct JsonLimits {
  int max_depth = 64;  // deeper input is kCorrupt, not a stack overflow
  bool allow_invalid_utf8 =
      false;  // true hands invalid bytes through, so that a route can name the text that has them
};

// An immutable view of one value of a parsed document; copies are cheap and keep the document
// alive. Thread-safe. Accessors throw kInvalidArgument naming the path from the document's root,
// what was wanted and what was found.
class Json {
 public:
  Json() = default;  // null

  // Throws kCorrupt with the byte offset; `what` (a file name, "the request body") opens the
  // message.
  static Json parse(std::string_view text, std::string_view what, JsonLimits limits = {});

  bool is_null() const;
  bool is_bool() const;
  bool is_number() const;
  bool is_integer() const;
  bool is_string() const;
  bool is_array() const;
  bool is_object() const;
  std::string_view kind() const;  // "null", "boolean", "number", "string", "array", "object"

  // The value itself.
  bool boolean() const;
  int64_t integer() const;  // also a number with no fraction, as 1.0
  double number() const;
  std::string_view string() const;  // lives as long as the document

  // An array's elements, an object's members in the file's order.
  size_t size() const;
  Json operator[](size_t index) const;
  std::vector<std::pair<std::string_view, Json>> members() const;

  // An object's member. find is empty when the key is absent or its value null.
  std::optional<Json> find(std::string_view key) const;
  Json at(std::string_view key) const;
  bool boolean(std::string_view key) const { return at(key).boolean(); }
  int64_t integer(std::string_view key) const { return at(key).integer(); }
  double number(std::string_view key) const { return at(key).number(); }
  std::string_view string(std::string_view key) const { return at(key).string(); }
  bool boolean(std::string_view key, bool absent) const;
  int64_t integer(std::string_view key, int64_t absent) const;
  double number(std::string_view key, double absent) const;
  std::string string(std::string_view key, std::string_view absent) const;

  const std::string& path() const { return path_; }  // "config.json: layers[3].name"

 private:
  Json(std::shared_ptr<const void> document, const void* value, std::string path)
      : document_(std::move(document)), value_(value), path_(std::move(path)) {}

  std::shared_ptr<const void> document_;
  const void* value_ = nullptr;
  std::string path_;
};

// Appends JSON text to a string. Floats are the shortest text that reads back as the same float;
// NaN and infinities are null. Strings must be UTF-8. Commas and quotes are its business, nesting
// is the caller's.
class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(float number);
  JsonWriter& value(double number);
  JsonWriter& value(int64_t number);
  JsonWriter& value(uint64_t number);
  JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(bool truth);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // a value that is JSON already

  // key and value in one.
  template <typename T>
  JsonWriter& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void comma();
  std::string text_;
  bool first_ = true;
};

// Appends any JSON value as it is: members in their order, one spelling for each string and number.
void append_json(JsonWriter& json, const Json& value);

}  // namespace winnow
