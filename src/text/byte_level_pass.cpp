#include "text/byte_level_pass.h"

#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/regex_classes.h"

namespace winnow {
namespace {

constexpr int kCacheBits = 15;

// Added to the length in a cache's key, which needs its low four bits only.
constexpr size_t kPartTag = 0x10, kBeginTag = 0x20, kEndTag = 0x40;

std::string letter_of(int byte) {
  std::string letter;
  append_utf8(letter, alphabet_letter(static_cast<uint8_t>(byte)));
  return letter;
}

std::vector<int32_t> lengths(const Bpe& model) {
  std::vector<int32_t> out(static_cast<size_t>(model.size()));
  for (int32_t id = 0; id < model.size(); ++id)
    if (const auto token = model.token(id))
      out[static_cast<size_t>(id)] = static_cast<int32_t>(code_points(*token));
  return out;
}

std::vector<std::string> byte_tokens(const Bpe& model) {
  std::vector<std::string> out;
  for (int32_t id = 0; id < model.size(); ++id)
    if (const auto token = model.token(id))
      if (auto bytes = alphabet_bytes(*token)) out.push_back(std::move(*bytes));
  return out;
}

bool is_lead(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

}  // namespace

std::unique_ptr<const ByteLevelPass> ByteLevelPass::make(const ByteLevelPlan& plan,
                                                         std::shared_ptr<const Bpe> model) {
  const BpeOptions& options = model->options();
  if (!options.continuation.empty() || !options.ending.empty()) return nullptr;
  return std::unique_ptr<const ByteLevelPass>(new ByteLevelPass(plan, std::move(model)));
}

ByteLevelPass::ByteLevelPass(const ByteLevelPlan& plan, std::shared_ptr<const Bpe> model)
    : plan_(plan),
      model_(std::move(model)),
      bytes_(lengths(*model_)),
      longest_token_(static_cast<size_t>(*std::max_element(bytes_.begin(), bytes_.end()))),
      cuts_(byte_tokens(*model_)),
      cache_(kCacheBits) {
  some_missing_ = false;
  for (int b = 0; b < 256; ++b) {
    const auto id = model_->token_id(letter_of(b));
    byte_ids_[static_cast<size_t>(b)] = id.value_or(-1);
    some_missing_ |= !id && b != 0xC0 && b != 0xC1 && b < 0xF5;
  }
  for (const int32_t left : byte_ids_)
    for (const int32_t right : byte_ids_) byte_pairs_.push_back(model_->merges().find(left, right));
}

bool ByteLevelPass::has_byte_tokens(std::string_view text) const {
  return std::all_of(text.begin(), text.end(),
                     [&](char b) { return byte_ids_[static_cast<unsigned char>(b)] >= 0; });
}

bool ByteLevelPass::tokenize(std::string_view text, int32_t first,
                             const std::vector<Offset>* origin, bool with_offsets,
                             TokenSpan& out) const {
  if (some_missing_ && !has_byte_tokens(text)) return false;
  const size_t first_token = out.ids.size();
  const auto words_of = [&](std::string_view part) {
    switch (plan_.words) {
      case WordPattern::kGpt2:
        return words<WordPattern::kGpt2>(part, out.ids);
      case WordPattern::kQwen:
        return words<WordPattern::kQwen>(part, out.ids);
      case WordPattern::kLlama:
        return words<WordPattern::kLlama>(part, out.ids);
    }
  };
  if (plan_.digits_alone) {
    const uint8_t* const classes = regex_classes();
    size_t begin = 0;  // of what is not yet done
    for (size_t at = 0, next; at < text.size(); at = next) {
      const CodePoint c = decode_utf8(text, at);
      next = at + static_cast<size_t>(c.bytes);
      if ((classes[c.value] & kDigitClass) == 0) continue;
      if (begin < at) words_of(text.substr(begin, at - begin));
      words_of(text.substr(at, next - at));
      begin = next;
    }
    if (begin < text.size()) words_of(text.substr(begin));
  } else {
    words_of(text);
  }
  if (with_offsets) offsets(text, first, origin, first_token, out);
  return true;
}

// Words are looked up a few at a time, so that the cache's lines are on their way from memory
// meanwhile. Long ones are cut where that changes nothing.
class ByteLevelPass::Batch {
 public:
  Batch(const ByteLevelPass& pass, std::string_view text, std::vector<int32_t>& ids)
      : pass_(pass),
        end_(text.data() + text.size()),
        ids_(ids),
        ignore_merges_(pass.model_->options().ignore_merges) {}

  void add(std::string_view word) {
    if (word.size() <= WordKey::kMaxBytes) return add(word, true);
    if (ignore_merges_) {
      flush();
      if (pass_.whole_token(word, ids_)) return;
    }
    for (size_t at = 0, end; at < word.size(); at = end) {
      end = pass_.cuts_.part_end(word, at);
      add(word.substr(at, end - at), false);
    }
  }
  void flush() {
    for (size_t i = 0; i < count_; ++i) {
      const Item& item = items_[i];
      if (item.word.size() == 1)
        ids_.push_back(pass_.byte_ids_[static_cast<unsigned char>(item.word[0])]);
      else if (item.word.size() <= WordKey::kMaxBytes)
        pass_.remembered(item.word, item.key, item.whole, ids_);
      else
        pass_.merged(item.word, ids_);
    }
    count_ = 0;
  }

