#include "tasks/constraint_cache.h"

#include <algorithm>
#include <utility>

namespace winnow {

JsonConstraint ConstraintCache::get(const std::shared_ptr<const TokenTrie>& tokens,
                                    const Json& schema, const JsonFrame& frame) {
  JsonWriter writer;
  append_json(writer, schema);
  std::string text = writer.take();
  const auto find = [&] {
    return std::ranges::find_if(
        entries_, [&](const Entry& e) { return e.schema == text && e.frame == frame; });
  };
  {
    std::lock_guard lock(mutex_);
    if (const auto found = find(); found != entries_.end()) {
      if (!found->fresh.full()) {
        entries_.splice(entries_.begin(), entries_, found);
        return found->fresh;
      }
      entries_.erase(found);
    }
  }
  // Without the lock: a large schema takes a while. Two that come at once compile twice.
  JsonConstraint fresh(tokens, schema, frame);
  std::lock_guard lock(mutex_);
  if (const auto found = find(); found != entries_.end()) return found->fresh;
  entries_.push_front({std::move(text), frame, fresh});
  if (entries_.size() > most_) entries_.pop_back();
  return fresh;
}

size_t ConstraintCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace winnow
