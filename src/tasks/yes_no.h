// Reranking by a language model: a prompt asks whether a document answers a query, and the score is
// how much more likely "yes" is than "no" as the next token. Pure functions.
// Source: Qwen3-Reranker's model card; FlagEmbedding's FlagLLMReranker for bge-reranker-v2-gemma.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tasks/rerank.h"

namespace winnow {

// How a yes/no reranker is asked: data, not code. Its texts have the fields {instruction}, {query}
// and {document}; other braces stand for themselves. It has either a body, or the pieces.
struct YesNoPrompt {
  std::string name;      // "qwen3-reranker"
  bool verified = true;  // false: no published form was found, and this is a guess

  // Tokenized each alone, without the template's special tokens. Only {instruction} is a field.
  std::string prefix, suffix;

  // With a body, which has all fields: ids = prefix + body + suffix, the body tokenized as one
  // string. What is too long is cut from the document, so that what follows it stays.
  std::string body;

  // With pieces (FlagLLMReranker's layout, body is empty): ids = prefix + query + separator +
  // document + separator + suffix, each tokenized alone; the query is cut at three quarters of
  // max_length.
  std::string query_piece, document_piece, separator;

  std::string instruction;  // of a request that has none
  std::string yes = "yes", no = "no";
  enum class Score {
    kYesOverNo,  // the logit of yes less that of no: its sigmoid is the softmax of the two
    kYesLogit,   // the logit of the first token of yes alone
  } score = Score::kYesOverNo;

  // Tokens in all, where a request does not say (Truncation::max_length). With pieces: of query and
  // document, as FlagLLMReranker counts, to which two separators and the suffix may be added.
  int max_length = 8192;

  // What must each be one token, lest a marker be read as letters.
  std::vector<std::string> markers = {};
};

// The prompts that winnow knows, "qwen3-reranker" first.
const std::vector<YesNoPrompt>& yes_no_presets();

// Throws kInvalidArgument naming those there are.
const YesNoPrompt& yes_no_preset(std::string_view name);

// The preset of a checkpoint by what it says of itself: `_name_or_path` of its config.json, its
// folder's name, sentence-transformers' LogitScore module (extra: 1_LogitScore/config.json, or
// null). Empty: by its own word it is no yes/no reranker.
std::optional<std::string> preset_for(const Json& config, std::string_view folder_name,
                                      const Json& extra);

struct YesNoTokens {
  int32_t no, yes;  // rows of the language head; the same where yes alone counts
  bool operator==(const YesNoTokens&) const = default;
};

// The tokens of the prompt's yes and no. Throws kUnsupported, naming the string, when one is not
// one token (for kYesLogit its first counts, as published) or a marker is none.
YesNoTokens yes_no_tokens(const YesNoPrompt& prompt, const Tokenizer& tokenizer);

// Those that a LogitScore module names (true_token_id, false_token_id); empty when it names no two.
std::optional<YesNoTokens> yes_no_tokens(const Json& logit_score);

// Throws kInvalidArgument naming the field: a body without {query} or {document}, a body and
// pieces, neither, an unknown field in the prefix or the suffix, a max_length below 1, an empty
// yes.
void check_prompt(const YesNoPrompt& prompt);

// One Encoded a document, or a window of one, in the request's order; documents have the errors of
// encode_rerank. Throws what is wrong with the query (kEmpty, kTokenizer), and kTooLong when it
// leaves no token for a document. The limit is the request's max_length, else the prompt's; never
// above model_limit. max_query_tokens keeps the query's first tokens, as tokenized alone.
std::vector<Encoded> encode_yes_no(const RerankRequest& request, const YesNoPrompt& prompt,
                                   const Tokenizer& tokenizer, int model_limit);

// outputs[i]: encoded[i]'s logits [no, yes] after its last token, f32; or one number, already their
// difference (a converted checkpoint with one label). Ignored where there is an error. raw_scores:
// that difference (the logit of yes); else its sigmoid.
RerankResponse decode_yes_no(const RerankRequest& request, const YesNoPrompt& prompt,
                             const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs);

}  // namespace winnow
