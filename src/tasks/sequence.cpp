#include "tasks/sequence.h"

#include <algorithm>

#include "base/utf8.h"

namespace winnow {

int length_limit(const Truncation& truncation, int model_limit) {
  return truncation.max_length > 0 ? std::min(truncation.max_length, model_limit) : model_limit;
}

std::optional<InputError> refuse_text(std::string_view text) {
  if (text.empty()) return InputError{Code::kEmpty, "the text is empty"};
  if (const std::optional<size_t> at = invalid_utf8_at(text))
    return InputError{Code::kTokenizer, cat("the text is not UTF-8: byte ", *at)};
  return std::nullopt;
}

Encoded encode_tokens(TokenSpan first, TokenSpan* second, const Tokenizer& tokenizer,
                      const Truncation& truncation, int model_limit) {
  const int limit = length_limit(truncation, model_limit);
  const int special = tokenizer.special_tokens(second != nullptr);
  const size_t length = first.ids.size() + (second ? second->ids.size() : 0) + special;
  if (length > static_cast<size_t>(limit)) {
    if (!truncation.enabled)
      return {{},
              InputError{Code::kTooLong, cat("want at most ", limit, " tokens, got ", length,
                                             ": truncation is off")}};
    truncate(first, second, special, limit, truncation.side);
  }
  Encoding encoding = tokenizer.assemble(first, second);
  return {{.ids = std::move(encoding.ids), .type_ids = std::move(encoding.type_ids)}, std::nullopt};
}

void require_all(const std::vector<Encoded>& encoded) {
  for (size_t i = 0; i < encoded.size(); ++i)
    if (encoded[i].error)
      fail(encoded[i].error->code, "input ", i, ": ", encoded[i].error->message);
}

}  // namespace winnow
