// The first byte says what the configs name (nothing, XLM-R, LlamaTokenizer, that of old), the
// second how long the text after it is; the rest is a SentencePiece model of any kind. Either a
// tokenizer or one Error; the text's tokens are the same with offsets and without, and the offsets
// lie in it, or one Error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "text/load.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const winnow::Json xlm =
      winnow::Json::parse(R"({"model_type":"xlm-roberta"})", "config.json");
  static const winnow::Json llama = winnow::Json::parse(
      R"({"tokenizer_class":"LlamaTokenizer","add_bos_token":true})", "tokenizer_config.json");
  static const winnow::Json legacy = winnow::Json::parse(
      R"({"tokenizer_class":"LlamaTokenizer","legacy":true})", "tokenizer_config.json");
  static const winnow::FolderConfigs configs[] = {
      {}, {.model = &xlm}, {.tokenizer = &llama}, {.tokenizer = &legacy}};
  const size_t length = std::min<size_t>(data[1], size - 2);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, length);
  const auto model = std::as_bytes(std::span(data, size)).subspan(2 + length);
  try {
    const auto tokenizer = winnow::load_sentence_piece(model, "input", configs[data[0] % 4]);
    const winnow::TokenSpan tokens = tokenizer->tokenize(text, true);
    expect(tokenizer->tokenize(text).ids == tokens.ids);
    for (const auto& [start, end] : tokens.offsets)
      expect(0 <= start && start <= end && end <= static_cast<int64_t>(length));
    for (const int32_t id : tokens.ids) expect(id >= 0 && id < tokenizer->vocab_size());
    tokenizer->decode(tokens.ids, true);
  } catch (const winnow::Error&) {
  }
  return 0;
}
