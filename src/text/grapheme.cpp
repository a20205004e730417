#include "text/grapheme.h"

#include <algorithm>
#include <memory>

namespace winnow {
namespace {

using C = ClusterClass;

struct ClusterRange {
  char32_t first, last;
  ClusterClass is;
};

#include "text/cluster_tables.inc"

constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3, kTails = 28;

bool extends(C c) { return c == C::kExtend || c == C::kLinker || c == C::kNonJoiner; }
bool controls(C c) { return c == C::kControl || c == C::kReturn || c == C::kLineFeed; }

// Expanded once from the ranges: a byte a code point, of which a process touches few pages.
struct Classes {
  std::unique_ptr<ClusterClass[]> of = std::make_unique<ClusterClass[]>(0x110000);

  Classes() {
    for (const ClusterRange& r : kClusters) std::fill(&of[r.first], &of[r.last] + 1, r.is);
    for (char32_t c = kHangulFirst; c <= kHangulLast; ++c)
      of[c] = (c - kHangulFirst) % kTails == 0 ? C::kLeadVowel : C::kLeadVowelTail;
    of[U'\r'] = C::kReturn;
    of[U'\n'] = C::kLineFeed;
    of[0x200C] = C::kNonJoiner;
    of[0x200D] = C::kJoiner;
  }
};

}  // namespace

ClusterClass cluster_class(char32_t code_point) {
  static const Classes kClasses;
  return kClasses.of[code_point];
}

// Rules GB3 to GB11, in their order.
bool ClusterBreaks::joined(C next) const {
  if (last_ == C::kReturn && next == C::kLineFeed) return true;
  if (controls(last_) || controls(next)) return false;
  if (last_ == C::kLead &&
      (next == C::kLead || next == C::kVowel || next == C::kLeadVowel || next == C::kLeadVowelTail))
    return true;
  if ((last_ == C::kLeadVowel || last_ == C::kVowel) && (next == C::kVowel || next == C::kTail))
    return true;
  if ((last_ == C::kLeadVowelTail || last_ == C::kTail) && next == C::kTail) return true;
  if (extends(next) || next == C::kJoiner || next == C::kSpacingMark) return true;
  if (last_ == C::kPrepend) return true;
  return (next == C::kConsonant && linked_) || (next == C::kPictograph && awaits_);
}

bool ClusterBreaks::before(C next) {
  const bool ends = !joined(next);
  awaits_ = pictograph_ && next == C::kJoiner;
  pictograph_ = next == C::kPictograph || (pictograph_ && extends(next));
  if (next == C::kConsonant) {
    consonant_ = true;
    linked_ = false;
  } else {
    consonant_ = consonant_ && next != C::kNonJoiner && (extends(next) || next == C::kJoiner);
    linked_ = consonant_ && (linked_ || next == C::kLinker);
  }
  last_ = next;
  return ends;
}

}  // namespace winnow
