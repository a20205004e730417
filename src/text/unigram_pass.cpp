#include "text/unigram_pass.h"

#include "base/utf8.h"
#include "text/unicode.h"

namespace winnow {
namespace {

constexpr int kCacheBits = 16;  // 4 MB, of which only the lines of seen words are touched

constexpr char32_t kLastSpace = 0x3000;  // no white space is above it

bool is_space(char32_t c) { return (code_point_bits(c) & kSpaceBit) != 0; }

// Whether no replacement holds a white space other than a space.
bool replaces_by_spaces(const CharMap& map) {
  const std::string_view texts = map.replacements();
  for (size_t at = 0; at < texts.size();) {
    const CodePoint c = decode_utf8(texts, at);
    if (c.value != U' ' && is_space(c.value)) return false;
    at += static_cast<size_t>(c.bytes);
  }
  return true;
}

}  // namespace

// One text's way through: what the character map says of it, cut into words.
class UnigramPass::Run {
 public:
  Run(const UnigramPass& pass, std::vector<int32_t>& ids)
      : pass_(pass), ids_(ids), word_(pass.mark_) {}

  // A stretch of text as it will be.
  void keep(std::string_view text) {
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      if (!pass_.pauses_[static_cast<unsigned char>(text[at])]) {
        ++at;
        continue;
      }
      const CodePoint c = decode_utf8(text, at);
      const size_t end = at + static_cast<size_t>(c.bytes);
      const bool marks = c.value == pass_.words_.mark;
      if (c.value == U' ' || marks) {
        rest_of_word(text.substr(begin, at - begin));
        marks ? mark() : space();
        begin = end;
      } else if (is_space(c.value)) {
        refused_ = true;  // only these rules know what to do with it
      }
      at = end;
    }
    if (begin < text.size()) part_of_word(text.substr(begin));
  }

  void replace(int, std::string_view to) { keep(to); }

  bool finish() {
    if (!pass_.normalizer_.strip_right) begin_spaced();
    end_word();
    return !refused_;
  }

 private:
  void space() {
    if (pass_.words_.drops_spaces)
      end_word();
    else
      ++spaces_;
  }

  void mark() {
    begin_spaced();
    end_word();
    open_ = true;
  }

  // Each space begins a word, or a run of them one. Not before what follows is known: at the end
  // of the text they may be taken off.
  void begin_spaced() {
    if (spaces_ == 0) return;
    end_word();
    for (; spaces_ > 1 && !pass_.normalizer_.joins; --spaces_) look_up({});
    spaces_ = 0;
    open_ = true;
  }

  void part_of_word(std::string_view text) {
    begin_spaced();
    word_ += text;
    open_ = true;
  }

  // What stands before a space or a mark.
  void rest_of_word(std::string_view text) {
    if (text.empty()) return;
    begin_spaced();
    if (word_.size() > pass_.mark_.size()) {
      word_ += text;
      return;
    }
    open_ = false;
    look_up(text);  // a whole word, as it lies
  }

  void end_word() {
    if (!open_) return;
    look_up(std::string_view(word_).substr(pass_.mark_.size()));
    word_.resize(pass_.mark_.size());
    open_ = false;
  }

  // The tokens of a word without its mark.
  void look_up(std::string_view word) {
    if (word.size() > WordKey::kMaxBytes) return split(word);
    const WordKey key = WordKey::of(word);
    const size_t before = ids_.size();
    ids_.resize(before + WordCache::kMaxIds);
    const int count = pass_.cache_.find(key, ids_.data() + before);
    ids_.resize(before + static_cast<size_t>(count));
    if (count > 0) return;
    split(word);
    const size_t made = ids_.size() - before;
    if (made <= WordCache::kMaxIds)
      pass_.cache_.put(key, ids_.data() + before, static_cast<int>(made));
  }

  void split(std::string_view word) {
    if (word.data() != word_.data() + pass_.mark_.size()) {
      marked_ = pass_.mark_;
      marked_ += word;
      word = marked_;
    } else {
      word = word_;
    }
    pieces_.clear();
    pass_.model_->tokenize(word, pieces_, space_);
    for (const Piece& piece : pieces_) ids_.push_back(piece.id);
  }

  const UnigramPass& pass_;
  std::vector<int32_t>& ids_;
  bool open_ = false;  // a word has begun: word_, the mark before it
  std::string word_;
  size_t spaces_ = 0;  // met and not yet dealt with
  bool refused_ = false;
  std::string marked_;
  std::vector<Piece> pieces_;
  Unigram::Space space_;
};

std::unique_ptr<const UnigramPass> UnigramPass::make(const Normalizer* normalizer,
                                                     const PreTokenizer* pre_tokenizer,
                                                     std::shared_ptr<const Unigram> model) {
  const auto words = pre_tokenizer ? pre_tokenizer->marked_words() : std::nullopt;
  const auto map = normalizer && words ? normalizer->spaced_map(words->mark) : std::nullopt;
  if (!map || !replaces_by_spaces(*map->map)) return nullptr;
  return std::unique_ptr<const UnigramPass>(new UnigramPass(*map, *words, std::move(model)));
}

UnigramPass::UnigramPass(SpacedMap normalizer, const MarkedWords& words,
                         std::shared_ptr<const Unigram> model)
    : normalizer_(std::move(normalizer)),
      words_(words),
      model_(std::move(model)),
      cache_(kCacheBits) {
  append_utf8(mark_, words_.mark);
  std::string utf8;
  const auto pause = [&](char32_t c) {
    utf8.clear();
    append_utf8(utf8, c);
    pauses_[static_cast<unsigned char>(utf8[0])] = true;
  };
  pause(U' ');
  pause(words_.mark);
  for (char32_t c = 0; c <= kLastSpace; ++c)
    if (is_space(c) && normalizer_.map->keeps(c)) pause(c);
}

bool UnigramPass::tokenize(std::string_view text, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  Run run(*this, ids);
  normalizer_.map->apply(text, run);
  if (run.finish()) return true;
  ids.resize(before);
  return false;
}

}  // namespace winnow
