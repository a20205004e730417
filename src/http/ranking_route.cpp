#include "http/ranking_route.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "http/body.h"
#include "http/status.h"

namespace winnow {
namespace {

// Every field of Cohere v1, Cohere v2, Jina and vLLM. Those that winnow does not read change no
// order it gives.
constexpr std::array<std::string_view, 16> kFields = {"model",
                                                      "query",
                                                      "documents",
                                                      "top_n",
                                                      "rank_fields",
                                                      "truncation",
                                                      "return_documents",
                                                      "max_chunks_per_doc",
                                                      "priority",
                                                      "user",
                                                      "max_tokens_per_doc",
                                                      "raw_scores",
                                                      "relevant_spans",
                                                      "truncate",
                                                      "truncation_direction",
                                                      "return_embeddings"};

// Those for a yes/no reranker: SGLang's, vLLM's and our own.
constexpr std::array<std::string_view, 4> kInstructions = {
    "instruct", "instruction", "escape_special", "chat_template_kwargs"};

void refuse_unknown_fields(const Json& body) {
  for (const auto& [key, value] : body.members())
    if (std::ranges::find(kFields, key) == kFields.end() &&
        std::ranges::find(kInstructions, key) == kInstructions.end())
      fail(Code::kUnsupported, "unknown field: parameter '", key, "' is not a valid field");
}

// Jina's query and documents: a string, or an object with `text`.
std::string text_of(const Json& value) {
  return std::string(value.is_object() ? value.string("text") : value.string());
}

// Cohere's rank_fields: the fields' values in the order that they are named, a line each.
std::string text_of(const Json& document, const std::vector<std::string>& rank_fields) {
  if (rank_fields.empty() || !document.is_object()) return text_of(document);
  std::string text;
  for (const std::string& field : rank_fields) {
    const auto value = document.find(field);
    if (!value) continue;
    if (!text.empty()) text += '\n';
    text += value->string();
  }
  return text;
}

// A string or an integer, as the JSON that the answer repeats.
std::string id_json(const Json& id) {
  JsonWriter json;
  if (id.is_string())
    json.value(repair_utf8(id.string()));
  else
    json.value(id.integer());
  return json.take();
}

// The byte where the code point of that number begins. Wants well-formed UTF-8.
size_t byte_of(std::string_view text, int code_points) {
  size_t at = 0;
  for (int i = 0; i < code_points && at < text.size(); ++i) at += decode_utf8(text, at).bytes;
  return at;
}

HttpResponse post_ranking(const HttpRequest& http, const Service& service, Work& work,
                          RankingVersion version) {
  const Json body = parse_body(http.body);
  Ranking want = parse_ranking(body, version, service.options);
  work.batch = true;
  work.inputs = want.request.documents.size();
  Engine& engine = service.models.choose(Need::kRerank, want.model, UnknownModel::kNotFound, work);
  if (want.max_tokens_per_doc > 0 && want.max_tokens_per_doc < engine.info().max_length)
    cut_documents(want.request.documents, want.max_tokens_per_doc, engine.tokenizer());
  const RerankResponse response = engine.rerank(want.request, http.call, &work.times);
  return ok(ranking_json(want, response, work, version, random_uuid()));
}

}  // namespace

Ranking parse_ranking(const Json& body, RankingVersion version, const ServerOptions& options) {
  if (options.strict) refuse_unknown_fields(body);
  Ranking want;
  want.model = body.string("model", "");
  want.request.query = text_of(body.at("query"));
  const Json documents = body.at("documents");
  require(documents.is_array(), documents.path(), ": want an array, got ", documents.kind());
  check_batch("documents", documents.size(), options.max_client_batch_size);
  std::vector<std::string> rank_fields;
  if (const auto fields = body.find("rank_fields")) rank_fields = strings_of(*fields);
  want.request.documents.reserve(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    const Json document = documents[i];
    require(document.is_string() || document.is_object(), document.path(),
            ": want a string or an object with text, got ", document.kind());
    want.request.documents.push_back(text_of(document, rank_fields));
    const auto id = document.is_object() ? document.find("id") : std::nullopt;
    if (!id) continue;
    want.ids.resize(documents.size());
    want.ids[i] = id_json(*id);
  }
  want.request.top_n = int_member(body, "top_n", 0, 1 << 30, 0);
  want.request.raw_scores = body.boolean("raw_scores", false);
  want.request.instruction = instruction_of(body);
  want.request.escape_special = body.boolean("escape_special", false);
  want.request.truncation = truncation_of(body, options.auto_truncate);
  want.max_tokens_per_doc = int_member(body, "max_tokens_per_doc", 1, 1 << 30, 0);
  want.return_documents =
      body.boolean("return_documents", version == RankingVersion::kV1 && options.return_documents);
  return want;
}

void cut_documents(std::vector<std::string>& documents, int max_tokens,
                   const Tokenizer& tokenizer) {
  for (std::string& document : documents) {
    if (document.size() <= static_cast<size_t>(max_tokens)) continue;  // a token has a byte or more
    if (invalid_utf8_at(document)) continue;                           // the engine refuses it
    const TokenSpan span = tokenizer.tokenize(document, /*with_offsets=*/true);
    if (span.ids.size() > static_cast<size_t>(max_tokens))
      document.resize(byte_of(document, span.offsets[max_tokens - 1].end));
  }
}

std::string ranking_json(const Ranking& want, const RerankResponse& response, const Work& work,
                         RankingVersion version, const std::string& id) {
  const RerankResult* bad = nullptr;
  for (const RerankResult& result : response.results)
    if (result.error && (!bad || result.index < bad->index)) bad = &result;
  if (bad) fail(bad->error->code, "documents[", bad->index, "]: ", bad->error->message);

  JsonWriter json;
  json.begin_object().member("id", id).member("object", "list");
  if (work.model) json.member("model", work.model->name);
  json.key("results").begin_array();
  for (const RerankResult& result : response.results) {
    json.begin_object().member("index", result.index).member("relevance_score", result.score);
    if (!want.ids.empty() && !want.ids[result.index].empty())
      json.key("id").raw(want.ids[result.index]);
    if (want.return_documents)
      json.key("document")
          .begin_object()
          .member("text", want.request.documents[result.index])
          .end_object();
    json.end_object();
  }
  json.end_array();
  json.key("usage")
      .begin_object()
      .member("prompt_tokens", work.times.tokens)
      .member("total_tokens", work.times.tokens)
      .end_object();
  // A search unit of Cohere is a query with up to 100 documents.
  const int64_t units = (static_cast<int64_t>(want.request.documents.size()) + 99) / 100;
  json.key("meta").begin_object();
  json.key("api_version")
      .begin_object()
      .member("version", version == RankingVersion::kV1 ? "1" : "2")
      .end_object();
  json.key("billed_units").begin_object().member("search_units", units).end_object();
  return json.end_object().end_object().take();
}

HttpResponse post_v1_rerank(const HttpRequest& http, const Service& service, Work& work) {
  return post_ranking(http, service, work, RankingVersion::kV1);
}

HttpResponse post_v2_rerank(const HttpRequest& http, const Service& service, Work& work) {
  return post_ranking(http, service, work, RankingVersion::kV2);
}

}  // namespace winnow
