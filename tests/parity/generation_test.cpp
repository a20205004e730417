// Generation through the engine, on a real quantised model.
#include <thread>

#include "parity/goldens.h"

using namespace winnow;

namespace {

std::unique_ptr<Engine> smollm(const std::string& dtype = "auto") {
  const std::optional<std::string> folder = test::real_model("smollm2-135m");
  if (!folder) {
    MESSAGE(test::why_skipped("smollm2-135m"));
    return nullptr;
  }
  EngineOptions options;
  options.folder = *folder;
  options.dtype = dtype;
  options.threads = 2;
  options.kv_cache_bytes = 1 << 28;
  return Engine::load(options);
}

GenerateRequest request(const Engine& engine, const std::string& prompt, int most) {
  GenerateRequest out;
  out.prompt = engine.tokenizer().tokenize(prompt).ids;
  out.max_tokens = most;
  out.sampling.temperature = 0;
  return out;
}

struct Text {
  std::string text;
  Finish finish = Finish::kLength;
  std::vector<TokenReport> reports;
};

std::vector<Text> all_of(Generation& generation, int choices = 1) {
  std::vector<Text> out(choices);
  while (auto delta = generation.next()) {
    Text& t = out[delta->choice];
    t.text += delta->text;
    t.reports.insert(t.reports.end(), delta->reports.begin(), delta->reports.end());
    if (delta->finish) t.finish = *delta->finish;
  }
  return out;
}

Text run(Engine& engine, const GenerateRequest& want) {
  return all_of(*engine.generate(want), want.choices)[0];
}

}  // namespace

TEST_CASE("SmolLM2 in f32 writes what transformers writes, tokenizer and end included") {
  const char* shared = std::getenv("WINNOW_SHARED");
  const auto engine = shared ? smollm("f32") : nullptr;
  if (!engine) return;
  const std::string file = std::string(shared) + "/data/models/smollm2_goldens.json";
  const Json cases = Json::parse(MappedFile::open(file)->text(), file).at("cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    GenerateRequest want = request(*engine, std::string(cases[i].string("prompt")), 64);
    CHECK(want.prompt == test::ints(cases[i].at("prompt_ids")));
    const std::vector<int32_t> ids = test::ints(cases[i].at("greedy_ids"));
    const Text got = run(*engine, want);
    CHECK(got.text == engine->tokenizer().decode(ids, true));
    CHECK(got.finish == (ids.back() == 2 ? Finish::kStop : Finish::kLength));
  }
}

TEST_CASE("greedy text does not depend on who else is served") {
  const auto engine = smollm();
  if (!engine) return;
  const std::vector<std::string> prompts{
      "The capital of France is",
      "Once upon a time",
      "def fibonacci(n):",
      "The three states of matter are",
      "中国的首都是",
      "A list of emoji: 😀",
      "1, 2, 3, 4,",
      "<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n"};
  std::vector<std::string> alone, together(24);
  for (const std::string& p : prompts) alone.push_back(run(*engine, request(*engine, p, 30)).text);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < together.size(); ++i)
    threads.emplace_back([&, i] {
      together[i] = run(*engine, request(*engine, prompts[i % prompts.size()], 30)).text;
    });
  for (std::thread& t : threads) t.join();
  for (size_t i = 0; i < together.size(); ++i) CHECK(together[i] == alone[i % alone.size()]);
  CHECK(engine->stats().decoder->pages_in_use == 0);
}

TEST_CASE("stop strings, choices, seeds, reports and JSON are as asked") {
  const auto engine = smollm();
  if (!engine) return;
  const Text whole = run(*engine, request(*engine, "Once upon a time", 40));
  CHECK(whole.finish == Finish::kLength);
  GenerateRequest stopped = request(*engine, "Once upon a time", 40);
  stopped.stop = {whole.text.substr(20, 7)};
  const Text cut = run(*engine, stopped);
  CHECK(cut.finish == Finish::kStop);
  CHECK(cut.text == whole.text.substr(0, whole.text.find(stopped.stop[0])));

  GenerateRequest choices = request(*engine, "Once upon a time", 12);
  choices.choices = 3;
  choices.sampling.temperature = 1.0f;
  choices.sampling.seed = 7;
  choices.sampling.top_logprobs = 2;
  const std::vector<Text> first = all_of(*engine->generate(choices), 3);
  const std::vector<Text> again = all_of(*engine->generate(choices), 3);
  for (int i = 0; i < 3; ++i) {
    CHECK(first[i].text == again[i].text);
    std::string bytes;
    for (const TokenReport& r : first[i].reports) {
      bytes += r.chosen.bytes;
      CHECK(r.top.size() == 2);
      CHECK(r.top[0].logprob >= r.chosen.logprob);
    }
    CHECK(bytes == first[i].text);
  }
  CHECK(first[0].text != first[1].text);

  GenerateRequest json = request(*engine, "A person as JSON: ", 120);
  json.json = true;
  json.schema = Json::parse(
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":20},
          "age":{"type":"integer","minimum":0,"maximum":120}},"required":["name","age"]})",
      "schema");
  const Text person = run(*engine, json);
  CAPTURE(person.text);
  CHECK(person.finish == Finish::kStop);
  const Json parsed = Json::parse(person.text, "answer");
  CHECK(parsed.string("name").size() > 0);
  CHECK(parsed.integer("age") <= 120);
}

