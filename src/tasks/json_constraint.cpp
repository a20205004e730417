#include "tasks/json_constraint.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "tasks/json_schema.h"
#include "tasks/pushdown.h"

namespace winnow {
namespace {

// A copy whose caches have grown past this leaves them to the others and begins its own: a state is
// about 1 kB, a mask V / 8 bytes.
constexpr size_t kMaxStates = 20'000;
constexpr size_t kMaxMasks = 1'000;

}  // namespace

struct JsonConstraint::Shared {
  // What the tokens do to one part of a state: those that stay above the part's open bottom, and
  // the nodes of the trie at which that bottom is returned to.
  struct Local {
    TokenMask mask;
    std::vector<uint32_t> exits;
  };

  Shared(std::shared_ptr<const TokenTrie> trie, Pushdown automaton)
      : tokens(std::move(trie)), pushdown(std::move(automaton)) {}

  // Follows the descendants of a node from a state before them; adds the tokens that are possible.
  // exits, if not null, takes the nodes after which the state is done.
  void walk(uint32_t node, Pushdown::State from, TokenMask& mask, std::vector<uint32_t>* exits) {
    const auto nodes = tokens->nodes();
    const uint32_t end = nodes[node].end;
    const uint16_t depth = nodes[node].depth;
    path.resize(std::max<size_t>(path.size(), 1));
    path[0] = from;
    for (uint32_t n = node + 1; n < end;) {
      const size_t level = nodes[n].depth - depth;
      const Pushdown::State state = pushdown.step(path[level - 1], nodes[n].byte);
      if (state == Pushdown::kDead) {
        n = nodes[n].end;
        continue;
      }
      if (path.size() <= level) path.resize(level + 1);
      path[level] = state;
      for (const int32_t id : tokens->tokens_at(n)) mask.set(id);
      if (exits && pushdown.done(state)) exits->push_back(n);
      ++n;
    }
  }

  const Local& local(Pushdown::State state) {
    const auto [at, added] = locals.try_emplace(state);
    if (added) {
      at->second.mask = TokenMask(tokens->vocab_size());
      walk(0, state, at->second.mask, &at->second.exits);
    }
    return at->second;
  }

  const TokenMask& mask(Pushdown::State state) {
    if (masks.size() >= kMaxMasks && !masks.contains(state)) masks.clear();
    const auto [at, added] = masks.try_emplace(state, tokens->vocab_size());
    if (!added) return at->second;
    TokenMask& out = at->second;
    for (const Pushdown::Part& part : pushdown.parts(state, 2 * tokens->most_brackets() + 4)) {
      const Local& inside = local(part.local);
      out.merge(inside.mask);
      if (part.after != Pushdown::kDead)
        for (const uint32_t node : inside.exits) walk(node, part.after, out, nullptr);
    }
    if (pushdown.done(state))
      for (const int32_t id : tokens->end_tokens()) out.set(id);
    return out;
  }

  std::shared_ptr<const TokenTrie> tokens;
  Pushdown pushdown;
  std::unordered_map<Pushdown::State, Local> locals;
  std::unordered_map<Pushdown::State, TokenMask> masks;
  std::vector<Pushdown::State> path;
  std::atomic<bool> left = false;  // by a copy, for caches of its own
};

JsonConstraint::JsonConstraint(std::shared_ptr<const TokenTrie> tokens, const Json& schema,
                               const JsonFrame& frame)
    : shared_(std::make_shared<Shared>(std::move(tokens), compile_json_schema(schema, frame))),
      state_(shared_->pushdown.start()) {}

const TokenMask& JsonConstraint::allowed() {
  if (shared_->pushdown.size() > kMaxStates || shared_->locals.size() > kMaxMasks) {
    shared_->left = true;
    shared_ = std::make_shared<Shared>(shared_->tokens, Pushdown(shared_->pushdown, state_));
    state_ = shared_->pushdown.start();
  }
  return shared_->mask(state_);
}

void JsonConstraint::accept(int32_t token) {
  const TokenTrie& tokens = *shared_->tokens;
  const bool ends = std::find(tokens.end_tokens().begin(), tokens.end_tokens().end(), token) !=
                    tokens.end_tokens().end();
  if (ends && complete()) return;
  Pushdown::State state = state_;
  const bool known = token >= 0 && static_cast<size_t>(token) < tokens.vocab_size();
  if (!known || tokens.bytes(token).empty()) state = Pushdown::kDead;
  if (state != Pushdown::kDead)
    for (const char c : tokens.bytes(token))
      state = shared_->pushdown.step(state, static_cast<uint8_t>(c));
  if (state == Pushdown::kDead)
    fail(Code::kInternal, "constrain: want an allowed token, got token ", token);
  state_ = state;
}

bool JsonConstraint::full() const { return shared_->left; }

bool JsonConstraint::complete() const { return shared_->pushdown.done(state_); }

}  // namespace winnow
