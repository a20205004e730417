// The Unigram side on tiny models; XLM-R's published vectors on the real one.
#include "text/unigram.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/char_map.h"
#include "text/decoder.h"
#include "text/grapheme.h"
#include "text/load.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace winnow {
namespace {

using Pieces = std::vector<std::pair<std::string, double>>;

std::vector<int32_t> ids_of(const Unigram& model, std::string_view word) {
  std::vector<Piece> pieces;
  model.tokenize(word, pieces);
  std::vector<int32_t> ids;
  for (const Piece& piece : pieces) ids.push_back(piece.id);
  return ids;
}

// Where clusters end, in code points.
std::vector<size_t> cuts(std::u32string_view text) {
  ClusterBreaks breaks;
  std::vector<size_t> out;
  for (size_t i = 0; i < text.size(); ++i)
    if (breaks.before(cluster_class(text[i]))) out.push_back(i);
  return out;
}

// A map of the keys "a" -> "XY", "b" + U+0301 -> "B", U+0007 -> "", U+3000 -> " ", as a double
// array in which each level has a block of its own.
std::string tiny_map() {
  std::vector<uint32_t> units(256 * 10, 0);
  std::string texts;
  size_t blocks = 1;
  units[0] = 256 << 10;
  const auto node_at = [&](size_t node) { return node ^ static_cast<size_t>(units[node] >> 10); };
  const auto add = [&](std::string_view key, std::string_view to) {
    size_t base = node_at(0), node = 0;
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      node = base ^ byte;
      if (units[node] == 0)
        units[node] = static_cast<uint32_t>((node ^ (++blocks * 256)) << 10) | byte;
      base = node_at(node);
    }
    units[node] |= 0x100;
    units[base] = static_cast<uint32_t>(texts.size()) | 0x80000000;
    texts.append(to).append(1, '\0');
  };
  add("a", "XY");
  add("b\u0301", "B");
  add("\u0007", "");
  add("\u3000", " ");
  std::string out;
  const auto u32 = [&](uint32_t value) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> 8 * i & 0xFF);
  };
  u32(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) u32(unit);
  return out + texts;
}

struct Written {
  std::string text;
  void keep(std::string_view kept) { text += kept; }
  void replace(int, std::string_view to) { text += to; }
};

std::string mapped(std::string_view text) {
  Written out;
  CharMap(tiny_map(), "test").apply(text, out);
  return out.text;
}

std::string field(int number, std::string_view bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (size_t size = bytes.size();; size >>= 7) {
    out += static_cast<char>((size & 0x7F) | (size > 0x7F ? 0x80 : 0));
    if (size <= 0x7F) break;
  }
  return out.append(bytes);
}

std::string piece(std::string_view text, float score, int type) {
  std::string out = field(1, text) + '\x15';
  const auto bits = std::bit_cast<uint32_t>(score);
  for (int i = 0; i < 4; ++i) out += static_cast<char>(bits >> 8 * i & 0xFF);
  return field(1, out + '\x18' + static_cast<char>(type));
}

std::shared_ptr<const Tokenizer> sentence_piece(const std::string& file, const char* config) {
  const Json json = Json::parse(config, "config.json");
  return load_sentence_piece(std::as_bytes(std::span(file)), "tiny.model",
                             FolderConfigs{.model = &json});
}

const std::string kTinyModel = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) +
                               piece("\u2581he", -1, 1) + piece("y", -2, 1) +
                               piece("\u2581", -3, 1) + field(3, field(2, tiny_map()));

