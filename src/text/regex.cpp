#include "text/regex.h"

#include <oniguruma.h>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int size =
      info ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(size)};
}

const OnigUChar* bytes(const char* text) { return reinterpret_cast<const OnigUChar*>(text); }

}  // namespace

struct Regex::Compiled {
  explicit Compiled(regex_t* r) : regex(r) {}
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() { onig_free(regex); }
  regex_t* regex;
};

Regex::Regex(const std::string& pattern, std::string_view where) {
  static const int kReady = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    return onig_initialize(encodings, 1);
  }();
  if (kReady != ONIG_NORMAL) fail(Code::kInternal, "regex: ", message_of(kReady, nullptr));
  regex_t* regex = nullptr;
  OnigErrorInfo info;
  const int code = onig_new(&regex, bytes(pattern.data()), bytes(pattern.data() + pattern.size()),
                            ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, OnigDefaultSyntax, &info);
  if (code != ONIG_NORMAL)
    fail(Code::kCorrupt, where, ": want a regular expression, got \"", pattern,
         "\": ", message_of(code, &info));
  compiled_ = std::make_shared<Compiled>(regex);
}

void Regex::find_all(std::string_view text, std::vector<Match>& matches) const {
  const auto free_region = [](OnigRegion* r) { onig_region_free(r, 1); };
  const std::unique_ptr<OnigRegion, decltype(free_region)> region(onig_region_new(), free_region);
  const OnigUChar* const begin = bytes(text.data());
  const OnigUChar* const end = begin + text.size();
  size_t from = 0;
  bool any = false;
  while (from <= text.size()) {
    const auto found = onig_search(compiled_->regex, begin, end, begin + from, end, region.get(),
                                   ONIG_OPTION_NONE);
    if (found == ONIG_MISMATCH) return;
    if (found < 0)
      fail(Code::kTokenizer, "regex: want a text that can be searched, got one at whose byte ",
           from, " it fails: ", message_of(static_cast<int>(found), nullptr));
    const Match match{static_cast<size_t>(region->beg[0]), static_cast<size_t>(region->end[0])};
    if (match.begin == match.end && any && matches.back().end == match.end) {
      from += from < text.size() ? static_cast<size_t>(decode_utf8(text, from).bytes) : 1;
      continue;
    }
    matches.push_back(match);
    any = true;
    from = match.end;
  }
}

}  // namespace winnow
