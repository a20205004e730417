#include "tasks/yes_no.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/mapped_file.h"
#include "tasks/little_tokenizer.h"

using namespace winnow;
using Ids = std::vector<int32_t>;

namespace {

std::string data(const std::string& path) { return std::string(WINNOW_TEST_DATA) + "/" + path; }

std::shared_ptr<const Tokenizer> tiny() { return Tokenizer::from_folder(data("tiny-yes-no")); }

// Qwen2.5's tokenizer with the four tokens that Qwen3's has more; null without WINNOW_SHARED.
std::shared_ptr<const Tokenizer> qwen() {
  const char* shared = std::getenv("WINNOW_SHARED");
  if (!shared) return nullptr;
  const std::string path = std::string(shared) + "/data/tokenizers/qwen2.5/tokenizer.json";
  std::string json(MappedFile::open(path)->text());
  const size_t last = json.find('}', json.find("\"id\": 151664"));
  std::string more;
  int id = 151665;
  for (const char* content : {"<tool_response>", "</tool_response>", "<think>", "</think>"})
    more += cat(R"(, {"id": )", id++, R"(, "content": ")", content,
                R"(", "single_word": false, "lstrip": false, "rstrip": false,)",
                R"( "normalized": false, "special": false})");
  json.insert(last + 1, more);
  return Tokenizer::from_json(json, path);
}

// A prompt for the little tokenizer: a, then the instruction, the query, b, the document; then f.
YesNoPrompt little_prompt() {
  YesNoPrompt prompt;
  prompt.name = "little";
  prompt.prefix = "a";
  prompt.body = "{instruction} {query} b {document}";
  prompt.suffix = "f";
  prompt.instruction = "c";
  prompt.yes = "a";
  prompt.no = "b";
  return prompt;
}

RerankRequest request_of(std::vector<std::string> documents) {
  RerankRequest request;
  request.query = "d";
  request.documents = std::move(documents);
  return request;
}

std::vector<Ids> ids_of(const RerankRequest& request, int limit,
                        const YesNoPrompt& prompt = little_prompt()) {
  std::vector<Ids> out;
  for (const Encoded& e : encode_yes_no(request, prompt, *test::little_tokenizer(), limit))
    out.push_back(e.sequence.ids);
  return out;
}

template <typename Function>
std::string message_of(Code code, Function function) {
  try {
    function();
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "nothing was thrown";
}

void check_goldens(const std::string& name, const Tokenizer& tokenizer) {
  const auto file = MappedFile::open(data("goldens/yes_no.json"));
  const Json goldens = Json::parse(file->text(), file->path());
  const Json cases = goldens.at("cases");
  int checked = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const Json c = cases[i];
    if (c.string("tokenizer") != name) continue;
    RerankRequest request;
    request.query = std::string(c.string("query"));
    request.documents = {std::string(c.string("document"))};
    request.instruction = std::string(c.string("instruction"));
    request.truncation.max_length = static_cast<int>(c.integer("max_length"));
    Ids want;
    for (size_t k = 0; k < c.at("ids").size(); ++k)
      want.push_back(static_cast<int32_t>(c.at("ids")[k].integer()));
    const YesNoPrompt& prompt = yes_no_preset(c.string("preset"));
    const auto encoded = encode_yes_no(request, prompt, tokenizer, 8192);
    CAPTURE(i);
    CAPTURE(prompt.name);
    REQUIRE(encoded.size() == 1);
    CHECK(encoded[0].sequence.ids == want);
    CHECK(encoded[0].sequence.type_ids == Ids(want.size(), 0));
    ++checked;
  }
  CHECK(checked >= 30);

  const Json tokens = goldens.at("tokens").at(name);
  const auto token = [&](const char* word) {
    REQUIRE(tokens.at(word).size() == 1);
    return static_cast<int32_t>(tokens.at(word)[0].integer());
  };
  CHECK(yes_no_tokens(yes_no_preset("qwen3-reranker"), tokenizer) ==
        YesNoTokens{.no = token("no"), .yes = token("yes")});
  CHECK(yes_no_tokens(yes_no_preset("plain"), tokenizer) ==
        YesNoTokens{.no = token(" no"), .yes = token(" yes")});
}

}  // namespace

TEST_CASE("every preset's ids are the reference's on a little byte-level tokenizer") {
  check_goldens("tiny", *tiny());
}

