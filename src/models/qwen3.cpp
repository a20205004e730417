// Qwen3 decoders: the Qwen3-Reranker and Qwen3-Embedding models. Each head of q and k is normalized
// before it is rotated. Source: transformers, models/qwen3/modeling_qwen3.py. Weight names are the
// checkpoint's own.
#include "models/rotary_decoder.h"

namespace winnow {
namespace {

class Qwen3 final : public RotaryDecoder {
 public:
  Qwen3(const Json& config, const Weights& w)
      : RotaryDecoder(config, w), norms_(w.layers<HeadNorms>("model.layers", shape().layers)) {}

 private:
  struct HeadNorms {
    Floats q, k;  // [E]
    explicit HeadNorms(const Weights& w)
        : q(w.vector("self_attn.q_norm")), k(w.vector("self_attn.k_norm")) {}
  };

  Ops::Rotation rotation(size_t layer, const Tensor& angles) const override {
    return {.angles = angles,
            .q_norm = &norms_[layer].q,
            .k_norm = &norms_[layer].k,
            .eps = shape().eps};
  }

  std::vector<HeadNorms> norms_;
};

}  // namespace

std::unique_ptr<Decoder> make_qwen3(const Json& config, const Weights& weights) {
  return std::make_unique<Qwen3>(config, weights);
}

}  // namespace winnow
