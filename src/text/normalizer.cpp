#include "text/normalizer.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/char_map.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace winnow {
namespace {

bool has(char32_t c, uint8_t bit) { return (code_point_bits(c) & bit) != 0; }

void keep_if(Normalized& n, const std::function<bool(char32_t)>& keep) {
  size_t kept = 0;
  for (size_t i = 0; i < n.text.size(); ++i) {
    if (!keep(n.text[i])) continue;
    n.text[kept] = n.text[i];
    n.origin[kept++] = n.origin[i];
  }
  n.text.resize(kept);
  n.origin.resize(kept);
}

// Every code point by its decomposition, runs of marks in canonical order.
std::vector<Change> decomposed(const std::u32string& text, bool compatible) {
  std::vector<Change> out;
  out.reserve(text.size());
  size_t marks = 0;  // where the run of marks at the end begins
  const auto by_class = [](const Change& a, const Change& b) {
    return combining_class(a.first) < combining_class(b.first);
  };
  for (const char32_t c : text) {
    const Mapping to = compatible ? compatibility_decomposition(c) : canonical_decomposition(c);
    for (int i = 0; i < to.size; ++i) {
      if (combining_class(to.to[i]) == 0) {
        std::stable_sort(out.begin() + marks, out.end(), by_class);
        marks = out.size() + 1;
      }
      out.emplace_back(to.to[i], i > 0 ? 1 : 0);
    }
  }
  std::stable_sort(out.begin() + std::min(marks, out.size()), out.end(), by_class);
  return out;
}

// Canonical composition; two code points that become one add up their changes, less the one that
// went.
std::vector<Change> composed(const std::vector<Change>& in) {
  std::vector<Change> out;
  out.reserve(in.size());
  std::optional<size_t> starter;  // in out
  int last_class = -1;            // of what stands between the starter and here, -1 for nothing
  for (const Change& next : in) {
    const int cls = combining_class(next.first);
    if (starter && last_class < cls) {
      if (const char32_t both = compose(out[*starter].first, next.first)) {
        out[*starter] = {both, out[*starter].second + next.second - 1};
        continue;
      }
    }
    if (cls == 0) {
      starter = out.size();
      last_class = -1;
    } else {
      last_class = cls;
    }
    out.push_back(next);
  }
  return out;
}

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void apply(Normalized& n) const override {
    std::vector<Change> to =
        decomposed(n.text, form_ == NormalForm::kNfkd || form_ == NormalForm::kNfkc);
    if (form_ == NormalForm::kNfc || form_ == NormalForm::kNfkc) to = composed(to);
    rewrite(n, to);
  }
  bool leaves(std::string_view text) const override { return surely_normal(text, form_); }

 private:
  NormalForm form_;
};

class Lowercase final : public Normalizer {
 public:
  void apply(Normalized& n) const override {
    std::vector<Change> to;
    to.reserve(n.text.size());
    for (const char32_t c : n.text) {
      const Mapping lower = lower_case(c);
      for (int i = 0; i < lower.size; ++i) to.emplace_back(lower.to[i], i > 0 ? 1 : 0);
    }
    rewrite(n, to);
  }
};

class StripAccents final : public Normalizer {
 public:
  void apply(Normalized& n) const override {
    keep_if(n, [](char32_t c) { return !has(c, kCombiningMarkBit); });
  }
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(Normalized& n) const override {
    size_t begin = 0, end = n.text.size();
    while (left_ && begin < end && has(n.text[begin], kSpaceBit)) ++begin;
    while (right_ && begin < end && has(n.text[end - 1], kSpaceBit)) --end;
    n.text = n.text.substr(begin, end - begin);
    n.origin = {n.origin.begin() + begin, n.origin.begin() + end};
  }
  // Once runs are marks, none of theirs is taken off.
  bool follows(SpacedMap& before, char32_t) const override {
    before.strip_right |= right_;
    return !left_ && !before.joins;
  }

 private:
  bool left_, right_;
};

class Bert final : public Normalizer {
 public:
  explicit Bert(const BertOptions& options) : options_(options) {}

  void apply(Normalized& n) const override {
    if (options_.clean_text) {
      keep_if(n, [](char32_t c) { return !has(c, kRemovedBit); });
      for (char32_t& c : n.text)
        if (has(c, kSpaceBit)) c = U' ';
    }
    if (options_.chinese) {
      std::vector<Change> to;
      to.reserve(n.text.size());
      for (const char32_t c : n.text) {
        if (has(c, kChineseBit))
          to.insert(to.end(), {{U' ', 0}, {c, 1}, {U' ', 1}});
        else
          to.emplace_back(c, 0);
      }
      rewrite(n, to);
    }
    if (options_.strip_accents) {
      UnicodeForm(NormalForm::kNfd).apply(n);
      keep_if(n, [](char32_t c) { return !has(c, kNonspacingMarkBit); });
    }
    if (options_.lower_case) Lowercase().apply(n);
  }
  std::optional<BertOptions> bert() const override { return options_; }

