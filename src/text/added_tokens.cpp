#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

Trie trie_of(const std::vector<AddedToken>& tokens) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (size_t i = 0; i < tokens.size(); ++i)
    entries.emplace_back(tokens[i].found, static_cast<int32_t>(i));
  return Trie(std::move(entries));
}

// Where the code point that ends before `at` begins.
size_t before(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (text[at] & 0xC0) == 0x80);
  return at;
}

bool has(std::string_view text, size_t at, uint8_t bit) {
  return (code_point_bits(decode_utf8(text, at).value) & bit) != 0;
}

// Touched by no word character on either side.
bool stands_alone(std::string_view text, size_t begin, size_t end) {
  return (begin == 0 || !has(text, before(text, begin), kWordBit)) &&
         (end == text.size() || !has(text, end, kWordBit));
}

// The tokens with this `normalized`, special ones first: the order in which equal contents are
// preferred.
std::vector<AddedToken> chosen(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> out;
  for (const bool special : {true, false})
    for (const AddedToken& token : tokens)
      if (token.special == special && token.normalized == normalized) out.push_back(token);
  return out;
}

std::vector<AddedToken> with_found(std::vector<AddedToken> tokens, const Normalizer* normalizer) {
  for (AddedToken& token : tokens) {
    Normalized n = decode(token.content, 0);
    if (token.normalized && normalizer) normalizer->apply(n);
    for (const char32_t c : n.text) append_utf8(token.found, c);
    if (token.found.empty())
      fail(Code::kCorrupt, "added token \"", token.content,
           "\": want some text left by the normalizer, got none");
  }
  return tokens;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), trie_(trie_of(tokens_)) {
  for (const AddedToken& token : tokens_)
    starts_[static_cast<unsigned char>(token.found[0])] = true;
  if (std::count(starts_.begin(), starts_.end(), true) == 1)
    only_start_ = static_cast<unsigned char>(tokens_[0].found[0]);
}

size_t AddedTokenFinder::next_start(std::string_view text, size_t from) const {
  if (only_start_ >= 0) {
    const void* at = std::memchr(text.data() + from, only_start_, text.size() - from);
    return at ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : text.size();
  }
  while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

void AddedTokenFinder::split(std::string_view text, std::vector<Part>& parts) const {
  parts.clear();
  size_t done = 0;  // bytes that are in parts
  size_t at = tokens_.empty() ? text.size() : 0;
  while (at < text.size() && (at = next_start(text, at)) < text.size()) {
    int32_t found = -1, node = Trie::kRoot;
    size_t match_end = at;
    for (size_t i = at; i < text.size(); ++i) {
      node = trie_.step(node, static_cast<unsigned char>(text[i]));
      if (node < 0) break;
      if (trie_.value(node) >= 0) {
        found = trie_.value(node);
        match_end = i + 1;
      }
    }
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(found)];
    size_t begin = at, end = match_end;
    at = match_end;
    if (token.single_word && !stands_alone(text, begin, end)) continue;
    if (token.lstrip) {
      while (begin > 0 && has(text, before(text, begin), kSpaceBit)) begin = before(text, begin);
      begin = std::max(begin, done);
    }
    while (token.rstrip && end < text.size() && has(text, end, kSpaceBit))
      end += static_cast<size_t>(decode_utf8(text, end).bytes);
    if (done < begin) parts.push_back({done, begin, std::nullopt});
    parts.push_back({begin, end, token.id});
    done = end;
  }
  if (done < text.size()) parts.push_back({done, text.size(), std::nullopt});
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer)
    : tokens_(with_found(std::move(tokens), normalizer)),
      raw_(chosen(tokens_, false)),
      normalized_(chosen(tokens_, true)) {}

AddedTokens AddedTokens::from_json(const Json* json, const Model& model,
                                   const Normalizer* normalizer) {
  std::vector<AddedToken> tokens;
  std::unordered_set<std::string> seen;
  int64_t next = model.size();  // the id that a token unknown to the model gets
  for (size_t i = 0; json && i < json->size(); ++i) {
    const Json item = (*json)[i];
    AddedToken token;
    token.content = item.string("content");
    token.special = item.boolean("special", false);
    token.single_word = item.boolean("single_word", false);
    token.lstrip = item.boolean("lstrip", false);
    token.rstrip = item.boolean("rstrip", false);
    token.normalized = item.boolean("normalized", !token.special);
    if (token.content.empty())
      fail(Code::kCorrupt, item.path(), ".content: want some text, got none");
    if (!seen.insert(token.content).second)
      fail(Code::kCorrupt, item.path(), ".content: want each token once, got \"", token.content,
           "\" again");
    const int64_t id = item.integer("id"), want = model.token_id(token.content).value_or(next);
    if (id != want)
      fail(Code::kCorrupt, item.path(), ".id: want ", want, " for \"", token.content, "\", got ",
           id);
    if (id >= Vocabulary::kMaxIds)
      fail(Code::kCorrupt, item.path(), ".id: want less than ", Vocabulary::kMaxIds, ", got ", id);
    next = std::max(next, id + 1);
    token.id = static_cast<int32_t>(id);
    tokens.push_back(std::move(token));
  }
  return AddedTokens(std::move(tokens), normalizer);
}

}  // namespace winnow
