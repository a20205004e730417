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
constexpr std::array<std::string_view, 18> kFields = {"model",
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
                                                      "max_tokens_per_query",
                                                      "truncate_prompt_tokens",
                                                      "raw_scores",
                                                      "relevant_spans",
                                                      "truncate",
                                                      "truncation_direction",
                                                      "return_embeddings"};

// Those for a yes/no reranker: SGLang's, vLLM's and our own.
constexpr std::array<std::string_view, 4> kInstructions = {
    "instruct", "instruction", "escape_special", "chat_template_kwargs"};

constexpr int64_t kMostChunks = 10'000;  // documents times chunks: Cohere's own limit

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

// How long documents are served: Cohere v1 takes the best of ten windows unless it is told
// otherwise, v2 and vLLM have caps in tokens.
LongDocuments long_documents_of(const Json& body, RankingVersion version, size_t documents) {
  LongDocuments out;
  out.max_document_tokens = int_member(body, "max_tokens_per_doc", 1, 1 << 30, 0);
  out.max_query_tokens = int_member(body, "max_tokens_per_query", 1, 1 << 30, 0);
  const auto count = static_cast<int64_t>(documents);
  const int absent =
      version == RankingVersion::kV1
          ? static_cast<int>(std::clamp<int64_t>(kMostChunks / std::max<int64_t>(count, 1), 1, 10))
          : 1;
  out.max_chunks = int_member(body, "max_chunks_per_doc", 1, 1 << 30, absent);
  require(body.find("max_chunks_per_doc") == std::nullopt || out.max_chunks * count <= kMostChunks,
          "`max_chunks_per_doc`: want at most ", kMostChunks, " chunks in all, got ", count,
          " documents of ", out.max_chunks);
  return out;
}

// Throws the first refused document's error.
void require_scores(const RerankResponse& response) {
  const RerankResult* bad = nullptr;
  for (const RerankResult& result : response.results)
    if (result.error && (!bad || result.index < bad->index)) bad = &result;
  if (bad) fail(bad->error->code, "documents[", bad->index, "]: ", bad->error->message);
}

HttpResponse post_ranking(const HttpRequest& http, const Service& service, Work& work,
                          RankingVersion version) {
  const Json body = parse_body(http.body);
  const Ranking want = parse_ranking(body, version, service.options);
  work.batch = true;
  work.inputs = want.request.documents.size();
  Engine& engine = service.models.choose(Need::kRerank, want.model, UnknownModel::kNotFound, work);
  const RerankResponse response = engine.rerank(want.request, http.call, &work.times);
  if (version == RankingVersion::kV1 && service.options.sglang)
    return ok(sglang_json(want, response, random_uuid()));
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
  // vLLM's; -1 is the model's own limit.
  const int tokens = int_member(body, "truncate_prompt_tokens", -1, 1 << 30, -1);
  want.request.truncation.max_length = std::max(tokens, 0);
  want.request.long_documents = long_documents_of(body, version, documents.size());
  want.return_documents =
      body.boolean("return_documents",
                   version == RankingVersion::kV1 && (options.return_documents || options.sglang));
  return want;
}

std::string sglang_json(const Ranking& want, const RerankResponse& response,
                        const std::string& id) {
  require_scores(response);
  JsonWriter json;
  json.begin_array();
  for (const RerankResult& result : response.results) {
    json.begin_object().member("score", result.score);
    if (want.return_documents)
      json.member("document", want.request.documents[result.index]);
    else
      json.key("document").null();
    json.member("index", result.index);
    json.key("meta_info").begin_object().member("id", id);
    if (!want.ids.empty() && !want.ids[result.index].empty())
      json.key("document_id").raw(want.ids[result.index]);
    json.end_object().end_object();
  }
  return json.end_array().take();
}

std::string ranking_json(const Ranking& want, const RerankResponse& response, const Work& work,
                         RankingVersion version, const std::string& id) {
  require_scores(response);
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
