// A request's body as JSON, and the fields that several routes share. Pure functions; all throw
// what their caller's client did wrong: kCorrupt (not JSON), kInvalidArgument (a type, a range, a
// missing field), kEmpty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "tasks/sequence.h"

namespace winnow {

// Parses a body whose root is an object. Bytes that are not UTF-8 and escapes of lone surrogates
// pass, so that the text that holds them can be refused by name: the tokenizer takes well-formed
// UTF-8 only.
Json parse_body(std::string_view body);

// Escapes of lone surrogates ("\ud800") as the three bytes of their ill-formed UTF-8; else the text
// as it is. A JSON parser refuses them, and with them a whole request for one bad document.
std::string lone_surrogates_as_bytes(std::string_view json);

// An integer member within [low, high]; `absent` when there is none.
int int_member(const Json& object, std::string_view key, int low, int high, int absent);

// The strings of an array.
std::vector<std::string> strings_of(const Json& array);

// `truncate` (absent: auto_truncate) and `truncation_direction` (Left or Right in either case;
// absent: Right).
Truncation truncation_of(const Json& object, bool auto_truncate);

// What a yes/no reranker judges by: `instruct` (SGLang) or `instruction`, alone or in
// `chat_template_kwargs` (vLLM); empty: the prompt's own.
std::string instruction_of(const Json& object);

// More inputs than a request may have: an error that TEI counts apart.
struct TooManyInputs : Error {
  TooManyInputs(int64_t inputs, int limit)
      : Error(Code::kInvalidArgument,
              cat("batch size ", inputs, " > maximum allowed batch size ", limit)) {}
};

// Throws kEmpty, naming the field, when there is nothing, TooManyInputs above the limit.
void check_batch(std::string_view field, int64_t inputs, int limit);

// An array of token ids. Throws kInvalidArgument naming the element that is none, kEmpty where
// there must be one.
std::vector<int32_t> token_ids(const Json& array, bool may_be_empty);

}  // namespace winnow
