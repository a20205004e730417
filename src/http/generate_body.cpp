#include "http/generate_body.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "http/body.h"
#include "http/status.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostChoices = 128;

void read_number(const Json& body, const char* key, float& value) {
  value = static_cast<float>(body.number(key, value));
}

// Whether a field asks for something: not absent, null, false, 0 or empty.
bool asks(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (!found) return false;
  if (found->is_bool()) return found->boolean();
  if (found->is_number()) return found->number() != 0;
  if (found->is_string()) return !found->string().empty();
  return found->size() > 0;
}

void refuse_unsupported(const Json& body, int choices) {
  for (const char* key : {"functions", "function_call", "stop_token_ids", "min_tokens",
                          "prompt_logprobs", "use_beam_search", "suffix", "guided_json",
                          "guided_regex", "guided_choice", "guided_grammar", "structured_outputs",
                          "continue_final_message", "prompt_embeds", "bad_words", "audio"})
    if (asks(body, key)) fail(Code::kUnsupported, '`', key, "`: winnow does not have it");
  const int best_of = int_member(body, "best_of", 0, std::numeric_limits<int>::max(), choices);
  if (best_of != choices)
    fail(Code::kUnsupported, "`best_of`: want the same as `n` (", choices, "), got ", best_of);
}

std::vector<std::string> stop_strings(const Json& body) {
  const auto found = body.find("stop");
  if (!found) return {};
  std::vector<std::string> stop =
      found->is_string() ? std::vector{std::string(found->string())} : strings_of(*found);
  std::erase(stop, "");  // as OpenAI: it stops nothing
  return stop;
}

std::vector<std::pair<int32_t, float>> logit_bias(const Json& body) {
  std::vector<std::pair<int32_t, float>> bias;
  const auto found = body.find("logit_bias");
  if (!found) return bias;
  require(found->is_object(), "`logit_bias`: want an object, got ", found->kind());
  for (const auto& [key, value] : found->members()) {
    int64_t id = 0;
    const bool digits =
        !key.empty() && key.size() <= 9 &&
        std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    require(digits, "`logit_bias`: want token ids as keys, got \"", key, '"');
    for (const char c : key) id = id * 10 + (c - '0');
    bias.emplace_back(static_cast<int32_t>(id), static_cast<float>(value.number()));
  }
  return bias;
}

void read_response_format(const Json& body, GenerateRequest& request) {
  const auto format = body.find("response_format");
  if (!format) return;
  const std::string type(format->string("type"));
  if (type == "text") return;
  require(type == "json_object" || type == "json_schema",
          "`response_format.type`: want text, json_object or json_schema, got ", type);
  request.json = true;
  if (type == "json_schema") request.schema = format->at("json_schema").at("schema");
}

void read_stream(const Json& body, GenerateBody& want) {
  want.stream = body.boolean("stream", false);
  const auto options = body.find("stream_options");
  if (!options) return;
  require(want.stream, "`stream_options`: want it with `stream` true only");
  want.include_usage = options->boolean("include_usage", false);
  want.continuous_usage = options->boolean("continuous_usage_stats", false);
}

// Reads them in turn: each computes ahead by itself.
class Together final : public Generation {
 public:
  Together(std::vector<std::unique_ptr<Generation>> generations, int choices)
      : generations_(std::move(generations)), choices_(choices), over_(generations_.size()) {}

  std::optional<Delta> next() override {
    for (size_t looked = 0; open() > 0;) {
      const size_t at = turn_++ % generations_.size();
      if (over_[at]) continue;
      // With one left there is nothing to miss by waiting for it.
      const bool ready = open() == 1 || generations_[at]->wait_for(looked < open() ? 0 : kSlice_s);
      ++looked;
      if (!ready) continue;
      looked = 0;
      if (auto delta = generations_[at]->next()) {
        delta->choice += static_cast<int>(at) * choices_;
        return delta;
      }
      over_[at] = true;
    }
    return std::nullopt;
  }

  bool wait_for(double seconds) override {
    const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                     std::chrono::duration<double>(seconds));
    for (;;) {
      if (open() == 0) return true;
      for (size_t i = 0; i < generations_.size(); ++i)
        if (!over_[i] && generations_[i]->wait_for(0)) return true;
      const double left = std::chrono::duration<double>(end - Clock::now()).count();
      if (left <= 0) return false;
      const size_t first = std::find(over_.begin(), over_.end(), false) - over_.begin();
      if (generations_[first]->wait_for(open() == 1 ? left : std::min(left, kSlice_s))) return true;
    }
  }

  GenerateUsage usage() const override {
    GenerateUsage sum;
    for (const auto& generation : generations_) {
      const GenerateUsage one = generation->usage();
      sum.prompt_tokens += one.prompt_tokens;
      sum.cached_tokens += one.cached_tokens;
      sum.new_tokens += one.new_tokens;
    }
    return sum;
  }

 private:
  static constexpr double kSlice_s = 0.002;

  size_t open() const { return std::count(over_.begin(), over_.end(), false); }

  std::vector<std::unique_ptr<Generation>> generations_;
  int choices_;
  std::vector<bool> over_;
  size_t turn_ = 0;
};

}  // namespace

