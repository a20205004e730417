#include "text/decoder.h"

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/normalizer.h"

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

  std::string decode(const std::vector<std::string_view>& tokens) const override {
    std::string out, token;
    for (size_t i = 0; i < tokens.size(); ++i) {
      token = tokens[i];
      if (i > 0) {
        if (token.starts_with(prefix_))
          token.erase(0, prefix_.size());
        else
          token.insert(0, 1, ' ');
      }
      if (cleanup_) clean_up(token);  // token by token, as the library does
      out += token;
    }
    return out;
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class SpaceDecoder final : public Decoder {
 public:
  std::string decode(const std::vector<std::string_view>& tokens) const override {
    std::string out;
    for (size_t i = 0; i < tokens.size(); ++i) out.append(i > 0 ? " " : "").append(tokens[i]);
    return out;
  }
};

class ByteLevelDecoder final : public Decoder {
 public:
  std::string decode(const std::vector<std::string_view>& tokens) const override {
    std::string bytes;
    for (const std::string_view token : tokens) {
      const auto undone = alphabet_bytes(token);
      bytes += undone ? *undone : token;
    }
    return repair_utf8(bytes);
  }
};

}  // namespace

std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

std::unique_ptr<Decoder> make_space_decoder() { return std::make_unique<SpaceDecoder>(); }

std::unique_ptr<Decoder> make_decoder(const Json& json) {
  const std::string type = component_type(json);
  if (type == "WordPiece")
    return make_word_piece_decoder(json.string("prefix", "##"), json.boolean("cleanup", true));
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  fail(Code::kUnsupported, json.path(), ": want a decoder of WordPiece, ByteLevel, got ", type);
}

}  // namespace winnow
