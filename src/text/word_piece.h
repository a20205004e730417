// WordPiece: greedy longest match, left to right; a word that cannot be covered is one unknown
// token. Source: the `tokenizers` library, models/wordpiece.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/model.h"
#include "text/vocabulary.h"

namespace winnow {

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string continuation = "##";  // prefix of tokens that do not begin a word
  int64_t max_word_chars = 100;     // a longer word is unknown
};

class WordPiece final : public Model {
 public:
  // Throws kCorrupt, opening with `where`, when the unknown token is not in the vocabulary.
  WordPiece(Vocabulary vocabulary, WordPieceOptions options, std::string_view where);

  void tokenize(std::string_view word, std::vector<Piece>& pieces) const override;
  std::optional<int32_t> token_id(std::string_view token) const override {
    return vocabulary_.id(token);
  }
  int32_t size() const override { return vocabulary_.size(); }
  std::optional<std::string_view> token(int32_t id) const override { return vocabulary_.token(id); }

  int32_t unknown_id() const { return unknown_; }
  int64_t max_word_chars() const { return options_.max_word_chars; }

 private:
  Vocabulary vocabulary_;
  WordPieceOptions options_;
  int32_t unknown_;
  int32_t continued_;  // the trie's node after the continuation prefix, or -1
};

std::shared_ptr<const WordPiece> make_word_piece(const Json& json);

}  // namespace winnow
