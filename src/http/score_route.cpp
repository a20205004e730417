#include "http/score_route.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "http/body.h"
#include "http/status.h"

namespace winnow {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> kNames = {
    {{"text_1", "text_2"}, {"queries", "documents"}, {"queries", "items"}, {"data_1", "data_2"}}};
constexpr size_t kCallsAtOnce = 8;  // each of another query: a batch is filled from all of them

// The two fields that the body has; the first pair of names when it has none whole.
std::pair<const char*, const char*> names_of(const Json& body) {
  for (const auto& names : kNames)
    if (body.find(names.first) && body.find(names.second)) return names;
  return kNames[0];
}

std::vector<std::string> texts_of(const Json& value) {
  if (value.is_string()) return {std::string(value.string())};
  return strings_of(value);
}

// What all requests of the body share.
RerankRequest request_of(const Json& body, const ServerOptions& options) {
  RerankRequest request;
  const int tokens = int_member(body, "truncate_prompt_tokens", -1, 1 << 30, 0);
  request.truncation.enabled = options.auto_truncate || tokens != 0;
  request.truncation.max_length = std::max(tokens, 0);  // -1: the model's own limit
  const std::string side = body.string("truncation_side", "right");
  require(side == "left" || side == "right", "`truncation_side`: want left or right, got ", side);
  if (side == "left") request.truncation.side = TruncationSide::kLeft;
  request.long_documents.max_query_tokens = int_member(body, "max_tokens_per_query", 1, 1 << 30, 0);
  request.long_documents.max_document_tokens =
      int_member(body, "max_tokens_per_doc", 1, 1 << 30, 0);
  request.raw_scores = !body.boolean("use_activation", true);
  request.instruction = instruction_of(body);
  request.escape_special = body.boolean("escape_special", false);
  return request;
}

// The answers to all requests, some asked for at once. Throws the error of the first that failed.
std::vector<RerankResponse> answers(Engine& engine, const std::vector<RerankRequest>& requests,
                                    const Call& call, CallTimes& times) {
  std::vector<RerankResponse> out(requests.size());
  std::vector<CallTimes> each(requests.size());
  std::vector<std::exception_ptr> errors(requests.size());
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&] {
    for (size_t i = next++; i < requests.size() && !failed; i = next++) {
      try {
        out[i] = engine.rerank(requests[i], call, &each[i]);
      } catch (...) {
        errors[i] = std::current_exception();
        failed = true;
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < std::min(kCallsAtOnce, requests.size()); ++i) helpers.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  for (const CallTimes& one : each) {
    times.tokens += one.tokens;
    times.characters += one.characters;
    times.tokenize += one.tokenize;
    times.queue = std::max(times.queue, one.queue);
    times.compute = std::max(times.compute, one.compute);
    times.total = std::max(times.total, one.total);
  }
  return out;
}

}  // namespace

Score parse_score(const Json& body, const ServerOptions& options) {
  const auto [first, second] = names_of(body);
  const std::vector<std::string> queries = texts_of(body.at(first));
  const std::vector<std::string> documents = texts_of(body.at(second));
  check_batch(first, static_cast<int64_t>(queries.size()), options.max_client_batch_size);
  check_batch(second, static_cast<int64_t>(documents.size()), options.max_client_batch_size);
  require(queries.size() == 1 || queries.size() == documents.size(), '`', second, "`: want ",
          queries.size(), " texts, as many as in `", first, "`, got ", documents.size());
  Score want;
  want.second = second;
  want.model = body.string("model", "");
  const RerankRequest common = request_of(body, options);
  std::unordered_map<std::string_view, size_t> request_of_query;
  for (size_t i = 0; i < documents.size(); ++i) {
    const std::string& query = queries[queries.size() == 1 ? 0 : i];
    const auto [at, is_new] = request_of_query.emplace(query, want.requests.size());
    if (is_new) {
      want.requests.push_back(common);
      want.requests.back().query = query;
    }
    RerankRequest& request = want.requests[at->second];
    want.pairs.emplace_back(at->second, request.documents.size());
    request.documents.push_back(documents[i]);
  }
  return want;
}

std::string score_json(const Score& want, const std::vector<RerankResponse>& responses,
                       const Work& work, const std::string& id, int64_t created_s) {
  std::vector<std::vector<const RerankResult*>> results(responses.size());
  for (size_t r = 0; r < responses.size(); ++r) {
    results[r].resize(want.requests[r].documents.size());
    for (const RerankResult& result : responses[r].results) results[r][result.index] = &result;
  }
  JsonWriter json;
  json.begin_object()
      .member("id", "score-" + id)
      .member("object", "list")
      .member("created", created_s);
  if (work.model) json.member("model", work.model->name);
  json.key("data").begin_array();
  for (size_t i = 0; i < want.pairs.size(); ++i) {
    const auto [request, document] = want.pairs[i];
    const RerankResult& result = *results[request][document];
    if (result.error) fail(result.error->code, want.second, "[", i, "]: ", result.error->message);
    json.begin_object()
        .member("index", static_cast<int64_t>(i))
        .member("object", "score")
        .member("score", result.score)
        .end_object();
  }
  json.end_array();
  json.key("usage")
      .begin_object()
      .member("prompt_tokens", work.times.tokens)
      .member("total_tokens", work.times.tokens)
      .end_object();
  return json.end_object().take();
}

HttpResponse post_score(const HttpRequest& http, const Service& service, Work& work) {
  const Score want = parse_score(parse_body(http.body), service.options);
  work.batch = true;
  work.inputs = static_cast<int64_t>(want.pairs.size());
  Engine& engine = service.models.choose(Need::kRerank, want.model, UnknownModel::kNotFound, work);
  const auto responses = answers(engine, want.requests, http.call, work.times);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return ok(score_json(want, responses, work, random_uuid(),
                       std::chrono::duration_cast<std::chrono::seconds>(now).count()));
}

}  // namespace winnow
