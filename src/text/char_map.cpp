#include "text/char_map.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "text/grapheme.h"

namespace winnow {
namespace {

constexpr char32_t kPage = 256, kBlock = 64;

// From a unit of the double array to its children.
size_t offset(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 0x200) >> 6); }

uint32_t read_u32(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i]));
  };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::string decode_base64(std::string_view text, std::string_view where) {
  if (text.size() % 4 != 0)
    fail(Code::kCorrupt, where, ": want base64 of a multiple of 4 characters, got ", text.size());
  std::string out;
  out.reserve(text.size() / 4 * 3);
  size_t digits = text.size();
  while (digits > 0 && text.size() - digits < 2 && text[digits - 1] == '=') --digits;
  uint32_t bits = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = base64_digit(text[i]);
    if (digit < 0) fail(Code::kCorrupt, where, ": want base64, got another character at ", i);
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 0) out += static_cast<char>(bits >> (6 - i % 4 * 2) & 0xFF);
  }
  return out;
}

// What may follow in a cluster, whatever stands before: marks, and what only some code points take.
bool joins(ClusterClass c) {
  return c == ClusterClass::kExtend || c == ClusterClass::kLinker || c == ClusterClass::kJoiner ||
         c == ClusterClass::kNonJoiner || c == ClusterClass::kSpacingMark ||
         c == ClusterClass::kVowel || c == ClusterClass::kTail;
}

// What may be followed by a code point that does not join as such.
bool opens(ClusterClass c) {
  return c == ClusterClass::kPrepend || c == ClusterClass::kLead || c == ClusterClass::kReturn;
}

}  // namespace

CharMap::CharMap(std::string_view bytes, std::string_view where) {
  const size_t size = bytes.size() < 4 ? 0 : read_u32(bytes, 0);
  if (bytes.size() < 4 || size % 4 != 0 || size == 0 || size > bytes.size() - 4)
    fail(Code::kCorrupt, where, ": want a trie of 4 to ", bytes.size() < 4 ? 0 : bytes.size() - 4,
         " bytes, a multiple of 4, got ", size);
  units_.resize(size / 4);
  for (size_t i = 0; i < units_.size(); ++i) units_[i] = read_u32(bytes, 4 + 4 * i);
  texts_ = bytes.substr(4 + size);
  if (const auto at = invalid_utf8_at(texts_))
    fail(Code::kCorrupt, where, ": want replacements in UTF-8, got an invalid byte at ",
         4 + size + *at);
  if (texts_.size() >= size_t{1} << (32 - kBits))
    fail(Code::kUnsupported, where, ": want less than 512 MiB of replacements, got ", texts_.size(),
         " bytes");
  texts_ += '\0';  // the last may end with the map
  fill_pages();
  for (char32_t c = ' '; c < 0x7F; ++c) plain_[c] = entry_of(c) == 0;
}

CharMap CharMap::from_base64(std::string_view text, std::string_view where) {
  return CharMap(decode_base64(text, where), where);
}

CharMap::Walk CharMap::root() const { return {offset(units_[0]), std::nullopt}; }

std::optional<CharMap::Walk> CharMap::walk(Walk from, std::string_view bytes) const {
  for (const char c : bytes) {
    if (from.value) break;
    const auto byte = static_cast<unsigned char>(c);
    from.node ^= byte;
    if (byte == 0 || from.node >= units_.size() || (units_[from.node] & 0x800000FF) != byte)
      return std::nullopt;
    const uint32_t unit = units_[from.node];
    from.node ^= offset(unit);
    if ((unit & 0x100) == 0) continue;
    if (from.node >= units_.size()) return std::nullopt;
    const uint32_t value = units_[from.node] & 0x7FFFFFFF;
    if (value >= texts_.size() || (texts_[value] & 0xC0) == 0x80) return std::nullopt;
    from.value = value;
  }
  return from;
}

std::optional<std::string_view> CharMap::find(std::string_view key) const {
  const auto found = walk(root(), key);
  // A walk that ends inside all keys has come to nothing either.
  return found && found->value ? std::optional(replacement(*found->value)) : std::nullopt;
}

// The entries of 64 code points, whose UTF-8 differs in its last byte only.
void CharMap::fill_block(char32_t first, uint32_t* entries) const {
  std::string utf8;
  append_utf8(utf8, first);
  const auto common = walk(root(), std::string_view(utf8).substr(0, utf8.size() - 1));
  for (char32_t i = 0; i < kBlock; ++i) {
    const ClusterClass cluster = cluster_class(first + i);
    entries[i] = (joins(cluster) ? kJoins : 0) | (opens(cluster) ? kOpens : 0);
    if (!common) continue;
    const char last = static_cast<char>(static_cast<unsigned char>(utf8.back()) + i);
    const auto found = walk(*common, {&last, 1});
    if (found && found->value) entries[i] |= kReplaced | *found->value << kBits;
  }
}

void CharMap::fill_pages() {
  std::map<std::vector<uint32_t>, uint32_t> known;
  std::vector<uint32_t> page(kPage);
  for (char32_t p = 0; p < page_.size(); ++p) {
    const char32_t first = p * kPage;
    std::fill(page.begin(), page.end(), 0);
    const bool surrogates = first >= 0xD800 && first < 0xE000;  // not in UTF-8
    for (char32_t i = 0; !surrogates && i < kPage; i += kBlock)
      fill_block(first + i, page.data() + i);
    const auto [at, is_new] = known.emplace(page, static_cast<uint32_t>(entries_.size()));
    if (is_new) entries_.insert(entries_.end(), page.begin(), page.end());
    page_[p] = at->second;
  }
}

size_t CharMap::cluster_end(std::string_view text, size_t at) const {
  ClusterBreaks breaks;
  const size_t begin = at;
  while (at < text.size()) {
    const CodePoint c = decode_utf8(text, at);
    if (breaks.before(cluster_class(c.value)) && at > begin) break;
    at += static_cast<size_t>(c.bytes);
  }
  return at;
}

}  // namespace winnow
