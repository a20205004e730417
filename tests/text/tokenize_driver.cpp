// Tokenizes for tests/text/oracle.py: JSON lines on stdin, JSON lines on stdout.
//   {"load": folder or file}                                       -> {"loaded": vocabulary size}
//   {"text", "pair"?, "max_length"?, "left"?}                      -> {"ids", "type_ids",
//   "special", "offsets"}
//   {"decode": ids, "skip": bool}                                  -> {"text"}
// A failure answers {"error"}; so do texts whose tokens are others when offsets are not asked for,
// and ids whose text is another when it is streamed.
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/gguf_tokenizer.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace {

using winnow::Encoding;
using winnow::Json;
using winnow::JsonWriter;
using winnow::Tokenizer;
using winnow::TokenSpan;

template <typename T>
void numbers(JsonWriter& out, const char* name, const std::vector<T>& values) {
  out.key(name).begin_array();
  for (const T& value : values) out.value(static_cast<int64_t>(value));
  out.end_array();
}

// The tokenizer of a GGUF's metadata, written down as JSON without the prefix of its keys.
std::shared_ptr<const Tokenizer> load_gguf(const Json& json, const std::string& what) {
  winnow::GgufTokenizer gguf;
  gguf.model = json.string("model");
  gguf.pre = json.string("pre", "");
  const auto each = [&](const char* key, auto take) {
    const auto list = json.find(key);
    for (size_t i = 0; list && i < list->size(); ++i) take((*list)[i]);
  };
  each("tokens", [&](const Json& j) { gguf.tokens.emplace_back(j.string()); });
  each("merges", [&](const Json& j) { gguf.merges.emplace_back(j.string()); });
  each("scores", [&](const Json& j) { gguf.scores.push_back(static_cast<float>(j.number())); });
  each("token_type", [&](const Json& j) { gguf.types.push_back(static_cast<int>(j.integer())); });
  const auto id = [&](const char* key) {
    const auto value = json.find(key);
    return value ? std::optional(value->integer()) : std::nullopt;
  };
  gguf.bos = id("bos_token_id");
  gguf.eos = id("eos_token_id");
  gguf.unknown = id("unknown_token_id");
  gguf.cls = id("cls_token_id");
  gguf.sep = id("seperator_token_id");
  const auto flag = [&](const char* key) {
    const auto value = json.find(key);
    return value ? std::optional(value->boolean()) : std::nullopt;
  };
  gguf.add_bos = flag("add_bos_token");
  gguf.add_eos = flag("add_eos_token");
  gguf.add_prefix = flag("add_space_prefix");
  gguf.add_sep = flag("add_sep_token");
  gguf.lower_case = flag("normalizer.lowercase");
  gguf.strip_accents = flag("normalizer.strip_accents");
  each("precompiled_charsmap",
       [&](const Json& j) { gguf.char_map += static_cast<char>(j.integer()); });
  return winnow::load_gguf_tokenizer(gguf, what);
}

std::shared_ptr<const Tokenizer> load(const std::string& name) {
  if (!name.ends_with(".json")) return Tokenizer::from_folder(name);
  const auto file = winnow::MappedFile::open(name);
  if (name.ends_with(".gguf.json")) return load_gguf(Json::parse(file->text(), name), name);
  return Tokenizer::from_json(file->text(), name);
}

TokenSpan tokens(std::string_view text, const Tokenizer& tokenizer) {
  TokenSpan out = tokenizer.tokenize(text, true);
  for (const char* pass :
       {"first", "second"})  // the second finds the words of the first in the cache
    if (tokenizer.tokenize(text).ids != out.ids)
      winnow::fail(winnow::Code::kInternal, "other ids without offsets, ", pass, " time");
  return out;
}

void encode(const Json& line, const Tokenizer& tokenizer, JsonWriter& out) {
  const auto pair = line.find("pair");
  TokenSpan first = tokens(line.string("text"), tokenizer), second;
  if (pair) second = tokens(pair->string(), tokenizer);
  TokenSpan* const other = pair ? &second : nullptr;
  if (const auto length = line.find("max_length"))
    winnow::truncate(first, other, tokenizer.special_tokens(pair.has_value()),
                     static_cast<int>(length->integer()),
                     line.boolean("left", false) ? winnow::TruncationSide::kLeft
                                                 : winnow::TruncationSide::kRight);
  const Encoding e = tokenizer.assemble(first, other);
  numbers(out, "ids", e.ids);
  numbers(out, "type_ids", e.type_ids);
  numbers(out, "special", e.special);
  out.key("offsets").begin_array();
  for (const auto& [start, end] : e.offsets) out.value(start).value(end);
  out.end_array();
}

void answer(const Json& line, std::shared_ptr<const Tokenizer>& tokenizer, JsonWriter& out) {
  if (const auto path = line.find("load")) {
    tokenizer = load(std::string(path->string()));
    out.member("loaded", tokenizer->vocab_size());
  } else if (const auto list = line.find("decode")) {
    std::vector<int32_t> ids;
    for (size_t i = 0; i < list->size(); ++i)
      ids.push_back(static_cast<int32_t>((*list)[i].integer()));
    const bool skip = line.boolean("skip");
    const std::string text = tokenizer->decode(ids, skip);
    winnow::StreamDecoder stream(*tokenizer, skip);
    std::string streamed;
    for (const int32_t id : ids) {
      const std::string more = stream.push(id);
      if (winnow::invalid_utf8_at(more))
        winnow::fail(winnow::Code::kInternal, "part of a character at ", streamed.size());
      streamed += more;
    }
    streamed += stream.finish();
    if (streamed != text)
      winnow::fail(winnow::Code::kInternal, "streamed another text: ", streamed);
    out.member("text", text);
  } else {
    encode(line, *tokenizer, out);
  }
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string text;
  while (std::getline(std::cin, text)) {
    JsonWriter out;
    out.begin_object();
    try {
      answer(Json::parse(text, "line"), tokenizer, out);
    } catch (const winnow::Error& error) {
      out = JsonWriter();
      out.begin_object().member("error", error.what());
    }
    out.end_object();
    std::cout << out.text() << '\n';
  }
}
