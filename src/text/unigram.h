// Unigram: the cheapest way to cover a word with pieces, by Viterbi. Source: the `tokenizers`
// library, models/unigram; Kudo 2018.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/model.h"
#include "text/trie.h"

namespace winnow {

struct UnigramOptions {
  std::optional<int32_t> unknown;  // without it, a text that needs it is an error
  bool byte_fallback = false;      // what is unknown is one piece a byte, if there are all of them
};

class Unigram final : public Model {
 public:
  // Pieces by id, with their log probabilities. Of equal pieces the last counts. Throws kCorrupt,
  // opening with `where`, when there are none, or too many, or the unknown one is not among them.
  Unigram(std::vector<std::pair<std::string, double>> pieces, UnigramOptions options,
          std::string_view where);

  // What a search works in; kept by callers who tokenize word by word.
  struct Space {
    struct Best {
      double score;
      int32_t begin = -1;  // of the piece that ends here; -1: none does
      int32_t node = 0;    // of the piece, or kUnknown
    };
    std::vector<Best> ends;  // by byte
    std::vector<Piece> pieces;
  };

  // Time and memory grow with the word's bytes, and with the longest piece.
  void tokenize(std::string_view word, std::vector<Piece>& pieces) const override;
  void tokenize(std::string_view word, std::vector<Piece>& pieces, Space& space) const;

  std::optional<int32_t> token_id(std::string_view token) const override;
  int32_t size() const override { return static_cast<int32_t>(tokens_.size()); }
  std::optional<std::string_view> token(int32_t id) const override;

 private:
  void search(std::string_view word, Space& space) const;
  void add_unknown(std::string_view text, int32_t end, std::vector<Piece>& pieces) const;

  // A node of the trie with what the search asks of it, side by side: to get at it is a cache miss.
  struct Node {
    int32_t base;
    int32_t parent;
    double score;  // of the piece that ends here; not a number: none does
  };
  static constexpr int32_t kUnknown = -1;

  // A trie's step; -1 if there is none.
  int32_t step(int32_t node, char byte) const {
    const int32_t next = nodes_[static_cast<size_t>(node)].base ^ static_cast<unsigned char>(byte);
    return nodes_[static_cast<size_t>(next)].parent == node ? next : -1;
  }
  int32_t find(std::string_view token) const;
  int32_t id_of(const Space::Best& best) const {
    return best.node == kUnknown ? *options_.unknown : ids_[static_cast<size_t>(best.node)];
  }
  void add_nodes(const Trie& trie, const std::vector<std::pair<std::string, double>>& pieces);

  std::vector<std::string> tokens_;  // by id
  std::vector<Node> nodes_;
  std::vector<int32_t> ids_;    // by node, of the piece that ends there, or -1
  std::vector<int32_t> first_;  // by code point below U+10000: the node that it leads to, or -1
  UnigramOptions options_;
  double unknown_score_;
  std::vector<int32_t> bytes_;  // ids of <0x00> to <0xFF>, or -1
};

// From the "model" member of a tokenizer.json; throws kCorrupt naming the key.
std::shared_ptr<const Unigram> make_unigram(const Json& json);

}  // namespace winnow