GenerateBody parse_generate_body(const Json& body, const GenerationDefaults& defaults) {
  GenerateBody want;
  GenerateRequest& request = want.request;
  SamplingOptions& sampling = request.sampling;
  sampling = defaults.sampling;
  read_number(body, "temperature", sampling.temperature);
  read_number(body, "top_p", sampling.top_p);
  read_number(body, "min_p", sampling.min_p);
  read_number(body, "repetition_penalty", sampling.repetition_penalty);
  read_number(body, "presence_penalty", sampling.presence_penalty);
  read_number(body, "frequency_penalty", sampling.frequency_penalty);
  constexpr int kMost = std::numeric_limits<int>::max();
  sampling.top_k = std::max(0, int_member(body, "top_k", -1, kMost, sampling.top_k));  // vLLM's -1
  sampling.logit_bias = logit_bias(body);
  const auto seed = body.find("seed");
  sampling.seed = seed ? static_cast<uint64_t>(seed->integer()) : std::random_device{}();
  request.choices = int_member(body, "n", 1, kMostChoices, 1);
  request.stop = stop_strings(body);
  request.ignore_end = body.boolean("ignore_eos", false);
  read_response_format(body, request);
  read_stream(body, want);
  refuse_unsupported(body, request.choices);
  check_sampling(sampling, kMost);
  return want;
}

std::string_view finish_name(Finish finish) { return finish == Finish::kStop ? "stop" : "length"; }

void append_usage(JsonWriter& json, const GenerateUsage& usage) {
  json.begin_object()
      .member("prompt_tokens", usage.prompt_tokens)
      .member("completion_tokens", usage.new_tokens)
      .member("total_tokens", usage.prompt_tokens + usage.new_tokens);
  json.key("prompt_tokens_details")
      .begin_object()
      .member("cached_tokens", usage.cached_tokens)
      .end_object()
      .end_object();
}

std::string token_text(const TokenReport::Entry& entry) { return repair_utf8(entry.bytes); }

float finite_logprob(float logprob) { return std::isfinite(logprob) ? logprob : -9999.0f; }

std::string sse_event(std::string_view json) {
  std::string event;
  event.reserve(json.size() + 8);
  return event.append("data: ").append(json).append("\n\n");
}

HttpResponse sse_response(std::unique_ptr<BodyStream> stream) {
  HttpResponse response;
  response.content_type = "text/event-stream; charset=utf-8";
  response.headers = {{"Cache-Control", "no-cache, no-transform"}, {"X-Accel-Buffering", "no"}};
  response.stream = std::move(stream);
  return response;
}

AnswerHead answer_head(std::string_view prefix, const ModelInfo& model) {
  std::string uuid = random_uuid();
  std::erase(uuid, '-');
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {cat(prefix, uuid), model.name,
          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

void begin_answer(JsonWriter& json, const AnswerHead& head, std::string_view object) {
  json.begin_object()
      .member("id", head.id)
      .member("object", object)
      .member("created", head.created_s)
      .member("model", head.model)
      .member("system_fingerprint", "winnow-" WINNOW_VERSION);
}

GenerationClock::GenerationClock(Work& work) : work_(work), start_(Clock::now()), last_(start_) {
  work_.generation.emplace();
}

void GenerationClock::on_delta(const Delta& delta) {
  GenerationWork& counted = *work_.generation;
  const Clock::time_point now = Clock::now();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  if (delta.finish) ++(*delta.finish == Finish::kStop ? counted.stopped : counted.cut);
  if (delta.text.empty() && delta.reports.empty()) return;
  if (!counted.first_s)
    counted.first_s = seconds(now - start_);
  else
    counted.between_s.push_back(seconds(now - last_));
  last_ = now;
}

void GenerationClock::on_usage(const GenerateUsage& usage) {
  work_.generation->usage = usage;
  work_.times.tokens = usage.prompt_tokens - usage.cached_tokens + usage.new_tokens;
}

std::optional<Delta> next_delta(Generation& generation, const Call& call) {
  constexpr double kLook_s = 0.1;
  while (!generation.wait_for(kLook_s))
    if (call.cancelled && *call.cancelled) fail(Code::kCancelled, "the client went away");
  return generation.next();
}

std::unique_ptr<Generation> together(std::vector<std::unique_ptr<Generation>> generations,
                                     int choices) {
  if (generations.size() == 1) return std::move(generations[0]);
  return std::make_unique<Together>(std::move(generations), choices);
}

}  // namespace winnow
