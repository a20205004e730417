#include "text/jinja/interpreter.h"

#include <algorithm>

#include "text/jinja/globals.h"
#include "text/jinja/lexer.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace winnow::jinja {

// The names of one block. A name is looked for here, then in the scopes around it.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> names;

  void set(std::string_view name, Value value) {
    for (auto& [key, old] : names)
      if (key == name) {
        old = std::move(value);
        return;
      }
    names.emplace_back(name, std::move(value));
  }
  const Value* find(std::string_view name) const {
    for (const Scope* s = this; s; s = s->parent.get())
      for (const auto& [key, value] : s->names)
        if (key == name) return &value;
    return nullptr;
  }
};

namespace {

enum class Flow : uint8_t { kOn, kBreak, kContinue };

class Interpreter {
 public:
  Interpreter(const Program& program, const Variables& variables, Limits limits)
      : program_(program), budget_(limits), out_(budget_), scope_(std::make_shared<Scope>()) {
    for (const auto& [name, value] : variables) scope_->set(name, value);
    push_scope();
  }
  // Namespaces and the scopes of macros may hold one another: emptied, they are freed.
  ~Interpreter() {
    for (const auto& space : spaces_) space->items.clear();
    for (const auto& scope : captured_scopes_) scope->names.clear();
  }
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string run() {
    try {
      execute(program_.body);
    } catch (const Error& e) {
      fail(e.code(), place_of(program_.source, at_), ": ", e.what());
    }
    return out_.take();
  }

 private:
  using Kind = Expression::Kind;

