// The values of a template: Python's, as far as templates see them. Immutable but for namespaces,
// a generator's position and what a loop remembers; a copy shares what it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/jinja/budget.h"

namespace winnow::jinja {

class Value;
struct Sequence;
struct Dict;
struct Namespace;
struct Callable;
struct Loop;
struct Statement;
struct Scope;

// A name or attribute that is not there: prints as nothing, is false, and fails when it is used
// for more, with the words it carries.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

// A string; safe is jinja2's Markup: what is added to it gets HTML-escaped.
struct Text {
  std::shared_ptr<const std::string> text;
  bool safe = false;
};

class Value {
 public:
  Value() = default;  // None
  // Whatever a template computes with becomes a Value by itself.
  // NOLINTBEGIN(google-explicit-constructor)
  Value(bool truth) : data_(truth) {}
  Value(int64_t number) : data_(number) {}
  Value(int number) : data_(static_cast<int64_t>(number)) {}
  Value(double number) : data_(number) {}
  Value(std::string text, bool safe = false)
      : data_(Text{std::make_shared<const std::string>(std::move(text)), safe}) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(std::shared_ptr<Sequence> items) : data_(std::move(items)) {}
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
  Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {}
  Value(std::shared_ptr<const Callable> callable) : data_(std::move(callable)) {}
  Value(std::shared_ptr<Loop> loop) : data_(std::move(loop)) {}
  // NOLINTEND(google-explicit-constructor)

  // `why` is what an error says when the value is used.
  static Value undefined(std::string why);
  // Throws kInvalidArgument for text that is not UTF-8 and integers beyond 64 bits.
  static Value from_json(const Json& json);

  bool is_none() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  bool is_whole() const { return is_bool() || is_int(); }
  bool is_string() const { return std::holds_alternative<Text>(data_); }
  bool is_safe() const { return is_string() && std::get<Text>(data_).safe; }

  // Null when the value is of another kind.
  Sequence* sequence() const { return pointer<Sequence>(); }
  const Dict* dict() const { return pointer<const Dict>(); }
  Namespace* space() const { return pointer<Namespace>(); }
  const Callable* callable() const { return pointer<const Callable>(); }
  Loop* loop() const { return pointer<Loop>(); }

  // Want the kind asked for (is_whole for whole, is_number for real).
  const std::string& text() const { return *std::get<Text>(data_).text; }
  int64_t whole() const;
  double real() const;
  const std::string& why() const { return *std::get<Undefined>(data_).why; }

  bool truth() const;                  // Python's bool()
  std::string_view type() const;       // Python's name of the type
  bool same_as(const Value& o) const;  // Python's `is`
  int depth() const;                   // containers inside one another; 0 for a scalar
  void want_defined() const {          // throws kInvalidArgument with the words of an Undefined
    if (is_undefined()) [[unlikely]]
      fail(Code::kInvalidArgument, why());
  }

 private:
  template <typename T>
  T* pointer() const {
    const auto* p = std::get_if<std::shared_ptr<T>>(&data_);
    return p ? p->get() : nullptr;
  }

  std::variant<std::monostate, Undefined, bool, int64_t, double, Text, std::shared_ptr<Sequence>,
               std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
               std::shared_ptr<const Callable>, std::shared_ptr<Loop>>
      data_;
};

// Lists, tuples and what else Python iterates.
struct Sequence {
  enum class Flavor : uint8_t { kList, kTuple, kRange, kView, kGenerator };
  Flavor flavor = Flavor::kList;
  std::vector<Value> items;
  size_t next = 0;   // a generator's: elements before it are used up
  std::string name;  // a view's type, a range's text
  int depth = 1;

  bool is_generator() const { return flavor == Flavor::kGenerator; }
};

// Insertion-ordered, as Python's.
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  std::unordered_map<std::string_view, size_t> index;  // of string keys, once there are many
  int depth = 1;

  // Null when absent. Throws kInvalidArgument for keys that Python cannot hash.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> items;
};

// What a `for` offers as `loop`.
struct Loop {
  std::vector<Value> items;
  size_t index = 0;
  std::vector<Value> last_seen;  // what changed() was called with before
  bool has_seen = false;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// A built-in, a method bound to its object, or a macro with the scope it was defined in.
struct Callable {
  using Native = Value (*)(Budget& budget, const Value& self, const Arguments& arguments);
  std::string name;
  Native native = nullptr;
  Value self;
  const Statement* macro = nullptr;
  std::shared_ptr<Scope> scope;
};

// The arguments of a call by a built-in's parameter names. Throws kInvalidArgument, as Python's
// TypeError, for too many, unknown or doubled ones.
class Parameters {
 public:
  Parameters(std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names);
  // Null when not passed.
  const Value* operator[](size_t i) const { return values_[i]; }
  const Value& want(size_t i) const;
  // A string, an integer or a truth; `absent` when not passed or None.
  int64_t whole(size_t i, int64_t absent) const;
  std::string text(size_t i, std::string_view absent) const;
  bool truth(size_t i, bool absent) const { return values_[i] ? values_[i]->truth() : absent; }

 private:
  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

// Containers, paid from the budget; throw kUnsupported past 200 levels.
Value make_sequence(Budget& budget, std::vector<Value> items,
                    Sequence::Flavor flavor = Sequence::Flavor::kList, std::string name = {});
// The last of equal keys counts and stands where the first stood.
Value make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items);
Value make_native(std::string name, Callable::Native native, Value self = {});

// All elements: of a sequence, a dict's keys, a string's characters; uses a generator up. Throws
// kInvalidArgument for what Python cannot iterate.
std::vector<Value> elements(Budget& budget, const Value& value);

}  // namespace winnow::jinja
