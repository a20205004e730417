// Byte-level BPE: its parts against plain ways to say the same, its files, its text in steps.
#include "text/bpe.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/gguf_tokenizer.h"
#include "text/normalizer.h"
#include "text/regex.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/word_matcher.h"
#include "tiny_bpe.h"

namespace winnow {
namespace {

using test::TinyBpe;

std::string random_text(std::mt19937& rng, size_t pieces) {
  static const char* const kPieces[] = {"a",
                                        "b",
                                        "S",
                                        "the",
                                        "'",
                                        "'s",
                                        "'S",
                                        "'\u017F",
                                        "'ll",
                                        "'re",
                                        " ",
                                        "  ",
                                        "\t",
                                        "\n",
                                        "\r\n",
                                        "\u00A0",
                                        "\u3000",
                                        "\u2028",
                                        "1",
                                        "23",
                                        "\u0663",
                                        "\u00BD",
                                        "\u2167",
                                        "!",
                                        "...",
                                        "\u00E9",
                                        "e\u0301",
                                        "\u4E2D",
                                        "\u6587\u5B57",
                                        "\uAC00",
                                        "\u0436",
                                        "\U0001F600",
                                        "\u200D",
                                        "_",
                                        "\u0301"};
  std::string out;
  for (size_t i = 0; i < pieces; ++i) out += kPieces[rng() % std::size(kPieces)];
  return out;
}

void check_error(const std::function<void()>& call, Code code, const std::string& begins) {
  INFO(begins);
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).substr(0, begins.size()) == begins);
    return;
  }
  FAIL_CHECK("no error");
}

TEST_CASE("the patterns matched by hand match as Oniguruma does") {
  std::mt19937 rng(11);
  for (const WordPattern pattern : {WordPattern::kGpt2, WordPattern::kQwen, WordPattern::kLlama}) {
    REQUIRE(known_word_pattern(word_regex(pattern)) == pattern);
    const Regex regex(std::string(word_regex(pattern)), "test");
    for (int i = 0; i < 3000; ++i) {
      const std::string text = random_text(rng, 1 + rng() % 20);
      std::vector<Regex::Match> matches;
      regex.find_all(text, matches);
      size_t at = 0;
      bool same = true;
      for (const Regex::Match& match : matches) {
        same = same && match.begin == at && at < text.size() &&
               word_end(pattern, text, at) == match.end;
        at = match.end;
      }
      INFO(text);
      CHECK((same && at == text.size()));
    }
  }
}

TEST_CASE("a regular expression that is none is refused with its key") {
  check_error([] { Regex("(a", "file: key"); }, Code::kCorrupt,
              "file: key: want a regular expression, got \"(a\"");
}

TEST_CASE("merging few and merging many give what merging the first pair again and again gives") {
  const TinyBpe tiny(7, 400);
  const auto model = make_bpe(Json::parse(tiny.model(), "tiny"));
  std::mt19937 rng(13);
  for (int i = 0; i < 400; ++i) {
    std::vector<std::string> parts(1 + rng() % (i % 2 == 0 ? 12 : 150));
    std::string word;
    for (std::string& part : parts) word += part = std::string(1, "abcd"[rng() % 4]);
    std::vector<Piece> pieces;
    model->tokenize(word, pieces);
    for (bool merged = true; merged;) {
      merged = false;
      for (const auto& [left, right] : tiny.merges) {
        for (size_t at = 0; at + 1 < parts.size() && !merged; ++at) {
          if (parts[at] != left || parts[at + 1] != right) continue;
          parts[at] += right;
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
          merged = true;
        }
        if (merged) break;
      }
    }
    std::vector<std::string> got;
    for (const Piece& piece : pieces) got.emplace_back(*model->token(piece.id));
    INFO(word);
    CHECK(got == parts);
  }
}

TEST_CASE("one pass over the bytes says what the components one by one say") {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    TinyBpe tiny(seed, 900);
    for (const bool ignore_merges : {false, true}) {
      tiny.ignore_merges = ignore_merges;
      tiny.drop_merges = ignore_merges ? 500 : 0;  // tokens that merges do not make
      for (const char* const pre : {TinyBpe::kGpt2, TinyBpe::kSmolLm, TinyBpe::kQwen}) {
        tiny.pre_tokenizer = pre;
        const auto fast = Tokenizer::from_json(tiny.json(), "tiny");
        // A sequence in a sequence is not known as one that can be done in a pass.
        tiny.pre_tokenizer = std::string(R"({"type":"Sequence","pretokenizers":[)") + pre + "]}";
        const auto general = Tokenizer::from_json(tiny.json(), "tiny");
        std::mt19937 rng(seed);
        for (int i = 0; i < 400; ++i) {
          const std::string text = random_text(rng, 1 + rng() % 40);
          const TokenSpan want = general->tokenize(text, true), got = fast->tokenize(text, true);
          INFO(text);
          CHECK(got.ids == want.ids);
          CHECK(got.offsets == want.offsets);
          CHECK(fast->tokenize(text).ids == want.ids);  // from the cache
        }
      }
    }
  }
}

