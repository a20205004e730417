// Llama decoders, and those that differ in what the checkpoint holds only: Mistral, and Qwen2 and
// Qwen2.5 with biases on q, k and v. Source: transformers, models/llama/modeling_llama.py and
// models/qwen2/modeling_qwen2.py. Weight names are the checkpoint's own.
#include "base/error.h"
#include "models/rotary_decoder.h"

namespace winnow {
namespace {

class Llama final : public RotaryDecoder {
 public:
  Llama(const Json& config, const Weights& w) : RotaryDecoder(config, w) {
    if (w.has("rope_freqs.weight")) slow(w.values("rope_freqs"), config);
  }

 private:
  // Llama 3's GGUF files divide the frequencies by factors of their own.
  void slow(const std::vector<float>& factors, const Json& config) {
    std::vector<float>& frequencies = rope().frequencies;
    if (factors.size() != frequencies.size())
      fail(Code::kCorrupt, config.path(), ": rope_freqs.weight: want ", frequencies.size(),
           " factors, got ", factors.size());
    for (size_t i = 0; i < factors.size(); ++i) frequencies[i] /= factors[i];
  }

  Ops::Rotation rotation(size_t, const Tensor& angles) const override { return {.angles = angles}; }
};

}  // namespace

std::unique_ptr<Decoder> make_llama(const Json& config, const Weights& weights) {
  return std::make_unique<Llama>(config, weights);
}

}  // namespace winnow