TEST_CASE("a reader that leaves frees its pages at once") {
  const auto engine = smollm();
  if (!engine) return;
  {
    GenerateRequest endless = request(*engine, "Once upon a time", 4000);
    endless.ignore_end = true;
    const auto generation = engine->generate(endless);
    CHECK(generation->next().has_value());
    CHECK(engine->stats().decoder->pages_in_use > 100);
  }
  for (int i = 0; i < 200 && engine->stats().decoder->pages_in_use > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(engine->stats().decoder->pages_in_use == 0);
}

TEST_CASE("a conversation becomes the prompt that the template says") {
  const auto engine = smollm();
  if (!engine) return;
  CHECK(engine->info().chat);
  CHECK(engine->info().kind == ModelKind::kGenerator);
  ChatRender render;
  render.messages = Json::parse(R"([{"role":"user","content":"Hi"}])", "messages");
  CHECK(engine->tokenizer().decode(engine->chat_prompt(render), false) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("a yes/no reranker's scores have the same bits in one request and one by one") {
  const std::optional<std::string> folder = test::real_model("smollm2-135m");
  if (!folder) {
    MESSAGE(test::why_skipped("smollm2-135m"));
    return;
  }
  EngineOptions options;
  options.folder = *folder;
  options.task = "rerank";
  CHECK_THROWS_WITH_AS(
      Engine::load(options),
      (*folder + ": nothing says how to ask this model for yes or no: choose a prompt preset")
          .c_str(),
      Error);
  options.yes_no_preset = "plain";
  options.threads = 2;
  options.kv_cache_bytes = 1 << 28;
  const auto engine = Engine::load(options);
  CHECK(engine->info().kind == ModelKind::kReranker);
  RerankRequest request;
  request.query = "What is the capital of France?";
  request.documents = {"Paris is the capital of France.", "Bananas are yellow.",
                       "法国的首都是巴黎。", "",
                       "The Eiffel tower stands in Paris, " + std::string(400, 'x')};
  const RerankResponse all = engine->rerank(request);
  REQUIRE(all.results.size() == 5);
  CHECK(all.results.back().error);
  for (const RerankResult& result : all.results) {
    if (result.error) continue;
    CHECK(result.score > 0);
    CHECK(result.score < 1);
    RerankRequest one = request;
    one.documents = {request.documents[result.index]};
    CHECK(engine->rerank(one).results[0].score == result.score);
  }
  // The two logits are those of the whole head.
  EngineOptions whole = options;
  whole.task = "generate";
  const auto generator = Engine::load(whole);
  const auto encoded = encode_yes_no(request, yes_no_preset("plain"), engine->tokenizer(), 8192);
  const YesNoTokens tokens = yes_no_tokens(yes_no_preset("plain"), engine->tokenizer());
  GenerateRequest next;
  next.prompt = encoded[0].sequence.ids;
  next.max_tokens = 1;
  next.sampling.temperature = 0;
  next.sampling.top_logprobs = 20;
  next.sampling.logit_bias = {{tokens.yes, 100.0f}};
  const float yes = all_of(*generator->generate(next))[0].reports[0].chosen.logprob;
  next.sampling.logit_bias = {{tokens.no, 100.0f}};
  const float no = all_of(*generator->generate(next))[0].reports[0].chosen.logprob;
  request.raw_scores = true;
  for (const RerankResult& result : engine->rerank(request).results)
    if (result.index == 0) CHECK(std::abs(result.score - (yes - no)) < 0.15);  // blocks quantise
}
