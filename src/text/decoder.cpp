#include "text/decoder.h"

#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/normalizer.h"
#include "text/pattern.h"
#include "text/pre_tokenizer.h"

namespace winnow {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  size_t done = 0;
  for (size_t at; (at = text.find(from, done)) != std::string::npos; done = at + from.size())
    out.append(text, done, at - done).append(to);
  if (done > 0) text = out.append(text, done);
}

// The replacements of the library, one after the other.
void clean_up(std::string& token) {
  static constexpr std::string_view kPairs[][2] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kPairs) replace_all(token, from, to);
}

// A decoder without steps of its own: everything at the end.
class Held final : public DecodeStage {
 public:
  explicit Held(const Decoder& decoder) : decoder_(decoder) {}
  void push(TokenPiece piece, std::vector<TokenPiece>&) override {
    if (piece.opens || tokens_.empty())
      tokens_.push_back(std::move(piece.text));
    else
      tokens_.back() += piece.text;
  }
  void finish(std::vector<TokenPiece>& out) override {
    decoder_.chain(tokens_);
    for (std::string& token : tokens_) out.push_back({std::move(token)});
  }
  bool whole() const override { return true; }

 private:
  const Decoder& decoder_;
  std::vector<std::string> tokens_;
};

// A decoder that changes each token by itself.
class TokenDecoder : public Decoder {
 public:
  virtual void change(std::string& token, bool first) const = 0;

  void chain(std::vector<std::string>& tokens) const final {
    for (size_t i = 0; i < tokens.size(); ++i) change(tokens[i], i == 0);
  }
  std::unique_ptr<DecodeStage> stage(bool whole) const override {
    if (!whole) return Decoder::stage(whole);
    return std::make_unique<Stage>(*this);
  }
  std::string bytes(std::string token) const override {
    change(token, false);
    return token;
  }

 private:
  class Stage final : public DecodeStage {
   public:
    explicit Stage(const TokenDecoder& decoder) : decoder_(decoder) {}
    void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
      decoder_.change(piece.text, first_);
      first_ = false;
      out.push_back(std::move(piece));
    }
    void finish(std::vector<TokenPiece>&) override {}
    bool whole() const override { return true; }

   private:
    const TokenDecoder& decoder_;
    bool first_ = true;
  };
};

class WordPieceDecoder final : public TokenDecoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void change(std::string& token, bool first) const override {
    if (!first) {
      if (token.starts_with(prefix_))
        token.erase(0, prefix_.size());
      else
        token.insert(0, 1, ' ');
    }
    if (cleanup_) clean_up(token);  // token by token, as the library does
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class SpaceDecoder final : public TokenDecoder {
 public:
  void change(std::string& token, bool first) const override {
    if (!first) token.insert(0, 1, ' ');
  }
};

class ByteLevel final : public Decoder {
 public:
  void chain(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      const auto undone = alphabet_bytes(token);
      bytes += undone ? *undone : token;
    }
    tokens.assign(1, repair_utf8(bytes));
  }
  std::unique_ptr<DecodeStage> stage(bool whole) const override {
    if (!whole) return Decoder::stage(whole);
    return std::make_unique<Stage>();
  }
  std::string bytes(std::string token) const override {
    return alphabet_bytes(token).value_or(token);
  }

 private:
  // Holds back the bytes of a character that is not yet whole.
  class Stage final : public DecodeStage {
   public:
    void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
      bytes_ += alphabet_bytes(piece.text).value_or(piece.text);
      const size_t done = bytes_.size() - unfinished_utf8(bytes_);
      if (done == 0) return;
      hand_on(repair_utf8(std::string_view(bytes_).substr(0, done)), out);
      bytes_.erase(0, done);
    }
    void finish(std::vector<TokenPiece>& out) override { hand_on(repair_utf8(bytes_), out); }
    bool whole() const override { return false; }

   private:
    void hand_on(std::string text, std::vector<TokenPiece>& out) {
      out.push_back({std::move(text), first_});
      first_ = false;
    }
    std::string bytes_;
    bool first_ = true;
  };
};

// The byte that a token <0xNN> stands for.
std::optional<char> byte_of(std::string_view token) {
  constexpr size_t kSize = 6;
  if (token.size() != kSize || !token.starts_with("<0x") || token.back() != '>') return {};
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]),
            low = digit(token[4]);  // as Rust reads it
  if (high < 0 || low < 0) return {};
  return static_cast<char>(high << 4 | low);
}

// Neighbouring byte tokens become the text that they are; if that is no UTF-8, each is U+FFFD.
class ByteFallback final : public Decoder {
 public:
  void chain(std::vector<std::string>& tokens) const override {
    Stage stage;
    std::vector<TokenPiece> out;
    for (std::string& token : tokens) stage.push({std::move(token)}, out);
    stage.finish(out);
    tokens.clear();
    for (TokenPiece& piece : out) tokens.push_back(std::move(piece.text));
  }
  std::unique_ptr<DecodeStage> stage(bool whole) const override {
    if (!whole) return Decoder::stage(whole);
    return std::make_unique<Stage>();
  }
  std::string bytes(std::string token) const override {
    const auto byte = byte_of(token);
    return byte ? std::string(1, *byte) : token;
  }

 private:
  // A run is held back until it ends: its last byte may make all of it U+FFFD.
  class Stage final : public DecodeStage {
   public:
    void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
      if (const auto byte = byte_of(piece.text)) {
        run_ += *byte;
        return;
      }
      finish(out);
      out.push_back(std::move(piece));
    }
    void finish(std::vector<TokenPiece>& out) override {
      if (run_.empty()) return;
      if (invalid_utf8_at(run_))
        for (size_t i = 0; i < run_.size(); ++i) out.push_back({"\uFFFD"});
      else
        out.push_back({run_});
      run_.clear();
    }
    bool whole() const override { return true; }

