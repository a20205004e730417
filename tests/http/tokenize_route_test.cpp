#include "http/tokenize_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

// WordPiece over a few words: lower-cased, split at spaces.
std::shared_ptr<const Tokenizer> tiny_tokenizer() {
  return Tokenizer::from_json(R"({
    "version":"1.0","truncation":null,"padding":null,
    "added_tokens":[
      {"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
      {"id":1,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
      {"id":2,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},
    "post_processor":{"type":"TemplateProcessing",
      "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
      "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":1}}],
      "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},
    "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
      "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"cafe":3,"##s":4,"open":5}}})",
                              "tiny");
}

TEST_CASE("a tokenize request takes a text or a list, and TEI's defaults") {
  const auto parse = [](std::string_view body) { return parse_tei_tokenize(parse_body(body), {}); };
  const TeiTokenize one = parse(R"({"inputs":"a"})");
  CHECK(one.inputs == std::vector<std::string>{"a"});
  CHECK(one.add_special_tokens);
  const TeiTokenize list =
      parse(R"({"inputs":["a","b"],"add_special_tokens":false,"prompt_name":"p","model":"m"})");
  CHECK(list.inputs == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(list.add_special_tokens);
  CHECK(list.prompt_name == "p");
  CHECK(list.model == "m");
  check_throws(Code::kEmpty, "`inputs` cannot be empty", [&] { parse(R"({"inputs":[]})"); });
  check_throws(Code::kInvalidArgument, "inputs[0]: want string, got number",
               [&] { parse(R"({"inputs":[1]})"); });
  check_throws(Code::kInvalidArgument, "inputs: want string, got object",
               [&] { parse(R"({"inputs":{}})"); });
}

TEST_CASE("a token's text is the input's own, and a special token has no place") {
  JsonWriter json;
  append_tokens(json, "Open  Caf\u00E9s", true, *tiny_tokenizer());
  CHECK(json.text() ==
        R"([{"id":1,"text":"[CLS]","special":true,"start":null,"stop":null},)"
        R"({"id":5,"text":"Open","special":false,"start":0,"stop":4},)"
        "{\"id\":3,\"text\":\"Caf\u00E9\",\"special\":false,\"start\":6,\"stop\":10},"
        R"({"id":4,"text":"s","special":false,"start":10,"stop":11},)"
        R"({"id":2,"text":"[SEP]","special":true,"start":null,"stop":null}])");
}

TEST_CASE("tokens without special ones, and of an empty text, are what there is") {
  JsonWriter json;
  append_tokens(json, "open", false, *tiny_tokenizer());
  CHECK(json.text() == R"([{"id":5,"text":"open","special":false,"start":0,"stop":4}])");
  JsonWriter empty;
  append_tokens(empty, "", false, *tiny_tokenizer());
  CHECK(empty.text() == "[]");
}

TEST_CASE("tokens of ill-formed text are refused") {
  JsonWriter json;
  check_throws(Code::kTokenizer, "",
               [&] { append_tokens(json, "a\xFF", true, *tiny_tokenizer()); });
}

TEST_CASE("a decode request takes one list of ids or several") {
  const auto parse = [](std::string_view body) { return parse_tei_decode(parse_body(body), {}); };
  const TeiDecode one = parse(R"({"ids":[1,2]})");
  CHECK(one.ids == std::vector<std::vector<int32_t>>{{1, 2}});
  CHECK_FALSE(one.batch);
  CHECK(one.skip_special_tokens);
  const TeiDecode list = parse(R"({"ids":[[1],[]],"skip_special_tokens":false})");
  CHECK(list.ids == std::vector<std::vector<int32_t>>{{1}, {}});
  CHECK(list.batch);
  CHECK_FALSE(list.skip_special_tokens);
  check_throws(Code::kEmpty, "`ids` cannot be empty", [&] { parse(R"({"ids":[]})"); });
  check_throws(Code::kInvalidArgument, "ids[1]: want an array of token ids, got number",
               [&] { parse(R"({"ids":[[1],2]})"); });
  check_throws(Code::kInvalidArgument, "ids[1]: want integer, got string",
               [&] { parse(R"({"ids":[1,"2"]})"); });
  check_throws(Code::kInvalidArgument, "want a token id, got -1",
               [&] { parse(R"({"ids":[-1]})"); });
}

}  // namespace
}  // namespace winnow
