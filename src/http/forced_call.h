// tool_choice "required" or a named function: a call that must be made, as a schema of the JSON
// between the template's tags.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "tasks/json_schema.h"

namespace winnow {

struct ForcedCall {
  std::string name;  // empty: of any tool
};

// Empty where tool_choice forces nothing. Throws kInvalidArgument naming what it is otherwise, and
// where `tools` has no function of that name or none at all.
std::optional<ForcedCall> forced_call_of(const Json& body);

// One call of the forced tool, or of one of them: {"name": ..., "arguments": its parameters}. $ref
// goes on meaning what it meant in the parameters.
Json call_schema(const Json& tools, const ForcedCall& call);

// What Hermes' and Qwen's templates have around a call.
inline JsonFrame call_frame() { return {"<tool_call>\n", "\n</tool_call>"}; }

}  // namespace winnow
