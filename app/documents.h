// Reads what a command works on: documents, queries and texts, from a file or stdin, one a line or
// as JSONL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A document's own name, echoed in results as it was written: a JSON string or an integer.
struct DocumentId {
  std::string text;
  bool integer = false;
};

struct Document {
  std::string text;  // what the model reads: title, a space, text, where there is a title
  std::optional<DocumentId> id;
  int64_t line = 0;  // in its file, from 1; 0 when it came inside a query's line
};

struct Query {
  std::string text;
  std::optional<DocumentId> id;
  std::optional<std::vector<Document>>
      documents;  // empty: it ranks the documents of the command's FILE
  int64_t line = 0;
};

// kAuto: JSONL when the file is named .jsonl or .ndjson, or its first line that is not blank is a
// JSON object with a `text`; else lines.
enum class DocumentFormat { kAuto, kLines, kJsonl };

// The bytes of a file, a pipe or, for "-", stdin. Throws kNotFound or kIo naming the path.
std::string read_input(const std::string& path);

// What messages call a path: itself, or "stdin" for "-".
std::string input_name(const std::string& path);

// Lines without their ends (LF or CRLF) and without a byte order mark; a last line needs no end.
// Blank ones are kept.
std::vector<std::string_view> split_lines(std::string_view text);

// One document a line; or JSONL objects with `text` and optional `id` (or `_id`) and `title`, other
// keys ignored. Blank lines are skipped. `name` opens messages: "docs.jsonl:3: ...". Invalid UTF-8
// is handed through, so that the engine refuses the one document that has it. Throws kCorrupt and
// kInvalidArgument with file and line.
std::vector<Document> parse_documents(std::string_view text, const std::string& name,
                                      DocumentFormat format = DocumentFormat::kAuto);

// JSONL objects with `query` (or `text`), optional `id` (or `_id`) and optional `documents`, a list
// of strings or of objects as above. Throws as parse_documents.
std::vector<Query> parse_queries(std::string_view text, const std::string& name);

}  // namespace winnow
