#include "text/post_processor.h"

#include <string>

#include "base/error.h"
#include "text/normalizer.h"

namespace winnow {
namespace {

using Kind = TemplatePiece::Kind;

int32_t checked_id(const Json& json, int64_t vocab_size) {
  const int64_t id = json.integer();
  if (id < 0 || id >= vocab_size)
    fail(Code::kCorrupt, json.path(), ": want an id from 0 to ", vocab_size - 1, ", got ", id);
  return static_cast<int32_t>(id);
}

int32_t type_id(const Json& json) {
  const int64_t type = json.integer("type_id", 0);
  if (type < 0 || type > 255)
    fail(Code::kCorrupt, json.path(), ".type_id: want 0 to 255, got ", type);
  return static_cast<int32_t>(type);
}

TemplatePiece sequence(const Json& json) {
  const std::string_view id = json.string("id");
  if (id != "A" && id != "B") fail(Code::kCorrupt, json.path(), ".id: want A or B, got ", id);
  return {id == "A" ? Kind::kFirst : Kind::kSecond, type_id(json)};
}

TemplatePiece special(const Json& json, const Json& tokens, int64_t vocab_size) {
  TemplatePiece piece{Kind::kSpecial, type_id(json)};
  const Json ids = tokens.at(json.string("id")).at("ids");
  for (size_t i = 0; i < ids.size(); ++i) piece.ids.push_back(checked_id(ids[i], vocab_size));
  return piece;
}

std::vector<TemplatePiece> pieces(const Json& json, const Json& tokens, int64_t vocab_size) {
  std::vector<TemplatePiece> out;
  for (size_t i = 0; i < json.size(); ++i) {
    const Json piece = json[i];
    if (const auto text = piece.find("Sequence"))
      out.push_back(sequence(*text));
    else
      out.push_back(special(piece.at("SpecialToken"), tokens, vocab_size));
  }
  return out;
}

// Each text must come exactly once: twice or never would make lengths lie.
void check(const Json& json, const std::vector<TemplatePiece>& pieces, int want_first,
           int want_second) {
  int first = 0, second = 0;
  for (const TemplatePiece& piece : pieces) {
    first += piece.kind == Kind::kFirst;
    second += piece.kind == Kind::kSecond;
  }
  if (first != want_first || second != want_second)
    fail(Code::kCorrupt, json.path(), ": want A ", want_first, " and B ", want_second,
         " times, got ", first, " and ", second);
}

void append(const TokenSpan& tokens, int32_t type, bool with_offsets, Encoding& out) {
  out.ids.insert(out.ids.end(), tokens.ids.begin(), tokens.ids.end());
  out.type_ids.insert(out.type_ids.end(), tokens.ids.size(), type);
  if (!with_offsets) return;
  out.offsets.insert(out.offsets.end(), tokens.offsets.begin(), tokens.offsets.end());
  out.special.insert(out.special.end(), tokens.ids.size(), 0);
}

bool has_offsets(const TokenSpan& tokens) { return tokens.offsets.size() == tokens.ids.size(); }

}  // namespace

int Template::special_tokens(bool of_pair) const {
  size_t count = 0;
  for (const TemplatePiece& piece : of_pair ? pair : single) count += piece.ids.size();
  return static_cast<int>(count);
}

Encoding Template::assemble(const TokenSpan& first, const TokenSpan* second) const {
  // Offsets that were asked for are there for every token; no tokens at all say nothing, and agree
  // with either.
  const bool with_offsets = has_offsets(first) && (!second || has_offsets(*second));
  Encoding out;
  const size_t size = first.ids.size() + (second ? second->ids.size() : 0) +
                      static_cast<size_t>(special_tokens(second != nullptr));
  out.ids.reserve(size);
  out.type_ids.reserve(size);
  for (const TemplatePiece& piece : second ? pair : single) {
    if (piece.kind == Kind::kFirst) {
      append(first, piece.type_id, with_offsets, out);
    } else if (piece.kind == Kind::kSecond) {
      append(*second, piece.type_id, with_offsets, out);
    } else {
      out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
      out.type_ids.insert(out.type_ids.end(), piece.ids.size(), piece.type_id);
      if (!with_offsets) continue;
      out.offsets.insert(out.offsets.end(), piece.ids.size(), Offset{});
      out.special.insert(out.special.end(), piece.ids.size(), 1);
    }
  }
  return out;
}

namespace {

// Byte-level ones change offsets only, so of the parts of a sequence one may be a template.
Template sequence_template(const Json& json, int64_t vocab_size) {
  Template out = bare_template();
  bool has_template = false;
  const Json list = json.at("processors");
  for (size_t i = 0; i < list.size(); ++i) {
    Template part = make_template(list[i], vocab_size);
    const bool trims = part.trims_offsets || out.trims_offsets,
               keeps = part.keeps_first_space || out.keeps_first_space;
    if (component_type(list[i]) != "ByteLevel") {
      if (has_template)
        fail(Code::kUnsupported, list[i].path(), ": want one template in a sequence, got another");
      has_template = true;
      out = std::move(part);
    }
    out.trims_offsets = trims;
    out.keeps_first_space = keeps;
  }
  return out;
}

void set_trimming(const Json& json, Template& out) {
  out.trims_offsets = json.boolean("trim_offsets", true);
  out.keeps_first_space = out.trims_offsets && json.boolean("add_prefix_space", true);
}

}  // namespace

Template bare_template() { return {{{Kind::kFirst, 0}}, {{Kind::kFirst, 0}, {Kind::kSecond, 1}}}; }

Template bert_template(int32_t cls, int32_t sep) {
  const TemplatePiece open{Kind::kSpecial, 0, {cls}}, a{Kind::kFirst, 0},
      close{Kind::kSpecial, 0, {sep}};
  return {{open, a, close}, {open, a, close, {Kind::kSecond, 1}, {Kind::kSpecial, 1, {sep}}}};
}

Template roberta_template(int32_t cls, int32_t sep) {
  const TemplatePiece open{Kind::kSpecial, 0, {cls}}, a{Kind::kFirst, 0},
      close{Kind::kSpecial, 0, {sep}};
  return {{open, a, close}, {open, a, close, close, {Kind::kSecond, 0}, close}};
}

Template framed_template(std::optional<int32_t> before, std::optional<int32_t> after) {
  const auto special = [](int32_t type, std::optional<int32_t> id) {
    TemplatePiece piece{Kind::kSpecial, type};
    if (id) piece.ids.push_back(*id);
    return piece;
  };
  Template out;
  for (const int32_t type : {0, 1}) {
    const TemplatePiece pieces[] = {special(type, before),
                                    {type == 0 ? Kind::kFirst : Kind::kSecond, type},
                                    special(type, after)};
    if (type == 0) out.single.assign(std::begin(pieces), std::end(pieces));
    out.pair.insert(out.pair.end(), std::begin(pieces), std::end(pieces));
  }
  return out;
}

Template make_template(const Json& json, int64_t vocab_size) {
  const std::string type = component_type(json);
  if (type == "BertProcessing")  // each of the two is [token, id]
    return bert_template(checked_id(json.at("cls")[1], vocab_size),
                         checked_id(json.at("sep")[1], vocab_size));
  if (type == "RobertaProcessing") {
    Template out = roberta_template(checked_id(json.at("cls")[1], vocab_size),
                                    checked_id(json.at("sep")[1], vocab_size));
    set_trimming(json, out);
    return out;
  }
  if (type == "TemplateProcessing") {
    const Json tokens = json.at("special_tokens"), single = json.at("single"),
               pair = json.at("pair");
    Template out{pieces(single, tokens, vocab_size), pieces(pair, tokens, vocab_size)};
    check(single, out.single, 1, 0);
    check(pair, out.pair, 1, 1);
    return out;
  }
  if (type == "ByteLevel") {
    Template out = bare_template();
    set_trimming(json, out);
    return out;
  }
  if (type == "Sequence") return sequence_template(json, vocab_size);
  fail(Code::kUnsupported, json.path(),
       ": want a post-processor of TemplateProcessing, BertProcessing, RobertaProcessing, "
       "ByteLevel, "
       "Sequence, got ",
       type);
}

}  // namespace winnow
