// Decoders at work token by token: each stage takes pieces of tokens and hands on what is final of
// its own. Not thread-safe; one a text.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace winnow {

// A piece of a token, well-formed UTF-8 on both sides.
struct TokenPiece {
  std::string text;
  bool opens = true;  // the token's first piece
};

class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  // Appends to `out` what is final once this piece is known.
  virtual void push(TokenPiece piece, std::vector<TokenPiece>& out) = 0;
  // Appends the rest: no piece comes any more.
  virtual void finish(std::vector<TokenPiece>& out) = 0;
  // Whether every piece that it hands on is a whole token.
  virtual bool whole() const = 0;
};

// Stages one behind the other; there may be none.
std::unique_ptr<DecodeStage> chained(std::vector<std::unique_ptr<DecodeStage>> stages);

}  // namespace winnow
