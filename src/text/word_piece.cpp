#include "text/word_piece.h"

#include "base/error.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/unigram.h"

namespace winnow {
WordPiece::WordPiece(Vocabulary vocabulary, WordPieceOptions options, std::string_view where)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      continued_(vocabulary_.trie().walk(Trie::kRoot, options_.continuation)) {
  const auto unknown = vocabulary_.id(options_.unknown);
  if (!unknown)
    fail(Code::kCorrupt, where, ": want the unknown token \"", options_.unknown,
         "\" in the vocabulary, got none");
  unknown_ = *unknown;
}

void WordPiece::tokenize(std::string_view word, std::vector<Piece>& pieces) const {
  const size_t before = pieces.size();
  const auto size = static_cast<int32_t>(word.size());
  const auto limit = options_.max_word_chars;
  bool covered = size <= limit || code_points(word) <= limit;  // a code point has a byte at least
  for (int32_t start = 0; covered && start < size;) {
    int32_t node = start == 0 ? Trie::kRoot : continued_;
    int32_t id = -1, end = start;
    for (int32_t at = start; at < size && node >= 0; ++at) {
      node =
          vocabulary_.trie().step(node, static_cast<unsigned char>(word[static_cast<size_t>(at)]));
      if (node < 0) break;
      if (const int32_t value = vocabulary_.trie().value(node); value >= 0) {
        id = value;
        end = at + 1;
      }
    }
    covered = id >= 0;
    if (covered) pieces.push_back({id, end});
    start = end;
  }
  if (covered) return;
  pieces.resize(before);
  pieces.push_back({unknown_, size});
}

std::shared_ptr<const WordPiece> make_word_piece(const Json& json) {
  WordPieceOptions options;
  options.unknown = json.string("unk_token", options.unknown);
  options.continuation = json.string("continuing_subword_prefix", options.continuation);
  options.max_word_chars = json.integer("max_input_chars_per_word", options.max_word_chars);
  if (options.max_word_chars < 0)
    fail(Code::kCorrupt, json.path(), ".max_input_chars_per_word: want 0 or more, got ",
         options.max_word_chars);
  std::vector<std::pair<std::string, int64_t>> tokens;
  const Json vocab = json.at("vocab");
  for (const auto& [token, id] : vocab.members()) tokens.emplace_back(token, id.integer());
  return std::make_shared<WordPiece>(Vocabulary(std::move(tokens), vocab.path()),
                                     std::move(options), json.path());
}

std::shared_ptr<const Model> make_model(const Json& json) {
  // Files of the library's first versions have no type for their model; a WordPiece shows by its
  // prefix.
  const std::string type = json.find("type") || !json.find("continuing_subword_prefix")
                               ? std::string(json.string("type"))
                               : "WordPiece";
  if (type == "WordPiece") return make_word_piece(json);
  if (type == "BPE") return make_bpe(json);
  if (type == "Unigram") return make_unigram(json);
  fail(Code::kUnsupported, json.path(), ": want a model of WordPiece, BPE, Unigram, got ", type);
}

}  // namespace winnow
