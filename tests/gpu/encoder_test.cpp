// Whole encoders on a GPU: the CPU's f32 numbers, the same bits in every batch, and how fast.
// WINNOW_GPU_MODEL names a folder to take instead of the tiny ones; WINNOW_BATCHINGS says how many
// random batches to compare, WINNOW_LONGEST of texts up to how many tokens.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>
#include <thread>

#include "engine/model_folder.h"
#include "engine/packed_batch.h"
#include "models/registry.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cuda_kernels.h"

using namespace winnow;

namespace {

const std::string kData = WINNOW_TEST_DATA;

// One network on one device, below the engine.
struct Encoder {
  const Kernels& kernels;
  std::shared_ptr<const Checkpoint> checkpoint;
  Network network;
  ThreadPool pool;
  Ops ops;

  Encoder(const std::string& folder, const Kernels& kernels, DType dtype, int threads = 1)
      : kernels(kernels),
        checkpoint(Checkpoint::open_folder(folder)),
        pool(threads),
        ops(kernels, pool) {
    const ModelFolder about = read_model_folder(folder, *checkpoint);
    EmbedderParts parts = about.parts;
    if (parts.modules.empty())
      parts.modules = {{.kind = Module::Kind::kPooling, .pooling = {Pooling::kMean}}};
    network = build_network(about.config, parts, Weights(checkpoint, kernels, dtype));
  }

  void begin_run(const PackedBatch& batch, Tensor& out) {
    ops.begin();
    out = network.run(ops, {batch.ids, batch.types, batch.positions, batch.starts, batch.prompts});
  }
  std::vector<Output> run(const PackedBatch& batch) {
    Tensor out;
    begin_run(batch, out);
    const Tensor here = ops.to_host(out);
    std::vector<Output> rows;
    for (int64_t r = 0; r < here.dim(0); ++r)
      rows.emplace_back(here.as<float>() + r * here.cols(),
                        here.as<float>() + (r + 1) * here.cols());
    return rows;
  }
  int64_t longest() const {
    const char* wish = std::getenv("WINNOW_LONGEST");
    return std::min<int64_t>(network.model->max_positions(), wish ? std::atoi(wish) : 512);
  }
};

std::vector<Sequence> random_texts(const Network& network, int count, int64_t longest,
                                   uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Sequence> out(count);
  for (Sequence& s : out) {
    const auto length = 1 + random() % longest;
    for (size_t i = 0; i < length; ++i) {
      s.ids.push_back(static_cast<int32_t>(3 + random() % (network.model->vocab_size() - 3)));
      s.type_ids.push_back(network.model->type_count() > 1 ? i > length / 3 : 0);
    }
  }
  return out;
}

PackedBatch pack(const std::vector<Sequence>& texts, const std::vector<int>& which) {
  PackedBatch out;
  for (const int i : which) out.add(texts[i]);
  return out;
}

std::vector<std::string> folders() {
  if (const char* real = std::getenv("WINNOW_GPU_MODEL")) return {real};
  std::vector<std::string> out;
  for (const char* name :
       {"tiny-bert-classifier", "tiny-bert-embedder-cls", "tiny-bert-embedder-mean",
        "tiny-bert-reranker", "tiny-distilbert-classifier", "tiny-distilbert-dense",
        "tiny-modernbert-classifier", "tiny-modernbert-embedder", "tiny-modernbert-reranker",
        "tiny-roberta-embedder", "tiny-xlm-roberta-classifier", "tiny-xlm-roberta-reranker"})
    out.push_back(kData + "/" + name);
  return out;
}

bool has_gpu() {
  const CudaDevices devices = cuda_devices();
  if (devices.count == 0) MESSAGE("skipped: " << devices.why_none);
  return devices.count > 0;
}

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

// Of all pairs of rows, those that both order alike by their first value.
double rank_agreement(const std::vector<Output>& a, const std::vector<Output>& b) {
  int64_t same = 0, all = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < i; ++j, ++all) same += (a[i][0] < a[j][0]) == (b[i][0] < b[j][0]);
  return all ? static_cast<double>(same) / static_cast<double>(all) : 1.0;
}

}  // namespace

// Of the largest value. Tiny checkpoints are drawn so that they amplify rounding: bf16's eight bits
// of mantissa are seen in them.
double tolerance(DType dtype, bool tiny) {
  if (dtype == DType::f32) return 1e-4;
  return tiny && dtype == DType::bf16 ? 0.1 : 5e-2;
}

