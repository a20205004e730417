// What a decoder's folder says beside its config and weights: tokenizer, chat template, end tokens.
// A GGUF file says all of it itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace winnow {

struct DecoderFolder {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat;  // null: none
  std::vector<int32_t>
      end_tokens;  // generation_config.json's, config.json's, the template's own end
};

// config: the checkpoint's. Throws kNotFound naming what is missing, kCorrupt and kUnsupported
// naming file and key.
DecoderFolder read_decoder_folder(const std::string& folder, const Json& config);

// A folder's tokenizer alone: its files', else its GGUF's. Throws as Tokenizer::from_folder.
std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& folder);

}  // namespace winnow
