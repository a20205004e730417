// Errors to HTTP: the status, the words and the shape of each family of routes. Pure functions.
// docs/http_api.md has the table.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace winnow {

// kOpenai is TEI's form of OpenAI's errors, kGenerate OpenAI's own.
enum class ErrorFamily { kTei, kOpenai, kCohere, kGenerate };

// The HTTP status of a code: one each.
int status_of(ErrorFamily family, Code code);

// TEI's word for a code: "Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer" or
// "Empty".
std::string_view tei_error_type(Code code);

// TEI's text for a code: the message behind the words that its clients know, as "Input validation
// error: ".
std::string tei_error_text(Code code, std::string_view message);

// The answer to a request that failed. Overloaded answers carry Retry-After.
HttpResponse error_response(ErrorFamily family, Code code, std::string_view message);

// The same for a status that no Code stands for (401, 405, 408, 413, 415, 431, 503). `type`: TEI's
// word.
HttpResponse status_response(ErrorFamily family, int status, std::string_view type,
                             std::string_view message);

// {"error": {"message", "type", "param", "code"}}, as OpenAI has it: of an answer that failed, and
// of a stream that fails after its beginning. param: the field in backquotes that the message
// begins with.
std::string openai_error_json(int status, std::string_view message);

// A random identifier in the form of RFC 4122, version 4. Thread-safe.
std::string random_uuid();

}  // namespace winnow
