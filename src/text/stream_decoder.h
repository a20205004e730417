// Text as it is generated: what each new token makes final. Not thread-safe; one a text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace winnow {

class StreamDecoder {
 public:
  // The tokenizer must outlive it.
  StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
      : stream_(tokenizer.decode_stream(skip_special_tokens)) {}

  // The text that is final now that this token is known: whole characters, which no later token
  // changes. All of it, finish() too, end to end is what decode() says of all ids. Its cost does
  // not grow with the text so far.
  std::string push(int32_t id) {
    std::string text;
    stream_->push(id, text);
    return text;
  }

  // The rest; nothing may be pushed after it.
  std::string finish() {
    std::string text;
    stream_->finish(text);
    return text;
  }

 private:
  std::unique_ptr<DecodeStream> stream_;
};

}  // namespace winnow
