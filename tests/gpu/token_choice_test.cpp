#include "ops/cuda/token_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gpu/gear.h"

namespace winnow::cuda {
namespace {

using test::Block;
using test::Gear;

std::vector<TokenLogit> chosen(Gear& gear, const std::vector<float>& logits, int64_t rows,
                               int64_t vocab, int64_t row, int64_t count) {
  Block in(*gear.memory, static_cast<int64_t>(logits.size()) * 4, 0xFF);
  Block out(*gear.memory, rows * count * static_cast<int64_t>(sizeof(TokenLogit)), 0xAB);
  in.write(logits.data(), in.bytes);
  gear.stream->begin();
  choose_tokens({in.as<float>(), rows, vocab, row, count, out.as<TokenLogit>()}, *gear.stream);
  gear.stream->wait();
  std::vector<TokenLogit> got(rows * count);
  gear.memory->read(got.data(), out.data, out.bytes);
  return got;
}

std::vector<TokenLogit> sorted(const float* logits, int64_t vocab, int64_t count) {
  std::vector<TokenLogit> all;
  for (int64_t i = 0; i < vocab; ++i)
    if (logits[i] > -std::numeric_limits<float>::infinity())
      all.push_back({static_cast<int32_t>(i), logits[i]});
  std::stable_sort(all.begin(), all.end(),
                   [](const TokenLogit& a, const TokenLogit& b) { return a.logit > b.logit; });
  all.resize(count, {-1, -std::numeric_limits<float>::infinity()});
  return all;
}

TEST_CASE("the best tokens are those of a stable sort, for every kind of row") {
  Gear gear;
  if (!gear) return;
  const float none = -std::numeric_limits<float>::infinity();
  for (const int64_t vocab : {1, 5, 255, 8192, 8193, 49152, 151936})
    for (const int64_t count : {1, 2, 20, 64}) {
      const int64_t rows = 9, row = vocab + 3;
      std::vector<float> logits(rows * row, 1e30f);  // between rows: never read
      std::mt19937 random(static_cast<uint32_t>(vocab + count));
      std::normal_distribution<float> normal(0.0f, 3.0f);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < vocab; ++i) {
          float& x = logits[r * row + i];
          x = normal(random);
          if (r == 1) x = 0.5f;                            // all equal
          if (r == 2) x = std::round(x);                   // many equal
          if (r == 3) x = static_cast<float>(i);           // rising
          if (r == 4) x = i % 7 == 3 ? x : none;           // a mask
          if (r == 5) x = i % 2 ? std::nanf("") : x;       // broken
          if (r == 6) x = none;                            // nothing
          if (r == 7) x = i % 256 == 17 ? 100.0f + x : x;  // one thread has the best
          if (r == 8) x = i % 3 ? -0.0f : 0.0f;            // both zeros
        }
      const std::vector<TokenLogit> got = chosen(gear, logits, rows, vocab, row, count);
      int wrong = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const std::vector<TokenLogit> want = sorted(&logits[r * row], vocab, count);
        for (int64_t i = 0; i < count; ++i) {
          const TokenLogit& g = got[r * count + i];
          if ((g.id != want[i].id || g.logit != want[i].logit) && ++wrong <= 3)
            MESSAGE("vocabulary " << vocab << ", " << count << ", row " << r << " place " << i
                                  << ": " << g.id << ' ' << g.logit << ", want " << want[i].id
                                  << ' ' << want[i].logit);
        }
      }
      CHECK(wrong == 0);
    }
}

TEST_CASE("choices out of range are refused by number") {
  Gear gear;
  if (!gear) return;
  CHECK_THROWS_WITH(choose_tokens({nullptr, 1, 10, 10, 65, nullptr}, *gear.stream),
                    "choose_tokens: want 1 to 64 of a vocabulary, got 65 of 10");
  choose_tokens({nullptr, 0, 10, 10, 1, nullptr}, *gear.stream);
}

}  // namespace
}  // namespace winnow::cuda
