// Any bytes up to a NUL: either a tokenizer or one Error. The bytes after it: tokens whose offsets
// lie in the text, which are the same with offsets and without and decode to one text in steps and
// at once, or one Error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void tokenize(const winnow::Tokenizer& tokenizer, std::string_view text) {
  winnow::TokenSpan first = tokenizer.tokenize(text, true);
  expect(tokenizer.tokenize(text).ids == first.ids);
  expect(first.ids.size() == first.offsets.size());
  for (const auto& [start, end] : first.offsets)
    expect(0 <= start && start <= end && end <= static_cast<int64_t>(text.size()));
  for (const int32_t id : first.ids) expect(id >= 0 && id < tokenizer.vocab_size());
  winnow::TokenSpan second = first;
  truncate(first, &second, tokenizer.special_tokens(true), 16, winnow::TruncationSide::kLeft);
  const winnow::Encoding both = tokenizer.assemble(first, &second);
  expect(both.ids.size() <= 16 && both.type_ids.size() == both.ids.size());
  winnow::StreamDecoder stream(tokenizer, true);
  std::string streamed;
  for (const int32_t id : both.ids) streamed += stream.push(id);
  expect(streamed + stream.finish() == tokenizer.decode(both.ids, true));
  for (const int32_t id : both.ids) tokenizer.token_bytes(id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  try {
    const auto tokenizer = winnow::Tokenizer::from_json(input.substr(0, end), "input");
    tokenize(*tokenizer, input.substr(std::min(end + 1, size)));
  } catch (const winnow::Error&) {
  }
  return 0;
}
