#include "http/status.h"

#include <cstdio>
#include <random>

#include "base/json.h"
#include "base/utf8.h"

namespace winnow {
namespace {

// What each family answers. Cohere's list has no 424 and names a wrong body 400; OpenAI's says 400
// for what the client did wrong, 422 for what it asks for that there is not.
struct Statuses {
  int tei;
  int cohere = tei;
  int openai = cohere;
};

Statuses statuses_of(Code code) {
  switch (code) {
    case Code::kCorrupt:
    case Code::kEmpty:
      return {.tei = 400};
    case Code::kNotFound:
      return {.tei = 404};
    case Code::kInvalidArgument:
      return {.tei = 422, .cohere = 400};
    case Code::kTooLong:
    case Code::kTokenizer:
      return {.tei = 422, .cohere = 422, .openai = 400};
    case Code::kUnsupported:
      return {.tei = 424, .cohere = 422};
    case Code::kInternal:
      return {.tei = 424, .cohere = 500};
    case Code::kOverloaded:
      return {.tei = 429};
    case Code::kCancelled:
      return {.tei = 499};
    case Code::kIo:
    case Code::kNetwork:
      return {.tei = 500};
    case Code::kDeadline:
      return {.tei = 504};
  }
  return {.tei = 500};
}

std::string_view openai_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

std::string_view openai_code(int status) {
  switch (status) {
    case 401:
      return "invalid_api_key";
    case 404:
      return "model_not_found";
    case 429:
      return "overloaded";
    case 499:
    case 503:
      return "unavailable";
    case 504:
      return "timeout";
    default:
      return "";
  }
}

}  // namespace

int status_of(ErrorFamily family, Code code) {
  const Statuses statuses = statuses_of(code);
  if (family == ErrorFamily::kGenerate) return statuses.openai;
  return family == ErrorFamily::kCohere ? statuses.cohere : statuses.tei;
}

std::string_view tei_error_type(Code code) {
  switch (code) {
    case Code::kCorrupt:
    case Code::kNotFound:
    case Code::kInvalidArgument:
    case Code::kTooLong:
      return "Validation";
    case Code::kEmpty:
      return "Empty";
    case Code::kTokenizer:
      return "Tokenizer";
    case Code::kOverloaded:
    case Code::kDeadline:
      return "Overloaded";
    case Code::kUnsupported:
    case Code::kInternal:
    case Code::kCancelled:
    case Code::kIo:
    case Code::kNetwork:
      return "Backend";
  }
  return "Backend";
}

std::string tei_error_text(Code code, std::string_view message) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kTooLong:
      return cat("Input validation error: ", message);
    case Code::kTokenizer:
      return cat("Tokenizer error: ", message);
    case Code::kInternal:
      return cat("Backend error: ", message);
    case Code::kOverloaded:
      return cat("Model is overloaded: ", message);
    default:
      return std::string(message);
  }
}

HttpResponse error_response(ErrorFamily family, Code code, std::string_view message) {
  const std::string text = family == ErrorFamily::kCohere || family == ErrorFamily::kGenerate
                               ? std::string(message)
                               : tei_error_text(code, message);
  HttpResponse response =
      status_response(family, status_of(family, code), tei_error_type(code), text);
  if (code == Code::kOverloaded) response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpResponse status_response(ErrorFamily family, int status, std::string_view type,
                             std::string_view message) {
  HttpResponse response;
  response.status = status;
  // A message may quote the request, whose bytes are anyone's.
  const std::string text = repair_utf8(message);
  if (family == ErrorFamily::kGenerate) {
    response.body = openai_error_json(status, text);
    return response;
  }
  JsonWriter json;
  json.begin_object();
  switch (family) {
    case ErrorFamily::kTei:
      json.member("error", text).member("error_type", type);
      break;
    case ErrorFamily::kOpenai:
      json.member("message", text).member("code", status).member("type", type);
      break;
    case ErrorFamily::kCohere:
      json.member("id", random_uuid()).member("message", text);
      break;
    case ErrorFamily::kGenerate:
      break;
  }
  response.body = json.end_object().take();
  return response;
}

std::string openai_error_json(int status, std::string_view message) {
  const std::string text = repair_utf8(message);
  const std::string_view code = openai_code(status);
  JsonWriter json;
  json.begin_object().key("error").begin_object();
  json.member("message", text).member("type", openai_type(status));
  const size_t end = text.starts_with('`') ? text.find('`', 1) : text.npos;
  json.key("param");
  end == text.npos ? json.null() : json.value(text.substr(1, end - 1));
  json.key("code");
  code.empty() ? json.null() : json.value(code);
  return json.end_object().end_object().take();
}

std::string random_uuid() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const uint64_t high = (random() & ~0xF000ull) | 0x4000ull;       // version 4
  const uint64_t low = (random() & ~(3ull << 62)) | (2ull << 62);  // variant 1
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFull));
  return text;
}

}  // namespace winnow
