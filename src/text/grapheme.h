// Extended grapheme clusters: where a text may be cut so that no mark leaves its letter. Constant
// and thread-safe. Source: Unicode Standard Annex 29; which code point is what is asked of the
// `tokenizers` library (tools/unicode_tables.py).
#pragma once

#include <cstdint>

namespace winnow {

// Grapheme_Cluster_Break with the properties that its rules need beside. Regional indicators are
// kOther: two of them are one cluster, but of eight bytes, and what joins them is not looked up.
enum class ClusterClass : uint8_t {
  kOther,
  kControl,
  kExtend,
  kLinker,  // Extend that links consonants: a virama
  kSpacingMark,
  kPrepend,
  kPictograph,  // Extended_Pictographic
  kConsonant,   // of a script with linkers
  kLead,        // Hangul
  kVowel,
  kTail,
  kLeadVowel,
  kLeadVowelTail,
  kJoiner,     // U+200D
  kNonJoiner,  // U+200C: Extend that ends a chain of consonants
  kReturn,     // U+000D
  kLineFeed,   // U+000A
};

// The class of a code point up to U+10FFFF.
ClusterClass cluster_class(char32_t code_point);

// Told a text's code points one after the other, where clusters begin.
class ClusterBreaks {
 public:
  // Whether a cluster ends before this code point, which is the text's next; true for its first.
  bool before(ClusterClass next);

 private:
  bool joined(ClusterClass next) const;

  ClusterClass last_ = ClusterClass::kControl;
  bool pictograph_ = false;  // a pictograph with only Extend after it
  bool awaits_ = false;      // and a joiner: another pictograph belongs to it
  bool consonant_ = false;   // a consonant with only Extend and joiners after it
  bool linked_ = false;      // one of them a linker: another consonant belongs to it
};

}  // namespace winnow
