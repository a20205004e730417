#include "tasks/yes_no.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "tasks/rank.h"

namespace winnow {
namespace {

using Ids = std::vector<int32_t>;

// What the fields of a prompt's text stand for.
struct Fields {
  std::string_view instruction, query, document;
};

// A text with its fields filled in, and where in it the document is, in code points; absent fields
// of Fields are empty. What a field brings is not looked into for fields.
struct Filled {
  std::string text;
  int document_begin = 0, document_end = 0;
};
Filled fill(std::string_view pattern, const Fields& fields) {
  Filled out;
  while (!pattern.empty()) {
    if (pattern.starts_with("{document}")) {
      out.document_begin = static_cast<int>(code_points(out.text));
      out.text += fields.document;
      out.document_end = static_cast<int>(code_points(out.text));
      pattern.remove_prefix(10);
    } else if (pattern.starts_with("{query}")) {
      out.text += fields.query;
      pattern.remove_prefix(7);
    } else if (pattern.starts_with("{instruction}")) {
      out.text += fields.instruction;
      pattern.remove_prefix(13);
    } else {
      const size_t next = std::min(pattern.find('{', 1), pattern.size());
      out.text += pattern.substr(0, next);
      pattern.remove_prefix(next);
    }
  }
  return out;
}

// The byte where the code point of that number begins. Wants well-formed UTF-8.
size_t byte_of(std::string_view text, int code_points) {
  size_t at = 0;
  for (int i = 0; i < code_points && at < text.size(); ++i) at += decode_utf8(text, at).bytes;
  return at;
}

// A text whose special tokens are none any more: each has a space after its first letter.
std::string without_special(std::string text, const Tokenizer& tokenizer) {
  for (int pass = 0; pass < 8; ++pass) {  // what one pass breaks may complete another marker
    bool found = false;
    const TokenSpan tokens = tokenizer.tokenize(text, /*with_offsets=*/true);
    for (size_t i = tokens.ids.size(); i-- > 0;) {  // from the end: what is before keeps its place
      if (!tokenizer.is_special(tokens.ids[i])) continue;
      size_t at = byte_of(text, tokens.offsets[i].start);
      at = text.find_first_not_of(" \t\r\n", at);  // it may have taken the spaces before it
      const size_t after = at + decode_utf8(text, at).bytes;
      if (after >= byte_of(text, tokens.offsets[i].end)) continue;  // a letter has no inside
      text.insert(after, 1, ' ');
      found = true;
    }
    if (!found) return text;
  }
  fail(Code::kUnsupported, "escape_special: a special token of this tokenizer cannot be broken");
}

// A text's first so many tokens, as it is tokenized alone; a character cut in two is left out.
std::string first_tokens(const std::string& text, int most, const Tokenizer& tokenizer) {
  if (most <= 0 || text.size() <= static_cast<size_t>(most)) return text;  // a token has a byte
  const TokenSpan tokens = tokenizer.tokenize(text, /*with_offsets=*/true);
  if (tokens.ids.size() <= static_cast<size_t>(most)) return text;
  const int end = std::min(tokens.offsets[most - 1].end, tokens.offsets[most].start);
  return text.substr(0, byte_of(text, end));
}

// What a request says to a prompt, tokenized once.
struct Asked {
  Ids prefix, suffix;
  std::string instruction, query;
  int limit;  // tokens in all; with pieces of query and document
};

Asked asked(const RerankRequest& request, const YesNoPrompt& prompt, const Tokenizer& tokenizer,
            int model_limit) {
  check_prompt(prompt);
  if (const auto error = refuse_text(request.query)) fail(error->code, "query: ", error->message);
  if (const auto at = invalid_utf8_at(request.instruction))
    fail(Code::kTokenizer, "instruction: the text is not UTF-8: byte ", *at);
  Asked out;
  out.instruction = request.instruction.empty() ? prompt.instruction : request.instruction;
  out.query = request.query;
  if (request.escape_special) {
    out.query = without_special(out.query, tokenizer);
    if (!request.instruction.empty()) out.instruction = without_special(out.instruction, tokenizer);
  }
  out.query = first_tokens(out.query, request.long_documents.max_query_tokens, tokenizer);
  const Fields fields{.instruction = out.instruction, .query = {}, .document = {}};
  out.prefix = tokenizer.tokenize(fill(prompt.prefix, fields).text).ids;
  out.suffix = tokenizer.tokenize(fill(prompt.suffix, fields).text).ids;
  Truncation truncation = request.truncation;
  if (truncation.max_length <= 0) truncation.max_length = prompt.max_length;
  out.limit = length_limit(truncation, model_limit);
  return out;
}

// A query that leaves no token for a document, with all that is around it.
[[noreturn]] void refuse_query(int limit, int around) {
  fail(Code::kTooLong, "query: want fewer than ", limit, " tokens with the prompt around it, got ",
       around, "; max_query_tokens keeps its first tokens");
}

// A document's tokens, and what goes before and after each window of them.
struct Framed {
  Ids before, after;
  Ids document;
};

// Appends a document's sequences. room: of the document's tokens, at least 1. limit is for the
// message.
void append(const Framed& framed, int room, int limit, const RerankRequest& request,
            std::vector<Encoded>& out) {
  const auto length = static_cast<int>(framed.document.size());
  std::vector<Window> cut = {{0, length}};
  if (length > room) {
    cut = windows_of(request, length, room);
    if (cut.empty() && !request.truncation.enabled) {
      const size_t all = framed.before.size() + framed.after.size() + framed.document.size();
      out.push_back({{},
                     InputError{Code::kTooLong, cat("want at most ", limit, " tokens, got ", all,
                                                    ": truncation is off")}});
      return;
    }
    const bool left = request.truncation.side == TruncationSide::kLeft;
    if (cut.empty()) cut = {left ? Window{length - room, length} : Window{0, room}};
  }
  for (const Window window : cut) {
    Encoded e;
    Ids& ids = e.sequence.ids;
    ids.reserve(framed.before.size() + (window.end - window.begin) + framed.after.size());
    ids = framed.before;
    ids.insert(ids.end(), framed.document.begin() + window.begin,
               framed.document.begin() + window.end);
    ids.insert(ids.end(), framed.after.begin(), framed.after.end());
    e.sequence.type_ids.assign(ids.size(), 0);
    out.push_back(std::move(e));
  }
}

// The body's tokens taken apart: a token with a letter of the document is the document's.
Framed framed_body(const Asked& asked, const Filled& body, const Tokenizer& tokenizer,
                   const RerankRequest& request) {
  TokenSpan tokens = tokenizer.tokenize(body.text, /*with_offsets=*/true);
  const auto size = static_cast<int>(tokens.ids.size());
  int begin = 0, end = size;
  while (begin < size && tokens.offsets[begin].end <= body.document_begin) ++begin;
  while (end > begin && tokens.offsets[end - 1].start >= body.document_end) --end;
  Framed out{asked.prefix, {tokens.ids.begin() + end, tokens.ids.end()}, {}};
  out.before.insert(out.before.end(), tokens.ids.begin(), tokens.ids.begin() + begin);
  out.after.insert(out.after.end(), asked.suffix.begin(), asked.suffix.end());
  tokens.offsets.clear();
  TokenSpan document = slice(tokens, {begin, end});
  keep(document, request.long_documents.max_document_tokens, request.truncation.side);
  out.document = std::move(document.ids);
  return out;
}

std::vector<Encoded> encode_bodies(const RerankRequest& request, const YesNoPrompt& prompt,
                                   const Tokenizer& tokenizer, const Asked& asked) {
  std::vector<Encoded> out;
  out.reserve(request.documents.size());
  const int room = asked.limit - static_cast<int>(asked.prefix.size() + asked.suffix.size());
  each_document(request, out, [&](const std::string& text) {
    const std::string document = request.escape_special ? without_special(text, tokenizer) : text;
    const Filled body =
        fill(prompt.body,
             {.instruction = asked.instruction, .query = asked.query, .document = document});
    if (request.long_documents.max_document_tokens <= 0) {
      const Ids ids = tokenizer.tokenize(body.text).ids;
      if (static_cast<int64_t>(ids.size()) <= room)
        return append({asked.prefix, asked.suffix, ids}, room, asked.limit, request, out);
    }
    const Framed framed = framed_body(asked, body, tokenizer, request);
    const auto around = static_cast<int>(framed.before.size() + framed.after.size());
    if (around >= asked.limit) refuse_query(asked.limit, around);
    append(framed, asked.limit - around, asked.limit, request, out);
  });
  return out;
}

// FlagLLMReranker: the query's piece has three quarters of max_length; prefix, query, separator and
// document together max_length and one more separator and suffix; then these two once more.
std::vector<Encoded> encode_pieces(const RerankRequest& request, const YesNoPrompt& prompt,
                                   const Tokenizer& tokenizer, const Asked& asked,
                                   int model_limit) {
  const auto filled = [&](const std::string& piece, std::string_view document) {
    return tokenizer.tokenize(
        fill(piece, {.instruction = asked.instruction, .query = asked.query, .document = document})
            .text);
  };
  TokenSpan query = filled(prompt.query_piece, {});
  const int most = static_cast<int>(int64_t{asked.limit} * 3 / 4);
  if (!request.truncation.enabled && query.ids.size() > static_cast<size_t>(most))
    fail(Code::kTooLong, "query: want at most ", most, " tokens, got ", query.ids.size(),
         ": truncation is off");
  keep(query, std::max(most, 1), TruncationSide::kRight);
  const Ids separator = tokenizer.tokenize(prompt.separator).ids;
  const auto tail = static_cast<int>(separator.size() + asked.suffix.size());
  const int whole =
      static_cast<int>(std::min<int64_t>(int64_t{asked.limit} + 2 * tail, model_limit));

  Framed framed{asked.prefix, separator, {}};
  for (const Ids* part : {static_cast<const Ids*>(&query.ids), &separator})
    framed.before.insert(framed.before.end(), part->begin(), part->end());
  framed.after.insert(framed.after.end(), asked.suffix.begin(), asked.suffix.end());
  const auto around = static_cast<int>(framed.before.size() + framed.after.size());
  const int room = std::min(whole - around, asked.limit);
  if (room < 1) refuse_query(whole, around);

  std::vector<Encoded> out;
  out.reserve(request.documents.size());
  each_document(request, out, [&](const std::string& text) {
    TokenSpan document = filled(prompt.document_piece,
                                request.escape_special ? without_special(text, tokenizer) : text);
    keep(document, request.long_documents.max_document_tokens, request.truncation.side);
    framed.document = std::move(document.ids);
    append(framed, room, around + room, request, out);
  });
  return out;
}

bool has(std::string_view text, std::string_view field) {
  return text.find(field) != std::string_view::npos;
}

// The one token of a text, or its first.
int32_t token_of(const std::string& text, bool first, const Tokenizer& tokenizer,
                 std::string_view what) {
  const Ids ids = tokenizer.tokenize(text).ids;
  if (ids.empty() || (!first && ids.size() != 1))
    fail(Code::kUnsupported, "yes/no reranker: ", what, ": want one token for \"", text, "\", got ",
         ids.size());
  return ids[0];
}

}  // namespace

void check_prompt(const YesNoPrompt& prompt) {
  const auto wrong = [&](const auto&... parts) {
    fail(Code::kInvalidArgument, "prompt ", prompt.name, ": ", parts...);
  };
  const bool pieces = !prompt.query_piece.empty() || !prompt.document_piece.empty();
  if (pieces == !prompt.body.empty())
    wrong("want a body, or a query_piece and a document_piece, got ", pieces ? "both" : "neither");
  const std::string& asks = pieces ? prompt.query_piece : prompt.body;
  const std::string& shows = pieces ? prompt.document_piece : prompt.body;
  if (!has(asks, "{query}")) wrong(pieces ? "query_piece" : "body", ": want {query} in it");
  if (!has(shows, "{document}"))
    wrong(pieces ? "document_piece" : "body", ": want {document} in it");
  if (has(shows.substr(shows.find("{document}") + 1), "{document}"))
    wrong(pieces ? "document_piece" : "body", ": want {document} in it once");
  for (const std::string* text : {&prompt.prefix, &prompt.suffix, &prompt.separator})
    if (has(*text, "{query}") || has(*text, "{document}"))
      wrong("prefix, suffix, separator: want neither {query} nor {document} in them");
  if (pieces && (has(prompt.query_piece, "{document}") || has(prompt.document_piece, "{query}")))
    wrong("query_piece, document_piece: want each field in its own piece");
  for (const auto& [what, text] :
       {std::pair<const char*, const std::string&>{"prefix", prompt.prefix},
        {"suffix", prompt.suffix},
        {"body", prompt.body},
        {"query_piece", prompt.query_piece},
        {"document_piece", prompt.document_piece},
        {"separator", prompt.separator},
        {"instruction", prompt.instruction}})
    if (const auto at = invalid_utf8_at(text)) wrong(what, ": not UTF-8: byte ", *at);
  if (prompt.yes.empty()) wrong("yes: want a text, got none");
  if (prompt.no.empty() && prompt.score == YesNoPrompt::Score::kYesOverNo)
    wrong("no: want a text, got none");
  if (prompt.max_length < 1) wrong("max_length: want 1 or more, got ", prompt.max_length);
}

YesNoTokens yes_no_tokens(const YesNoPrompt& prompt, const Tokenizer& tokenizer) {
  check_prompt(prompt);
  for (const std::string& marker : prompt.markers)
    if (tokenizer.tokenize(marker).ids.size() != 1)
      fail(Code::kUnsupported, "yes/no reranker: prompt ", prompt.name,
           ": want one token for the marker \"", marker, "\", got ",
           tokenizer.tokenize(marker).ids.size(), ": it is another tokenizer's prompt");
  const bool alone = prompt.score == YesNoPrompt::Score::kYesLogit;
  const int32_t yes = token_of(prompt.yes, alone, tokenizer, "yes");
  return {.no = alone ? yes : token_of(prompt.no, false, tokenizer, "no"), .yes = yes};
}

std::optional<YesNoTokens> yes_no_tokens(const Json& logit_score) {
  if (!logit_score.is_object()) return std::nullopt;
  const auto yes = logit_score.find("true_token_id"), no = logit_score.find("false_token_id");
  if (!yes || !no) return std::nullopt;
  return YesNoTokens{.no = static_cast<int32_t>(no->integer()),
                     .yes = static_cast<int32_t>(yes->integer())};
}

std::vector<Encoded> encode_yes_no(const RerankRequest& request, const YesNoPrompt& prompt,
                                   const Tokenizer& tokenizer, int model_limit) {
  const Asked a = asked(request, prompt, tokenizer, model_limit);
  return prompt.body.empty() ? encode_pieces(request, prompt, tokenizer, a, model_limit)
                             : encode_bodies(request, prompt, tokenizer, a);
}

RerankResponse decode_yes_no(const RerankRequest& request, const YesNoPrompt& prompt,
                             const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs) {
  std::vector<float> scores(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i].error) continue;
    const Output& o = outputs[i];
    if (o.size() == 1)
      scores[i] = o[0];
    else
      scores[i] = prompt.score == YesNoPrompt::Score::kYesLogit ? o.at(1) : o.at(1) - o.at(0);
  }
  return rank(request, encoded, scores, !request.raw_scores);
}

}  // namespace winnow
