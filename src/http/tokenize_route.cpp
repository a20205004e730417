#include "http/tokenize_route.h"

#include "base/utf8.h"
#include "http/body.h"
#include "http/chat_messages.h"

namespace winnow {
namespace {

// The byte at which each code point starts, and the end.
std::vector<size_t> starts_of(std::string_view text) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size(); at += decode_utf8(text, at).bytes) starts.push_back(at);
  starts.push_back(text.size());
  return starts;
}

}  // namespace

TeiTokenize parse_tei_tokenize(const Json& body, const ServerOptions& options) {
  TeiTokenize want;
  const Json inputs = body.at("inputs");
  want.batch = inputs.is_array();
  if (want.batch) {
    check_batch("inputs", inputs.size(), options.max_client_batch_size);
    want.inputs = strings_of(inputs);
  } else {
    want.inputs.emplace_back(inputs.string());
  }
  want.add_special_tokens = body.boolean("add_special_tokens", true);
  want.prompt_name = body.string("prompt_name", "");
  want.model = body.string("model", "");
  return want;
}

void append_tokens(JsonWriter& json, const std::string& text, bool add_special_tokens,
                   const Tokenizer& tokenizer) {
  const TokenSpan span = tokenizer.tokenize(text, /*with_offsets=*/true);
  Encoding encoding;
  if (add_special_tokens) {
    encoding = tokenizer.assemble(span, nullptr);
  } else {
    encoding.ids = span.ids;
    encoding.offsets = span.offsets;
    encoding.special.assign(span.ids.size(), 0);
  }
  const std::vector<size_t> starts = starts_of(text);
  json.begin_array();
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const bool special = encoding.special[i] != 0;
    const auto [start, stop] = encoding.offsets[i];
    json.begin_object().member("id", encoding.ids[i]);
    json.key("text").value(special ? tokenizer.token(encoding.ids[i])
                                   : std::string_view(text).substr(
                                         starts.at(start), starts.at(stop) - starts.at(start)));
    json.member("special", special);
    if (special)
      json.key("start").null().key("stop").null();
    else
      json.member("start", start).member("stop", stop);
    json.end_object();
  }
  json.end_array();
}

std::string vllm_tokens_json(const std::vector<int32_t>& ids, int max_length, bool strings,
                             const Tokenizer& tokenizer) {
  JsonWriter json;
  json.begin_object()
      .member("count", static_cast<int64_t>(ids.size()))
      .member("max_model_len", max_length);
  json.key("tokens").begin_array();
  for (const int32_t id : ids) json.value(id);
  json.end_array().key("token_strs");
  if (strings) {
    json.begin_array();
    for (const int32_t id : ids) json.value(tokenizer.token(id));
    json.end_array();
  } else {
    json.null();
  }
  return json.end_object().take();
}

namespace {

// `prompt` as /v1/completions would read it, `messages` as /v1/chat/completions.
HttpResponse vllm_tokenize(const Json& body, const Service& service, Work& work) {
  const bool chat = body.find("messages").has_value();
  const Engine& engine =
      service.models.choose(chat ? Need::kGenerate : Need::kTokenize, body.string("model", ""),
                            UnknownModel::kDefault, work);
  const Tokenizer& tokenizer = engine.tokenizer();
  work.inputs = 1;
  std::vector<int32_t> ids;
  if (chat) {
    const Json messages = body.at("messages");
    check_messages(messages);
    ChatRender render;
    render.messages = template_messages(messages, [&] { return template_keeps_parts(engine); });
    if (const auto tools = body.find("tools")) render.tools = *tools;
    if (const auto extra = body.find("chat_template_kwargs")) render.extra = *extra;
    render.add_generation_prompt = body.boolean("add_generation_prompt", true);
    ids = engine.chat_prompt(render);
  } else {
    const TokenSpan span = tokenizer.tokenize(body.string("prompt"));
    ids =
        body.boolean("add_special_tokens", true) ? tokenizer.assemble(span, nullptr).ids : span.ids;
  }
  return ok(vllm_tokens_json(ids, engine.info().max_length,
                             body.boolean("return_token_strs", false), tokenizer));
}

}  // namespace

HttpResponse post_detokenize(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  const std::vector<int32_t> ids = token_ids(body.at("tokens"), /*may_be_empty=*/true);
  work.inputs = 1;
  const Tokenizer& tokenizer =
      service.models.choose(Need::kTokenize, body.string("model", ""), UnknownModel::kDefault, work)
          .tokenizer();
  for (const int32_t id : ids) (void)tokenizer.token(id);  // throws out of range
  JsonWriter json;
  json.begin_object().member("prompt", tokenizer.decode(ids, /*skip_special_tokens=*/false));
  return ok(json.end_object().take());
}

HttpResponse post_tokenize(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  if (!body.find("inputs") && (body.find("prompt") || body.find("messages")))
    return vllm_tokenize(body, service, work);
  const TeiTokenize want = parse_tei_tokenize(body, service.options);
  work.batch = want.batch;
  work.inputs = want.inputs.size();
  const Engine& engine =
      service.models.choose(Need::kTokenize, want.model, UnknownModel::kDefault, work);
  const std::string& prompt = prompt_of(engine.info(), want.prompt_name);
  JsonWriter json;
  json.begin_array();
  for (const std::string& text : want.inputs)
    append_tokens(json, prompt + text, want.add_special_tokens, engine.tokenizer());
  return ok(json.end_array().take());
}

TeiDecode parse_tei_decode(const Json& body, const ServerOptions& options) {
  TeiDecode want;
  const Json ids = body.at("ids");
  require(ids.is_array(), ids.path(), ": want an array, got ", ids.kind());
  if (ids.size() == 0) fail(Code::kEmpty, "`ids` cannot be empty");
  want.batch = ids[0].is_array();
  if (want.batch) {
    check_batch("ids", ids.size(), options.max_client_batch_size);
    for (size_t i = 0; i < ids.size(); ++i)
      want.ids.push_back(token_ids(ids[i], /*may_be_empty=*/true));
  } else {
    want.ids.push_back(token_ids(ids, /*may_be_empty=*/true));
  }
  want.skip_special_tokens = body.boolean("skip_special_tokens", true);
  want.model = body.string("model", "");
  return want;
}

HttpResponse post_decode(const HttpRequest& http, const Service& service, Work& work) {
  const TeiDecode want = parse_tei_decode(parse_body(http.body), service.options);
  work.batch = want.batch;
  work.inputs = want.ids.size();
  const Tokenizer& tokenizer =
      service.models.choose(Need::kTokenize, want.model, UnknownModel::kDefault, work).tokenizer();
  JsonWriter json;
  json.begin_array();
  for (const std::vector<int32_t>& ids : want.ids) {
    for (const int32_t id : ids) (void)tokenizer.token(id);  // throws out of range
    json.value(tokenizer.decode(ids, want.skip_special_tokens));
  }
  return ok(json.end_array().take());
}

}  // namespace winnow
