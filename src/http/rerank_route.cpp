#include "http/rerank_route.h"

#include <algorithm>

#include "base/utf8.h"
#include "http/body.h"
#include "http/status.h"

namespace winnow {

TeiRerank parse_tei_rerank(const Json& body, const ServerOptions& options) {
  TeiRerank want;
  want.model = body.string("model", "");
  want.request.query = body.string("query");
  const Json texts = body.at("texts");
  require(texts.is_array(), texts.path(), ": want an array of strings, got ", texts.kind());
  check_batch("texts", texts.size(), options.max_client_batch_size);
  want.request.documents = strings_of(texts);
  want.request.truncation = truncation_of(body, options.auto_truncate);
  want.request.raw_scores = body.boolean("raw_scores", false);
  want.request.instruction = instruction_of(body);
  want.request.escape_special = body.boolean("escape_special", false);
  want.return_text = body.boolean("return_text", false);
  return want;
}

std::string tei_rerank_json(const TeiRerank& want, const RerankResponse& response) {
  JsonWriter json;
  json.begin_array();
  for (const RerankResult& result : response.results) {
    json.begin_object().member("index", result.index);
    if (result.error) {
      const Code code = result.error->code;
      json.member("error", repair_utf8(tei_error_text(code, result.error->message)))
          .member("error_type", tei_error_type(code));
    } else {
      if (want.return_text) json.member("text", want.request.documents[result.index]);
      json.member("score", result.score);
    }
    json.end_object();
  }
  return json.end_array().take();
}

HttpResponse post_rerank(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  const TeiRerank want = parse_tei_rerank(body, service.options);
  work.batch = true;
  work.inputs = want.request.documents.size();
  Engine& engine = service.models.choose(Need::kRerank, want.model, UnknownModel::kDefault, work);
  const RerankResponse response = engine.rerank(want.request, http.call, &work.times);
  work.refused = std::ranges::count_if(response.results, [](const auto& r) { return !!r.error; });
  if (work.refused == work.inputs) {
    const RerankResult& first = response.results.front();
    work.error = first.error->code;
    return status_response(ErrorFamily::kTei, 422, tei_error_type(first.error->code),
                           cat("every text was refused; texts[", first.index,
                               "]: ", tei_error_text(first.error->code, first.error->message)));
  }
  return ok(tei_rerank_json(want, response));
}

}  // namespace winnow