TEST_CASE("merges as strings and as pairs are the same tokenizer") {
  TinyBpe tiny(4, 300);
  const auto strings = Tokenizer::from_json(tiny.json(), "tiny");
  tiny.merges_as_pairs = true;
  const auto pairs = Tokenizer::from_json(tiny.json(), "tiny");
  std::mt19937 rng(4);
  for (int i = 0; i < 50; ++i) {
    const std::string text = random_text(rng, 30);
    CHECK(strings->tokenize(text).ids == pairs->tokenize(text).ids);
  }
}

TEST_CASE("a megabyte without a space takes its time once, not squared") {
  const auto tokenizer = Tokenizer::from_json(TinyBpe(5, 900).json(), "tiny");
  constexpr size_t kSize = 1 << 20;
  std::string text;
  for (const char* const piece : {"a", "ab", "\u00E9", "\u4E2D"}) {
    text.clear();
    while (text.size() < kSize) text += piece;
    const TokenSpan tokens = tokenizer->tokenize(text);
    CHECK(tokenizer->decode(tokens.ids, false) == text);
  }
}

TEST_CASE("what cannot be a BPE is refused with its key") {
  const auto load = [](auto change) {
    return [change] {
      TinyBpe tiny(1, 10);
      change(tiny);
      Tokenizer::from_json(tiny.json(), "tiny.json");
    };
  };
  check_error(load([](TinyBpe& t) { t.more_options = R"("dropout":0.1,)"; }), Code::kUnsupported,
              "tiny.json: model.dropout: want none, got 0.1");
  check_error(load([](TinyBpe& t) { t.merges[3].second = "zz"; }), Code::kCorrupt,
              "tiny.json: model.merges: want tokens of the vocabulary, got \"zz\"");
  check_error(load([](TinyBpe& t) { t.merges[3].second = "a b"; }), Code::kCorrupt,
              "tiny.json: model.merges[3]: want two tokens with a space between");
}

TEST_CASE("a character split over tokens comes whole, and a broken one as decode has it") {
  const auto tokenizer = Tokenizer::from_json(TinyBpe(1, 0).json(), "tiny");
  const std::string smile = "\U0001F600";
  const TokenSpan tokens = tokenizer->tokenize(smile + "!");
  REQUIRE(tokens.ids.size() == 5);
  StreamDecoder stream(*tokenizer, false);
  for (int i = 0; i < 3; ++i) CHECK(stream.push(tokens.ids[static_cast<size_t>(i)]).empty());
  CHECK(stream.push(tokens.ids[3]) == smile);
  CHECK(stream.push(tokens.ids[0]).empty());
  CHECK(stream.push(tokens.ids[4]) == "\uFFFD!");
  CHECK(stream.push(tokens.ids[0]).empty());
  CHECK(stream.finish() == "\uFFFD");
}

// The decoders of every kind, over one vocabulary.
TEST_CASE("text in steps is the text of decode, in whole characters") {
  const char* const fallback =
      R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},)"
      R"({"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";
  const char* const at_the_end =
      R"({"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":0,"stop":1}]})";
  for (const std::string& decoder :
       {std::string(R"({"type":"ByteLevel"})"), std::string(R"({"type":"WordPiece"})"),
        std::string(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})"),
        std::string(fallback), std::string(at_the_end), std::string("null")}) {
    TinyBpe tiny(6, 60);
    for (const char* const token : {"▁", "▁▁a", "##b", "▁.", " ", "<0xF0>", "<0x9F>", "<0x98>",
                                    "<0x80>", "<0x41>", "<0xC3>", "<0xA9>"})
      tiny.more_tokens.emplace_back(token);
    tiny.decoder = decoder;
    const auto tokenizer = Tokenizer::from_json(tiny.json(), "tiny");
    std::mt19937 rng(17);
    INFO(decoder);
    for (int i = 0; i < 2000; ++i) {
      std::vector<int32_t> ids(rng() % 12);
      const bool late = rng() % 2 == 0;  // mostly the added rows
      for (int32_t& id : ids) {
        const auto size = static_cast<uint32_t>(tokenizer->vocab_size());
        id = static_cast<int32_t>(late ? size - 1 - rng() % 14 : rng() % (size + 2));
      }
      StreamDecoder stream(*tokenizer, true);
      std::string text;
      for (const int32_t id : ids) {
        const std::string more = stream.push(id);
        CHECK_FALSE(invalid_utf8_at(more));
        text += more;
      }
      text += stream.finish();
      CHECK(text == tokenizer->decode(ids, true));
    }
  }
}

