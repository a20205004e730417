// Models: from a word to tokens. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace winnow {

// A token of a word, and the byte of the word before which it ends; it begins where the one before
// it ends, and one that ends there too stands for the same bytes.
struct Piece {
  int32_t id;
  int32_t end;
};

class Model {
 public:
  virtual ~Model() = default;
  // Appends the tokens of a word (UTF-8, not empty).
  virtual void tokenize(std::string_view word, std::vector<Piece>& pieces) const = 0;
  virtual std::optional<int32_t> token_id(std::string_view token) const = 0;
  // One more than the largest id; ids between may be without a token.
  virtual int32_t size() const = 0;
  virtual std::optional<std::string_view> token(int32_t id) const = 0;
};

// From the "model" member of a tokenizer.json. Throws kUnsupported naming the key and the type,
// kCorrupt naming the key.
std::shared_ptr<const Model> make_model(const Json& json);

}  // namespace winnow