 private:
  BertOptions options_;
};

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(CharMap map) : map_(std::make_shared<const CharMap>(std::move(map))) {}
  std::optional<SpacedMap> spaced_map(char32_t) const override { return SpacedMap{map_}; }
  void apply(Normalized& n) const override {
    std::string utf8;
    for (const char32_t c : n.text) append_utf8(utf8, c);
    Changes changes;
    map_->apply(utf8, changes);
    if (changes.modified) rewrite(n, changes.to);
  }

 private:
  // What a cluster loses counts as taken off after the last code point before: one of its own, or,
  // if it becomes nothing, of what came before it; at the front of a text the loss is forgotten and
  // later origins lag. The library's arithmetic, kept for its offsets.
  struct Changes {
    std::vector<Change> to;
    bool modified = false;

    void keep(std::string_view text) {
      for (size_t at = 0; at < text.size();) {
        const CodePoint c = decode_utf8(text, at);
        at += static_cast<size_t>(c.bytes);
        to.emplace_back(c.value, 0);
      }
    }
    void replace(int old, std::string_view text) {
      modified = true;
      for (size_t at = 0; at < text.size();) {
        const CodePoint c = decode_utf8(text, at);
        at += static_cast<size_t>(c.bytes);
        to.emplace_back(c.value, --old >= 0 ? 0 : 1);
      }
      if (old > 0 && !to.empty()) to.back().second -= old;
    }
  };

  std::shared_ptr<const CharMap> map_;
};

// What is put in stands for the last code point that it replaces, or, replacing none, for the one
// before it.
class Replace final : public Normalizer {
 public:
  Replace(Pattern pattern, std::u32string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(Normalized& n) const override {
    std::vector<Pattern::Match> matches;
    pattern_.find_all(n.text, matches);
    if (matches.empty()) return;
    Normalized out;
    out.first = n.first;
    size_t done = 0;
    const auto keep_to = [&](size_t end) {
      out.text.append(n.text, done, end - done);
      out.origin.insert(out.origin.end(), n.origin.begin() + static_cast<std::ptrdiff_t>(done),
                        n.origin.begin() + static_cast<std::ptrdiff_t>(end));
    };
    for (const auto& [begin, end] : matches) {
      keep_to(begin);
      done = end;
      out.text += content_;
      out.origin.insert(out.origin.end(), content_.size(),
                        done == 0 ? Offset{n.first, n.first} : n.origin[done - 1]);
    }
    keep_to(n.text.size());
    n = std::move(out);
  }
  bool follows(SpacedMap& before, char32_t mark) const override {
    if (!pattern_.same(Pattern::repeated(U' ', 2))) return false;
    before.joins = true;
    return content_ == U" " || content_ == std::u32string(1, mark);
  }

 private:
  Pattern pattern_;
  std::u32string content_;
};

// Takes all of one code point off a text's front or end.
class TakeOff final : public Normalizer {
 public:
  TakeOff(char32_t c, bool front, bool end) : c_(c), front_(front), end_(end) {}
  void apply(Normalized& n) const override {
    size_t begin = 0, end = n.text.size();
    while (front_ && begin < end && n.text[begin] == c_) ++begin;
    while (end_ && begin < end && n.text[end - 1] == c_) --end;
    n = {n.text.substr(begin, end - begin),
         {n.origin.begin() + static_cast<std::ptrdiff_t>(begin),
          n.origin.begin() + static_cast<std::ptrdiff_t>(end)},
         n.first};
  }

 private:
  char32_t c_;
  bool front_, end_;
};

// One code point becomes another.
class ReplaceEach final : public Normalizer {
 public:
  ReplaceEach(char32_t from, char32_t to) : from_(from), to_(to) {}
  void apply(Normalized& n) const override {
    std::replace(n.text.begin(), n.text.end(), from_, to_);
  }

 private:
  char32_t from_, to_;
};

// What is put before a text stands for its first code point.
class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::u32string text) : text_(std::move(text)) {}
  void apply(Normalized& n) const override {
    if (n.text.empty()) return;
    n.text.insert(0, text_);
    n.origin.insert(n.origin.begin(), text_.size(), Offset(n.origin[0]));
  }

 private:
  std::u32string text_;
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void apply(Normalized& n) const override {
    for (const auto& part : parts_) part->apply(n);
  }
  std::optional<SpacedMap> spaced_map(char32_t mark) const override {
    auto out = parts_.empty() ? std::nullopt : parts_[0]->spaced_map(mark);
    for (size_t i = 1; out && i < parts_.size(); ++i)
      if (!parts_[i]->follows(*out, mark)) return std::nullopt;
    return out;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

Normalized decode(std::string_view utf8, int32_t first) {
  Normalized out;
  out.first = first;
  out.text.reserve(utf8.size());
  out.origin.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const CodePoint c = decode_utf8(utf8, at);
    at += static_cast<size_t>(c.bytes);
    out.text.push_back(c.value);
    out.origin.push_back({first, first + 1});
    ++first;
  }
  return out;
}

