#include "text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/regex_classes.h"
#include "text/split_pattern.h"
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
  bool drops_spaces() const override { return true; }
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

class Digits final : public PreTokenizer {
 public:
  explicit Digits(bool alone) : alone_(alone) {}
  void split(Normalized& n, std::vector<Word>& words) const override {
    const uint8_t* const classes = regex_classes();
    std::vector<Word> out;
    for (const Word& word : words) {
      bool last = false;
      for (size_t i = word.begin; i < word.end; ++i) {
        const bool digit = (classes[n.text[i]] & kDigitClass) != 0;
        if (i == word.begin || digit != last || (digit && alone_))
          out.push_back({i, i + 1});
        else
          out.back().end = i + 1;
        last = digit;
      }
    }
    words = std::move(out);
  }
  bool alone() const { return alone_; }

 private:
  bool alone_;
};

class Split final : public PreTokenizer {
 public:
  Split(SplitPattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void split(Normalized& n, std::vector<Word>& words) const override {
    std::vector<Word> out;
    std::string utf8;
    std::vector<Stretch> stretches;
    for (const Word& word : words) {
      utf8.clear();
      for (size_t i = word.begin; i < word.end; ++i) append_utf8(utf8, n.text[i]);
      pattern_.stretches(utf8, stretches);
      if (invert_)
        for (Stretch& s : stretches) s.match = !s.match;
      size_t at = 0, c = word.begin;  // byte `at` is code point `c`; both only rise
      const auto code_point = [&](size_t byte) {
        c += static_cast<size_t>(code_points(std::string_view(utf8).substr(at, byte - at)));
        at = byte;
        return c;
      };
      for (const Stretch& part : cut(stretches, behavior_)) {
        const size_t begin = code_point(part.begin);
        out.push_back({begin, code_point(part.end)});
      }
    }
    words = std::move(out);
  }
  // The words it isolates, if it does no more.
  std::optional<WordPattern> words() const {
    return behavior_ == SplitBehavior::kIsolated ? pattern_.words() : std::nullopt;
  }

 private:
  SplitPattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Writes each word in the byte alphabet, a code point's letters all standing for it.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool prefix_space, bool use_regex) : prefix_space_(prefix_space) {
    if (use_regex)
      words_.emplace(SplitPattern(WordPattern::kGpt2), SplitBehavior::kIsolated, false);
  }

  void split(Normalized& n, std::vector<Word>& words) const override {
    if (prefix_space_) add_spaces(n, words);
    if (words_) words_->split(n, words);
    Normalized out{{}, {}, n.first};
    out.text.reserve(n.text.size());
    out.origin.reserve(n.text.size());
    std::string utf8;
    for (Word& word : words) {
      const size_t begin = out.text.size();
      for (size_t i = word.begin; i < word.end; ++i) {
        utf8.clear();
        append_utf8(utf8, n.text[i]);
        for (const char byte : utf8) {
          out.text += alphabet_letter(static_cast<unsigned char>(byte));
          out.origin.push_back(n.origin[i]);
        }
      }
      word = {begin, out.text.size()};
    }
    n = std::move(out);
  }
  std::optional<ByteLevelPlan> byte_level() const override {
    if (prefix_space_ || !words_) return std::nullopt;
    return ByteLevelPlan{};
  }
  bool only_writes() const { return !prefix_space_ && !words_; }

 private:
  // A space before each word that does not begin with one; it stands for that word's first.
  static void add_spaces(Normalized& n, std::vector<Word>& words) {
    Normalized out{{}, {}, n.first};
    for (Word& word : words) {
      const size_t begin = out.text.size();
      if (n.text[word.begin] != U' ') {
        out.text += U' ';
        out.origin.push_back(n.origin[word.begin]);
      }
      out.text.append(n.text, word.begin, word.end - word.begin);
      out.origin.insert(out.origin.end(),
                        n.origin.begin() + static_cast<std::ptrdiff_t>(word.begin),
                        n.origin.begin() + static_cast<std::ptrdiff_t>(word.end));
      word = {begin, out.text.size()};
    }
    n = std::move(out);
  }

  bool prefix_space_;
  std::optional<Split> words_;
};

