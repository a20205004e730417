#include "tasks/embed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace winnow {
namespace {

// The tokens of a text, or the caller's own ids.
TokenSpan tokens_of(const EmbedInput& input, const std::string& prompt,
                    const Tokenizer& tokenizer) {
  if (const auto* text = std::get_if<std::string>(&input))
    return tokenizer.tokenize(prompt + *text);
  TokenSpan tokens{std::get<std::vector<int32_t>>(input), {}};
  for (const int32_t id : tokens.ids)
    require(id >= 0 && id < tokenizer.vocab_size(), "embed: want token ids below ",
            tokenizer.vocab_size(), ", got ", id);
  return tokens;
}

std::optional<InputError> refuse_input(const EmbedInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return refuse_text(*text);
  if (std::get<std::vector<int32_t>>(input).empty())
    return InputError{Code::kEmpty, "the list of token ids is empty"};
  return std::nullopt;
}

// How many ids at a text's start are the prompt's, what begins a text among them: those of the
// prompt alone, less what ends a text. Source: sentence-transformers,
// Transformer._get_prompt_length.
int32_t prompt_length(const std::string& prompt, const Tokenizer& tokenizer) {
  if (prompt.empty()) return 0;
  const std::vector<int32_t> ids = tokenizer.assemble(tokenizer.tokenize(prompt), nullptr).ids;
  const bool ended = !ids.empty() && tokenizer.is_special(ids.back());
  return static_cast<int32_t>(ids.size()) - (ended ? 1 : 0);
}

// Tokens that say nothing of a text: they begin, end or pad it, or stand for what is unknown.
std::vector<int32_t> frame_tokens(const Tokenizer& tokenizer) {
  std::vector<int32_t> out;
  for (const char* token : {"<s>", "</s>", "<pad>", "<unk>", "[CLS]", "[SEP]", "[PAD]", "[UNK]"})
    if (const auto id = tokenizer.token_id(token)) out.push_back(*id);
  return out;
}

std::vector<SparseWeight> sparse_of(const float* weights, const std::vector<int32_t>& ids,
                                    const std::vector<int32_t>& frame) {
  std::map<int32_t, float> best;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!std::isfinite(weights[i])) fail(Code::kInternal, "embed: a weight is not finite");
    if (weights[i] <= 0 || std::ranges::find(frame, ids[i]) != frame.end()) continue;
    float& weight = best[ids[i]];
    weight = std::max(weight, weights[i]);
  }
  std::vector<SparseWeight> out;
  out.reserve(best.size());
  for (const auto& [id, weight] : best) out.push_back({id, weight});
  return out;
}

double length_of(const std::vector<float>& v) {
  double squares = 0;
  for (const float x : v) squares += double(x) * x;
  return std::sqrt(squares);
}

// Cuts and normalises one vector as the request says.
void finish_dense(const EmbedRequest& request, std::vector<float>& vector) {
  const auto size = static_cast<int>(vector.size());
  require(request.dimensions >= 0 && request.dimensions <= size,
          "embed: want dimensions from 1 to ", size, ", got ", request.dimensions);
  if (request.dimensions > 0) vector.resize(request.dimensions);
  const double length = length_of(vector);
  if (!std::isfinite(length)) fail(Code::kInternal, "embed: a vector is not finite");
  if (request.normalize && length > 0)
    for (float& x : vector) x = static_cast<float>(x / length);
}

}  // namespace

std::vector<Encoded> encode_embed(const EmbedRequest& request, const Tokenizer& tokenizer,
                                  int model_limit, const LateForm& form) {
  std::vector<Encoded> out;
  out.reserve(request.inputs.size());
  const int32_t prompt = prompt_length(request.prompt, tokenizer);
  for (const EmbedInput& input : request.inputs) {
    if (auto error = refuse_input(input)) {
      out.push_back({{}, std::move(error)});
      continue;
    }
    out.push_back(encode_side(tokens_of(input, request.prompt, tokenizer), request.side, form,
                              tokenizer, request.truncation, model_limit));
    Sequence& sequence = out.back().sequence;
    sequence.outputs = request.outputs;
    if (std::holds_alternative<std::string>(input))
      sequence.prompt = std::min(prompt, static_cast<int32_t>(sequence.ids.size()));
  }
  return out;
}

std::vector<std::vector<float>> decode_embed(const EmbedRequest& request,
                                             std::vector<Output> outputs) {
  for (std::vector<float>& vector : outputs) finish_dense(request, vector);
  return outputs;
}

std::vector<Embedding> decode_embeddings(const EmbedRequest& request,
                                         const std::vector<std::vector<int32_t>>& ids,
                                         const std::vector<Output>& outputs,
                                         const OutputWidths& widths, const Tokenizer& tokenizer) {
  const std::vector<int32_t> frame = frame_tokens(tokenizer);
  const auto wanted = [&](Sequence::OutputKind kind) { return (request.outputs & kind) != 0; };
  std::vector<Embedding> out(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto n = static_cast<int64_t>(ids[i].size());
    const int64_t pooled = wanted(Sequence::kPooled) ? widths.pooled : 0,
                  sparse = wanted(Sequence::kSparse) ? n : 0,
                  multi = wanted(Sequence::kMulti) ? n * widths.multi : 0,
                  hidden = wanted(Sequence::kHidden) ? n * widths.hidden : 0;
    if (pooled + sparse + multi + hidden != static_cast<int64_t>(outputs[i].size()))
      fail(Code::kInternal, "embed: want ", pooled + sparse + multi + hidden, " values, got ",
           outputs[i].size());
    const float* at = outputs[i].data();
    if (pooled) {
      out[i].dense.assign(at, at + pooled);
      finish_dense(request, out[i].dense);
    }
    if (sparse) out[i].sparse = sparse_of(at + pooled, ids[i], frame);
    if (multi)
      out[i].multi =
          vectors_of(at + pooled + sparse, ids[i], request.side, widths.form, widths.multi);
    if (hidden) {
      const float* states = at + pooled + sparse + multi;
      out[i].hidden = {.dimensions = widths.hidden, .values = {states, states + hidden}};
    }
    for (const TokenVectors* vectors : {&out[i].multi, &out[i].hidden})
      for (const float value : vectors->values)
        if (!std::isfinite(value)) fail(Code::kInternal, "embed: a vector is not finite");
  }
  return out;
}

float lexical_score(const std::vector<SparseWeight>& a, const std::vector<SparseWeight>& b) {
  float sum = 0;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (x->id == y->id)
      sum += x++->weight * y++->weight;
    else
      x->id < y->id ? ++x : ++y;
  }
  return sum;
}

float cosine(const std::vector<float>& a, const std::vector<float>& b) {
  require(a.size() == b.size(), "cosine: want vectors of one length, got ", a.size(), " and ",
          b.size());
  double dot = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += double(a[i]) * b[i];
  const double lengths = length_of(a) * length_of(b);
  return lengths > 0 ? static_cast<float>(dot / lengths) : 0.0f;
}

}  // namespace winnow