 private:
  static constexpr size_t kSize = 16;
  struct Item {
    std::string_view word;
    WordKey key;
    bool whole;
  };

  void add(std::string_view word, bool whole) {
    if (count_ == kSize) flush();
    Item& item = items_[count_++];
    item.word = word;
    item.whole = whole;
    if (word.size() == 1 || word.size() > WordKey::kMaxBytes) return;
    item.key = key_of(word);
    // A part that is a token is not therefore that token, as a word may be: they differ in the
    // cache.
    if (!whole && ignore_merges_) item.key.set_size(kPartTag);
    pass_.cache_.prefetch(item.key);
  }

  // As WordKey::of, in two loads where the text is long enough for them.
  WordKey key_of(std::string_view word) const {
    WordKey key;
    if (static_cast<size_t>(end_ - word.data()) < sizeof key.words) return WordKey::of(word);
    std::memcpy(key.words, word.data(), sizeof key.words);
    const size_t bits = 8 * word.size();
    constexpr size_t kWord = 64;
    if (bits < kWord) key.words[0] &= (uint64_t{1} << bits) - 1;
    key.words[1] &= bits <= kWord ? 0 : (uint64_t{1} << (bits - kWord)) - 1;
    key.set_size(word.size());
    return key;
  }

  const ByteLevelPass& pass_;
  const char* end_;
  std::vector<int32_t>& ids_;
  bool ignore_merges_;
  std::array<Item, kSize> items_;
  size_t count_ = 0;
};

template <WordPattern kPattern>
void ByteLevelPass::words(std::string_view text, std::vector<int32_t>& ids) const {
  Batch batch(*this, text, ids);
  for (size_t at = 0, end; at < text.size(); at = end) {
    end = word_end<kPattern>(text, at);
    batch.add(text.substr(at, end - at));
  }
  batch.flush();
}

// Up to kMaxIds ids are one entry of the cache, twice as many are two, told apart by a tag: each
// says what it says whether or not the other is there.
void ByteLevelPass::remembered(std::string_view word, const WordKey& key, bool whole,
                               std::vector<int32_t>& ids) const {
  constexpr int kMax = WordCache::kMaxIds;
  int32_t known[2 * kMax];
  if (const int count = cache_.find(key, known)) {
    ids.insert(ids.end(), known, known + count);
    return;
  }
  WordKey begin = key, end = key;
  begin.set_size(kBeginTag);
  end.set_size(kEndTag);
  if (cache_.find(begin, known) == kMax) {
    if (const int count = cache_.find(end, known + kMax)) {
      ids.insert(ids.end(), known, known + kMax + count);
      return;
    }
  }
  const size_t before = ids.size();
  if (!whole || !whole_token(word, ids)) merged(word, ids);
  const auto count = static_cast<int>(ids.size() - before);
  if (count <= kMax) {
    cache_.put(key, &ids[before], count);
  } else if (count <= 2 * kMax) {
    cache_.put(begin, &ids[before], kMax);
    cache_.put(end, &ids[before + kMax], count - kMax);
  }
}

// ignore_merges: a word that is a token is that token.
bool ByteLevelPass::whole_token(std::string_view word, std::vector<int32_t>& ids) const {
  if (!model_->options().ignore_merges || word.size() > longest_token_) return false;
  std::string letters;
  for (const char byte : word)
    append_utf8(letters, alphabet_letter(static_cast<unsigned char>(byte)));
  const auto id = model_->token_id(letters);
  if (id) ids.push_back(*id);
  return id.has_value();
}

void ByteLevelPass::merged(std::string_view word, std::vector<int32_t>& ids) const {
  thread_local std::vector<Bpe::Symbol> symbols;  // its memory is kept
  symbols.clear();
  for (const char byte : word) symbols.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1});
  model_->merge(symbols, [&](size_t i) {
    return byte_pairs_[size_t{static_cast<unsigned char>(word[i])} << 8 |
                       static_cast<unsigned char>(word[i + 1])];
  });
  for (const Bpe::Symbol& symbol : symbols) ids.push_back(symbol.id);
}

// Tokens cover the text, so their lengths say where each stands; one that begins or ends inside a
// code point has the whole of it.
void ByteLevelPass::offsets(std::string_view text, int32_t first, const std::vector<Offset>* origin,
                            size_t first_token, TokenSpan& out) const {
  size_t at = 0;
  int32_t index = -1;  // of the code point that byte at - 1 is in
  for (size_t t = first_token; t < out.ids.size(); ++t) {
    const size_t end = at + static_cast<size_t>(bytes_[static_cast<size_t>(out.ids[t])]);
    const int32_t begin = is_lead(text[at]) ? index + 1 : index;
    for (; at < end; ++at) index += is_lead(text[at]);
    if (origin)
      out.offsets.push_back(
          {(*origin)[static_cast<size_t>(begin)].start, (*origin)[static_cast<size_t>(index)].end});
    else
      out.offsets.push_back({first + begin, first + index + 1});
  }
}

}  // namespace winnow