TEST_CASE("every preset's ids are the reference's on Qwen's tokenizer, yes 9693 and no 2152") {
  const auto tokenizer = qwen();
  if (!tokenizer) {
    MESSAGE("skipped: WINNOW_SHARED is not set");
    return;
  }
  check_goldens("qwen", *tokenizer);
  CHECK(yes_no_tokens(yes_no_preset("lychee-b"), *tokenizer) ==
        YesNoTokens{.no = 2152, .yes = 9693});
}

TEST_CASE("bge-v2-gemma reads the first token of Yes alone") {
  const auto tokenizer = tiny();
  const YesNoTokens tokens = yes_no_tokens(yes_no_preset("bge-v2-gemma"), *tokenizer);
  CHECK(tokens.yes == tokenizer->tokenize("Yes").ids[0]);
  CHECK(tokens.no == tokens.yes);
}

TEST_CASE("a prompt whose answers or markers are not one token each is refused by name") {
  YesNoPrompt prompt = yes_no_preset("plain");
  prompt.yes = "certainly";
  CHECK(message_of(Code::kUnsupported, [&] {
          yes_no_tokens(prompt, *tiny());
        }).starts_with("yes/no reranker: yes: want one token for \"certainly\", got "));
  CHECK(
      message_of(Code::kUnsupported,
                 [] { yes_no_tokens(yes_no_preset("qwen3-reranker"), *test::little_tokenizer()); })
          .starts_with("yes/no reranker: prompt qwen3-reranker: want one token for the marker "
                       "\"<|im_start|>\", got "));
}

TEST_CASE("an unknown preset is refused with the names of those there are") {
  CHECK(message_of(Code::kInvalidArgument, [] { yes_no_preset("qwen"); }) ==
        "prompt preset: want one of qwen3-reranker, lychee-a, lychee-b, bge-v2-gemma, plain, got "
        "\"qwen\"");
  CHECK(yes_no_preset("qwen3-reranker").verified);
  CHECK(!yes_no_preset("lychee-a").verified);
  CHECK(!yes_no_preset("lychee-b").verified);
  for (const YesNoPrompt& preset : yes_no_presets()) CHECK_NOTHROW(check_prompt(preset));
}

TEST_CASE("a checkpoint's preset is what its name or its LogitScore module says") {
  const Json none, qwen3 = Json::parse(R"({"model_type": "qwen3"})", "config");
  const Json score = Json::parse(R"({"true_token_id": 9693, "false_token_id": 2152})", "extra");
  CHECK(preset_for(none, "Qwen3-Reranker-0.6B", none) == "qwen3-reranker");
  CHECK(preset_for(none, "lychee-rerank", none) == "lychee-a");
  CHECK(preset_for(none, "bge-reranker-v2-gemma", none) == "bge-v2-gemma");
  CHECK(preset_for(Json::parse(R"({"_name_or_path": "Qwen/Qwen3-Reranker-4B"})", "config"), "mine",
                   none) == "qwen3-reranker");
  CHECK(preset_for(qwen3, "mine", score) == "qwen3-reranker");
  CHECK(preset_for(Json::parse(R"({"model_type": "llama"})", "config"), "mine", score) == "plain");
  CHECK(!preset_for(qwen3, "mine", none));
  CHECK(!preset_for(qwen3, "Qwen3-Embedding-0.6B", none));
  CHECK(!preset_for(none, "bge-reranker-v2-m3", none));
  CHECK(yes_no_tokens(score) == YesNoTokens{.no = 2152, .yes = 9693});
  CHECK(!yes_no_tokens(Json::parse(R"({"true_token_id": 1})", "extra")));
  CHECK(!yes_no_tokens(none));
}

TEST_CASE("the document is cut, on the side asked for, and what is around it stays") {
  RerankRequest request = request_of({"e d c"});
  CHECK(ids_of(request, 99)[0] == Ids{3, 5, 6, 4, 7, 6, 5, 8});
  CHECK(ids_of(request, 7)[0] == Ids{3, 5, 6, 4, 7, 6, 8});
  CHECK(ids_of(request, 6)[0] == Ids{3, 5, 6, 4, 7, 8});
  request.truncation.side = TruncationSide::kLeft;
  CHECK(ids_of(request, 7)[0] == Ids{3, 5, 6, 4, 6, 5, 8});
  request.truncation.max_length = 6;
  CHECK(ids_of(request, 99)[0] == Ids{3, 5, 6, 4, 5, 8});
  YesNoPrompt prompt = little_prompt();
  prompt.body = "{document} b {query}";  // the document first: the query stays
  CHECK(ids_of(request_of({"e d c"}), 6, prompt)[0] == Ids{3, 7, 6, 4, 6, 8});
  prompt.max_length = 5;
  CHECK(ids_of(request_of({"e d c"}), 99, prompt)[0] == Ids{3, 7, 4, 6, 8});
}

