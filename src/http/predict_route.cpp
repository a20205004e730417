#include "http/predict_route.h"

#include "http/body.h"

namespace winnow {
namespace {

ClassifyInput text_or_pair(const Json& list) {
  const size_t size = list.size();
  require(size == 1 || size == 2, list.path(), ": want one text or two, a pair, got ", size);
  ClassifyInput input;
  input.text = std::string(list[0].string());
  if (size == 2) input.pair = std::string(list[1].string());
  return input;
}

std::string label_name(const std::vector<std::string>& labels, int label) {
  return static_cast<size_t>(label) < labels.size() ? labels[label] : cat("LABEL_", label);
}

}  // namespace

TeiPredict parse_tei_predict(const Json& body, const ServerOptions& options) {
  TeiPredict want;
  want.model = body.string("model", "");
  want.request.truncation = truncation_of(body, options.auto_truncate);
  want.request.raw_scores = body.boolean("raw_scores", false);
  const Json inputs = body.at("inputs");
  if (inputs.is_string()) {
    want.request.inputs.push_back({std::string(inputs.string()), std::nullopt});
    return want;
  }
  require(inputs.is_array(), inputs.path(), ": want a string or an array, got ", inputs.kind());
  check_batch("inputs", inputs.size(), options.max_client_batch_size);
  if (inputs[0].is_string()) {
    want.request.inputs.push_back(text_or_pair(inputs));
    return want;
  }
  want.batch = true;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Json input = inputs[i];
    require(input.is_array(), input.path(), ": want an array of one or two strings, got ",
            input.kind());
    want.request.inputs.push_back(text_or_pair(input));
  }
  return want;
}

std::string tei_predict_json(const TeiPredict& want,
                             const std::vector<std::vector<LabelScore>>& scores,
                             const std::vector<std::string>& labels) {
  JsonWriter json;
  if (want.batch) json.begin_array();
  for (const std::vector<LabelScore>& one : scores) {
    json.begin_array();
    for (const LabelScore& score : one)
      json.begin_object()
          .member("score", score.score)
          .member("label", label_name(labels, score.label))
          .end_object();
    json.end_array();
  }
  if (want.batch) json.end_array();
  return json.take();
}

HttpResponse post_predict(const HttpRequest& http, const Service& service, Work& work) {
  const TeiPredict want = parse_tei_predict(parse_body(http.body), service.options);
  work.batch = want.batch;
  work.inputs = want.request.inputs.size();
  Engine& engine = service.models.choose(Need::kClassify, want.model, UnknownModel::kDefault, work);
  const auto scores = engine.classify(want.request, http.call, &work.times);
  return ok(tei_predict_json(want, scores, engine.info().labels));
}

}  // namespace winnow
