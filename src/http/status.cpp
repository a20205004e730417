#include "http/status.h"

#include <cstdio>
#include <random>

#include "base/json.h"
#include "base/utf8.h"

namespace winnow {
namespace {

int tei_status(Code code) {
  switch (code) {
    case Code::kCorrupt:
    case Code::kEmpty:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kInvalidArgument:
    case Code::kTooLong:
    case Code::kTokenizer:
      return 422;
    case Code::kUnsupported:
    case Code::kInternal:
      return 424;
    case Code::kOverloaded:
      return 429;
    case Code::kCancelled:
      return 499;
    case Code::kIo:
    case Code::kNetwork:
      return 500;
    case Code::kDeadline:
      return 504;
  }
  return 500;
}

// Cohere's list of statuses has no 424, and names a wrong body 400.
int cohere_status(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 400;
    case Code::kUnsupported:
      return 422;
    case Code::kInternal:
      return 500;
    default:
      return tei_status(code);
  }
}

}  // namespace

int status_of(ErrorFamily family, Code code) {
  return family == ErrorFamily::kCohere ? cohere_status(code) : tei_status(code);
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
  const std::string text =
      family == ErrorFamily::kCohere ? std::string(message) : tei_error_text(code, message);
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
  }
  response.body = json.end_object().take();
  return response;
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
