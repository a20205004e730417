// POST /tokenize and /decode, as Text Embeddings Inference has them, and /tokenize of a `prompt` or
// `messages` and /detokenize, as vLLM has them. Source: their OpenAPI pages; docs/http_api.md,
// "TEI" and "Generation".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "http/route.h"
#include "text/tokenizer.h"

namespace winnow {

struct TeiTokenize {
  std::vector<std::string> inputs;
  bool batch = false;
  bool add_special_tokens = true;
  std::string prompt_name, model;
};

// Throws kInvalidArgument and kEmpty, naming the field.
TeiTokenize parse_tei_tokenize(const Json& body, const ServerOptions& options);

// Appends [{"id", "text", "special", "start", "stop"}...] of one text: a plain token's text is the
// input's own between start and stop, in code points; a special token's is its name, its start and
// stop null. Throws kTokenizer.
void append_tokens(JsonWriter& json, const std::string& text, bool add_special_tokens,
                   const Tokenizer& tokenizer);

// vLLM's answer: {"count", "max_model_len", "tokens", "token_strs"}, the last as asked.
std::string vllm_tokens_json(const std::vector<int32_t>& ids, int max_length, bool strings,
                             const Tokenizer& tokenizer);

HttpResponse post_tokenize(const HttpRequest& http, const Service& service, Work& work);

struct TeiDecode {
  std::vector<std::vector<int32_t>> ids;
  bool batch = false;
  bool skip_special_tokens = true;
  std::string model;
};

// Throws kInvalidArgument for what is no int32; the tokenizer knows whether an id is in its
// vocabulary.
TeiDecode parse_tei_decode(const Json& body, const ServerOptions& options);

// {"tokens": [ids]} to {"prompt"}, special tokens included. Throws as post_decode.
HttpResponse post_detokenize(const HttpRequest& http, const Service& service, Work& work);

// Throws kInvalidArgument for an id outside the vocabulary.
HttpResponse post_decode(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
