// The one exception of winnow. Thrown by loading, parsing and checking; caught at four borders
// only: a route, a worker's batch, a binding, main.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace winnow {

// A closed list; http/status.cpp maps each to one status, app/main.cpp all of them to exit code 1.
enum class Code {
  kInvalidArgument,  // the caller's request is wrong: a type, a range, a missing field
  kTooLong,          // a text exceeds the model's limit and truncation is off
  kEmpty,            // an input that must not be empty is empty
  kNotFound,         // no such file, model or route
  kCorrupt,          // bytes that we did not write are not what their format says
  kUnsupported,      // well-formed, but winnow cannot do it (an architecture, an op, a component)
  kOverloaded,       // the queue is full: try again later
  kDeadline,         // the request's deadline passed before its work began or ended
  kCancelled,        // the client went away
  kTokenizer,        // the tokenizer cannot encode this text
  kIo,               // the system refused: disk full, port in use, permission
  kNetwork,          // a download failed
  kInternal,         // our own mistake
};

std::string_view code_name(Code code);  // "invalid_argument", ...

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

// Concatenates its arguments as an ostream prints them.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// Throws Error(code, cat(parts...)).
template <typename... Parts>
[[noreturn]] void fail(Code code, const Parts&... parts) {
  throw Error(code, cat(parts...));
}

// Throws kInvalidArgument with the concatenated message unless the condition holds.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(Code::kInvalidArgument, parts...);
}

}  // namespace winnow
