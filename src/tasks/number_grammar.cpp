#include "tasks/number_grammar.h"

#include <algorithm>
#include <string>

namespace winnow {
namespace {

constexpr int64_t kMost = 999'999'999'999'999'999;  // 18 digits

// All numbers of so many digits between two of that length, both included.
int same_length(std::string_view low, std::string_view high, ByteProgram& p, int next) {
  if (low.empty()) return next;
  const auto range = [&](char from, char to, int after) {
    return p.byte(static_cast<uint8_t>(from), static_cast<uint8_t>(to), after);
  };
  const std::string zeros(low.size() - 1, '0'), nines(low.size() - 1, '9');
  const std::string_view low_rest = low.substr(1), high_rest = high.substr(1);
  if (low[0] == high[0] || (low_rest == zeros && high_rest == nines)) {
    const bool all = low_rest == zeros && high_rest == nines;
    return range(
        low[0], high[0],
        all ? same_length(zeros, nines, p, next) : same_length(low_rest, high_rest, p, next));
  }
  std::vector<int> choices = {range(low[0], low[0], same_length(low_rest, nines, p, next)),
                              range(high[0], high[0], same_length(zeros, high_rest, p, next))};
  if (low[0] + 1 < high[0])
    choices.push_back(range(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1),
                            same_length(zeros, nines, p, next)));
  return p.split(choices);
}

// The whole numbers from low to high, 0 <= low; without leading zeros.
int whole(int64_t low, int64_t high, ByteProgram& p, int next) {
  std::vector<int> choices;
  high = std::min(high, kMost);
  for (int64_t first = 0, last = 9; first <= high; first = last + 1, last = last * 10 + 9) {
    if (std::max(low, first) <= std::min(high, last))
      choices.push_back(same_length(std::to_string(std::max(low, first)),
                                    std::to_string(std::min(high, last)), p, next));
    if (last >= kMost) break;
  }
  return p.split(choices);
}

// Up to `most` digits more.
int digits(int most, ByteProgram& p, int next) {
  const int loop = p.loop();
  p.close_loop(loop, next, p.below(most, p.byte('0', '9', p.count(most, loop))));
  return p.reset(loop);
}

int fraction(ByteProgram& p, int next) {
  return p.byte('.', '.', p.byte('0', '9', digits(16, p, next)));
}

// A fraction that is not 0: it ends in another digit.
int positive_fraction(ByteProgram& p, int next) {
  return p.byte('.', '.', digits(16, p, p.byte('1', '9', next)));
}

// The absolute values from low to high, with fractions; the ends themselves may be excluded.
int magnitudes(int64_t low, bool above, int64_t high, bool under, ByteProgram& p, int next) {
  if (low > high || (low == high && (above || under))) return p.fail();
  std::vector<int> choices = {whole(low + above, high - under, p, next)};
  if (low + above <= high - 1)
    choices.push_back(whole(low + above, high - 1, p, fraction(p, next)));
  if (above && low < high) choices.push_back(whole(low, low, p, positive_fraction(p, next)));
  return p.split(choices);
}

int minus(ByteProgram& p, int next) { return p.byte('-', '-', next); }

}  // namespace

int integer_grammar(const NumberBounds& b, ByteProgram& p, int next) {
  const int64_t low = b.least ? *b.least + b.above : -kMost;
  const int64_t high = b.most ? *b.most - b.under : kMost;
  if (low > high) return p.fail();
  std::vector<int> choices;
  if (high >= 0) choices.push_back(whole(std::max<int64_t>(low, 0), high, p, next));
  if (low < 0) choices.push_back(minus(p, whole(std::max<int64_t>(-high, 1), -low, p, next)));
  return p.split(choices);
}

int number_grammar(const NumberBounds& b, ByteProgram& p, int next) {
  if (!b.least && !b.most) {
    const int tail = p.byte('0', '9', p.split(p.byte('0', '9', next), next));
    const std::array signs = {p.byte('+', '+', tail), minus(p, tail), tail};
    const int power = p.split(signs);
    const int ending = p.split(next, p.split(p.byte('e', 'e', power), p.byte('E', 'E', power)));
    const int rest = p.split(ending, fraction(p, ending));
    const int value = p.split(p.byte('0', '0', rest), p.byte('1', '9', digits(17, p, rest)));
    return p.split(value, minus(p, value));
  }
  const int64_t low = b.least.value_or(-kMost), high = b.most.value_or(kMost);
  std::vector<int> choices;
  if (high >= 0)
    choices.push_back(
        magnitudes(std::max<int64_t>(low, 0), b.above && low >= 0, high, b.under, p, next));
  if (low < 0)
    choices.push_back(
        minus(p, magnitudes(std::max<int64_t>(-high, 0), (b.under && high <= 0) || high > 0, -low,
                            b.above, p, next)));
  return p.split(choices);
}

}  // namespace winnow
