// A parsed template: expressions and statements, with the byte each begins at.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/operators.h"
#include "text/jinja/value.h"

namespace winnow::jinja {

using Filter = Value (*)(Budget& budget, const Value& value, const Arguments& arguments);
using Check = bool (*)(Budget& budget, const Value& value, const Arguments& arguments);

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind : uint8_t {
    kConstant,     // constant
    kName,         // name
    kList,         // children
    kTuple,        // children
    kDict,         // children: key, value, key, value, ...
    kAttribute,    // children[0].name
    kItem,         // children[0][children[1]]
    kSlice,        // children[0][children[1] : children[2] : children[3]], null for absent
    kCall,         // children[0](children[1..], named)
    kFilter,       // children[0] | filter(children[1..], named)
    kTest,         // children[0] is check(children[1..], named)
    kNegative,     // -children[0]
    kPositive,     // +children[0]
    kNot,          // not children[0]
    kAnd,          // children[0] and children[1]
    kOr,           // children[0] or children[1]
    kBinary,       // children[0] binary children[1]
    kCompare,      // children[0] compares[0] children[1] compares[1] ...
    kConcat,       // children[0] ~ children[1] ~ ...
    kConditional,  // children[1] if children[0] else children[2], which may be null
    kCaptured,     // the text of the block that a filter applies to
  };
  Kind kind = Kind::kConstant;
  size_t at = 0;
  int depth = 1;  // levels of children
  Value constant;
  std::string name;
  std::vector<ExpressionPtr> children;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  Filter filter = nullptr;
  Check check = nullptr;
  BinaryOp binary = BinaryOp::kAdd;
  std::vector<CompareOp> compares;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Statement {
  enum class Kind : uint8_t {
    kText,      // text
    kPrint,     // value
    kSet,       // target = value
    kSetBlock,  // target = body, through the filters of value (null: none)
    kIf,        // branches; a null condition is `else`
    kFor,       // for target in value if condition: body, otherwise
    kMacro,     // name(parameters): body
    kCall,      // value is the call, parameters and body its caller()
    kFilter,    // body through the filters of value
    kWith,      // parameters = their defaults: body
    kScope,     // body in a scope of its own: `generation`
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  size_t at = 0;
  std::string text;
  std::string name;
  ExpressionPtr target, value, condition;
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with defaults, null: none
  Body body, otherwise;
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;
};

// The filter or test of this name; null when winnow has none.
Filter find_filter(std::string_view name);
Check find_check(std::string_view name);

}  // namespace winnow::jinja
