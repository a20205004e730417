// A tokenizer of a SentencePiece model of the kind BPE, as Llama 2 and Mistral publish it. Source:
// transformers' LlamaTokenizer for a folder that names it, SentencePiece for one that names none.
#pragma once

#include <memory>
#include <string>

#include "text/folder_tokens.h"
#include "text/sentence_piece_model.h"
#include "text/tokenizer.h"

namespace winnow {

// A LlamaTokenizer of the folder's configs takes from the model its pieces alone: what is put
// before a text, and around it, they say. Without a tokenizer_class the model's own normalizer
// counts and nothing is put around a text. Throws kUnsupported naming another class, or, in `path`,
// a key of the model.
std::shared_ptr<const Tokenizer> load_sentence_piece_bpe(const SentencePieceModel& model,
                                                         const std::string& path,
                                                         const FolderConfigs& configs);

}  // namespace winnow