TEST_CASE("clusters end where Annex 29 says") {
  CHECK(cuts(U"ab\u0301c") == std::vector<size_t>{0, 1, 3});
  CHECK(cuts(U"\r\n\u0301") == std::vector<size_t>{0, 2});
  CHECK(cuts(U"\u1100\u1161\u11a8\uac00\u11a8\uac01\u1161") == std::vector<size_t>{0, 3, 5, 6});
  CHECK(cuts(U"\u0915\u094d\u0915\u200c\u0915") == std::vector<size_t>{0, 4});
  CHECK(cuts(U"\u0915\u0301\u0915") == std::vector<size_t>{0, 2});
  CHECK(cuts(U"\U0001F469\u200d\U0001F52C\u200d\u200d\U0001F52C") == std::vector<size_t>{0, 5});
  CHECK(cuts(U"a\u200d\U0001F52C") == std::vector<size_t>{0, 2});
  CHECK(cuts(U"\u0600a\u0903b") == std::vector<size_t>{0, 3});
}

TEST_CASE("a short cluster is looked up whole, by its shortest prefix, and a long one in parts") {
  CHECK(mapped("xay") == "xXYy");
  CHECK(mapped("a\u0301y") == "XYy");  // the mark goes with what the prefix became
  CHECK(mapped("a\u0301\u0301\u0301y") ==
        "XY\u0301\u0301\u0301y");  // 7 bytes: code point by code point
  CHECK(mapped("b\u0301b") == "Bb");
  CHECK(mapped("b\u0301\u0301\u0301") == "b\u0301\u0301\u0301");
  CHECK(mapped("x\u0007\u3000\u4e2d") == "x \u4e2d");
  CHECK(mapped(std::string_view("\0a", 2)) == std::string_view("\0XY", 3));
  CHECK(mapped("") == "");
}

TEST_CASE("a broken character map is refused, and no map reads outside itself") {
  CHECK_THROWS_AS(CharMap("", "test"), Error);
  CHECK_THROWS_AS(CharMap(std::string_view("\x08\0\0\0abcd", 8), "test"), Error);
  CHECK_THROWS_AS(CharMap::from_base64("AAA", "test"), Error);
  CHECK_THROWS_AS(CharMap::from_base64("AA*A", "test"), Error);
  const CharMap wild(std::string_view("\x04\0\0\0\xff\xff\xff\x7f", 8), "test");
  CHECK_FALSE(wild.find("a").has_value());
}

TEST_CASE("a search takes the likeliest pieces, and of equals the first found") {
  const Unigram model(
      Pieces{{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -2}, {"abc", -9}, {"c", -3}, {"bc", -4}},
      {.unknown = 0}, "test");
  CHECK(ids_of(model, "ab") == std::vector<int32_t>{3});  // -2 either way: from further left
  CHECK(ids_of(model, "abc") ==
        std::vector<int32_t>{1, 6});  // -5 both ways: "bc" is met before "c"
  CHECK(ids_of(model, "xyab") == std::vector<int32_t>{0, 3});  // unknown ones are one
  CHECK(ids_of(model, "xayz") == std::vector<int32_t>{0, 1, 0});
  CHECK(ids_of(model, "<unk>x") == std::vector<int32_t>{0});
}

TEST_CASE("unknown text without an unknown piece is an error, with all bytes it is those") {
  const Unigram none(Pieces{{"a", -1}}, {}, "test");
  CHECK(ids_of(none, "aa") == std::vector<int32_t>{0, 0});
  CHECK_THROWS_AS(ids_of(none, "ab"), Error);
  Pieces pieces{{"<unk>", 0}, {"a", -1}, {"<0xC3>", -9}, {"<0xA9>", -9}};
  const Unigram bytes(pieces, {.unknown = 0, .byte_fallback = true}, "test");
  CHECK(ids_of(bytes, "a\u00e9") == std::vector<int32_t>{1, 2, 3});
  CHECK(ids_of(bytes, "a\u00e8") == std::vector<int32_t>{1, 0});
}

TEST_CASE("of equal pieces the last counts, and scores must be numbers") {
  const Unigram model(Pieces{{"<unk>", 0}, {"a", -1}, {"a", -5}}, {.unknown = 0}, "test");
  CHECK(ids_of(model, "a") == std::vector<int32_t>{2});
  CHECK(model.token_id("a") == 2);
  CHECK(model.token(1) == "a");
  CHECK_THROWS_AS(Unigram(Pieces{{"a", std::nan("")}}, {}, "test"), Error);
  CHECK_THROWS_AS(Unigram(Pieces{}, {}, "test"), Error);
  CHECK_THROWS_AS(Unigram(Pieces{{"a", 0}}, {.unknown = 1}, "test"), Error);
}