   private:
    std::string run_;
  };
};

// A mark is a space, but nothing in the first token where one was put before the text.
class Metaspace final : public TokenDecoder {
 public:
  explicit Metaspace(const MetaspaceOptions& options)
      : first_(options.prepend == MetaspaceOptions::Prepend::kNever ? " " : "") {
    append_utf8(mark_, options.mark);
  }
  void change(std::string& token, bool first) const override {
    replace_all(token, mark_, first ? first_ : " ");
  }

 private:
  std::string mark_, first_;
};

class Replace final : public TokenDecoder {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void change(std::string& token, bool) const override {
    const std::u32string text = winnow::decode(token, 0).text;
    token.clear();
    size_t done = 0;
    const auto keep_to = [&](size_t end) {
      for (; done < end; ++done) append_utf8(token, text[done]);
    };
    std::vector<Pattern::Match> matches;
    pattern_.find_all(text, matches);
    for (const auto& [begin, end] : matches) {
      keep_to(begin);
      token += content_;
      done = end;
    }
    keep_to(text.size());
  }

 private:
  Pattern pattern_;
  std::string content_;
};

// Takes up to `start` of one character off a token's front and up to `stop` off its end.
class Strip final : public TokenDecoder {
 public:
  Strip(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void change(std::string& token, bool) const override {
    std::string_view left = token;
    for (int64_t i = 0; i < start_ && left.starts_with(content_); ++i)
      left.remove_prefix(content_.size());
    for (int64_t i = 0; i < stop_ && left.ends_with(content_); ++i)
      left.remove_suffix(content_.size());
    token = std::string(left);
  }
  std::unique_ptr<DecodeStage> stage(bool whole) const override {
    if (whole || stop_ > 0) return TokenDecoder::stage(whole);
    return std::make_unique<FrontStage>(*this);
  }
  std::string bytes(std::string token) const override { return token; }

 private:
  // Pieces come in whole characters, and so off the front.
  class FrontStage final : public DecodeStage {
   public:
    explicit FrontStage(const Strip& strip) : strip_(strip) {}
    void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
      if (piece.opens) left_ = strip_.start_;
      std::string_view text = piece.text;
      for (; left_ > 0 && text.starts_with(strip_.content_); --left_)
        text.remove_prefix(strip_.content_.size());
      if (!text.empty()) left_ = 0;
      out.push_back({std::string(text), piece.opens});
    }
    void finish(std::vector<TokenPiece>&) override {}
    bool whole() const override { return false; }

   private:
    const Strip& strip_;
    int64_t left_ = 0;
  };

  std::string content_;
  int64_t start_, stop_;
};

// Makes the tokens one.
class Fuse final : public Decoder {
 public:
  void chain(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, all);
  }
  std::unique_ptr<DecodeStage> stage(bool) const override { return std::make_unique<Stage>(); }

 private:
  class Stage final : public DecodeStage {
   public:
    void push(TokenPiece piece, std::vector<TokenPiece>& out) override {
      out.push_back({std::move(piece.text), first_});
      first_ = false;
    }
    void finish(std::vector<TokenPiece>&) override {}
    bool whole() const override { return false; }

   private:
    bool first_ = true;
  };
};

class Sequence final : public Decoder {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void chain(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->chain(tokens);
  }
  std::unique_ptr<DecodeStage> stage(bool whole) const override {
    std::vector<std::unique_ptr<DecodeStage>> stages;
    for (const auto& part : parts_) {
      stages.push_back(part->stage(whole));
      whole = stages.back()->whole();
    }
    return chained(std::move(stages));
  }
  std::string bytes(std::string token) const override {
    for (const auto& part : parts_) token = part->bytes(std::move(token));
    return token;
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

std::unique_ptr<Decoder> make_strip(const Json& json) {
  const std::string content(json.string("content"));
  const int64_t start = json.integer("start"), stop = json.integer("stop");
  if (code_points(content) != 1)
    fail(Code::kCorrupt, json.path(), ".content: want one character, got ", code_points(content));
  if (start < 0 || stop < 0)
    fail(Code::kCorrupt, json.path(), ": want start and stop of 0 or more, got ", start, " and ",
         stop);
  return std::make_unique<Strip>(content, start, stop);
}

}  // namespace

std::string Decoder::decode(const std::vector<std::string_view>& tokens) const {
  std::vector<std::string> parts(tokens.begin(), tokens.end());
  chain(parts);
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}

std::unique_ptr<DecodeStage> Decoder::stage(bool) const { return std::make_unique<Held>(*this); }

std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

std::unique_ptr<Decoder> make_metaspace_decoder(const MetaspaceOptions& options) {
  return std::make_unique<Metaspace>(options);
}

std::unique_ptr<Decoder> make_space_decoder() { return std::make_unique<SpaceDecoder>(); }

std::unique_ptr<Decoder> make_decoder(const Json& json) {
  const std::string type = component_type(json);
  if (type == "WordPiece")
    return make_word_piece_decoder(json.string("prefix", "##"), json.boolean("cleanup", true));
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "Metaspace") return make_metaspace_decoder(metaspace_options(json));
  if (type == "Replace")
    return std::make_unique<Replace>(Pattern::from_json(json.at("pattern")),
                                     std::string(json.string("content")));
  if (type == "Strip") return make_strip(json);
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> parts;
    const Json list = json.at("decoders");
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(make_decoder(list[i]));
    return std::make_unique<Sequence>(std::move(parts));
  }
  fail(Code::kUnsupported, json.path(),
       ": want a decoder of WordPiece, ByteLevel, Metaspace, Replace, Strip, ByteFallback, Fuse, "
       "Sequence, got ",
       type);
}

}  // namespace winnow
