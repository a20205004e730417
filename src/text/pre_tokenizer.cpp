#include "text/pre_tokenizer.h"

#include "base/error.h"
#include "text/unicode.h"

namespace winnow {
namespace {

// How a code point takes part in words: runs of one kind stay together.
enum class Kind { kDropped, kAlone, kFirst, kSecond };

// Splits by a kind for each code point.
template <typename KindOf>
void split_by(const Normalized& n, std::vector<Word>& words, KindOf kind_of) {
  std::vector<Word> out;
  for (const Word& word : words) {
    Kind last = Kind::kDropped;
    for (size_t i = word.begin; i < word.end; ++i) {
      const Kind kind = kind_of(code_point_bits(n.text[i]));
      if (kind == Kind::kDropped) {
      } else if (kind != last || kind == Kind::kAlone) {
        out.push_back({i, i + 1});
      } else {
        out.back().end = i + 1;
      }
      last = kind;
    }
  }
  words = std::move(out);
}

class Bert final : public PreTokenizer {
 public:
  void split(Normalized& n, std::vector<Word>& words) const override {
    split_by(n, words, [](uint8_t bits) {
      if (bits & kSpaceBit) return Kind::kDropped;
      return bits & kPunctuationBit ? Kind::kAlone : Kind::kFirst;
    });
  }
  bool bert() const override { return true; }
};

class WhitespaceSplit final : public PreTokenizer {
 public:
  void split(Normalized& n, std::vector<Word>& words) const override {
    split_by(n, words,
             [](uint8_t bits) { return bits & kSpaceBit ? Kind::kDropped : Kind::kFirst; });
  }
};

// \w+|[^\w\s]+
class Whitespace final : public PreTokenizer {
 public:
  void split(Normalized& n, std::vector<Word>& words) const override {
    split_by(n, words, [](uint8_t bits) {
      if (bits & kWordBit) return Kind::kFirst;
      return bits & kSpaceBit ? Kind::kDropped : Kind::kSecond;
    });
  }
};

class Punctuation final : public PreTokenizer {
 public:
  void split(Normalized& n, std::vector<Word>& words) const override {
    split_by(n, words,
             [](uint8_t bits) { return bits & kPunctuationBit ? Kind::kAlone : Kind::kFirst; });
  }
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void split(Normalized& n, std::vector<Word>& words) const override {
    for (const auto& part : parts_) part->split(n, words);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer() { return std::make_unique<Bert>(); }

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json) {
  const std::string type = component_type(json);
  if (type == "BertPreTokenizer") return make_bert_pre_tokenizer();
  if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "Punctuation") {
    const std::string behavior = json.string("behavior", "Isolated");
    if (behavior != "Isolated")
      fail(Code::kUnsupported, json.path(), ".behavior: want Isolated, got ", behavior);
    return std::make_unique<Punctuation>();
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> parts;
    const Json list = json.at("pretokenizers");
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(make_pre_tokenizer(list[i]));
    return std::make_unique<Sequence>(std::move(parts));
  }
  fail(Code::kUnsupported, json.path(),
       ": want a pre-tokenizer of BertPreTokenizer, WhitespaceSplit, Whitespace, Punctuation, "
       "Sequence, got ",
       type);
}

}  // namespace winnow