TEST_CASE("spaces become marks, and each word begins with one") {
  const auto split = [](const char* options, const char* text) {
    Normalized n = decode(text, 0);
    std::vector<Word> words{{0, n.text.size()}};
    make_pre_tokenizer(Json::parse(options, "test"))->split(n, words);
    std::vector<std::u32string> out;
    for (const Word& word : words) out.push_back(n.text.substr(word.begin, word.end - word.begin));
    return out;
  };
  using Words = std::vector<std::u32string>;
  CHECK(split(R"({"type":"Metaspace","replacement":"_"})", "a b_c  d") ==
        Words{U"_a", U"_b", U"_c", U"_", U"_d"});
  CHECK(split(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"never"})", "a b") ==
        Words{U"a", U"_b"});
  CHECK(split(R"({"type":"Metaspace","replacement":"_","add_prefix_space":false})", "a") ==
        Words{U"a"});
  CHECK(split(R"({"type":"Metaspace","replacement":"_","split":false})", "a b") == Words{U"_a_b"});
  CHECK(split(R"({"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},
                  {"type":"Metaspace","replacement":"_","prepend_scheme":"first"}]})",
              "a b") == Words{U"_a", U"b"});
  CHECK_THROWS_AS(split(R"({"type":"Metaspace","replacement":"ab"})", "a"), Error);
}

TEST_CASE("decoders follow one another") {
  const auto decoded = [](const char* options, std::vector<std::string_view> tokens) {
    return make_decoder(Json::parse(options, "test"))->decode(tokens);
  };
  CHECK(decoded(R"({"type":"Metaspace","replacement":"_"})", {"_a_b", "_c"}) == "ab c");
  CHECK(decoded(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"never"})", {"_a"}) ==
        " a");
  CHECK(decoded(R"({"type":"Sequence","decoders":[
                    {"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"Fuse"},
                    {"type":"Strip","content":" ","start":1,"stop":0}]})",
                {"__a", "_b"}) == " a b");
  CHECK(decoded(R"({"type":"Replace","pattern":{"Regex":"x{2,}"},"content":"-"})", {"xaxxbxxx"}) ==
        "xa-b-");
  CHECK(decoded(R"({"type":"Replace","pattern":{"Regex":"\\bx|$"},"content":"-"})",
                {"xax", "xb"}) == "-ax--b-");
}

TEST_CASE("what is replaced may be any regular expression; what is put in is as it is written") {
  const auto replaced = [](std::string_view pattern, const char* content, const char* text) {
    Normalized n = decode(text, 7);
    JsonWriter out;
    out.begin_object().member("type", "Replace").member("content", content).key("pattern");
    out.begin_object().member("Regex", pattern).end_object().end_object();
    make_normalizer(Json::parse(out.take(), "test"))->apply(n);
    return n;
  };
  using Offsets = std::vector<Offset>;
  const auto groups = replaced(R"((a)\s?(b))", "\\2$1", "xa b");
  CHECK(groups.text == U"x\\2$1");
  CHECK(groups.origin == Offsets{{7, 8}, {10, 11}, {10, 11}, {10, 11}, {10, 11}});
  const auto empty = replaced("x*", "-", "axxb");
  CHECK(empty.text == U"-a-b-");
  CHECK(empty.origin == Offsets{{7, 7}, {7, 8}, {9, 10}, {10, 11}, {10, 11}});
  CHECK(replaced("", "-", "\u00e9").text == U"-\u00e9-");
  CHECK(replaced("x*", "-", "").text.empty());
  CHECK(replaced("^", "\u2581", "ab").text == U"\u2581ab");
  CHECK_THROWS_WITH_AS(replaced("a(", "", "a"),
                       doctest::Contains("test: pattern: want a regular expression, got \"a(\""),
                       Error);
  Normalized n = decode("aa+", 0);
  make_normalizer(
      Json::parse(R"({"type":"Replace","pattern":{"String":"a+"},"content":"-"})", "test"))
      ->apply(n);
  CHECK(n.text == U"a-");
}

