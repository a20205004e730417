// Constrained decoding: which tokens keep an answer the beginning of a JSON document that satisfies
// a schema (response_format json_object and json_schema).
#pragma once

#include <cstdint>
#include <memory>

#include "base/json.h"
#include "tasks/json_schema.h"
#include "tasks/token_mask.h"
#include "tasks/token_trie.h"

namespace winnow {

// One answer's constraint. What schemas it takes: tasks/json_schema.h. A copy stands where the
// original stands and shares its caches, which make a mask a look-up when its place in the grammar
// has been met before: copy a fresh one for each answer to the same schema (ConstraintCache). A
// fresh one may be copied and asked whether it is full by any thread; all other use of all copies
// of one belongs to one thread at a time.
class JsonConstraint {
 public:
  // schema null: any JSON object. Throws kUnsupported naming the keyword, with its JSON pointer,
  // that it cannot do, kInvalidArgument when the schema is malformed or nothing satisfies it.
  JsonConstraint(std::shared_ptr<const TokenTrie> tokens, const Json& schema,
                 const JsonFrame& frame = {});

  // The tokens that keep the output a beginning of a valid document; the end tokens exactly when it
  // is complete. Not empty if the vocabulary has every byte. Valid until the next call on any copy.
  // Throws kUnsupported when the schema is too ambiguous (Pushdown::step).
  const TokenMask& allowed();

  // Throws kInternal if the token is not allowed.
  void accept(int32_t token);

  // The output is a valid document now. It may yet go on, if it is a number.
  bool complete() const;

  // Some copy has left the caches because they had grown past their limits: further copies would
  // too.
  bool full() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  uint32_t state_;
};

}  // namespace winnow
