// A bit for each token of a vocabulary: what a constraint allows at the next step.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace winnow {

// A set of token ids in [0, size). Ids must lie in that range; bits past the size are always 0.
class TokenMask {
 public:
  TokenMask() = default;
  explicit TokenMask(size_t size) : size_(size), words_((size + 63) / 64) {}

  size_t size() const { return size_; }

  // One id in or out, or asked for.
  bool test(int32_t id) const { return words_[id >> 6] >> (id & 63) & 1; }
  void set(int32_t id) { words_[id >> 6] |= uint64_t{1} << (id & 63); }
  void reset(int32_t id) { words_[id >> 6] &= ~(uint64_t{1} << (id & 63)); }

  // Adds all of another mask of the same size.
  void merge(const TokenMask& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

  // How many ids are in it.
  size_t count() const {
    size_t sum = 0;
    for (const uint64_t word : words_) sum += std::popcount(word);
    return sum;
  }

  // Id i is bit i % 64 of word i / 64.
  std::span<const uint64_t> words() const { return words_; }

  bool operator==(const TokenMask&) const = default;

 private:
  size_t size_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace winnow
