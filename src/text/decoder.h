// Decoders: from tokens back to a text. Immutable and thread-safe. Source: the `tokenizers`
// library, decoders/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/decode_stage.h"
#include "text/pre_tokenizer.h"

namespace winnow {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // The text that the tokens of one sequence stand for: what chain makes of them, end to end.
  std::string decode(const std::vector<std::string_view>& tokens) const;
  // One step of a sequence of decoders: changes the tokens, or their number.
  virtual void chain(std::vector<std::string>& tokens) const = 0;
  // The same token by token. `whole`: every piece it will get is a whole token. One that cannot say
  // earlier what is final hands on everything at the end. The decoder must outlive it.
  virtual std::unique_ptr<DecodeStage> stage(bool whole) const;
  // What chain makes of a token that is not the first, before the bytes of several become text.
  virtual std::string bytes(std::string token) const { return token; }
};

// WordPiece: joins continued words, a space between others; `cleanup` closes up punctuation and
// English contractions.
std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup);

// Metaspace: marks are spaces again, but the one put before the text.
std::unique_ptr<Decoder> make_metaspace_decoder(const MetaspaceOptions& options);

// Tokens with a space between: what a file without a decoder means.
std::unique_ptr<Decoder> make_space_decoder();

// From the "decoder" member of a tokenizer.json. Throws kUnsupported naming the key and the type.
std::unique_ptr<Decoder> make_decoder(const Json& json);

}  // namespace winnow
