#include "tasks/pattern.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace winnow {
namespace {

constexpr uint32_t kLast = 0x10FFFF;
constexpr int kOpen = -1;           // a quantifier without an upper bound
constexpr int kMostRepeats = 1000;  // each is a copy of what it repeats
constexpr int kMostNested = 100;

struct Range {
  uint32_t low, high;
};

struct Node {
  enum class Kind { kSet, kSequence, kChoice, kRepeat } kind = Kind::kSequence;
  std::vector<Range> ranges = {};   // kSet
  std::vector<Node> children = {};  // kRepeat: one
  int least = 0, most = 0;          // kRepeat
};

std::vector<Range> complement(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.low < b.low; });
  std::vector<Range> out;
  uint32_t from = 0;
  for (const Range& r : ranges) {
    if (r.low > from) out.push_back({from, r.low - 1});
    from = std::max(from, r.high + 1);
  }
  if (from <= kLast) out.push_back({from, kLast});
  return out;
}

class Parser {
 public:
  Parser(std::string_view pattern, std::string_view where) : text_(pattern), where_(where) {}

  Node parse() {
    if (const auto bad = invalid_utf8_at(text_)) wrong("UTF-8", *bad);
    const bool begins = take('^');
    Node whole = choice(0);
    if (at_ < text_.size()) wrong("a pattern without an unmatched ')'", at_);
    const Node any = {.kind = Node::Kind::kRepeat, .children = {set({{0, kLast}})}, .most = kOpen};
    if (has_choice_ && (begins || ends_)) {
      // ^a|b$ binds one alternative a side; only (..) around them all is what is meant mostly.
      refuse("^ or $ beside | without a group around the alternatives", 0);
    }
    Node out = {};
    if (!begins) out.children.push_back(any);
    out.children.push_back(std::move(whole));
    if (!ends_) out.children.push_back(any);
    return out;
  }

 private:
  [[noreturn]] void wrong(std::string_view want, size_t at) {
    fail(Code::kInvalidArgument, where_, ": want ", want, ", got \"", text_.substr(0, 200),
         "\" at byte ", at);
  }
  [[noreturn]] void refuse(std::string_view what, size_t at) {
    fail(Code::kUnsupported, where_, ": ", what, " is not supported, at byte ", at);
  }

  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  static Node set(std::vector<Range> ranges) {
    return {.kind = Node::Kind::kSet, .ranges = std::move(ranges)};
  }

  Node choice(int depth) {
    if (depth > kMostNested) refuse("so deep a nesting", at_);
    Node out = {.kind = Node::Kind::kChoice};
    do out.children.push_back(sequence(depth));
    while (take('|'));
    if (depth == 0) has_choice_ = out.children.size() > 1;
    return out;
  }

  Node sequence(int depth) {
    Node out = {};
    while (more() && peek() != '|' && peek() != ')') {
      if (peek() == '$') {
        if (depth > 0 || at_ + 1 != text_.size()) refuse("$ before the end", at_);
        ends_ = true;
        ++at_;
        break;
      }
      out.children.push_back(quantified(atom(depth)));
    }
    return out;
  }

  Node atom(int depth) {
    const size_t begin = at_;
    if (take('(')) {
      if (take('?') && !take(':')) refuse("(? other than (?:", begin);
      Node inner = choice(depth + 1);
      if (!take(')')) wrong("a ')' for each '('", begin);
      return inner;
    }
    if (take('[')) return char_class(begin);
    if (take('.')) return set(complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
    if (take('\\')) return set(escape());
    if (peek() == '^') refuse("^ after the beginning", begin);
    if (std::string_view("*+?{").find(peek()) != std::string_view::npos)
      wrong("something before a quantifier", begin);
    const uint32_t c = character();
    return set({{c, c}});
  }

  uint32_t character() {
    const CodePoint c = decode_utf8(text_, at_);
    at_ += c.bytes;
    return c.value;
  }

  Node char_class(size_t begin) {
    const bool negated = take('^');
    std::vector<Range> ranges;
    while (!take(']')) {
      if (!more()) wrong("a ']' for each '['", begin);
      std::vector<Range> item = class_item();
      if (item.size() == 1 && item[0].low == item[0].high && peek() == '-' &&
          at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        const size_t dash = at_++;
        const std::vector<Range> last = class_item();
        if (last.size() != 1 || last[0].low != last[0].high || last[0].low < item[0].low)
          wrong("a range from the lesser to the greater character", dash);
        item[0].high = last[0].low;
      }
      ranges.insert(ranges.end(), item.begin(), item.end());
    }
    return set(negated ? complement(std::move(ranges)) : std::move(ranges));
  }

  std::vector<Range> class_item() {
    if (take('\\')) return escape();
    const uint32_t c = character();
    return {{c, c}};
  }

  uint32_t hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const size_t digit = std::string_view("0123456789abcdef").find(char(peek() | 0x20));
      if (!more() || digit > 15 || (digit < 10 && peek() < '0')) wrong("hexadecimal digits", at_);
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    return value;
  }

