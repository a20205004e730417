#include "engine/colbert_folder.h"

#include <initializer_list>

#include "base/error.h"
#include "base/json_file.h"
#include "models/registry.h"

namespace winnow {
namespace {

// A length has room for what begins and ends a text, its marker and a token.
int length_member(const Json& json, std::string_view key, int absent) {
  const std::optional<Json> value = json.find(key);
  if (!value || value->is_null()) return absent;
  const int64_t length = value->integer();
  if (length < 4 || length > 1 << 20)
    fail(Code::kCorrupt, json.path(), key, ": want from 4 to ", 1 << 20, " tokens, got ", length);
  return static_cast<int>(length);
}

std::string string_member(const Json& json, std::string_view key, const std::string& absent) {
  const std::optional<Json> value = json.find(key);
  return value && !value->is_null() ? std::string(value->string()) : absent;
}

bool bool_member(const Json& json, std::string_view key, bool absent) {
  const std::optional<Json> value = json.find(key);
  return value && !value->is_null() ? json.boolean(key, absent) : absent;
}

void read_stanford(const Json& json, ColbertSettings& out) {
  out.query_prefix = string_member(json, "query_token_id", out.query_prefix);
  out.document_prefix = string_member(json, "doc_token_id", out.document_prefix);
  out.query_length = length_member(json, "query_maxlen", out.query_length);
  out.document_length = length_member(json, "doc_maxlen", out.document_length);
  out.attend_expansion = bool_member(json, "attend_to_mask_tokens", out.attend_expansion);
  if (!bool_member(json, "mask_punctuation", true)) out.skipped.clear();
}

void read_pylate(const Json& json, ColbertSettings& out) {
  out.query_prefix = string_member(json, "query_prefix", out.query_prefix);
  out.document_prefix = string_member(json, "document_prefix", out.document_prefix);
  out.query_length = length_member(json, "query_length", out.query_length);
  out.document_length = length_member(json, "document_length", out.document_length);
  out.expand_queries = bool_member(json, "do_query_expansion", out.expand_queries);
  out.attend_expansion =
      out.expand_queries && bool_member(json, "attend_to_expansion_tokens", out.attend_expansion);
  if (const auto words = json.find("skiplist_words"); words && words->is_array()) {
    out.skipped.clear();
    for (size_t i = 0; i < words->size(); ++i) out.skipped.emplace_back((*words)[i].string());
  }
}

}  // namespace

ColbertSettings read_colbert_settings(const std::string& folder, const Json& config) {
  ColbertSettings out;
  out.source = folder;
  if (is_colbert(config)) out.query_prefix = "[unused0]", out.document_prefix = "[unused1]";
  const std::string stanford = folder + "/artifact.metadata",
                    pylate = folder + "/config_sentence_transformers.json";
  if (const std::optional<Json> json = read_json(stanford)) {
    out.source = stanford;
    read_stanford(*json, out);
  }
  if (const std::optional<Json> json = read_json(pylate)) {
    out.source = pylate;
    read_pylate(*json, out);
  }
  return out;
}

}  // namespace winnow
