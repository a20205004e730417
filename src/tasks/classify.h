// Classification: a text or pair to a score for every label. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "tasks/sequence.h"

namespace winnow {

struct ClassifyInput {
  std::string text;
  std::optional<std::string> pair;
};

struct ClassifyRequest {
  std::vector<ClassifyInput> inputs;
  Truncation truncation;
  bool raw_scores = false;  // true: logits; false: sigmoid of one label, softmax of several
};

struct LabelScore {
  int label = 0;
  float score = 0;
};

// One Encoded an input: its sequence, or why it has none (empty, not UTF-8, too long with
// truncation off).
std::vector<Encoded> encode_classify(const ClassifyRequest& request, const Tokenizer& tokenizer,
                                     int model_limit);

// For each input its labels by descending score. Throws kInternal when a logit is not finite.
std::vector<std::vector<LabelScore>> decode_classify(const ClassifyRequest& request,
                                                     const std::vector<Output>& outputs);

}  // namespace winnow