TEST_CASE("a token's bytes are what it stands for inside a text") {
  TinyBpe tiny(1, 0);
  const auto bytes = Tokenizer::from_json(tiny.json(), "tiny");
  CHECK(bytes->token_bytes(*bytes->token_id("\u0120")) == " ");
  CHECK(bytes->token_bytes(*bytes->token_id("\u00F0")) == "\xF0");
  CHECK(bytes->token_bytes(*bytes->token_id("<|end|>")) == "<|end|>");
  tiny.more_tokens = {"▁a", "<0xE4>"};
  tiny.decoder =
      R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},)"
      R"({"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";
  const auto marks = Tokenizer::from_json(tiny.json(), "tiny");
  CHECK(marks->token_bytes(*marks->token_id("▁a")) == " a");
  CHECK(marks->token_bytes(*marks->token_id("<0xE4>")) == "\xE4");
}

TEST_CASE("a text that is surely in a form is one that the form leaves") {
  const char* const forms[] = {"NFD", "NFC", "NFKD", "NFKC"};
  std::mt19937 rng(19);
  for (int form = 0; form < 4; ++form) {
    const auto normalizer =
        make_normalizer(Json::parse(std::string(R"({"type":")") + forms[form] + "\"}", "test"));
    int sure = 0;
    for (int i = 0; i < 3000; ++i) {
      std::string text = random_text(rng, 1 + rng() % 4);
      static const char32_t kTricky[] = {0x1100, 0x1161, 0x11A8, 0x0344, 0x0958, 0x0345, 0x0F73,
                                         0xFB1D, 0x2126, 0xFF21, 0x0327, 0x0307, 0x1E9B, 0x9FFF,
                                         0x3400, 0xF900, 0x4000, 0x02FF, 0x0300, 0x0CC7, 0x0CD5};
      append_utf8(text, kTricky[rng() % std::size(kTricky)]);
      append_utf8(text, kTricky[rng() % std::size(kTricky)]);
      if (!surely_normal(text, static_cast<NormalForm>(form))) continue;
      ++sure;
      Normalized n = decode(text, 0);
      normalizer->apply(n);
      INFO(text);
      CHECK(n.text == decode(text, 0).text);
    }
    CHECK(sure > 0);
    CHECK(surely_normal("plain text, \u4E2D\u6587 too", static_cast<NormalForm>(form)));
  }
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "winnow_bpe_test") {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void write(const char* name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_CASE("vocab.json and merges.txt are the tokenizer that their class names") {
  TinyBpe tiny(8, 300);
  tiny.pre_tokenizer = TinyBpe::kQwen;
  tiny.normalizer = R"({"type":"NFC"})";
  const auto want = Tokenizer::from_json(tiny.json(), "tiny");
  const Folder folder;
  folder.write("vocab.json", tiny.vocab());
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : tiny.merges) merges += left + " " + right + "\n";
  folder.write("merges.txt", merges);
  folder.write(
      "tokenizer_config.json",
      R"({"tokenizer_class":"Qwen2Tokenizer","eos_token":"<|end|>","added_tokens_decoder":{")" +
          std::to_string(*want->token_id("<|end|>")) +
          R"(":{"content":"<|end|>","special":true,"normalized":false}}})");
  const auto got = Tokenizer::from_folder(folder.path());
  CHECK(got->is_special(*got->token_id("<|end|>")));
  std::mt19937 rng(8);
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_text(rng, 20) + "<|end|>" + random_text(rng, 3);
    CHECK(got->tokenize(text, true).ids == want->tokenize(text, true).ids);
  }
  folder.write("tokenizer_config.json", R"({"tokenizer_class":"CLIPTokenizer"})");
  check_error(
      [&] { Tokenizer::from_folder(folder.path()); }, Code::kUnsupported,
      folder.path() +
          "/vocab.json: want vocab.json and merges.txt of a tokenizer_class Qwen2Tokenizer");
}

