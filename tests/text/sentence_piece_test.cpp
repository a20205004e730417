// BPE models of SentencePiece against SentencePiece itself and transformers' LlamaTokenizer, whose
// answers tools/goldens_sentencepiece.py wrote down.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "text/load.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace winnow {
namespace {

const std::string kFolder = WINNOW_TEST_DATA "/tiny-sentencepiece-bpe";

using Ids = std::vector<int32_t>;

Json cases() {
  static const auto kFile = MappedFile::open(kFolder + "/cases.json");
  static const Json kRoot = Json::parse(kFile->text(), kFile->path());
  return kRoot.at("cases");
}

Ids ids_at(const Json& item, const char* key) {
  Ids out;
  const Json list = item.at(key);
  for (size_t i = 0; i < list.size(); ++i) out.push_back(static_cast<int32_t>(list[i].integer()));
  return out;
}

// The model of a folder with a tokenizer_config.json of this text; "": without one.
std::shared_ptr<const Tokenizer> loaded(const char* model, const std::string& config) {
  const auto file = MappedFile::open(kFolder + "/" + model + "/tokenizer.model");
  if (config.empty()) return load_sentence_piece(file->bytes(), file->path(), {});
  const Json json = Json::parse(config, "tokenizer_config.json");
  return load_sentence_piece(file->bytes(), file->path(), {.tokenizer = &json});
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer, true);
  std::string out;
  for (const int32_t id : ids) out += stream.push(id);
  return out + stream.finish();
}

TEST_CASE("a BPE model without a tokenizer class gives SentencePiece's ids and text") {
  for (const std::string name : {"llama", "mapped"}) {
    const auto tokenizer = loaded(name.c_str(), "");
    CHECK(tokenizer->special_tokens(false) == 0);
    CHECK(cases().size() > 100);
    for (size_t i = 0; i < cases().size(); ++i) {
      const Json item = cases()[i];
      const std::string text(item.string("text"));
      CAPTURE(name);
      CAPTURE(text);
      const Ids ids = ids_at(item, name.c_str());
      CHECK(tokenizer->tokenize(text).ids == ids);
      CHECK(tokenizer->tokenize(text, true).ids == ids);
      // SentencePiece takes marks of the text's own, at its front, for the one that it put there.
      if (name == "mapped" && text.find("\u2581") != std::string::npos) continue;
      const std::string decoded(item.string(name + "_text"));
      CHECK(tokenizer->decode(ids, true) == decoded);
      CHECK(streamed(*tokenizer, ids) == decoded);
    }
  }
}

TEST_CASE("a BPE model of a LlamaTokenizer gives that tokenizer's ids, legacy or not") {
  const std::string config = R"({"tokenizer_class":"LlamaTokenizerFast","add_bos_token":true,)";
  for (const bool legacy : {false, true}) {
    const auto tokenizer =
        loaded("llama", config + (legacy ? R"("legacy":true})" : R"("legacy":false})"));
    for (size_t i = 0; i < cases().size(); ++i) {
      const Json item = cases()[i];
      const std::string text(item.string("text"));
      CAPTURE(legacy);
      CAPTURE(text);
      CHECK(tokenizer->assemble(tokenizer->tokenize(text), nullptr).ids ==
            ids_at(item, legacy ? "transformers_legacy" : "transformers"));
    }
  }
}

TEST_CASE("a folder's LlamaTokenizer has its special tokens, and those its configs add") {
  const auto folder = Tokenizer::from_folder(kFolder + "/llama");
  CHECK(folder->is_special(*folder->token_id("<s>")));
  CHECK(folder->is_special(*folder->token_id("<ctl>")));
  CHECK_FALSE(folder->is_special(*folder->token_id("<sep>")));
  const TokenSpan a = folder->tokenize("a"), b = folder->tokenize("b");
  const Ids pair = folder->assemble(a, &b).ids;
  CHECK(pair == Ids{1, a.ids[0], 1, b.ids[0]});
  const auto padded = loaded(
      "llama", R"({"tokenizer_class":"LlamaTokenizer","pad_token":"[PAD]","add_eos_token":true,)"
               R"("add_prefix_space":false,)"
               R"("added_tokens_decoder":{"700":{"content":"[PAD]","special":true}}})");
  CHECK(padded->vocab_size() == 701);
  CHECK(padded->is_special(700));
  CHECK(padded->assemble(padded->tokenize("the[PAD]"), nullptr).ids.size() ==
        padded->tokenize("the").ids.size() + 2);
  CHECK(padded->token(padded->tokenize("a").ids[0]) == "a");
}

TEST_CASE("a BPE model of another class, or with marks behind words, is refused by name") {
  CHECK_THROWS_WITH_AS(loaded("llama", R"({"tokenizer_class":"GemmaTokenizer"})"),
                       doctest::Contains("want a tokenizer_class of LlamaTokenizer, or none, for a "
                                         "BPE, got GemmaTokenizer"),
                       Error);
  const auto file = MappedFile::open(kFolder + "/llama/tokenizer.model");
  const auto refused = [&](const std::string& more, const char* message) {
    const std::string text = std::string(file->text()) + more;
    CHECK_THROWS_WITH_AS(load_sentence_piece(std::as_bytes(std::span(text)), "tiny.model", {}),
                         doctest::Contains(message), Error);
  };
  refused(std::string("\x12\x03\xC0\x01\x01", 5), "trainer_spec.treat_whitespace_as_suffix");
  refused(std::string("\x1A\x02\x28\x00", 4), "normalizer_spec.escape_whitespaces");
  refused(std::string("\x12\x04\xC0\x02\xBC\x05", 6),
          "trainer_spec.unk_id: want 0 to 699, got 700");
}

}  // namespace
}  // namespace winnow
