// What files are taken, what is refused and in which words.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "text/tokenizer.h"
#include "tiny.h"
#include "tiny_bpe.h"

namespace winnow {
namespace {

using Ids = std::vector<int32_t>;

// A folder that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "winnow_text_XXXXXX").string();
    if (!mkdtemp(name.data())) FAIL("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const char* name, const std::string& text) {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

void refuses(const std::string& json, Code code, const std::string& message) {
  CAPTURE(message);
  try {
    Tokenizer::from_json(json, "tiny.json");
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(code_name(error.code()) == code_name(code));
    CHECK(std::string(error.what()).substr(0, message.size()) == message);
  }
}

template <typename Change>
std::string changed(Change change) {
  test::TinyParts parts;
  change(parts);
  return parts.json();
}

TEST_CASE("a component that winnow does not execute is named with its key") {
  refuses(changed([](auto& p) { p.normalizer = R"({"type":"Nonesuch"})"; }), Code::kUnsupported,
          "tiny.json: normalizer: want a normalizer of BertNormalizer");
  refuses(changed([](auto& p) {
            p.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]})";
          }),
          Code::kUnsupported, "tiny.json: normalizer.normalizers[1]: want a normalizer of");
  refuses(changed([](auto& p) { p.pre_tokenizer = R"({"type":"Nonesuch"})"; }), Code::kUnsupported,
          "tiny.json: pre_tokenizer: want a pre-tokenizer of");
  refuses(changed([](auto& p) { p.model_options = R"("type":"Nonesuch")"; }), Code::kUnsupported,
          "tiny.json: model: want a model of WordPiece");
  refuses(changed([](auto& p) { p.post_processor = R"({"type":"Nonesuch"})"; }), Code::kUnsupported,
          "tiny.json: post_processor: want a post-processor of");
  refuses(changed([](auto& p) { p.decoder = R"({"type":"Nonesuch"})"; }), Code::kUnsupported,
          "tiny.json: decoder: want a decoder of WordPiece");
}

TEST_CASE("a broken file is refused with file and key") {
  refuses("{", Code::kCorrupt, "tiny.json: not JSON at byte");
  refuses("[]", Code::kCorrupt, "tiny.json: ");
  refuses("{}", Code::kCorrupt, "tiny.json: missing key `model`");
  refuses(std::string(100'000, '['), Code::kCorrupt, "tiny.json: not JSON at byte");
  refuses(R"({"model":{"type":"WordPiece"}})", Code::kCorrupt,
          "tiny.json: model: missing key `vocab`");
  refuses(changed([](auto& p) { p.vocab = "{}"; }), Code::kCorrupt,
          "tiny.json: model.vocab: want tokens, got an empty vocabulary");
  refuses(changed([](auto& p) { p.vocab = "[]"; }), Code::kCorrupt,
          "tiny.json: model.vocab: want object, got array");
  refuses(changed([](auto& p) { p.vocab = R"({"[UNK]":0,"a":"b"})"; }), Code::kCorrupt,
          "tiny.json: model.vocab.a: want integer, got string");
  refuses(changed([](auto& p) { p.vocab = R"({"[UNK]":0,"a":-1})"; }), Code::kCorrupt,
          "tiny.json: model.vocab: want ids from 0 to 4194303, got -1 for \"a\"");
  refuses(changed([](auto& p) { p.vocab = R"({"[UNK]":0,"a":9000000000})"; }), Code::kCorrupt,
          "tiny.json: model.vocab: want ids from 0 to");
  refuses(changed([](auto& p) { p.vocab = R"({"[UNK]":0,"a":1,"b":1})"; }), Code::kCorrupt,
          "tiny.json: model.vocab: want one token for each id, got \"a\" and \"b\" for 1");
  refuses(changed([](auto& p) { p.vocab = R"({"a":0})"; }), Code::kCorrupt,
          "tiny.json: model: want the unknown token \"[UNK]\" in the vocabulary");
  refuses(changed([](auto& p) {
            p.model_options = R"("type":"WordPiece","max_input_chars_per_word":-1)";
          }),
          Code::kCorrupt, "tiny.json: model.max_input_chars_per_word: want 0 or more");
  refuses(changed([](auto& p) { p.normalizer = R"({"type":"BertNormalizer","lowercase":1})"; }),
          Code::kCorrupt, "tiny.json: normalizer.lowercase: want boolean, got number");
}

TEST_CASE("broken added tokens and templates are refused with the key") {
  refuses(changed([](auto& p) { p.added = R"([{"id":2,"content":"hello"}])"; }), Code::kCorrupt,
          "tiny.json: added_tokens[0].id: want 8 for \"hello\", got 2");
  refuses(changed([](auto& p) { p.added = R"([{"id":31,"content":"<new>"}])"; }), Code::kCorrupt,
          "tiny.json: added_tokens[0].id: want 29 for \"<new>\", got 31");
  refuses(changed([](auto& p) { p.added = R"([{"id":29,"content":""}])"; }), Code::kCorrupt,
          "tiny.json: added_tokens[0].content: want some text");
  refuses(changed([](auto& p) {
            p.added = R"([{"id":8,"content":"hello"},{"id":8,"content":"hello"}])";
          }),
          Code::kCorrupt, "tiny.json: added_tokens[1].content: want each token once");
  refuses(changed([](auto& p) { p.added = R"([{"id":29,"content":"\u0301","normalized":true}])"; }),
          Code::kCorrupt, "tiny.json: added token");
  const auto bert = [](int sep) {
    return changed([&](auto& p) {
      p.post_processor = R"({"type":"BertProcessing","sep":["[SEP]",)" + std::to_string(sep) +
                         R"(],"cls":["[CLS]",2]})";
    });
  };
  refuses(bert(29), Code::kCorrupt,
          "tiny.json: post_processor.sep[1]: want an id from 0 to 28, got 29");
  refuses(bert(-1), Code::kCorrupt, "tiny.json: post_processor.sep[1]: want an id");
  refuses(changed([](auto& p) {
            p.post_processor =
                R"({"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}})";
          }),
          Code::kCorrupt, "tiny.json: post_processor.single: want A 1 and B 0 times, got 0 and 0");
  refuses(
      changed([](auto& p) {
        p.post_processor =
            R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"X","type_id":0}}],)"
            R"("pair":[],"special_tokens":{}})";
      }),
      Code::kCorrupt, "tiny.json: post_processor.special_tokens: missing key `X`");
}

