#include "base/error.h"

namespace winnow {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kTooLong:
      return "too_long";
    case Code::kEmpty:
      return "empty";
    case Code::kNotFound:
      return "not_found";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kDeadline:
      return "deadline";
    case Code::kCancelled:
      return "cancelled";
    case Code::kTokenizer:
      return "tokenizer";
    case Code::kIo:
      return "io";
    case Code::kNetwork:
      return "network";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace winnow
