#include "text/vocabulary.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {
namespace {

std::vector<std::optional<std::string>> by_id(std::vector<std::pair<std::string, int64_t>> tokens,
                                              std::string_view where) {
  if (tokens.empty()) fail(Code::kCorrupt, where, ": want tokens, got an empty vocabulary");
  std::vector<std::optional<std::string>> out;
  for (auto& [token, id] : tokens) {
    if (id < 0 || id >= Vocabulary::kMaxIds)
      fail(Code::kCorrupt, where, ": want ids from 0 to ", Vocabulary::kMaxIds - 1, ", got ", id,
           " for \"", token, '"');
    const auto at = static_cast<size_t>(id);
    if (at >= out.size()) out.resize(std::max(at + 1, out.size() + out.size() / 2));
    if (out[at])
      fail(Code::kCorrupt, where, ": want one token for each id, got \"", *out[at], "\" and \"",
           token, "\" for ", id);
    out[at] = std::move(token);
  }
  while (!out.back()) out.pop_back();
  return out;
}

std::vector<std::pair<std::string_view, int32_t>> entries(
    const std::vector<std::optional<std::string>>& tokens) {
  std::vector<std::pair<std::string_view, int32_t>> out;
  out.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id)
    if (tokens[id]) out.emplace_back(*tokens[id], static_cast<int32_t>(id));
  return out;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::pair<std::string, int64_t>> tokens, std::string_view where)
    : tokens_(by_id(std::move(tokens), where)), trie_(entries(tokens_)) {}

std::optional<int32_t> Vocabulary::id(std::string_view token) const {
  const int32_t found = trie_.find(token);
  return found < 0 ? std::nullopt : std::optional(found);
}

std::optional<std::string_view> Vocabulary::token(int32_t id) const {
  if (id < 0 || id >= size() || !tokens_[static_cast<size_t>(id)]) return std::nullopt;
  return *tokens_[static_cast<size_t>(id)];
}

}  // namespace winnow
