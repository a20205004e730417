// A conversation as OpenAI's clients send it, made into what chat templates read. Pure functions.
#pragma once

#include <functional>

#include "base/json.h"
#include "engine/engine.h"

namespace winnow {

// Throws kInvalidArgument naming the message where the list is none or empty, a role is no string
// or not one of OpenAI's, content is neither a text, a list of parts nor null.
void check_messages(const Json& messages);

// What differs between OpenAI's wire form and the convention of templates:
// - content parts of text are joined by newlines, unless `keeps_parts` (asked only where there are
//   parts) says that the template reads lists itself;
// - the role "developer", which templates do not know, is "system";
// - a tool call's `arguments`, a JSON text on the wire, are the object that the text says.
// All else is handed over as it came. Throws kUnsupported for a part that is no text.
Json template_messages(const Json& messages, const std::function<bool()>& keeps_parts);

// Whether an engine's template reads lists of content parts: it is given one, and shows its text
// and not the list.
bool template_keeps_parts(const Engine& engine);

// Whether it tells its model to write calls of these tools as <tool_call>{...}</tool_call>, as
// Hermes' and Qwen's do.
bool template_has_tool_call_tags(const Engine& engine, const Json& tools);

}  // namespace winnow
