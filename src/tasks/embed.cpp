#include "tasks/embed.h"

#include <cmath>

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

double length_of(const std::vector<float>& v) {
  double squares = 0;
  for (const float x : v) squares += double(x) * x;
  return std::sqrt(squares);
}

}  // namespace

std::vector<Encoded> encode_embed(const EmbedRequest& request, const Tokenizer& tokenizer,
                                  int model_limit) {
  std::vector<Encoded> out;
  out.reserve(request.inputs.size());
  for (const EmbedInput& input : request.inputs) {
    if (auto error = refuse_input(input))
      out.push_back({{}, std::move(error)});
    else
      out.push_back(encode_tokens(tokens_of(input, request.prompt, tokenizer), nullptr, tokenizer,
                                  request.truncation, model_limit));
  }
  return out;
}

std::vector<std::vector<float>> decode_embed(const EmbedRequest& request,
                                             std::vector<Output> outputs) {
  for (std::vector<float>& vector : outputs) {
    const auto size = static_cast<int>(vector.size());
    require(request.dimensions >= 0 && request.dimensions <= size,
            "embed: want dimensions from 1 to ", size, ", got ", request.dimensions);
    if (request.dimensions > 0) vector.resize(request.dimensions);
    const double length = length_of(vector);
    if (!std::isfinite(length)) fail(Code::kInternal, "embed: a vector is not finite");
    if (request.normalize && length > 0)
      for (float& x : vector) x = static_cast<float>(x / length);
  }
  return outputs;
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
