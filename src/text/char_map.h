// A precompiled character map: SentencePiece's normalization as a table from strings to strings.
// Immutable and thread-safe. Source: models.md 1.2.4; Darts-clone's double array; the
// `tokenizers` library, normalizers/precompiled.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace winnow {

class CharMap {
 public:
  // The map's bytes: u32 LE size of the trie in bytes, the trie, then replacements that each end
  // with NUL. `where` opens the message of kCorrupt.
  CharMap(std::string_view bytes, std::string_view where);

  // The same in base64.
  static CharMap from_base64(std::string_view text, std::string_view where);

  // Walks a text (well-formed UTF-8) grapheme cluster by cluster and tells sink, in order, what
  // becomes of it:
  //   sink.keep(std::string_view)                   these bytes stay
  //   sink.replace(int n, std::string_view to)      the next n code points become `to`
  // A cluster of less than six bytes is looked up whole; a longer one, or one that is not found,
  // code point by code point. A look-up takes the shortest key that begins the string, whatever
  // comes after it: that is what the library does, and what models were trained beside.
  template <typename Sink>
  void apply(std::string_view text, Sink& sink) const {
    size_t at = 0, kept = 0;  // [kept, at) stays
    while (at < text.size()) {
      at = skip_plain(text, at);
      if (at == text.size()) break;
      const CodePoint c = decode_utf8(text, at);
      const uint32_t entry = entry_of(c.value);
      const size_t next = at + static_cast<size_t>(c.bytes);
      const bool alone =
          (entry & kOpens) == 0 &&
          (next == text.size() || (entry_of(decode_utf8(text, next).value) & kJoins) == 0);
      const size_t end = alone ? next : cluster_end(text, at);
      if (!alone && end - at < kLongCluster) {
        if (const auto to = find(text.substr(at, end - at))) {
          if (kept < at) sink.keep(text.substr(kept, at - kept));
          sink.replace(static_cast<int>(code_points(text.substr(at, end - at))), *to);
          kept = at = end;
          continue;
        }
      }
      while (at < end) {
        const CodePoint part = decode_utf8(text, at);
        const auto bytes = static_cast<size_t>(part.bytes);
        if (const uint32_t of = entry_of(part.value); of & kReplaced) {
          if (kept < at) sink.keep(text.substr(kept, at - kept));
          sink.replace(1, replacement(of >> kBits));
          kept = at + bytes;
        }
        at += bytes;
      }
    }
    if (kept < text.size()) sink.keep(text.substr(kept));
  }

  // What the shortest key that begins this string becomes.
  std::optional<std::string_view> find(std::string_view key) const;

  // Whether apply keeps a text of this one code point.
  bool keeps(char32_t code_point) const { return (entry_of(code_point) & kReplaced) == 0; }

  // All that anything is replaced by, NUL between.
  std::string_view replacements() const { return texts_; }

 private:
  static constexpr size_t kLongCluster = 6;
  // Bits of a code point's entry; where its replacement begins stands above them.
  static constexpr uint32_t kJoins = 1;  // may belong to the cluster of the one before it
  static constexpr uint32_t kOpens =
      2;  // may take the one after it into its cluster, whatever that is
  static constexpr uint32_t kReplaced = 4;
  static constexpr int kBits = 3;

  uint32_t entry_of(char32_t c) const { return entries_[page_[c >> 8] + (c & 0xFF)]; }
  std::string_view replacement(uint32_t at) const {
    return std::string_view(texts_).substr(at, texts_.find('\0', at) - at);
  }
  // The node of the trie that these bytes lead to, or less than all of them if a key ends before;
  // nothing if no key goes that way.
  struct Walk {
    size_t node;
    std::optional<uint32_t> value;  // of the key that ended
  };
  std::optional<Walk> walk(Walk from, std::string_view bytes) const;
  Walk root() const;
  void fill_block(char32_t first, uint32_t* entries) const;
  void fill_pages();

  // The first byte from `at` on that is not of an ASCII code point which stays and is a cluster of
  // its own.
  size_t skip_plain(std::string_view text, size_t at) const {
    while (at + 1 < text.size() && plain_[static_cast<unsigned char>(text[at])] &&
           static_cast<unsigned char>(text[at + 1]) < 0x80)
      ++at;
    return at;
  }
  size_t cluster_end(std::string_view text, size_t at) const;

  std::vector<uint32_t> units_;
  std::string texts_;
  std::array<uint32_t, 0x1100> page_;  // where in entries_ each 256 code points begin
  std::vector<uint32_t> entries_;      // equal pages are one
  std::array<bool, 256> plain_{};      // by byte
};

}  // namespace winnow