TEST_CASE("of the spaces before a text's first token one that was put there is kept") {
  TinyBpe tiny(12, 0);
  tiny.merges = {{"\u0120", "\u0120"}};
  tiny.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":true})";
  const std::string json = tiny.json();
  const std::string trims =
      R"("post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true})";
  std::string with = json;
  with.replace(with.find(R"("post_processor":null)"), sizeof(R"("post_processor":null)") - 1,
               trims);
  const auto t = Tokenizer::from_json(with, "tiny");
  const auto offsets = [&](const char* text) {
    return t->assemble(t->tokenize(text, true), nullptr).offsets;
  };
  CHECK(offsets("  a") == std::vector<Offset>{{0, 0}, {2, 2}, {2, 3}});
  CHECK(offsets("   a")[0] == Offset{2, 2});
}

GgufTokenizer tiny_gguf(const TinyBpe& tiny) {
  GgufTokenizer gguf;
  gguf.model = "gpt2";
  gguf.pre = "smollm";
  gguf.tokens = tiny.tokens();
  gguf.tokens.emplace_back("<|end|>");
  gguf.types.assign(gguf.tokens.size(), 1);
  gguf.types.back() = 3;
  for (const auto& [left, right] : tiny.merges) gguf.merges.push_back(left + " " + right);
  return gguf;
}

TEST_CASE("a GGUF's metadata is the tokenizer that its pre names") {
  TinyBpe tiny(9, 300);
  tiny.pre_tokenizer = TinyBpe::kSmolLm;
  const auto want = Tokenizer::from_json(tiny.json(), "tiny");
  GgufTokenizer gguf = tiny_gguf(tiny);
  const auto got = load_gguf_tokenizer(gguf, "model.gguf");
  std::mt19937 rng(9);
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_text(rng, 20) + "<|end|>";
    CHECK(got->tokenize(text).ids == want->tokenize(text).ids);
  }
  CHECK(got->special_tokens(false) == 0);
  gguf.add_bos = true;
  gguf.bos = 5;
  const auto begun = load_gguf_tokenizer(gguf, "model.gguf");
  CHECK(begun->assemble(begun->tokenize(""), nullptr).ids == std::vector<int32_t>{5});

  check_error(
      [&] {
        GgufTokenizer g = gguf;
        g.pre = "nonesuch";
        load_gguf_tokenizer(g, "model.gguf");
      },
      Code::kUnsupported, "model.gguf: tokenizer.ggml.pre: want gpt-2, ");
  check_error(
      [&] {
        GgufTokenizer g = gguf;
        g.model = "rwkv";
        load_gguf_tokenizer(g, "model.gguf");
      },
      Code::kUnsupported,
      "model.gguf: tokenizer.ggml.model: want gpt2, llama, bert or t5, got rwkv");
  check_error(
      [&] {
        GgufTokenizer g = gguf;
        g.types.pop_back();
        load_gguf_tokenizer(g, "model.gguf");
      },
      Code::kCorrupt, "model.gguf: tokenizer.ggml.token_type: want ");
  check_error(
      [&] {
        GgufTokenizer g = gguf;
        g.bos = 1 << 20;
        load_gguf_tokenizer(g, "model.gguf");
      },
      Code::kCorrupt, "model.gguf: tokenizer.ggml.bos_token_id: want an id from 0 to ");
}

TEST_CASE("Qwen3-Embedding's tokens are those of its card") {
  const char* const shared = std::getenv("WINNOW_SHARED");
  if (!shared) {
    MESSAGE("skipped: WINNOW_SHARED is not set");
    return;
  }
  const std::string path = std::string(shared) + "/data/tokenizers/qwen2.5/tokenizer.json";
  std::string json(MappedFile::open(path)->text());
  const auto plain = Tokenizer::from_json(json, path);
  CHECK(plain->tokenize("Hello world").ids == std::vector<int32_t>{9707, 1879});
  CHECK(plain->tokenize(" Hello world").ids == std::vector<int32_t>{21927, 1879});
  // Its post-processor, where Qwen2.5 has none but the byte-level one.
  const std::string key = "\"post_processor\": ";
  const size_t at = json.find(key);
  REQUIRE(at != std::string::npos);
  const size_t end = json.find('}', at);
  json.replace(
      at, end + 1 - at,
      key + R"({"type":"Sequence","processors":[{"type":"ByteLevel","trim_offsets":false},)"
            R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},)"
            R"({"SpecialToken":{"id":"<|endoftext|>","type_id":0}}],)"
            R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],)"
            R"("special_tokens":{"<|endoftext|>":{"ids":[151643]}}}]})");
  const auto embedding = Tokenizer::from_json(json, path);
  const auto ids = [&](std::string_view text) {
    return embedding->assemble(embedding->tokenize(text), nullptr).ids;
  };
  CHECK(ids("test") == std::vector<int32_t>{1944, 151643});
  CHECK(ids("test again") == std::vector<int32_t>{1944, 1549, 151643});
}

}  // namespace
}  // namespace winnow
