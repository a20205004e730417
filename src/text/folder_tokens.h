// What the small files of a model folder say of its tokenizer, for those that are put together from
// other files than tokenizer.json. Source: transformers' tokenizer classes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/model.h"
#include "text/post_processor.h"

namespace winnow {

// Each is null where the folder has none.
struct FolderConfigs {
  const Json* tokenizer = nullptr;       // tokenizer_config.json
  const Json* model = nullptr;           // config.json
  const Json* added_tokens = nullptr;    // added_tokens.json: {"token": id}
  const Json* special_tokens = nullptr;  // special_tokens_map.json

  std::string tokenizer_class() const;            // without "Fast"; "" where none is named
  std::string model_type() const;                 // "" where none is named
  bool flag(const char* key, bool absent) const;  // of tokenizer_config.json
};

// What a class calls its special tokens where the files are silent: a role and its token.
using SpecialNames = std::vector<std::pair<std::string, std::string>>;

// The token of a role ("bos_token"): a string, or an object with its content; nothing where neither
// the files nor the class name one.
std::optional<std::string> token_of_role(const FolderConfigs& configs, const SpecialNames& names,
                                         const char* role);

// `own` (what the vocabulary's file marks), then added_tokens.json, then tokenizer_config.json's
// list, then special tokens by role: later ones win, by content; in the order of their ids. A
// role's token that the vocabulary lacks is left out. Throws kCorrupt naming the key.
std::vector<AddedToken> added_tokens_of(const FolderConfigs& configs, const SpecialNames& names,
                                        const Model& model, const std::vector<AddedToken>& own);

// The id of a role's token, added or of the model; nothing where there is none.
std::optional<int32_t> id_of_role(const FolderConfigs& configs, const SpecialNames& names,
                                  const char* role, const Model& model,
                                  const std::vector<AddedToken>& added);

// [bos] A [eos] as add_bos_token and add_eos_token say; a token that does not exist is not put.
Template framed_by_flags(const FolderConfigs& configs, const SpecialNames& names,
                         const Model& model, const std::vector<AddedToken>& added);

}  // namespace winnow
