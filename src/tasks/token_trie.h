// All tokens of a vocabulary by their bytes, in one array that a constraint walks from front to
// back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace winnow {

// Immutable, thread-safe; built once a tokenizer.
class TokenTrie {
 public:
  // token_bytes[id]: what the token adds to the text, in raw bytes; empty: never allowed (special
  // tokens). end_tokens: those that end the generation. Throws kInvalidArgument when an end token
  // is not an index of token_bytes.
  TokenTrie(const std::vector<std::string>& token_bytes, std::vector<int32_t> end_tokens);

  // A node stands before its descendants, which end before node `end`. Node 0 is the root.
  struct Node {
    uint32_t end;
    uint32_t tokens_end;  // its tokens are those from the tokens_end of the node before
    uint16_t depth;
    uint8_t byte;
  };
  std::span<const Node> nodes() const { return nodes_; }

  // The tokens whose bytes end at this node.
  std::span<const int32_t> tokens_at(size_t node) const {
    const uint32_t begin = node == 0 ? 0 : nodes_[node - 1].tokens_end;
    return std::span(sorted_).subspan(begin, nodes_[node].tokens_end - begin);
  }

  size_t vocab_size() const { return bytes_.size(); }
  const std::string& bytes(int32_t id) const { return bytes_[id]; }
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  int most_brackets() const { return most_brackets_; }  // '[' and '{' in one token, at most

 private:
  std::vector<std::string> bytes_;
  std::vector<int32_t> end_tokens_;
  std::vector<Node> nodes_;
  std::vector<int32_t> sorted_;  // ids by their bytes
  int most_brackets_ = 0;
};

}  // namespace winnow