void rewrite(Normalized& n, const std::vector<Change>& changes) {
  Normalized out;
  out.first = n.first;
  out.text.reserve(changes.size());
  out.origin.reserve(changes.size());
  size_t at = 0;  // old code points used up
  for (const auto& [c, change] : changes) {
    const size_t from = std::min(change > 0 ? at - (at > 0) : at, n.origin.size() - 1);
    out.text.push_back(c);
    out.origin.push_back(change > 0 && at == 0 ? Offset{n.first, n.first} : n.origin[from]);
    if (change <= 0) at += 1 + static_cast<size_t>(-change);
  }
  n = std::move(out);
}

std::unique_ptr<Normalizer> make_bert_normalizer(const BertOptions& options) {
  return std::make_unique<Bert>(options);
}

std::unique_ptr<Normalizer> make_sentence_piece_normalizer(std::optional<CharMap> map,
                                                           char32_t mark) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  if (map) parts.push_back(std::make_unique<Precompiled>(std::move(*map)));
  parts.push_back(std::make_unique<Strip>(false, true));
  parts.push_back(std::make_unique<Replace>(Pattern::repeated(U' ', 2), std::u32string(1, mark)));
  return std::make_unique<Sequence>(std::move(parts));
}

std::unique_ptr<Normalizer> make_trained_normalizer(std::optional<CharMap> map, bool single,
                                                    bool prefix, char32_t mark) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  const std::u32string marks(1, mark);
  if (map) parts.push_back(std::make_unique<Precompiled>(std::move(*map)));
  if (single) {
    parts.push_back(std::make_unique<Replace>(Pattern::repeated(U' ', 2), U" "));
    parts.push_back(std::make_unique<TakeOff>(U' ', true, false));
  }
  parts.push_back(std::make_unique<ReplaceEach>(U' ', mark));
  if (single)  // marks that the text itself holds, too
    parts.push_back(std::make_unique<TakeOff>(mark, false, true));
  if (prefix) parts.push_back(std::make_unique<Prepend>(marks));
  return std::make_unique<Sequence>(std::move(parts));
}

BertOptions bert_options(const Json& json, const BertOverrides& overrides) {
  BertOptions options;
  options.clean_text = json.boolean("clean_text", true);
  const Json said = overrides.silence_is_default ? Json::parse("{}", json.path()) : json;
  options.chinese = overrides.chinese.value_or(said.boolean("handle_chinese_chars", true));
  options.lower_case = overrides.lower_case.value_or(said.boolean("lowercase", true));
  options.strip_accents =
      overrides.strip_accents.value_or(said.boolean("strip_accents", options.lower_case));
  return options;
}

std::string component_type(const Json& json) { return std::string(json.string("type")); }

std::unique_ptr<Normalizer> make_normalizer(const Json& json) {
  const std::string type = component_type(json);
  if (type == "BertNormalizer") return make_bert_normalizer(bert_options(json));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> parts;
    const Json list = json.at("normalizers");
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(make_normalizer(list[i]));
    return std::make_unique<Sequence>(std::move(parts));
  }
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Strip")
    return std::make_unique<Strip>(json.boolean("strip_left"), json.boolean("strip_right"));
  if (type == "Precompiled") {
    const Json map = json.at("precompiled_charsmap");
    return std::make_unique<Precompiled>(CharMap::from_base64(map.string(), map.path()));
  }
  if (type == "Replace")
    return std::make_unique<Replace>(Pattern::from_json(json.at("pattern")),
                                     decode(json.string("content"), 0).text);
  if (type == "Prepend") return std::make_unique<Prepend>(decode(json.string("prepend"), 0).text);
  if (type == "NFD") return std::make_unique<UnicodeForm>(NormalForm::kNfd);
  if (type == "NFC") return std::make_unique<UnicodeForm>(NormalForm::kNfc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(NormalForm::kNfkd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(NormalForm::kNfkc);
  fail(Code::kUnsupported, json.path(),
       ": want a normalizer of BertNormalizer, Sequence, Lowercase, StripAccents, Strip, NFD, NFC, "
       "NFKD, NFKC, Precompiled, Replace, Prepend, got ",
       type);
}

}  // namespace winnow
