// A tokenizer.json's components at work: added tokens, normalizer, pre-tokenizer, model,
// post-processor, decoder. Immutable and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/bert_pass.h"
#include "text/byte_level_pass.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/unigram_pass.h"

namespace winnow {

struct PipelineParts {
  std::shared_ptr<const Model> model;
  std::unique_ptr<Normalizer> normalizer;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be null
  AddedTokens added;
  Template special;
  std::unique_ptr<Decoder> decoder;
};

class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts);

  TokenSpan tokenize(std::string_view text, bool with_offsets) const override;
  int special_tokens(bool pair) const override { return parts_.special.special_tokens(pair); }
  Encoding assemble(const TokenSpan& first, const TokenSpan* second) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
  bool has_token(int32_t id) const override;
  std::optional<int32_t> token_id(std::string_view token) const override;
  std::string_view token(int32_t id) const override;
  bool is_special(int32_t id) const override;
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens) const override;
  std::string token_bytes(int32_t id) const override;
  std::unique_ptr<DecodeStream> decode_stream(bool skip_special_tokens) const override;

 private:
  class Stream;

  // The tokens of a stretch of text without added tokens of the raw kind.
  void tokenize_part(std::string_view text, int32_t first, bool with_offsets, TokenSpan& out) const;
  void tokenize_normalized(Normalized n, bool with_offsets, TokenSpan& out) const;

  // The token of an id, as decoding has it; empty for one that it leaves out: of no token, as the
  // library does, or a special one.
  std::optional<std::string_view> decoded(int32_t id, bool skip_special_tokens) const;
  TokenSpan trimmed(TokenSpan span) const;
  Offset trimmed(Offset offset, std::string_view token, bool first) const;

  PipelineParts parts_;
  std::vector<std::optional<std::string_view>> tokens_;  // by id, the added ones too
  std::vector<bool> special_, added_;                    // by id
  std::unique_ptr<const BertPass> bert_;                 // when the components are BERT's own
  std::unique_ptr<const ByteLevelPass> byte_level_;      // when they are GPT-2's or their kind
  std::unique_ptr<const UnigramPass> unigram_;           // when they are XLM-R's
};

}  // namespace winnow
