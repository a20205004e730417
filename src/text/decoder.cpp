#include "text/decoder.h"

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

class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void chain(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        if (token.starts_with(prefix_))
          token.erase(0, prefix_.size());
        else
          token.insert(0, 1, ' ');
      }
      if (cleanup_) clean_up(token);  // token by token, as the library does
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class SpaceDecoder final : public Decoder {
 public:
  void chain(std::vector<std::string>& tokens) const override {
    for (size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, 1, ' ');
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
};

// A mark is a space, but nothing in the first token where one was put before the text.
class Metaspace final : public Decoder {
 public:
  explicit Metaspace(const MetaspaceOptions& options)
      : first_(options.prepend == MetaspaceOptions::Prepend::kNever ? " " : "") {
    append_utf8(mark_, options.mark);
  }
  void chain(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], mark_, i == 0 ? first_ : " ");
  }

 private:
  std::string mark_, first_;
};

class Replace final : public Decoder {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void chain(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      const std::u32string text = winnow::decode(token, 0).text;
      token.clear();
      size_t done = 0;
      const auto keep_to = [&](size_t end) {
        for (; done < end; ++done) append_utf8(token, text[done]);
      };
      while (const auto match = pattern_.find(text, done)) {
        keep_to(match->first);
        token += content_;
        done = match->second;
      }
      keep_to(text.size());
    }
  }

 private:
  Pattern pattern_;
  std::string content_;
};

// Takes up to `start` of one character off a token's front and up to `stop` off its end.
class Strip final : public Decoder {
 public:
  Strip(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void chain(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view left = token;
      for (int64_t i = 0; i < start_ && left.starts_with(content_); ++i)
        left.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && left.ends_with(content_); ++i)
        left.remove_suffix(content_.size());
      token = std::string(left);
    }
  }

 private:
  std::string content_;
  int64_t start_, stop_;
};

// Makes the tokens one.
class Fuse final : public Decoder {
 public:
  void chain(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }
};

class Sequence final : public Decoder {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void chain(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->chain(tokens);
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

std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

std::unique_ptr<Decoder> make_space_decoder() { return std::make_unique<SpaceDecoder>(); }

std::unique_ptr<Decoder> make_decoder(const Json& json) {
  const std::string type = component_type(json);
  if (type == "WordPiece")
    return make_word_piece_decoder(json.string("prefix", "##"), json.boolean("cleanup", true));
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "Metaspace") return std::make_unique<Metaspace>(metaspace_options(json));
  if (type == "Replace")
    return std::make_unique<Replace>(Pattern::from_json(json.at("pattern")),
                                     std::string(json.string("content")));
  if (type == "Strip") return make_strip(json);
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> parts;
    const Json list = json.at("decoders");
    for (size_t i = 0; i < list.size(); ++i) parts.push_back(make_decoder(list[i]));
    return std::make_unique<Sequence>(std::move(parts));
  }
  fail(Code::kUnsupported, json.path(),
       ": want a decoder of WordPiece, ByteLevel, Metaspace, Replace, Strip, Fuse, Sequence, got ", type);
}

}  // namespace winnow
