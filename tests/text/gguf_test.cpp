// GGUF tokenizers of the kinds llama, bert and t5, as llama.cpp's converter writes them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "text/gguf_tokenizer.h"

namespace winnow {
namespace {

using Ids = std::vector<int32_t>;

TEST_CASE("a llama GGUF merges by its scores and falls back to bytes") {
  GgufTokenizer gguf;
  gguf.model = "llama";
  gguf.tokens = {"<unk>", "<s>", "</s>"};
  for (int b = 0; b < 256; ++b) {
    char token[7];
    std::snprintf(token, sizeof token, "<0x%02X>", b);
    gguf.tokens.emplace_back(token);
  }
  gguf.types.assign(gguf.tokens.size(), 6);
  gguf.types[0] = 2;
  gguf.types[1] = gguf.types[2] = 3;
  gguf.scores.assign(gguf.tokens.size(), 0);
  const std::pair<const char*, float> pieces[] = {{"▁", -9},  {"a", -9},  {"b", -9},  {"c", -9},
                                                  {"bc", -1}, {"ab", -2}, {"▁a", -3}, {"abc", -4}};
  for (const auto& [piece, score] : pieces) {
    gguf.tokens.emplace_back(piece);
    gguf.types.push_back(1);
    gguf.scores.push_back(score);
  }
  gguf.bos = 1;
  gguf.unknown = 0;
  const auto tokenizer = load_gguf_tokenizer(gguf, "model.gguf");
  const auto tokens = [&](std::string_view text) {
    std::vector<std::string> out;
    for (const int32_t id : tokenizer->assemble(tokenizer->tokenize(text), nullptr).ids)
      out.emplace_back(tokenizer->token(id));
    return out;
  };
  using Tokens = std::vector<std::string>;
  CHECK(tokens("abc") == Tokens{"<s>", "▁a", "bc"});
  CHECK(tokens("b ab") == Tokens{"<s>", "▁", "b", "▁", "ab"});
  CHECK(tokens("\u00E9</s>") == Tokens{"<s>", "▁", "<0xC3>", "<0xA9>", "</s>"});
  const TokenSpan span = tokenizer->tokenize("\u00E9 c");
  CHECK(tokenizer->decode(span.ids, true) == "\u00E9 c");
}

GgufTokenizer bert() {
  GgufTokenizer out;
  out.model = "bert";
  out.pre = "jina-v2-en";  // names the file that it came from, and nothing of how it splits
  out.tokens = {"[PAD]",     "[UNK]",   "[CLS]",        "[SEP]", "\u2581un", "aff",
                "\u2581[x]", "\u2581e", "\u2581\u2581", "able",  "\u2581E"};
  out.types = {3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  out.unknown = 1;
  out.cls = 2;
  out.sep = 3;
  return out;
}

TEST_CASE("a bert GGUF is BERT's WordPiece, with words marked instead of what continues them") {
  const auto t = load_gguf_tokenizer(bert(), "bert.gguf");
  const TokenSpan a = t->tokenize("Unaffable \u00c9 \u2581 aff", true);
  CHECK(a.ids == Ids{4, 5, 9, 7, 8, 1});
  CHECK(a.offsets[1] == Offset{2, 5});
  const TokenSpan b = t->tokenize("e[SEP]");
  CHECK(b.ids == Ids{7, 3});
  const Encoding pair = t->assemble(t->tokenize("un"), &b);
  CHECK(pair.ids == Ids{2, 4, 3, 7, 3, 3});
  CHECK(pair.type_ids == Ids{0, 0, 0, 1, 1, 1});
  CHECK(t->token(6) == "[x]");
  CHECK(t->token(9) == "##able");
  CHECK(t->decode(Ids{4, 5, 9, 7}, true) == "unaffable e");

  GgufTokenizer cased = bert();
  cased.lower_case = false;
  const auto c = load_gguf_tokenizer(cased, "bert.gguf");
  CHECK(c->tokenize("E e \u00e9").ids == Ids{10, 7, 1});
  cased.strip_accents = true;
  CHECK(load_gguf_tokenizer(cased, "bert.gguf")->tokenize("\u00e9").ids == Ids{7});

  GgufTokenizer old = bert();  // brackets are told by their looks; cls and sep stand as bos and eos
  old.types.clear();
  old.bos = old.cls;
  old.eos = old.sep;
  old.cls = old.sep = old.unknown = std::nullopt;
  const auto o = load_gguf_tokenizer(old, "bert.gguf");
  CHECK(o->assemble(o->tokenize("un"), nullptr).ids == Ids{2, 4, 3});
}

TEST_CASE("a t5 GGUF is Unigram with its character map") {
  GgufTokenizer gguf;
  gguf.model = "t5";
  gguf.tokens = {"<pad>", "</s>", "<unk>", "\u2581he", "y", "\u2581", "[PAD0]", "ab"};
  gguf.scores = {0, 0, 0, -1, -2, -3, -10000, -4};
  gguf.types = {3, 3, 2, 1, 1, 1, 5, 1};
  gguf.eos = 1;
  // The one key "a" becomes "y": a double array with a block for the root and one for its child.
  std::vector<uint32_t> units(768, 0);
  units[0] = 256 << 10;
  units[256 ^ 'a'] = ((256 ^ 'a') ^ 512) << 10 | 'a' | 0x100;
  units[512] = 0x80000000;
  const auto u32 = [&](uint32_t value) {
    for (int i = 0; i < 4; ++i) gguf.char_map += static_cast<char>(value >> 8 * i & 0xFF);
  };
  u32(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) u32(unit);
  gguf.char_map += std::string("y\0", 2);

  const auto t = load_gguf_tokenizer(gguf, "t5.gguf");
  CHECK(t->tokenize("he a  hey ").ids == Ids{3, 5, 4, 3, 4});
  CHECK(t->tokenize("[PAD0]").ids == t->tokenize("[PXD0]").ids);  // no text is a filler
  const TokenSpan b = t->tokenize("y");
  const Encoding pair = t->assemble(t->tokenize("he"), &b);
  CHECK(pair.ids == Ids{3, 1, 5, 4, 1});
  CHECK(pair.type_ids == Ids{0, 0, 0, 0, 0});
  CHECK(t->decode(Ids{3, 4, 5, 4}, true) == "hey y");

  gguf.add_bos = gguf.add_sep = true;
  gguf.bos = 0;
  gguf.sep = 1;
  const auto xlm = load_gguf_tokenizer(gguf, "t5.gguf");
  CHECK(xlm->assemble(xlm->tokenize("he"), &b).ids == Ids{0, 3, 1, 1, 5, 4, 1});
  gguf.add_prefix = false;
  CHECK(load_gguf_tokenizer(gguf, "t5.gguf")->tokenize("y").ids == Ids{4});
}

TEST_CASE("what a bert or t5 GGUF lacks is named") {
  const auto refused = [](const GgufTokenizer& gguf, const char* message) {
    CHECK_THROWS_WITH_AS(load_gguf_tokenizer(gguf, "x.gguf"), doctest::Contains(message), Error);
  };
  GgufTokenizer gguf = bert();
  gguf.sep = 99;
  refused(gguf, "x.gguf: tokenizer.ggml.seperator_token_id: want an id from 0 to 10, got 99");
  gguf.sep = std::nullopt;
  gguf.tokens[3] = "[OTHER]";
  refused(gguf, "want tokenizer.ggml.seperator_token_id or the token [SEP], got neither");
  gguf = bert();
  gguf.tokens[1] = "[U]";
  gguf.unknown = std::nullopt;
  refused(gguf, "want the unknown token \"[UNK]\"");
  gguf = bert();
  gguf.model = "t5";
  refused(gguf, "want tokenizer.ggml.scores for tokenizer.ggml.model t5");
  gguf.scores.assign(gguf.tokens.size(), 0);
  refused(gguf, "want tokenizer.ggml.eos_token_id to add the token, got none");
  gguf.eos = 3;
  gguf.char_map = "xx";
  refused(gguf, "x.gguf: tokenizer.ggml.precompiled_charsmap");
}

}  // namespace
}  // namespace winnow
