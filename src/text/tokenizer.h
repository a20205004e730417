// Tokenizers: a checkpoint's tokenizer.json executed as it is written. Immutable after loading and
// thread-safe. Source: the format and behaviour of the Hugging Face `tokenizers` library.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A token's place in the original text, in code points: [start, end). Inserted special tokens have
// {0, 0}.
struct Offset {
  int32_t start = 0, end = 0;
  bool operator==(const Offset&) const = default;
};

// One encoded text or pair. The vectors have one entry a token; offsets is empty unless asked for.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;
  std::vector<Offset> offsets;
  std::vector<uint8_t>
      special;  // 1 where the post-processor inserted the token; filled when offsets are
};

enum class TruncationSide { kRight, kLeft };

// A text's tokens before special tokens: what a request tokenizes once and pairs many times.
struct TokenSpan {
  std::vector<int32_t> ids;
  std::vector<Offset> offsets;  // empty unless asked for
};

// Decoding token by token, behind StreamDecoder.
class DecodeStream {
 public:
  virtual ~DecodeStream() = default;
  virtual void push(int32_t id, std::string& text) = 0;  // appends what is final now
  virtual void finish(std::string& text) = 0;            // appends the rest
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Loads a model folder: tokenizer.json, or the same pipeline built from vocab.txt, from
  // vocab.json and merges.txt, or from a SentencePiece model (sentencepiece.bpe.model,
  // spiece.model, tokenizer.model), and the configs. The file's own padding and truncation are
  // ignored: winnow never pads, and truncates as the request says. Throws kNotFound when the folder
  // has none, kCorrupt or kUnsupported naming the file and the component.
  static std::shared_ptr<const Tokenizer> from_folder(const std::string& folder);

  // The text of a tokenizer.json; `what` names it in errors.
  static std::shared_ptr<const Tokenizer> from_json(std::string_view json, std::string_view what);

  // The tokens of a text, without special tokens and untruncated. Wants well-formed UTF-8: throws
  // kTokenizer with the byte offset otherwise.
  virtual TokenSpan tokenize(std::string_view text, bool with_offsets = false) const = 0;

  // How many special tokens the template adds to a single text (pair = false) or to a pair.
  virtual int special_tokens(bool pair) const = 0;

  // Adds the template's special tokens and type ids to one or two token lists (which are already
  // cut to length).
  virtual Encoding assemble(const TokenSpan& first, const TokenSpan* second) const = 0;

  virtual int32_t vocab_size() const = 0;
  virtual bool has_token(int32_t id) const { return id >= 0 && id < vocab_size(); }  // ids may miss
  virtual std::optional<int32_t> token_id(std::string_view token) const = 0;
  virtual std::string_view token(int32_t id) const = 0;  // throws kInvalidArgument out of range
  virtual bool is_special(int32_t id) const = 0;         // an added token marked special
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special_tokens) const = 0;

  // The bytes that a token stands for inside a text: byte letters undone, a mark for a space as a
  // space, <0xNN> as that byte (which need be no UTF-8 alone); added tokens as they are. Throws as
  // token.
  virtual std::string token_bytes(int32_t id) const { return std::string(token(id)); }

  // decode() in steps; one that has no steps says all of it at the end. The tokenizer must outlive
  // it.
  virtual std::unique_ptr<DecodeStream> decode_stream(bool skip_special_tokens) const;
};

// Cuts a pair to max_length tokens in all, special tokens included, as the fast tokenizers'
// `longest_first` does (models.md 1.2.2); with second null, cuts the first. Left cuts keep the end.
// Throws kTooLong, naming want and got, when max_length leaves no room for a token beside the
// special ones.
void truncate(TokenSpan& first, TokenSpan* second, int special_tokens, int max_length,
              TruncationSide side);

}  // namespace winnow
