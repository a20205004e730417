// Puts a tokenizer together from its files. Source: the `tokenizers` library's tokenizer.json; for
// the other files transformers' BertTokenizerFast.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/folder_tokens.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"

namespace winnow {

// Whole components of a tokenizer.json; throws as Tokenizer::from_json.
std::shared_ptr<const Tokenizer> load_tokenizer_json(const Json& root, std::string_view what,
                                                     const BertOverrides& overrides);

// BERT's pipeline from the text of a vocab.txt (a token a line, its id the line's number from 0);
// `config` is tokenizer_config.json, or null without one.
std::shared_ptr<const Tokenizer> load_vocab_txt(std::string_view vocab, std::string_view what,
                                                const Json* config);

// The pipeline that transformers makes of a SentencePiece model (its bytes; `path` names it in
// errors). Of the kind Unigram: XLM-R's where the configs say so, otherwise the model's own ids
// with nothing around a text; of the kind BPE: sentence_piece_bpe.h. Throws kUnsupported for
// another kind, or configs that name another pipeline.
std::shared_ptr<const Tokenizer> load_sentence_piece(std::span<const std::byte> bytes,
                                                     const std::string& path,
                                                     const FolderConfigs& configs);

// The keys of a tokenizer_config.json that win over tokenizer.json.
BertOverrides bert_overrides(const Json& config);

}  // namespace winnow
