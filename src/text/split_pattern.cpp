#include "text/split_pattern.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {

SplitPattern::SplitPattern(const Json& json) {
  if (const auto text = json.find("String"); text && !text->string().empty()) {
    literal_ = text->string();
    return;
  }
  const bool is_literal = json.find("String").has_value();  // an empty one: as that regex matches
  const std::string regex(is_literal ? "" : json.string("Regex"));
  words_ = known_word_pattern(regex);
  if (!words_) regex_.emplace(regex, json.path());
}

void SplitPattern::stretches(std::string_view text, std::vector<Stretch>& stretches) const {
  stretches.clear();
  size_t done = 0;
  const auto match = [&](size_t begin, size_t end) {
    if (done < begin) stretches.push_back({done, begin, false});
    stretches.push_back({begin, end, true});
    done = end;
  };
  if (words_) {
    while (done < text.size()) match(done, word_end(*words_, text, done));
  } else if (regex_) {
    std::vector<Regex::Match> matches;
    regex_->find_all(text, matches);
    for (const auto& [begin, end] : matches) match(begin, end);
  } else {
    for (size_t at; (at = text.find(literal_, done)) != std::string_view::npos;)
      match(at, at + literal_.size());
  }
  if (done < text.size()) stretches.push_back({done, text.size(), false});
}

SplitBehavior split_behavior(const Json& json) {
  const std::string_view name = json.string();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail(Code::kUnsupported, json.path(),
       ": want Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, got ", name);
}

std::vector<Stretch> cut(const std::vector<Stretch>& stretches, SplitBehavior behavior) {
  std::vector<Stretch> out;
  // Whether a stretch goes into the part made last, given what the stretch before it was.
  const auto joins = [&](bool match, bool before) {
    if (behavior == SplitBehavior::kContiguous) return match == before;
    return behavior != SplitBehavior::kIsolated && match && !before;
  };
  bool before = false;
  if (behavior == SplitBehavior::kMergedWithNext) {
    for (auto s = stretches.rbegin(); s != stretches.rend(); ++s) {
      if (joins(s->match, before) && !out.empty())
        out.back().begin = s->begin;
      else
        out.push_back(*s);
      before = s->match;
    }
    std::reverse(out.begin(), out.end());
  } else {
    for (const Stretch& s : stretches) {
      if (behavior == SplitBehavior::kRemoved) {
        if (!s.match) out.push_back(s);
        continue;
      }
      if (joins(s.match, before) && !out.empty())
        out.back().end = s.end;
      else
        out.push_back(s);
      before = s.match;
    }
  }
  std::erase_if(out, [](const Stretch& s) { return s.begin == s.end; });
  return out;
}

}  // namespace winnow