  // One more level of the C++ stack.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) {
      budget.enter();
      budget.step();
    }
    ~Level() { budget_.leave(); }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };

  // A scope that ends with the block.
  class Inner {
   public:
    Inner(Interpreter& owner, std::shared_ptr<Scope> parent) : owner_(owner), outer_(owner.scope_) {
      owner.scope_ = std::make_shared<Scope>();
      owner.scope_->parent = std::move(parent);
    }
    explicit Inner(Interpreter& owner) : Inner(owner, owner.scope_) {}
    ~Inner() { owner_.scope_ = std::move(outer_); }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    Interpreter& owner_;
    std::shared_ptr<Scope> outer_;
  };

  void push_scope() {
    auto inner = std::make_shared<Scope>();
    inner->parent = std::move(scope_);
    scope_ = std::move(inner);
  }

  // What the body prints.
  std::string captured(const Body& body) {
    Builder inner(budget_);
    std::swap(inner.text(), out_.text());
    try {
      execute(body);
    } catch (...) {
      std::swap(inner.text(), out_.text());
      throw;
    }
    std::swap(inner.text(), out_.text());
    return inner.take();
  }

  // ---- statements -------------------------------------------------------------------------------

  Flow execute(const Body& body) {
    for (const auto& s : body)
      if (const Flow flow = execute(*s); flow != Flow::kOn) return flow;
    return Flow::kOn;
  }

  Flow execute(const Statement& s) {
    const Level level(budget_);
    at_ = s.at;
    switch (s.kind) {
      case Statement::Kind::kText:
        out_ += s.text;
        return Flow::kOn;
      case Statement::Kind::kPrint:
        print(*s.value);
        return Flow::kOn;
      case Statement::Kind::kSet:
        assign(*s.target, evaluate(*s.value));
        return Flow::kOn;
      case Statement::Kind::kIf:
        return choose(s);
      case Statement::Kind::kFor:
        return loop(s);
      case Statement::Kind::kMacro:
        scope_->set(s.name, macro_value(s));
        return Flow::kOn;
      case Statement::Kind::kCall:
        call_block(s);
        return Flow::kOn;
      case Statement::Kind::kBreak:
        return Flow::kBreak;
      case Statement::Kind::kContinue:
        return Flow::kContinue;
      default:
        return block(s);
    }
  }

  void print(const Expression& e) {
    const Value value = evaluate(e);
    at_ = e.at;
    out_ += to_text(budget_, value);
  }

  Flow choose(const Statement& s) {
    for (const auto& [condition, body] : s.branches)
      if (!condition || evaluate(*condition).truth()) return execute(body);
    return Flow::kOn;
  }

  Flow block(const Statement& s) {
    if (s.kind == Statement::Kind::kWith) {
      std::vector<Value> values;
      for (const auto& [name, value] : s.parameters) values.push_back(evaluate(*value));
      const Inner inner(*this);
      for (size_t i = 0; i < values.size(); ++i) scope_->set(s.parameters[i].first, values[i]);
      return execute(s.body);
    }
    std::string text;
    {
      const Inner inner(*this);
      if (s.kind == Statement::Kind::kScope) return execute(s.body);
      text = captured(s.body);
    }
    Value value(std::move(text));
    if (s.value) {
      const Value outer = std::exchange(block_text_, value);
      value = evaluate(*s.value);
      block_text_ = outer;
    }
    if (s.kind == Statement::Kind::kFilter)
      out_ += to_text(budget_, value);
    else
      assign(*s.target, value);
    return Flow::kOn;
  }

  void assign(const Expression& target, const Value& value) {
    at_ = target.at;
    if (target.kind == Kind::kName) {
      scope_->set(target.name, value);
    } else if (target.kind == Kind::kAttribute) {
      set_attribute(target, value);
    } else {
      const std::vector<Value> items = elements(budget_, value);
      if (value.is_undefined()) value.want_defined();
      if (items.size() != target.children.size())
        fail(Code::kInvalidArgument, "want ", target.children.size(), " values to unpack, got ",
             items.size());
      for (size_t i = 0; i < items.size(); ++i) assign(*target.children[i], items[i]);
    }
  }

  void set_attribute(const Expression& target, const Value& value) {
    const std::string& name = target.children[0]->name;
    const Value* found = scope_->find(name);
    if (!found) fail(Code::kInvalidArgument, '\'', name, "' is undefined");
    if (!found->space())
      fail(Code::kInvalidArgument, "cannot assign attribute on non-namespace object");
    if (target.name.starts_with("_"))
      fail(Code::kInvalidArgument, "want a namespace attribute without an underscore, got ",
           target.name);
    auto& items = found->space()->items;
    const auto old = std::find_if(items.begin(), items.end(),
                                  [&](const auto& item) { return item.first == target.name; });
    if (old != items.end())
      old->second = value;
    else
      items.emplace_back(target.name, value);
  }

  Flow loop(const Statement& s) {
    std::vector<Value> items = elements(budget_, iterable(s));
    if (s.condition) {
      std::vector<Value> kept;
      for (const Value& item : items) {
        const Inner inner(*this);
        assign(*s.target, item);
        if (evaluate(*s.condition).truth()) kept.push_back(item);
      }
      items = std::move(kept);
    }
    if (items.empty()) {
      const Inner inner(*this);
      return execute(s.otherwise);
    }
    const auto state = std::make_shared<Loop>();
    state->items = std::move(items);
    Flow flow = Flow::kOn;
    for (; state->index < state->items.size() && flow == Flow::kOn; ++state->index) {
      const Inner inner(*this);
      scope_->set("loop", Value(state));
      assign(*s.target, state->items[state->index]);
      flow = execute(s.body);
      if (flow == Flow::kContinue) flow = Flow::kOn;
    }
    return Flow::kOn;
  }

  Value iterable(const Statement& s) {
    const Value value = evaluate(*s.value);
    at_ = s.value->at;
    return value;
  }

  // ---- macros and calls -------------------------------------------------------------------------

  Value macro_value(const Statement& s) {
    budget_.bytes(256);
    auto out = std::make_shared<Callable>();
    out->name = s.name;
    out->macro = &s;
    out->scope = scope_;
    captured_scopes_.push_back(scope_);
    return Value(std::shared_ptr<const Callable>(std::move(out)));
  }

  void call_block(const Statement& s) {
    const Value callee = evaluate(*s.value->children[0]);
    Arguments arguments = evaluate_arguments(*s.value);
    arguments.named.emplace_back("caller", macro_value(s));
    at_ = s.at;
    out_ += to_text(budget_, call(callee, arguments));
  }

  Value call(const Value& callee, const Arguments& arguments) {
    callee.want_defined();
    const Callable* c = callee.callable();
    if (!c) fail(Code::kInvalidArgument, '\'', callee.type(), "' object is not callable");
    if (c->macro) return call_macro(*c, arguments);
    Value out = c->native(budget_, c->self, arguments);
    if (c->native == make_namespace) {
      const Namespace* made = out.space();
      spaces_.push_back(std::shared_ptr<Namespace>(std::make_shared<Value>(out), out.space()));
      budget_.bytes(static_cast<int64_t>(128 + made->items.size() * (sizeof(Value) + 32)));
    }
    return out;
  }

  Value call_macro(const Callable& c, const Arguments& arguments) {
    const Statement& m = *c.macro;
    const Inner inner(*this, c.scope);
    bind(m, arguments);
    return Value(captured(m.body));
  }

  void bind(const Statement& m, const Arguments& arguments) {
    std::vector<Value> more;
    for (size_t i = m.parameters.size(); i < arguments.positional.size(); ++i)
      more.push_back(arguments.positional[i]);
    if (!more.empty() && !m.takes_varargs)
      fail(Code::kInvalidArgument, "macro '", m.name, "' takes not more than ", m.parameters.size(),
           " argument(s)");
    std::vector<std::pair<Value, Value>> others;
    Value caller;
    for (const auto& [name, value] : arguments.named) {
      const auto at = std::find_if(m.parameters.begin(), m.parameters.end(),
                                   [&, &name = name](const auto& p) { return p.first == name; });
      if (at != m.parameters.end()) continue;
      if (name == "caller" && m.takes_caller)
        caller = value;
      else if (m.takes_kwargs)
        others.emplace_back(Value(name), value);
      else
        fail(Code::kInvalidArgument, "macro '", m.name, "' takes no keyword argument '", name,
             '\'');
    }
    for (size_t i = 0; i < m.parameters.size(); ++i)
      scope_->set(m.parameters[i].first, parameter(m, i, arguments));
    if (m.takes_varargs)
      scope_->set("varargs", make_sequence(budget_, std::move(more), Sequence::Flavor::kTuple));
    if (m.takes_kwargs) scope_->set("kwargs", make_dict(budget_, std::move(others)));
    if (m.takes_caller)
      scope_->set("caller", caller.is_none() ? Value::undefined("No caller defined") : caller);
  }

  Value parameter(const Statement& m, size_t i, const Arguments& arguments) {
    const auto& [name, absent] = m.parameters[i];
    const auto given = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&, &n = name](const auto& a) { return a.first == n; });
    if (i < arguments.positional.size()) {
      if (given != arguments.named.end())
        fail(Code::kInvalidArgument, "macro '", m.name, "' got multiple values for argument '",
             name, '\'');
      return arguments.positional[i];
    }
    if (given != arguments.named.end()) return given->second;
    return absent ? evaluate(*absent)
                  : Value::undefined(cat("parameter '", name, "' was not provided"));
  }

  Arguments evaluate_arguments(const Expression& e) {
    Arguments out;
    for (size_t i = 1; i < e.children.size(); ++i)
      out.positional.push_back(evaluate(*e.children[i]));
    for (const auto& [name, value] : e.named) out.named.emplace_back(name, evaluate(*value));
    at_ = e.at;
    return out;
  }

  // ---- expressions ------------------------------------------------------------------------------

  Value evaluate(const Expression& e) {
    const Level level(budget_);
    at_ = e.at;
    switch (e.kind) {
      case Kind::kConstant:
        return e.constant;
      case Kind::kName:
        return name(e);
      case Kind::kCaptured:
        return block_text_;
      case Kind::kAnd:
      case Kind::kOr: {
        Value left = evaluate(*e.children[0]);
        return left.truth() == (e.kind == Kind::kOr) ? left : evaluate(*e.children[1]);
      }
      case Kind::kNot:
        return !evaluate(*e.children[0]).truth();
      case Kind::kConditional:
        return conditional(e);
      case Kind::kCompare:
        return compared(e);
      case Kind::kList:
      case Kind::kTuple:
      case Kind::kDict:
        return literal(e);
      case Kind::kConcat:
        return concatenated(e);
      case Kind::kCall:
      case Kind::kFilter:
      case Kind::kTest:
        return applied(e);
      default:
        return operated(e);
    }
  }

  Value name(const Expression& e) {
    if (const Value* found = scope_->find(e.name)) return *found;
    if (Value global = find_global(e.name); !global.is_none()) return global;
    return Value::undefined(cat('\'', e.name, "' is undefined"));
  }

  Value conditional(const Expression& e) {
    if (evaluate(*e.children[0]).truth()) return evaluate(*e.children[1]);
    if (e.children[2]) return evaluate(*e.children[2]);
    return Value::undefined(
        "the inline if-expression evaluated to false and no else section "
        "was defined.");
  }

  Value compared(const Expression& e) {
    Value left = evaluate(*e.children[0]);
    for (size_t i = 0; i < e.compares.size(); ++i) {
      Value right = evaluate(*e.children[i + 1]);
      at_ = e.at;
      if (!compare(budget_, e.compares[i], left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  Value literal(const Expression& e) {
    std::vector<Value> items;
    for (const ExpressionPtr& child : e.children) items.push_back(evaluate(*child));
    at_ = e.at;
    if (e.kind != Kind::kDict)
      return make_sequence(
          budget_, std::move(items),
          e.kind == Kind::kList ? Sequence::Flavor::kList : Sequence::Flavor::kTuple);
    std::vector<std::pair<Value, Value>> pairs;
    for (size_t i = 0; i + 1 < items.size(); i += 2) pairs.emplace_back(items[i], items[i + 1]);
    return make_dict(budget_, std::move(pairs));
  }

  Value concatenated(const Expression& e) {
    Builder out(budget_);
    for (const ExpressionPtr& child : e.children) out += to_text(budget_, evaluate(*child));
    return Value(out.take());
  }

  Value applied(const Expression& e) {
    const Value subject = evaluate(*e.children[0]);
    const Arguments arguments = evaluate_arguments(e);
    if (e.kind == Kind::kCall) return call(subject, arguments);
    if (!e.filter && !e.check)
      fail(Code::kUnsupported, "winnow has no filter or test '", e.name, '\'');
    if (e.kind == Kind::kFilter) return e.filter(budget_, subject, arguments);
    return e.check(budget_, subject, arguments);
  }

  Value operated(const Expression& e) {
    Value v[4];
    for (size_t i = 0; i < e.children.size() && i < 4; ++i)
      if (e.children[i]) v[i] = evaluate(*e.children[i]);
    at_ = e.at;
    switch (e.kind) {
      case Kind::kAttribute:
        return get_attribute(budget_, v[0], e.name);
      case Kind::kItem:
        return get_item(budget_, v[0], v[1]);
      case Kind::kSlice:
        return get_slice(budget_, v[0], v[1], v[2], v[3]);
      case Kind::kNegative:
        return negate(v[0]);
      case Kind::kPositive:
        negate(v[0]);  // for its error
        return v[0].is_bool() ? Value(v[0].whole()) : v[0];
      default:
        return binary(budget_, e.binary, v[0], v[1]);
    }
  }

  const Program& program_;
  Budget budget_;
  Builder out_;
  std::shared_ptr<Scope> scope_;
  Value block_text_;
  size_t at_ = 0;
  std::vector<std::shared_ptr<Namespace>> spaces_;
  std::vector<std::shared_ptr<Scope>> captured_scopes_;
};

}  // namespace

std::string run(const Program& program, const Variables& variables, Limits limits) {
  return Interpreter(program, variables, limits).run();
}

}  // namespace winnow::jinja
