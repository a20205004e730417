// Any bytes up to a NUL: either a constraint or one Error. The bytes after it choose among the
// tokens that are allowed: there is always one, each is accepted, and a complete answer is JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "tasks/json_constraint.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

std::shared_ptr<const winnow::TokenTrie> tokens() {
  static const auto trie = [] {
    std::vector<std::string> bytes = {""};  // the end
    for (int b = 0; b < 256; ++b) bytes.emplace_back(1, static_cast<char>(b));
    for (const char* token :
         {"{\"", "\":\"", "\"}", "]}", "[[", "\",\"", "12", "\xF0\x9F", "\\u00"})
      bytes.emplace_back(token);
    return std::make_shared<const winnow::TokenTrie>(bytes, std::vector<int32_t>{0});
  }();
  return trie;
}

void walk(winnow::JsonConstraint constraint, std::string_view choices) {
  std::string text;
  for (const char choice : choices) {
    const winnow::TokenMask mask = constraint.allowed();
    size_t left = mask.count();
    expect(left > 0);
    left = static_cast<unsigned char>(choice) % left;
    int32_t token = 0;
    while (!mask.test(token) || left-- > 0) ++token;
    constraint.accept(token);
    text += tokens()->bytes(token);
    if (constraint.complete()) winnow::Json::parse(text, "answer");
    if (token == 0) break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  std::unique_ptr<winnow::JsonConstraint> constraint;
  try {
    const winnow::Json schema = winnow::Json::parse(input.substr(0, end), "input");
    constraint = std::make_unique<winnow::JsonConstraint>(tokens(), schema);
  } catch (const winnow::Error&) {
    return 0;
  }
  const std::string_view choices = input.substr(std::min(end + 1, size));
  try {
    walk(*constraint, choices.substr(0, choices.size() / 2));
    walk(*constraint, choices.substr(choices.size() / 2));
  } catch (const winnow::Error& error) {
    expect(error.code() == winnow::Code::kUnsupported);  // too ambiguous, nothing else
  }
  return 0;
}
