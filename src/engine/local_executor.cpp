#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/thread_pool.h"
#include "engine/executor.h"

namespace winnow {
namespace {

class LocalExecutor final : public Executor {
 public:
  LocalExecutor(const Network& network, const Kernels& kernels, int threads, int64_t most_tokens)
      : network_(network), pool_(threads), ops_(kernels, pool_) {
    if (kernels.memory->is_host()) {
      // Whole tiles for every core, and what a layer writes stays in its cache: 55 pairs/s in 8
      // bits on two cores, 53 at 1024 a core (bench_rerank, MiniLM-L-12).
      step_tokens_ = int64_t{256} * threads;
    } else {
      step_tokens_ = std::min(kernels.step_tokens, most_tokens);
      while (!fits(step_tokens_)) step_tokens_ /= 2;
    }
  }

  std::vector<Output> run(const PackedBatch& batch) override {
    ops_.begin();
    const Batch view{.ids = batch.ids,
                     .types = batch.types,
                     .positions = batch.positions,
                     .starts = batch.starts,
                     .prompts = batch.prompts,
                     .keys = batch.keys};
    uint8_t any = 0;
    for (const uint8_t outputs : batch.outputs) any |= outputs;
    const Results results = network_.run(ops_, view,
                                         {.pooled = (any & Sequence::kPooled) != 0,
                                          .sparse = (any & Sequence::kSparse) != 0,
                                          .multi = (any & Sequence::kMulti) != 0,
                                          .hidden = (any & Sequence::kHidden) != 0});
    const auto here = [&](const std::optional<Tensor>& rows) {
      return rows ? std::optional(ops_.to_host(*rows)) : std::nullopt;
    };
    const std::optional<Tensor> pooled = here(results.pooled), sparse = here(results.sparse),
                                multi = here(results.multi), hidden = here(results.hidden);
    std::vector<Output> out(batch.texts());
    for (int64_t text = 0; text < batch.texts(); ++text) {
      const uint8_t wanted = batch.outputs[text];
      const int64_t begin = batch.starts[text], end = batch.starts[text + 1];
      if (wanted & Sequence::kPooled) append(out[text], *pooled, text, text + 1);
      if (wanted & Sequence::kSparse) append(out[text], *sparse, begin, end);
      if (wanted & Sequence::kMulti) append(out[text], *multi, begin, end);
      if (wanted & Sequence::kHidden) append(out[text], *hidden, begin, end);
    }
    return out;
  }

  int64_t step_tokens() const override { return step_tokens_; }

 private:
  // Whether a batch of so many tokens, in texts as long as the model takes, can be computed.
  bool fits(int64_t tokens) {
    const int64_t longest = std::min<int64_t>(network_.model->max_positions(), tokens);
    PackedBatch batch;
    for (int64_t left = tokens; left > 0; left -= longest) {
      Sequence text;
      text.ids.assign(std::min(left, longest), 0);
      text.type_ids.assign(text.ids.size(), 0);
      text.outputs = network_.head ? Sequence::kPooled : Sequence::kMulti;
      batch.add(text);
    }
    try {
      run(batch);
      run(batch);  // memory that grew by pieces is one block from the second pass on
    } catch (const Error& error) {
      if (error.code() != Code::kOverloaded || tokens <= longest) throw;
      return false;
    }
    return true;
  }

  static void append(Output& out, const Tensor& rows, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = rows.as<float>() + r * rows.row_stride();
      out.insert(out.end(), row, row + rows.cols());
    }
  }

  const Network& network_;
  ThreadPool pool_;
  Ops ops_;
  int64_t step_tokens_ = 0;
};

}  // namespace

std::unique_ptr<Executor> make_local_executor(const Network& network, const Kernels& kernels,
                                              int threads, int64_t most_tokens) {
  return std::make_unique<LocalExecutor>(network, kernels, threads, most_tokens);
}

}  // namespace winnow
