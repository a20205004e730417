// A tiny byte-level BPE with merges made from a seed, put together from parts that a test may
// change.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"

namespace winnow::test {

struct TinyBpe {
  static constexpr const char* kGpt2 =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true})";
  static constexpr const char* kSmolLm =
      R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)"
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true}]})";
  static constexpr const char* kQwen =
      R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
      R"("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|)"
      R"(\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},)"
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]})";

  // All bytes, and tokens merged from neighbours that texts of the tests have.
  TinyBpe(uint32_t seed, int count) {
    for (int b = 0; b < 256; ++b) {
      std::string letter;
      append_utf8(letter, alphabet_letter(static_cast<uint8_t>(b)));
      letters.push_back(letter);
    }
    const std::string text =
        "abab cdcd aabb the thesis 's 'll  \r\n\n 123 \u00E9\u00E9 e\u0301 "
        "\u4E2D\u6587\u5B57\u4E2D "
        "\u6587\u4E2D\uAC00\u0436\u0436 \U0001F600 ... !!a \u00E9\u4E2Daadc bdac";
    std::vector<std::string> parts;
    for (const char byte : text) parts.push_back(letters[static_cast<unsigned char>(byte)]);
    std::set<std::string> known(letters.begin(), letters.end());
    std::mt19937 rng(seed);
    for (int i = 0; i < 20 * count && static_cast<int>(merges.size()) < count; ++i) {
      // Two tokens that stand beside each other somewhere in the text, each one or more letters.
      const size_t at = rng() % (parts.size() - 8);
      const size_t middle = at + 1 + rng() % 3, end = middle + 1 + rng() % 3;
      const auto joined = [&](size_t from, size_t to) {
        std::string out;
        for (size_t p = from; p < to; ++p) out += parts[p];
        return out;
      };
      const std::string left = joined(at, middle), right = joined(middle, end);
      if (known.count(left) == 0 || known.count(right) == 0 || known.count(left + right) != 0)
        continue;
      known.insert(left + right);
      merges.emplace_back(left, right);
    }
  }

  // By id.
  std::vector<std::string> tokens() const {
    std::vector<std::string> out = letters;
    for (const auto& [left, right] : all_merges()) out.push_back(left + right);
    out.insert(out.end(), more_tokens.begin(), more_tokens.end());
    return out;
  }
  std::string vocab() const {
    JsonWriter out;
    out.begin_object();
    int id = 0;
    for (const std::string& token : tokens()) out.member(token, id++);
    return out.end_object().take();
  }
  std::string model() const {
    JsonWriter out;
    out.begin_array();
    for (size_t i = 0; i + drop_merges < merges.size(); ++i) {
      const auto& [left, right] = merges[i];
      if (merges_as_pairs)
        out.begin_array().value(left).value(right).end_array();
      else
        out.value(left + " " + right);
    }
    out.end_array();
    return R"({"type":"BPE",)" + more_options + R"("ignore_merges":)" +
           (ignore_merges ? "true" : "false") + R"(,"vocab":)" + vocab() + R"(,"merges":)" +
           out.take() + "}";
  }
  std::string json() const {
    return R"({"added_tokens":[{"id":)" + std::to_string(tokens().size()) +
           R"(,"content":"<|end|>","special":true,"normalized":false}],"normalizer":)" +
           normalizer + R"(,"pre_tokenizer":)" + pre_tokenizer +
           R"(,"post_processor":null,"decoder":)" + decoder + R"(,"model":)" + model() + "}";
  }

  std::vector<std::string> letters;  // of the bytes, by id
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<std::string> more_tokens;
  std::string pre_tokenizer = kGpt2, normalizer = "null", decoder = R"({"type":"ByteLevel"})";
  std::string more_options;  // of the model, each with a comma
  bool merges_as_pairs = false, ignore_merges = false;
  size_t drop_merges = 0;  // merges at the end whose tokens stay

 private:
  // What their tokens are, whatever a test makes of the merges.
  std::vector<std::pair<std::string, std::string>> all_merges() const {
    std::vector<std::pair<std::string, std::string>> out;
    std::set<std::string> known(letters.begin(), letters.end());
    for (const auto& merge : merges)
      if (known.insert(merge.first + merge.second).second) out.push_back(merge);
    return out;
  }
};

}  // namespace winnow::test
