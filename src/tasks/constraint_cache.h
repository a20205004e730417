// The JSON schemas that were asked for last, compiled: a schema that comes again is not compiled
// again, and finds the masks of the places that its answers have been at.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>

#include "tasks/json_constraint.h"

namespace winnow {

// Thread-safe; the constraints that it gives are used as JsonConstraint says: all by one thread at
// a time, a decoder's.
class ConstraintCache {
 public:
  // At most so many schemas; the one that was asked for longest ago goes first. One holds at most
  // some 40 MB of automaton and masks, in a vocabulary of 150,000.
  explicit ConstraintCache(size_t most) : most_(most) {}

  // A fresh constraint by these tokens, which are the same in every call. Throws as JsonConstraint,
  // and keeps nothing then.
  JsonConstraint get(const std::shared_ptr<const TokenTrie>& tokens, const Json& schema,
                     const JsonFrame& frame = {});

  size_t size() const;

 private:
  struct Entry {
    std::string schema;
    JsonFrame frame;
    JsonConstraint fresh;
  };

  const size_t most_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first
};

}  // namespace winnow
