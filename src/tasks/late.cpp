#include "tasks/late.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {
namespace {

std::optional<int32_t> marker(const std::string& prefix, const ColbertSettings& settings,
                              const Tokenizer& tokenizer) {
  if (prefix.empty()) return std::nullopt;
  const std::optional<int32_t> id = tokenizer.token_id(prefix);
  if (!id)
    fail(Code::kCorrupt, settings.source,
         ": want prefixes that are tokens of the tokenizer, got \"", prefix, "\"");
  return id;
}

int32_t expansion(const ColbertSettings& settings, const Tokenizer& tokenizer) {
  for (const char* token : {"[MASK]", "<mask>"})
    if (const std::optional<int32_t> id = tokenizer.token_id(token)) return *id;
  const std::vector<int32_t> framed = tokenizer.assemble({}, nullptr).ids;
  if (framed.empty())
    fail(Code::kCorrupt, settings.source,
         ": want a tokenizer with [MASK] or <mask>, which fill queries up, got one without");
  return framed.back();
}

// The side's limit without its marker.
int limit_of(const LateForm& form, TextSide side, int model_limit) {
  const LateForm::Side& s = form.of(side);
  const int limit = s.length > 0 ? std::min(s.length, model_limit) : model_limit;
  return limit - (s.marker ? 1 : 0);
}

}  // namespace

std::vector<std::string> ColbertSettings::ascii_punctuation() {
  std::vector<std::string> out;
  for (const char c : std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
    out.emplace_back(1, c);
  return out;
}

LateForm late_form(const ColbertSettings& settings, const Tokenizer& tokenizer) {
  LateForm form;
  form.query = {marker(settings.query_prefix, settings, tokenizer), settings.query_length};
  form.document = {marker(settings.document_prefix, settings, tokenizer), settings.document_length};
  form.first_counts = true;
  if (settings.expand_queries) form.expansion = expansion(settings, tokenizer);
  form.attend_expansion = settings.attend_expansion;
  for (const std::string& word : settings.skipped)
    if (const std::optional<int32_t> id = tokenizer.token_id(word)) form.skipped.push_back(*id);
  std::ranges::sort(form.skipped);
  return form;
}

int late_room(const LateForm& form, TextSide side, const Tokenizer& tokenizer,
              const Truncation& truncation, int model_limit) {
  return limit_of(form, side, length_limit(truncation, model_limit)) -
         tokenizer.special_tokens(false);
}

Encoded encode_side(const TokenSpan& tokens, TextSide side, const LateForm& form,
                    const Tokenizer& tokenizer, const Truncation& truncation, int model_limit) {
  const int limit = limit_of(form, side, length_limit(truncation, model_limit));
  Encoded out = encode_tokens(tokens, nullptr, tokenizer,
                              {.enabled = truncation.enabled, .side = truncation.side}, limit);
  if (out.error) return out;
  Sequence& sequence = out.sequence;
  if (const auto& marker = form.of(side).marker) {
    const ptrdiff_t at = sequence.ids.empty() ? 0 : 1;
    sequence.ids.insert(sequence.ids.begin() + at, *marker);
    sequence.type_ids.insert(sequence.type_ids.begin() + at, 0);
  }
  if (side == TextSide::kQuery && form.expansion) {
    const size_t length = sequence.ids.size(), full = std::min(form.query.length, model_limit);
    if (length < full) {
      if (!form.attend_expansion) sequence.keys = static_cast<int32_t>(length);
      sequence.ids.resize(full, *form.expansion);
      sequence.type_ids.resize(full, 0);
    }
  }
  return out;
}

TokenVectors vectors_of(const float* values, std::span<const int32_t> ids, TextSide side,
                        const LateForm& form, int dimensions) {
  TokenVectors out{.dimensions = dimensions, .values = {}};
  out.values.reserve(ids.size() * dimensions);
  for (size_t i = form.first_counts ? 0 : 1; i < ids.size(); ++i) {
    if (side == TextSide::kDocument && std::ranges::binary_search(form.skipped, ids[i])) continue;
    const float* row = values + i * dimensions;
    out.values.insert(out.values.end(), row, row + dimensions);
  }
  return out;
}

}  // namespace winnow