TEST_CASE("a folder without a tokenizer is not found") {
  Folder folder;
  try {
    Tokenizer::from_folder(folder.path());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::kNotFound);
    CHECK(std::string(error.what()) ==
          "load tokenizer: want tokenizer.json, vocab.txt, vocab.json and merges.txt, or a "
          "SentencePiece model in " +
              folder.path() + ", got none of them");
  }
}

TEST_CASE("vocab.txt makes the same tokenizer as the tokenizer.json of its tokens") {
  Folder folder;
  folder.write("vocab.txt",
               "[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nhello\nA\na\nCafé");
  const auto t = Tokenizer::from_folder(folder.path());
  CHECK(t->vocab_size() == 12);
  const TokenSpan s = t->tokenize("Hello [MASK] unaffable A");
  CHECK(s.ids == Ids{8, 4, 5, 6, 7, 10});
  const TokenSpan b = t->tokenize("hello");
  CHECK(t->assemble(s, &b).ids == Ids{2, 8, 4, 5, 6, 7, 10, 3, 8, 3});
  CHECK(t->is_special(4));
  CHECK(t->decode(Ids{2, 5, 6, 7, 3}, true) == "unaffable");

  folder.write("tokenizer_config.json", R"({"do_lower_case":false})");
  CHECK(Tokenizer::from_folder(folder.path())->tokenize("A a Café").ids == Ids{9, 10, 11});
}

TEST_CASE("a vocab.txt without the tokens that frame a text is corrupt") {
  Folder folder;
  folder.write("vocab.txt", "[UNK]\n[CLS]\nhello\n");
  CHECK_THROWS_WITH_AS(
      Tokenizer::from_folder(folder.path()),
      doctest::Contains("vocab.txt: want the tokens [CLS] and [SEP] in the vocabulary"), Error);
  folder.write("vocab.txt", "hello\n");
  CHECK_THROWS_WITH_AS(Tokenizer::from_folder(folder.path()),
                       doctest::Contains("want the unknown token"), Error);
  folder.write("vocab.txt", "");
  CHECK_THROWS_WITH_AS(Tokenizer::from_folder(folder.path()),
                       doctest::Contains("got an empty vocabulary"), Error);
  folder.write("vocab.txt", "[UNK]\n\xff\n");
  CHECK_THROWS_WITH_AS(Tokenizer::from_folder(folder.path()),
                       doctest::Contains("got an invalid byte at 6"), Error);
}

