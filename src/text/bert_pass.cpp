#include "text/bert_pass.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/unicode.h"

namespace winnow {
namespace {

static_assert(std::endian::native == std::endian::little,
              "eight bytes of text are read as one number");

constexpr int kCacheBits = 15;  // 2 MB, of which only the lines of seen words are touched
constexpr size_t kAhead = 16;   // words read before the first of them is looked up
constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x80 * kOnes;

uint64_t load8(const char* from, const char* end) {
  uint64_t bytes = 0;
  std::memcpy(&bytes, from, end - from >= 8 ? 8 : static_cast<size_t>(end - from));
  return bytes;
}

// Eight ASCII letters and digits at a time: the high bit of each byte that is one; folds upper case
// where asked.
uint64_t letters_of(uint64_t x, uint64_t fold, uint64_t* folded) {
  const uint64_t low = x & ~kHighs, lower = low | 0x20 * kOnes;
  const uint64_t letter = (lower + (0x80 - 'a') * kOnes) & ~(lower + (0x80 - 'z' - 1) * kOnes);
  const uint64_t digit = (low + (0x80 - '0') * kOnes) & ~(low + (0x80 - '9' - 1) * kOnes);
  const uint64_t upper =
      letter & ~(x << 2) & kHighs & fold;  // bit 5, moved to bit 7, is clear in upper case
  *folded = x | upper >> 2;
  return (letter | digit) & ~x & kHighs;
}

// The run of ASCII letters and digits at `from`, folded, as a key without its size; 24 when it is
// longer than a key.
size_t read_word(const char* from, const char* end, uint64_t fold, WordKey& key) {
  for (size_t i = 0; i < 2; ++i) {
    uint64_t folded = 0;
    const uint64_t stop =
        ~letters_of(load8(std::min(from + 8 * i, end), end), fold, &folded) & kHighs;
    if (stop != 0) {
      const int bits = std::countr_zero(stop) & ~7;
      key.words[i] = folded & ((uint64_t{1} << bits) - 1);
      return 8 * i + static_cast<size_t>(bits) / 8;
    }
    key.words[i] = folded;
  }
  return 16;
}

// Appends to a vector of ids that is kept larger than it need be, so that a word costs no check an
// id.
class IdSink {
 public:
  IdSink(std::vector<int32_t>& ids, size_t text_bytes) : ids_(ids), size_(ids.size()) {
    ids_.resize(size_ + text_bytes / 4 + 16);
  }
  int32_t* room(size_t count) {
    if (ids_.size() - size_ < count) ids_.resize((size_ + count) * 3 / 2);
    return ids_.data() + size_;
  }
  void advance(size_t count) { size_ += count; }
  void push(int32_t id) {
    *room(1) = id;
    ++size_;
  }
  void finish(size_t size) { ids_.resize(size); }
  size_t size() const { return size_; }

 private:
  std::vector<int32_t>& ids_;
  size_t size_;
};

}  // namespace

// One text's way through.
class BertPass::Run {
 public:
  Run(const BertPass& pass, std::string_view text, int32_t first, std::vector<Offset>* offsets,
      std::vector<int32_t>& ids)
      : pass_(pass), text_(text), index_(first), offsets_(offsets), ids_(ids, text.size()) {}

  bool words() {
    while (at_ < text_.size())
      if ((offsets_ || !quick_words()) && !any_word()) return false;
    ids_.finish(ids_.size());
    return true;
  }

 private:
  // A word of ASCII by its key, or (size 0) a token of its own.
  struct Item {
    WordKey key;
    size_t size = 0;
    int32_t id = 0;
  };

  // Reads on over words and separators of ASCII, some words ahead of looking them up: their places
  // in the cache are on the way from memory meanwhile. False when there is none here.
  bool quick_words() {
    size_t count = 0;
    const char* at = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    while (count < items_.size() && at < end && read_item(at, end, items_[count])) {
      if (items_[count].size > 0 || items_[count].id >= 0) ++count;
    }
    const auto read = static_cast<size_t>(at - text_.data()) - at_;
    for (size_t i = 0; i < count; ++i) {
      if (items_[i].size > 0)
        look_up(items_[i].key,
                {reinterpret_cast<const char*>(items_[i].key.words), items_[i].size});
      else
        ids_.push(items_[i].id);
    }
    at_ += read;
    return read > 0;
  }