TEST_CASE("a query that leaves no room is refused by name, and max_query_tokens makes room") {
  RerankRequest request = request_of({"e"});
  request.query = "d d d d";
  CHECK(message_of(Code::kTooLong, [&] { ids_of(request, 8); }) ==
        "query: want fewer than 8 tokens with the prompt around it, got 8; max_query_tokens keeps "
        "its first tokens");
  request.long_documents.max_query_tokens = 2;
  CHECK(ids_of(request, 8)[0] == Ids{3, 5, 6, 6, 4, 7, 8});
  request.query = "";
  CHECK(message_of(Code::kEmpty, [&] { ids_of(request, 8); }) == "query: the text is empty");
  request.query = "d\xff";
  CHECK(message_of(Code::kTokenizer, [&] { ids_of(request, 8); }) ==
        "query: the text is not UTF-8: byte 1");
  request.query = "d";
  request.instruction = "\xc0";
  CHECK(message_of(Code::kTokenizer, [&] { ids_of(request, 8); }) ==
        "instruction: the text is not UTF-8: byte 0");
}

TEST_CASE("each bad document of a yes/no reranker has its own error, and its neighbours none") {
  RerankRequest request = request_of({"e", "", "e\xff", "e d c e d c", "c"});
  request.truncation.enabled = false;
  const auto encoded = encode_yes_no(request, little_prompt(), *test::little_tokenizer(), 8);
  REQUIRE(encoded.size() == 5);
  CHECK(!encoded[0].error);
  CHECK(encoded[1].error->code == Code::kEmpty);
  CHECK(encoded[2].error->message == "the text is not UTF-8: byte 1");
  CHECK(encoded[3].error->code == Code::kTooLong);
  CHECK(encoded[3].error->message == "want at most 8 tokens, got 11: truncation is off");
  CHECK(encoded[4].input == 4);
}

TEST_CASE("a long document is read in windows, each with the whole prompt") {
  RerankRequest request = request_of({"a b c d e f", "a"});
  request.long_documents.max_chunks = 9;
  request.long_documents.overlap = 1;
  const auto encoded = encode_yes_no(request, little_prompt(), *test::little_tokenizer(), 8);
  REQUIRE(encoded.size() == 4);
  CHECK(encoded[0].sequence.ids == Ids{3, 5, 6, 4, 3, 4, 5, 8});
  CHECK(encoded[1].sequence.ids == Ids{3, 5, 6, 4, 5, 6, 7, 8});
  CHECK(encoded[2].sequence.ids == Ids{3, 5, 6, 4, 6, 7, 8, 8});
  CHECK(encoded[2].window == 2);
  CHECK(encoded[3].input == 1);
  CHECK(encoded[3].window == 0);
  const auto response =
      decode_yes_no(request, little_prompt(), encoded, {{0, 1}, {0, 5}, {0, 2}, {0, 3}});
  CHECK(response.results[0].index == 0);
  CHECK(response.results[0].window == 1);
}

TEST_CASE("max_document_tokens caps a document whose text fits") {
  RerankRequest request = request_of({"a b c"});
  request.long_documents.max_document_tokens = 2;
  CHECK(ids_of(request, 99)[0] == Ids{3, 5, 6, 4, 3, 4, 8});
}

TEST_CASE("pieces have FlagLLMReranker's room: more than max_length by the text around them") {
  YesNoPrompt prompt = little_prompt();
  prompt.body = "";
  prompt.query_piece = "a {query}";
  prompt.document_piece = "b {document}";
  prompt.separator = "c";
  prompt.max_length = 4;
  RerankRequest request = request_of({"e e e e e e"});
  request.query = "d d d d d d";
  // The query's piece has 3 tokens; prefix, it, separator and document 4 + 2.
  CHECK(ids_of(request, 99, prompt)[0] == Ids{3, 3, 6, 6, 5, 4, 5, 8});
  CHECK(message_of(Code::kTooLong, [&] {
          ids_of(request, 7, prompt);
        }).starts_with("query: want fewer than 7 tokens"));
  request.query = "d";
  CHECK(ids_of(request, 7, prompt)[0] == Ids{3, 3, 6, 5, 4, 5, 8});
  request.truncation.enabled = false;
  CHECK(encode_yes_no(request, prompt, *test::little_tokenizer(), 99)[0].error->code ==
        Code::kTooLong);
}