TEST_CASE("tokenizer_config.json wins over tokenizer.json for a BERT class") {
  Folder folder;
  folder.write("tokenizer.json", test::TinyParts().json());
  const auto ids = [&](const std::string& config) {
    folder.write("tokenizer_config.json", config);
    return Tokenizer::from_folder(folder.path())->tokenize("A é").ids;
  };
  CHECK(Tokenizer::from_folder(folder.path())->tokenize("A é").ids == Ids{12, 1});
  CHECK(ids(R"({"tokenizer_class":"BertTokenizer","do_lower_case":false})") == Ids{24, 23});
  CHECK(ids(R"({"do_lower_case":false})") == Ids{24, 23});
  CHECK(ids(R"({"strip_accents":false})") == Ids{12, 23});
  CHECK(ids(R"({"tokenizer_class":"PreTrainedTokenizerFast","do_lower_case":false})") ==
        Ids{12, 1});
  CHECK_THROWS_WITH_AS(
      ids(R"({"do_lower_case":"yes"})"),
      doctest::Contains("tokenizer_config.json: do_lower_case: want boolean, got string"), Error);
  CHECK_THROWS_WITH_AS(
      ids("[]"), doctest::Contains("tokenizer_config.json: want an object, got array"), Error);

  // transformers passes its BERT class's own defaults where the file is silent.
  test::TinyParts cased;
  cased.normalizer = R"({"type":"BertNormalizer","lowercase":false})";
  folder.write("tokenizer.json", cased.json());
  CHECK(ids(R"({"tokenizer_class":"BertTokenizer"})") == Ids{12, 1});
  CHECK(ids("{}") == Ids{24, 23});
}

TEST_CASE("each byte-level class frames a text and normalizes it as transformers does") {
  test::TinyBpe tiny(11, 200);
  tiny.more_tokens = {"<s>", "</s>", "<mask>", "[CLS]", "[SEP]", "<|begin_of_text|>"};
  Folder folder;
  folder.write("vocab.json", tiny.vocab());
  std::string merges;
  for (const auto& [left, right] : tiny.merges) merges += left + " " + right + "\n";
  folder.write("merges.txt", merges);
  const auto loaded = [&](const char* config, const char* model_config) {
    folder.write("tokenizer_config.json", config);
    folder.write("config.json", model_config);
    return Tokenizer::from_folder(folder.path());
  };
  const auto names = [](const Tokenizer& t, const TokenSpan& a, const TokenSpan* b) {
    std::string out;
    for (const int32_t id : t.assemble(a, b).ids) out += std::string(t.token(id)) + ' ';
    return out;
  };
  const auto framed = [&](const Tokenizer& t) {
    const TokenSpan a = t.tokenize("1"), b = t.tokenize("2");
    return names(t, a, nullptr) + "| " + names(t, a, &b);
  };
  const auto roberta = loaded(R"({"tokenizer_class":"RobertaTokenizerFast"})", "{}");
  CHECK(framed(*roberta) == "<s> 1 </s> | <s> 1 </s> </s> 2 </s> ");
  CHECK(roberta->is_special(*roberta->token_id("<mask>")));
  CHECK(framed(*loaded("{}", R"({"model_type":"roberta"})")) == framed(*roberta));
  const auto prefixed =
      loaded(R"({"tokenizer_class":"RobertaTokenizer","add_prefix_space":true})", "{}");
  CHECK(prefixed->token(prefixed->tokenize("1").ids[0]).starts_with("\u0120"));

  CHECK(framed(*loaded("{}", R"({"model_type":"modernbert"})")) ==
        "[CLS] 1 [SEP] | [CLS] 1 [SEP] 2 [SEP] ");
  CHECK(framed(*loaded(R"({"tokenizer_class":"GPT2Tokenizer","add_bos_token":true,)"
                       R"("bos_token":"</s>"})",
                       R"({"model_type":"opt"})")) == "</s> 1 | </s> 1 </s> 2 ");
  CHECK(framed(*loaded(R"({"tokenizer_class":"PreTrainedTokenizerFast",)"
                       R"("bos_token":"<|begin_of_text|>"})",
                       R"({"model_type":"llama"})")) ==
        "<|begin_of_text|> 1 | <|begin_of_text|> 1 <|begin_of_text|> 2 ");
  const auto neox = loaded(R"({"tokenizer_class":"GPTNeoXTokenizer"})", "{}");
  CHECK(neox->tokenize("e\u0301").ids == neox->tokenize("\u00e9").ids);  // composed
  CHECK(framed(*neox) == "1 | 1 2 ");

  CHECK_THROWS_WITH_AS(
      loaded("{}", R"({"model_type":"llama"})"),
      doctest::Contains("vocab.json: want vocab.json and merges.txt of a tokenizer_class"), Error);
  CHECK_THROWS_WITH_AS(loaded("{}", "{}"), doctest::Contains("got none named"), Error);
  CHECK_THROWS_WITH_AS(loaded(R"({"tokenizer_class":"CLIPTokenizerFast"})", "{}"),
                       doctest::Contains("got CLIPTokenizer"), Error);
}

}  // namespace
}  // namespace winnow