  // Moves `at` over a word and a space after it, or a separator (id -1 for white space); false on
  // anything else.
  bool read_item(const char*& at, const char* end, Item& item) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= 0x80) return false;
    item = {};
    const size_t size = read_word(at, end, pass_.fold_, item.key);
    if (size == 0) {
      const Entry entry = pass_.map_.at(byte);
      if (entry.fate() != Fate::kAlone && entry.fate() != Fate::kSpace) return false;
      item.id = entry.fate() == Fate::kAlone ? static_cast<int32_t>(entry.payload()) : -1;
      ++at;
      return true;
    }
    if (size > WordKey::kMaxBytes) return false;
    if (at + size < end && !pass_.ends_word_[static_cast<unsigned char>(at[size])]) return false;
    item.key.set_size(size);
    item.size = size;
    pass_.cache_.prefetch(item.key);
    at += size;
    if (at < end && *at == ' ') ++at;
    return true;
  }

  // Reads to the end of a word of any kind; false when the text needs the general way.
  bool any_word() {
    while (at_ < text_.size()) {
      const char* const bytes = text_.data() + at_;
      const CodePoint c = decode_utf8(text_, at_);
      at_ += static_cast<size_t>(c.bytes);
      const int32_t origin = index_++;
      const Entry entry = pass_.map_.at(c.value);
      switch (entry.fate()) {
        case Fate::kKept:
          add({bytes, static_cast<size_t>(c.bytes)}, origin);
          break;
        case Fate::kRemoved:
          break;
        case Fate::kReordered:
          return false;
        case Fate::kHangul:
          for (const char32_t part : canonical_decomposition(c.value)) add(part, origin);
          break;
        case Fate::kExpanded:
          for (const Entry part : pass_.map_.expansion(entry.payload())) take(part, origin);
          break;
        default:
          take(entry, origin);
      }
      const bool ended = entry.fate() == Fate::kSpace || entry.fate() == Fate::kAlone;
      if (ended && at_ < text_.size() && static_cast<unsigned char>(text_[at_]) < 0x80) return true;
    }
    end_word();
    return true;
  }

  void take(Entry entry, int32_t origin) {
    if (entry.fate() == Fate::kMapped) return add(char32_t{entry.payload()}, origin);
    end_word();
    if (entry.fate() == Fate::kAlone) token(static_cast<int32_t>(entry.payload()), origin, origin);
  }

  void add(std::string_view utf8, int32_t origin) {
    ++chars_;
    last_ = origin;
    if (chars_ == 1) begin_ = origin;
    if (chars_ > pass_.model_->max_word_chars()) return;  // unknown whatever follows
    word_.append(utf8);
    if (offsets_) origins_.push_back(origin);
  }

  void add(char32_t c, int32_t origin) {
    char_.clear();
    append_utf8(char_, c);
    add(std::string_view(char_), origin);
  }

  void token(int32_t id, int32_t from, int32_t to) {
    ids_.push(id);
    if (offsets_) offsets_->push_back({from, to + 1});
  }

  void end_word() {
    if (chars_ == 0) return;
    if (chars_ > pass_.model_->max_word_chars())
      token(pass_.model_->unknown_id(), begin_, last_);
    else if (offsets_)
      place_pieces();
    else
      cached_pieces();
    chars_ = 0;
    word_.clear();
    origins_.clear();
  }

  void cached_pieces() {
    if (word_.size() <= WordKey::kMaxBytes)
      look_up(WordKey::of(word_), word_);
    else
      split(word_);
  }

  // The tokens of a word from the cache, or from the model and then into the cache.
  void look_up(const WordKey& key, std::string_view word) {
    const int count = pass_.cache_.find(key, ids_.room(WordCache::kMaxIds));
    ids_.advance(static_cast<size_t>(count));
    if (count > 0) return;
    const size_t before = ids_.size();
    const int32_t* const ids = split(word);
    const size_t made = ids_.size() - before;
    if (made <= WordCache::kMaxIds) pass_.cache_.put(key, ids, static_cast<int>(made));
  }

  // The tokens of a word from the model; returns where they stand.
  const int32_t* split(std::string_view word) {
    pieces_.clear();
    pass_.model_->tokenize(word, pieces_);
    int32_t* const out = ids_.room(pieces_.size());
    for (size_t i = 0; i < pieces_.size(); ++i) out[i] = pieces_[i].id;
    ids_.advance(pieces_.size());
    return out;
  }

  void place_pieces() {
    pieces_.clear();
    pass_.model_->tokenize(word_, pieces_);
    size_t at = 0, c = 0;  // bytes and code points of the word
    for (const Piece& piece : pieces_) {
      const size_t from = c;
      for (; at < static_cast<size_t>(piece.end); ++at) c += (word_[at] & 0xC0) != 0x80;
      token(piece.id, origins_[from], origins_[c - 1]);
    }
  }

  const BertPass& pass_;
  std::string_view text_;
  size_t at_ = 0;
  int32_t index_;  // of the code point at at_; only kept up when offsets are asked for
  std::vector<Offset>* offsets_;
  IdSink ids_;
  std::array<Item, kAhead> items_;

  // The word so far.
  std::string word_, char_;
  std::vector<int32_t> origins_;  // of each code point in word_, when offsets are asked for
  int64_t chars_ = 0;             // also of those past the limit, which are not kept
  int32_t begin_ = 0, last_ = 0;
  std::vector<Piece> pieces_;
};

BertPass::BertPass(const BertOptions& options, std::shared_ptr<const WordPiece> model)
    : model_(std::move(model)),
      map_(options, *model_),
      ends_word_(),
      fold_(options.lower_case ? ~uint64_t{0} : 0),
      cache_(kCacheBits) {
  for (char32_t c = 0; c < 0x80; ++c) {
    const Fate fate = map_.at(c).fate();
    ends_word_[c] = fate == Fate::kSpace || fate == Fate::kAlone;
  }
}

bool BertPass::tokenize(std::string_view text, int32_t first, bool with_offsets,
                        TokenSpan& out) const {
  const size_t ids = out.ids.size(), offsets = out.offsets.size();
  Run run(*this, text, first, with_offsets ? &out.offsets : nullptr, out.ids);
  if (run.words()) return true;
  out.ids.resize(ids);
  out.offsets.resize(offsets);
  return false;
}

}  // namespace winnow