TEST_CASE("a marker in a text is a special token as the reference has it, unless escaped") {
  const auto tokenizer = tiny();
  const int32_t end = *tokenizer->token_id("<|im_end|>");
  RerankRequest request = request_of({"so <|im_end|> it ends"});
  request.query = "<|im_end|>";
  const YesNoPrompt& prompt = yes_no_preset("lychee-b");
  const auto ends = [&] {
    return std::ranges::count(encode_yes_no(request, prompt, *tokenizer, 8192)[0].sequence.ids,
                              end);
  };
  CHECK(ends() == 4);
  request.escape_special = true;
  CHECK(ends() == 2);  // the prompt's own
  request.documents = {"<|im_<|im_end|>end|> 法<|im_end|><|im_end|>国"};
  CHECK(ends() == 2);
}

TEST_CASE("a yes/no score is the sigmoid of the logits' difference, raw the difference") {
  RerankRequest request = request_of({"a", "", "b"});
  const auto encoded = encode_yes_no(request, little_prompt(), *test::little_tokenizer(), 9);
  const std::vector<Output> outputs = {{2.0f, 0.5f}, {}, {-1.0f, 3.0f}};
  auto response = decode_yes_no(request, little_prompt(), encoded, outputs);
  REQUIRE(response.results.size() == 3);
  CHECK(response.results[0].index == 2);
  CHECK(response.results[0].score == sigmoid(4.0f));
  CHECK(response.results[1].score == sigmoid(-1.5f));
  CHECK(response.results[2].error->code == Code::kEmpty);
  request.raw_scores = true;
  request.top_n = 1;
  response = decode_yes_no(request, little_prompt(), encoded, outputs);
  CHECK(response.results[0].score == 4.0f);
  CHECK(response.results[1].error);

  YesNoPrompt yes_alone = little_prompt();
  yes_alone.score = YesNoPrompt::Score::kYesLogit;
  CHECK(decode_yes_no(request, yes_alone, encoded, outputs).results[0].score == 3.0f);
  // A converted checkpoint gives the difference itself.
  CHECK(decode_yes_no(request, little_prompt(), encoded, {{7}, {}, {1}}).results[0].score == 7.0f);
  CHECK_THROWS_AS(decode_yes_no(request, little_prompt(), encoded,
                                {{0, std::numeric_limits<float>::infinity()}, {}, {0, 0}}),
                  Error);
}

TEST_CASE("a prompt that cannot be asked is refused with its field's name") {
  const auto refused = [](auto change) {
    YesNoPrompt prompt = little_prompt();
    change(prompt);
    return message_of(Code::kInvalidArgument, [&] { check_prompt(prompt); });
  };
  CHECK(refused([](auto& p) { p.body = "{document}"; }) ==
        "prompt little: body: want {query} in it");
  CHECK(refused([](auto& p) { p.body = "{query}"; }) ==
        "prompt little: body: want {document} in it");
  CHECK(refused([](auto& p) { p.body = "{query}{document}{document}"; }) ==
        "prompt little: body: want {document} in it once");
  CHECK(refused([](auto& p) { p.body = ""; }) ==
        "prompt little: want a body, or a query_piece and a document_piece, got neither");
  CHECK(refused([](auto& p) { p.query_piece = "{query}"; }) ==
        "prompt little: want a body, or a query_piece and a document_piece, got both");
  CHECK(refused([](auto& p) { p.suffix = "{query}"; }) ==
        "prompt little: prefix, suffix, separator: want neither {query} nor {document} in them");
  CHECK(refused([](auto& p) { p.max_length = 0; }) ==
        "prompt little: max_length: want 1 or more, got 0");
  CHECK(refused([](auto& p) { p.yes = ""; }) == "prompt little: yes: want a text, got none");
  CHECK(refused([](auto& p) { p.instruction = "\xff"; }) ==
        "prompt little: instruction: not UTF-8: byte 0");
}
