#include "app/documents.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/json.h"

namespace winnow {
namespace {

// Texts with invalid UTF-8 are handed through: the engine refuses the document that has them, and
// only that one.
constexpr JsonLimits kLimits{.max_depth = 64, .allow_invalid_utf8 = true};

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\v\f") == std::string_view::npos;
}

// `id`, or BEIR's `_id`.
std::optional<DocumentId> id_of(const Json& object) {
  std::optional<Json> id = object.find("id");
  if (!id) id = object.find("_id");
  if (!id) return std::nullopt;
  if (id->is_integer()) return DocumentId{std::to_string(id->integer()), true};
  return DocumentId{std::string(id->string()), false};
}

Document document_of(const Json& json) {
  Document document;
  if (json.is_string()) {
    document.text = json.string();
    return document;
  }
  document.id = id_of(json);
  const std::string title = json.string("title", "");
  document.text = title.empty() ? "" : title + " ";
  document.text += json.string("text");
  return document;
}

DocumentFormat format_of(std::string_view first_line, const std::string& name) {
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) return DocumentFormat::kJsonl;
  const size_t start = first_line.find_first_not_of(" \t");
  if (start == std::string_view::npos || first_line[start] != '{') return DocumentFormat::kLines;
  try {
    const Json json = Json::parse(first_line, name, kLimits);
    return json.is_object() && json.find("text") ? DocumentFormat::kJsonl : DocumentFormat::kLines;
  } catch (const Error&) {
    return DocumentFormat::kLines;  // a line of prose that happens to open with a brace
  }
}

}  // namespace

std::string input_name(const std::string& path) { return path == "-" ? "stdin" : path; }

std::string read_input(const std::string& path) {
  const bool is_stdin = path == "-";
  // Not mapped: `<(command)` and /dev/stdin are pipes.
  const int fd = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail(errno == ENOENT ? Code::kNotFound : Code::kIo, "read: want a file to read, got ", path,
         ": ", std::strerror(errno));
  std::string text;
  constexpr size_t kStep = 1 << 20;
  ssize_t got = 0;
  int error = 0;
  do {
    const size_t size = text.size();
    text.resize(size + kStep);
    got = ::read(fd, text.data() + size, kStep);
    error = errno;
    text.resize(size + static_cast<size_t>(got > 0 ? got : 0));
  } while (got > 0 || (got < 0 && error == EINTR));
  if (!is_stdin) ::close(fd);
  if (got < 0)
    fail(Code::kIo, "read: want a file to read, got ", input_name(path), ": ",
         std::strerror(error));
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::vector<Document> parse_documents(std::string_view text, const std::string& name,
                                      DocumentFormat format) {
  std::vector<Document> documents;
  int64_t number = 0;
  for (std::string_view line : split_lines(text)) {
    ++number;
    if (is_blank(line)) continue;
    if (format == DocumentFormat::kAuto) format = format_of(line, name);
    if (format == DocumentFormat::kJsonl) {
      const Json json = Json::parse(line, cat(name, ":", number), kLimits);
      require(json.is_object(), name, ":", number, ": want an object with \"text\", got ",
              json.kind());
      documents.push_back(document_of(json));
    } else {
      documents.push_back({.text = std::string(line), .id = std::nullopt});
    }
    documents.back().line = number;
  }
  return documents;
}

std::vector<Query> parse_queries(std::string_view text, const std::string& name) {
  std::vector<Query> queries;
  int64_t number = 0;
  for (std::string_view line : split_lines(text)) {
    ++number;
    if (is_blank(line)) continue;
    const Json json = Json::parse(line, cat(name, ":", number), kLimits);
    require(json.is_object(), name, ":", number, ": want an object with \"query\", got ",
            json.kind());
    Query query;
    query.line = number;
    query.id = id_of(json);
    const std::optional<Json> beir = json.find("query") ? std::nullopt : json.find("text");
    query.text = beir ? beir->string() : json.string("query");
    if (const std::optional<Json> list = json.find("documents")) {
      query.documents.emplace();
      for (size_t i = 0; i < list->size(); ++i) query.documents->push_back(document_of((*list)[i]));
    }
    queries.push_back(std::move(query));
  }
  return queries;
}

}  // namespace winnow
