// A tiny BERT tokenizer.json, put together from parts that a test may change.
#pragma once

#include <string>

namespace winnow::test {

struct TinyParts {
  std::string vocab =
      R"({"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"un":5,"##aff":6,"##able":7,"hello":8,"world":9,",":10,)"
      R"("!":11,"a":12,"##b":13,"cafe":14,"中":15,"国":16,"straße":17,"i":18,"##i":19,"don":20,"'":21,"t":22,"é":23,)"
      R"("A":24,"[":25,"]":26,"sep":27,"\u1100\u1161":28})";
  std::string added =
      R"([{"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},)"
      R"({"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}])";
  std::string normalizer =
      R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true})";
  std::string pre_tokenizer = R"({"type":"BertPreTokenizer"})";
  std::string model_options =
      R"("type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100)";
  std::string post_processor =
      R"({"type":"TemplateProcessing",)"
      R"("single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
      R"({"SpecialToken":{"id":"[SEP]","type_id":0}}],)"
      R"("pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
      R"({"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},)"
      R"({"SpecialToken":{"id":"[SEP]","type_id":1}}],)"
      R"("special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},)"
      R"("[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}})";
  std::string decoder = R"({"type":"WordPiece","prefix":"##","cleanup":true})";

  std::string json() const {
    return R"({"version":"1.0","truncation":{"max_length":4},"padding":{"strategy":{"Fixed":512}},"added_tokens":)" +
           added + ",\"normalizer\":" + normalizer + ",\"pre_tokenizer\":" + pre_tokenizer +
           ",\"post_processor\":" + post_processor + ",\"decoder\":" + decoder + ",\"model\":{" +
           model_options + ",\"vocab\":" + vocab + "}}";
  }
};

}  // namespace winnow::test