// Makes every space a mark, puts a mark before a word that has none, and splits before each mark.
class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(const MetaspaceOptions& options) : options_(options) {}
  std::optional<MarkedWords> marked_words() const override {
    if (options_.prepend != MetaspaceOptions::Prepend::kAlways || !options_.split)
      return std::nullopt;
    return MarkedWords{options_.mark};
  }

  void split(Normalized& n, std::vector<Word>& words) const override {
    Normalized out;
    out.first = n.first;
    out.text.reserve(n.text.size() + words.size());
    out.origin.reserve(n.text.size() + words.size());
    std::vector<Word> marked;
    for (const Word& word : words) {
      size_t begin = out.text.size();
      const char32_t head = n.text[word.begin];
      if (head != options_.mark && head != U' ' && prepends(n.origin[word.begin].start)) {
        out.text += options_.mark;
        out.origin.push_back(n.origin[word.begin]);
      }
      for (size_t i = word.begin; i < word.end; ++i) {
        const char32_t c = n.text[i] == U' ' ? options_.mark : n.text[i];
        if (options_.split && c == options_.mark && begin < out.text.size()) {
          marked.push_back({begin, out.text.size()});
          begin = out.text.size();
        }
        out.text += c;
        out.origin.push_back(n.origin[i]);
      }
      marked.push_back({begin, out.text.size()});
    }
    n = std::move(out);
    words = std::move(marked);
  }

 private:
  bool prepends(int32_t begin) const {
    using Prepend = MetaspaceOptions::Prepend;
    return options_.prepend == Prepend::kAlways ||
           (options_.prepend == Prepend::kFirst && begin == 0);
  }

  MetaspaceOptions options_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void split(Normalized& n, std::vector<Word>& words) const override {
    for (const auto& part : parts_) part->split(n, words);
  }
  std::optional<ByteLevelPlan> byte_level() const override {
    if (parts_.size() != 2) return std::nullopt;
    const auto* const bytes = dynamic_cast<const ByteLevel*>(parts_[1].get());
    if (!bytes) return std::nullopt;
    const auto* const digits = dynamic_cast<const Digits*>(parts_[0].get());
    if (digits && digits->alone() && bytes->byte_level())
      return ByteLevelPlan{.digits_alone = true};
    const auto* const words = dynamic_cast<const Split*>(parts_[0].get());
    if (words && words->words() && bytes->only_writes())
      return ByteLevelPlan{.words = *words->words()};
    return std::nullopt;
  }
  std::optional<MarkedWords> marked_words() const override {
    auto out = parts_.empty() ? std::nullopt : parts_.back()->marked_words();
    if (parts_.size() > 2 || (parts_.size() == 2 && !parts_[0]->drops_spaces()))
      return std::nullopt;
    if (out && parts_.size() == 2) out->drops_spaces = true;
    return out;
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer() { return std::make_unique<Bert>(); }

std::unique_ptr<PreTokenizer> make_metaspace(const MetaspaceOptions& options) {
  return std::make_unique<Metaspace>(options);
}

MetaspaceOptions metaspace_options(const Json& json) {
  MetaspaceOptions options;
  const std::u32string mark = decode(json.string("replacement", "\u2581"), 0).text;
  if (mark.size() != 1)
    fail(Code::kCorrupt, json.path(), ".replacement: want one character, got ", mark.size());
  options.mark = mark[0];
  const bool prefix = json.boolean("add_prefix_space", true);  // what older files say
  const std::string scheme = json.string("prepend_scheme", prefix ? "always" : "never");
  if (!prefix && scheme != "never")
    fail(Code::kCorrupt, json.path(),
         ".prepend_scheme: want never as add_prefix_space is false, got ", scheme);
  if (scheme != "always" && scheme != "first" && scheme != "never")
    fail(Code::kCorrupt, json.path(), ".prepend_scheme: want always, first or never, got ", scheme);
  options.prepend = scheme == "always"  ? MetaspaceOptions::Prepend::kAlways
                    : scheme == "first" ? MetaspaceOptions::Prepend::kFirst
                                        : MetaspaceOptions::Prepend::kNever;
  options.split = json.boolean("split", true);
  return options;
}

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
  if (type == "Split")
    return std::make_unique<Split>(SplitPattern(json.at("pattern")),
                                   split_behavior(json.at("behavior")),
                                   json.boolean("invert", false));
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(json.boolean("add_prefix_space", true),
                                       json.boolean("use_regex", true));
  if (type == "Digits") return std::make_unique<Digits>(json.boolean("individual_digits", false));
  if (type == "Metaspace") return make_metaspace(metaspace_options(json));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> parts;
    const Json list = json.at("pretokenizers");
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(make_pre_tokenizer(list[i]));
    return std::make_unique<Sequence>(std::move(parts));
  }
  fail(Code::kUnsupported, json.path(),
       ": want a pre-tokenizer of BertPreTokenizer, WhitespaceSplit, Whitespace, Punctuation, "
       "Split, ByteLevel, Digits, Metaspace, Sequence, got ",
       type);
}

}  // namespace winnow
