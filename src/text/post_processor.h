// Post-processors: the special tokens and type ids around one text or two. Immutable and
// thread-safe. Source: the `tokenizers` library, processors/ (TemplateProcessing, BertProcessing,
// ByteLevel, Sequence).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace winnow {

// One piece of a template: special tokens, or the first or the second text.
struct TemplatePiece {
  enum class Kind { kSpecial, kFirst, kSecond } kind;
  int32_t type_id = 0;
  std::vector<int32_t> ids = {};  // of kSpecial
};

struct Template {
  std::vector<TemplatePiece> single, pair;
  // Byte-level ones leave the white space at a token's ends out of its offsets, but for the space
  // that was put before a text.
  bool trims_offsets = false, keeps_first_space = false;

  // Tokenizer's functions of these names.
  int special_tokens(bool of_pair) const;
  Encoding assemble(const TokenSpan& first, const TokenSpan* second) const;
};

// The two texts with nothing around them, of types 0 and 1: what a file without a post-processor
// means.
Template bare_template();

// [CLS] A [SEP], [CLS] A [SEP] B [SEP] with B and its end of type 1.
Template bert_template(int32_t cls, int32_t sep);

// <s> A </s>, <s> A </s> </s> B </s>, all of type 0.
Template roberta_template(int32_t cls, int32_t sep);

// [before] A [after], and for a pair each text so, the second and what is around it of type 1.
Template framed_template(std::optional<int32_t> before, std::optional<int32_t> after);

// From the "post_processor" member of a tokenizer.json; ids must be below vocab_size. Throws
// kUnsupported naming the key and the type, kCorrupt naming the key.
Template make_template(const Json& json, int64_t vocab_size);

}  // namespace winnow