TEST_CASE("an encoder on a GPU gives the CPU's numbers: f32 within 1e-4, 16 bits within 5e-2") {
  if (!has_gpu()) return;
  for (const std::string& folder : folders()) {
    Encoder cpu(folder, cpu_kernels(best_isa()), DType::f32,
                static_cast<int>(std::thread::hardware_concurrency()));
    const bool tiny = cpu.network.model->hidden_size() < 128;
    const std::vector<Sequence> texts = random_texts(cpu.network, tiny ? 40 : 12, cpu.longest(), 1);
    std::vector<int> all(texts.size());
    std::iota(all.begin(), all.end(), 0);
    const PackedBatch batch = pack(texts, all);
    const std::vector<Output> want = cpu.run(batch);
    double size = 0;
    for (const Output& row : want)
      for (const float v : row) size = std::max<double>(size, std::fabs(v));
    for (const DType dtype : kTypes) {
      Encoder gpu(folder, cuda_kernels(0, dtype), dtype);
      const std::vector<Output> got = gpu.run(batch);
      REQUIRE(got.size() == want.size());
      double worst = 0;
      for (size_t i = 0; i < got.size(); ++i)
        for (size_t c = 0; c < got[i].size(); ++c) {
          REQUIRE(std::isfinite(got[i][c]));
          worst = std::max<double>(worst, std::fabs(got[i][c] - want[i][c]));
        }
      MESSAGE(std::filesystem::path(folder).filename().string()
              << ' ' << std::string(name_of(dtype)) << ": farthest " << worst << " of values up to "
              << size << ", rank agreement " << rank_agreement(got, want));
      CHECK(worst < tolerance(dtype, tiny) * std::max(1.0, size));
    }
  }
}

TEST_CASE("a text's bits on a GPU are the same in every batch") {
  if (!has_gpu()) return;
  const char* wish = std::getenv("WINNOW_BATCHINGS");
  const int batchings = wish ? std::atoi(wish) : 60;
  for (const std::string& folder : folders())
    for (const DType dtype : kTypes) {
      Encoder gpu(folder, cuda_kernels(0, dtype), dtype);
      const std::vector<Sequence> texts = random_texts(gpu.network, 100, gpu.longest(), 2);
      std::vector<Output> alone;
      for (int i = 0; i < 100; ++i) alone.push_back(gpu.run(pack(texts, {i}))[0]);
      std::mt19937 random(3);
      int64_t values = 0, different = 0;
      for (int n = 0; n < batchings; ++n) {
        std::vector<int> which(1 + random() % (1 + random() % 100));
        for (int& i : which) i = static_cast<int>(random() % 100);
        const std::vector<Output> rows = gpu.run(pack(texts, which));
        for (size_t i = 0; i < which.size(); ++i, values += static_cast<int64_t>(rows[0].size()))
          for (size_t c = 0; c < rows[i].size(); ++c)
            different += std::memcmp(&rows[i][c], &alone[which[i]][c], sizeof(float)) != 0;
      }
      MESSAGE(std::filesystem::path(folder).filename().string()
              << ' ' << std::string(name_of(dtype)) << ": " << different << " of " << values
              << " values differ in " << batchings << " batches");
      CHECK(different == 0);
    }
}

TEST_CASE("how many texts a second a GPU takes, ids in and scores out") {
  const char* folder = std::getenv("WINNOW_GPU_MODEL");
  if (!folder || !has_gpu()) return;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Encoder gpu(folder, cuda_kernels(0, dtype), dtype);
    std::mt19937 random(4);
    for (const int64_t mean : {223, 512}) {
      PackedBatch batch;
      while (batch.tokens() < 16384) {  // 223: lengths from 30 to 416
        const int64_t length = mean == 512 ? 512 : 30 + static_cast<int64_t>(random() % 387);
        batch.add({.ids = std::vector<int32_t>(length, 100),
                   .type_ids = std::vector<int32_t>(length, 0)});
        for (int64_t i = batch.starts[batch.texts() - 1]; i < batch.tokens(); ++i)
          batch.ids[i] = static_cast<int32_t>(3 + random() % (gpu.network.model->vocab_size() - 3));
      }
      gpu.run(batch);
      gpu.run(batch);
      const auto start = std::chrono::steady_clock::now();
      constexpr int kTimes = 20;
      for (int i = 0; i < kTimes; ++i) gpu.run(batch);
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / kTimes;
      MESSAGE(std::string(name_of(dtype))
              << ", mean of " << batch.tokens() / batch.texts()
              << " tokens: " << static_cast<double>(batch.texts()) / seconds << " texts/s, "
              << static_cast<double>(batch.tokens()) / seconds << " tokens/s, " << seconds * 1e3
              << " ms a batch of " << batch.tokens());
    }
  }
}