  std::vector<Range> escape() {
    const std::vector<Range> digits = {{'0', '9'}};
    const std::vector<Range> word = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    const std::vector<Range> space = {
        {9, 13},          {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
    if (!more()) wrong("a character after \\", at_);
    const size_t begin = at_;
    const uint32_t c = character();
    const auto one = [](uint32_t value) { return std::vector<Range>{{value, value}}; };
    switch (c) {
      case 'd':
        return digits;
      case 'D':
        return complement(digits);
      case 'w':
        return word;
      case 'W':
        return complement(word);
      case 's':
        return space;
      case 'S':
        return complement(space);
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 't':
        return one('\t');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return one(hex(2));
      case 'u':
        return one(hex(4));
      default:
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
          refuse(cat("\\", static_cast<char>(c)), begin);
        return one(c);
    }
  }

  Node quantified(Node inner) {
    const size_t begin = at_;
    int least = 0, most = 0;
    if (take('*')) {
      most = kOpen;
    } else if (take('+')) {
      least = 1;
      most = kOpen;
    } else if (take('?')) {
      most = 1;
    } else if (take('{')) {
      least = most = number(begin);
      if (take(',')) most = peek() == '}' ? kOpen : number(begin);
      if (!take('}') || (most != kOpen && most < least)) wrong("{m}, {m,} or {m,n}", begin);
    } else {
      return inner;
    }
    if (peek() == '?') refuse("a lazy quantifier", at_);
    if (std::string_view("*+{").find(more() ? peek() : 'x') != std::string_view::npos)
      wrong("one quantifier", at_);
    return {
        .kind = Node::Kind::kRepeat, .children = {std::move(inner)}, .least = least, .most = most};
  }

  int number(size_t begin) {
    int value = 0;
    const size_t first = at_;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + (peek() - '0');
      if (value > kMostRepeats) refuse(cat("more than ", kMostRepeats, " repeats"), begin);
    }
    if (at_ == first) wrong("{m}, {m,} or {m,n}", begin);
    return value;
  }

  std::string_view text_, where_;
  size_t at_ = 0;
  bool ends_ = false, has_choice_ = false;
};

// A character of the range, as JSON writes it in a string.
int emit_range(Range range, ByteProgram& program, int next) {
  std::vector<int> choices;
  for (uint32_t c = range.low; c <= std::min<uint32_t>(range.high, 0x1F); ++c) {
    JsonWriter writer;
    const char byte = static_cast<char>(c);
    const std::string quoted = writer.value(std::string_view(&byte, 1)).take();
    choices.push_back(program.literal(std::string_view(quoted).substr(1, quoted.size() - 2), next));
  }
  uint32_t from = std::max<uint32_t>(range.low, 0x20);
  for (const uint32_t escaped : {uint32_t{'"'}, uint32_t{'\\'}}) {
    if (escaped < from || escaped > range.high) continue;
    if (from < escaped) choices.push_back(program.code_points(from, escaped - 1, next));
    const char text[] = {'\\', static_cast<char>(escaped)};
    choices.push_back(program.literal(std::string_view(text, 2), next));
    from = escaped + 1;
  }
  if (from <= range.high) choices.push_back(program.code_points(from, range.high, next));
  return program.split(choices);
}

int emit(const Node& node, ByteProgram& program, int next) {
  std::vector<int> choices;
  switch (node.kind) {
    case Node::Kind::kSet:
      for (const Range& range : node.ranges) choices.push_back(emit_range(range, program, next));
      return program.split(choices);
    case Node::Kind::kChoice:
      for (const Node& child : node.children) choices.push_back(emit(child, program, next));
      return program.split(choices);
    case Node::Kind::kSequence:
      for (size_t i = node.children.size(); i-- > 0;) next = emit(node.children[i], program, next);
      return next;
    case Node::Kind::kRepeat:
      if (node.most == kOpen) {
        const int loop = program.loop();
        program.close_loop(loop, emit(node.children[0], program, loop), next);
        next = loop;
      } else {
        const int end = next;
        for (int i = node.least; i < node.most; ++i)
          next = program.split(emit(node.children[0], program, next), end);
      }
      for (int i = 0; i < node.least; ++i) next = emit(node.children[0], program, next);
      return next;
  }
  return next;
}

}  // namespace

int compile_pattern(std::string_view pattern, std::string_view where, ByteProgram& program,
                    int next) {
  return emit(Parser(pattern, where).parse(), program, next);
}

int json_character(ByteProgram& p, int next) {
  const auto hex = [&](int count, int after) {
    for (; count > 0; --count) {
      const std::array digits = {p.byte('0', '9', after), p.byte('A', 'F', after),
                                 p.byte('a', 'f', after)};
      after = p.split(digits);
    }
    return after;
  };
  const auto either = [&](char upper, int after) {  // a hexadecimal letter in both cases
    const auto u = static_cast<uint8_t>(upper), l = static_cast<uint8_t>(upper | 0x20);
    return p.split(p.byte(u, u, after), p.byte(l, l, after));
  };
  std::vector<int> code = {p.byte('0', '9', hex(3, next))};
  for (const char c : {'A', 'B', 'C', 'E', 'F'}) code.push_back(either(c, hex(3, next)));
  code.push_back(either('D', p.byte('0', '7', hex(2, next))));
  // A pair of surrogates is one character; half a pair is none.
  const std::array low = {either('C', hex(2, next)), either('D', hex(2, next)),
                          either('E', hex(2, next)), either('F', hex(2, next))};
  const int second = p.literal("\\u", either('D', p.split(low)));
  const std::array high = {p.byte('8', '9', hex(2, second)), either('A', hex(2, second)),
                           either('B', hex(2, second))};
  code.push_back(either('D', p.split(high)));
  std::vector<int> escapes = {p.byte('u', 'u', p.split(code))};
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'})
    escapes.push_back(p.byte(static_cast<uint8_t>(c), static_cast<uint8_t>(c), next));
  const std::array all = {p.byte('\\', '\\', p.split(escapes)), p.code_points(0x20, '!', next),
                          p.code_points('#', '[', next), p.code_points(']', kLast, next)};
  return p.split(all);
}

}  // namespace winnow