TEST_CASE("a SentencePiece model gives XLM-R's ids where the config says so, else its own") {
  const auto plain = sentence_piece(kTinyModel, "{}");
  CHECK(plain->tokenize("he y").ids == std::vector<int32_t>{3, 5, 4});
  CHECK(plain->tokenize("he\u3000 \u3000y  ").ids == std::vector<int32_t>{3, 5, 4});
  CHECK(plain->special_tokens(true) == 0);
  CHECK(plain->is_special(2));
  const auto xlm = sentence_piece(kTinyModel, R"({"model_type":"xlm-roberta"})");
  CHECK(xlm->vocab_size() == 8);
  const TokenSpan span = xlm->tokenize("he y <mask>", true);
  CHECK(span.ids == std::vector<int32_t>{4, 6, 5, 7});
  CHECK(span.offsets == std::vector<Offset>{{0, 2}, {2, 3}, {3, 4}, {4, 11}});
  CHECK(xlm->assemble(span, &span).ids == std::vector<int32_t>{0, 4, 6, 5, 7, 2, 2, 4, 6, 5, 7, 2});
  CHECK(xlm->decode(span.ids, true) == "he y");
  CHECK_THROWS_AS(sentence_piece(kTinyModel, R"({"model_type":"llama"})"), Error);
  CHECK_THROWS_WITH_AS(sentence_piece(kTinyModel + field(2, "\x18\x03"), "{}"),
                       doctest::Contains("model_type: want 1 (Unigram) or 2 (BPE), got 3"), Error);
  for (size_t cut = 0; cut < 60; ++cut) {
    try {
      sentence_piece(kTinyModel.substr(0, cut), "{}");
    } catch (const Error&) {
    }
  }
}

TEST_CASE("XLM-R's tokenizer gives the published ids, in time that grows with the text") {
  const char* shared = std::getenv("WINNOW_SHARED");
  if (!shared) {
    MESSAGE("skipped: WINNOW_SHARED is not set");
    return;
  }
  const auto tokenizer =
      Tokenizer::from_folder(std::string(shared) + "/data/tokenizers/xlm-roberta");
  const auto ids = [&](std::string_view text) {
    return tokenizer->assemble(tokenizer->tokenize(text), nullptr).ids;
  };
  CHECK(ids("ｽﾅｯﾌﾟﾘﾝｸﾞ　SC-40") == std::vector<int32_t>{0, 6, 3385, 17456, 13451, 17462, 113810,
                                                        75862, 246514, 17715, 41734, 2});
  CHECK(ids(R"(=LLC-s nmrcsss mtiaiol!@"ccc technooay @"ccc"@"ccc)") ==
        std::vector<int32_t>{0,    2203, 23708, 441,   9,     7,   653, 39,  19437, 7,      7,
                             7,    347,  4526,  34837, 38,    981, 58,  238, 10060, 128500, 31,
                             3337, 1374, 58,    238,   10060, 58,  981, 58,  238,   10060,  2});
  CHECK(ids("What is BGE M3?") == std::vector<int32_t>{0, 4865, 83, 335, 11679, 276, 363, 32, 2});
  CHECK(ids("Defination of BM25") == std::vector<int32_t>{0, 262, 5983, 2320, 111, 90017, 2588, 2});
  CHECK(tokenizer->decode(ids("Hello  World!"), true) == "Hello World!");
  for (const char* unit : {"a", "\u4e2d", "a\u0301", "\u2581", " ", "\u0301"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    CHECK(tokenizer->tokenize(text).ids == tokenizer->tokenize(text, true).ids);
  }
}

}  // namespace
}  // namespace winnow
