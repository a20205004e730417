// Whole decoders on a GPU: the CPU's f32 logits, and the same bits however a text is cut into steps
// and whatever runs beside it. WINNOW_GPU_DECODER names a folder to take besides the tiny ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "engine/model_folder.h"
#include "models/decoders.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cuda_kernels.h"

using namespace winnow;

namespace {

const std::string kData = WINNOW_TEST_DATA;
constexpr int64_t kPagesOfText = 12;

// One decoder on one device; text i has pages [12 i, 12 i + 12).
struct Reader {
  std::shared_ptr<const Checkpoint> checkpoint;
  Json config;
  DecoderNetwork network;
  ThreadPool pool;
  Ops ops;
  KvCache cache;

  Reader(const std::string& folder, const Kernels& kernels, DType dtype, int64_t texts,
         int threads = 1)
      : checkpoint(Checkpoint::open_folder(folder)),
        config(read_model_folder(folder, *checkpoint).config),
        network(build_decoder(config, NextToken{}, Weights(checkpoint, kernels, dtype))),
        pool(threads),
        ops(kernels, pool),
        cache(kernels, network.model->kv_shape().layers, network.model->kv_shape().kv_heads,
              network.model->kv_shape().head_size, texts * kPagesOfText) {}

  struct Piece {
    int64_t text, begin, end;  // tokens of ids
  };
  // The logits after each piece's last token.
  std::vector<std::vector<float>> step(const std::vector<std::vector<int32_t>>& texts,
                                       const std::vector<Piece>& pieces,
                                       const std::vector<PageCopy>& copies = {}) {
    std::vector<int32_t> ids, positions, starts{0}, table, table_starts{0}, rows;
    for (const Piece& p : pieces) {
      for (int64_t t = p.begin; t < p.end; ++t) {
        ids.push_back(texts[p.text][t]);
        positions.push_back(static_cast<int32_t>(t));
      }
      starts.push_back(static_cast<int32_t>(ids.size()));
      rows.push_back(static_cast<int32_t>(ids.size()) - 1);
      for (int64_t page = 0; page < kPagesOfText; ++page)
        table.push_back(static_cast<int32_t>(p.text * kPagesOfText + page));
      table_starts.push_back(static_cast<int32_t>(table.size()));
    }
    ops.begin();
    const Tensor out = ops.to_host(
        network.run(ops, {ids, positions, starts, {table, table_starts, copies}}, cache, rows));
    std::vector<std::vector<float>> logits;
    for (int64_t r = 0; r < out.dim(0); ++r)
      logits.emplace_back(out.as<float>() + r * out.cols(), out.as<float>() + (r + 1) * out.cols());
    return logits;
  }
};

std::vector<std::string> folders() {
  std::vector<std::string> out;
  for (const char* name : {"tiny-llama", "tiny-qwen2", "tiny-qwen3"})
    out.push_back(kData + "/" + name);
  if (const char* more = std::getenv("WINNOW_GPU_DECODER")) out.emplace_back(more);
  return out;
}

bool has_gpu() {
  const CudaDevices devices = cuda_devices();
  if (devices.count == 0) MESSAGE("skipped: " << devices.why_none);
  return devices.count > 0;
}

std::vector<std::vector<int32_t>> random_texts(const Reader& reader, int count, uint32_t seed) {
  std::mt19937 random(seed);
  const int64_t most = std::min<int64_t>(reader.network.model->max_positions(), 300);
  std::vector<std::vector<int32_t>> out(count);
  for (auto& ids : out) {
    ids.resize(1 + random() % most);
    for (int32_t& id : ids)
      id = static_cast<int32_t>(random() % reader.network.model->vocab_size());
  }
  return out;
}

}  // namespace

TEST_CASE("a decoder on a GPU gives the CPU's f32 logits: f32 within 1e-4, 16 bits within 5e-2") {
  if (!has_gpu()) return;
  for (const std::string& folder : folders()) {
    constexpr int kTexts = 6;
    Reader cpu(folder, cpu_kernels(best_isa()), DType::f32, kTexts,
               static_cast<int>(std::thread::hardware_concurrency()));
    const auto texts = random_texts(cpu, kTexts, 1);
    std::vector<Reader::Piece> whole;
    for (int64_t i = 0; i < kTexts; ++i)
      whole.push_back({i, 0, static_cast<int64_t>(texts[i].size())});
    const auto want = cpu.step(texts, whole);
    double size = 1;
    for (const auto& row : want)
      for (const float v : row) size = std::max<double>(size, std::fabs(v));
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
      Reader gpu(folder, cuda_kernels(0, dtype), dtype, kTexts);
      const auto got = gpu.step(texts, whole);
      double worst = 0;
      int same = 0;
      for (int i = 0; i < kTexts; ++i) {
        for (size_t c = 0; c < want[i].size(); ++c) {
          REQUIRE(std::isfinite(got[i][c]));
          worst = std::max<double>(worst, std::fabs(got[i][c] - want[i][c]));
        }
        const auto best = [](const std::vector<float>& row) {
          return std::max_element(row.begin(), row.end()) - row.begin();
        };
        same += best(got[i]) == best(want[i]);
      }
      MESSAGE(std::filesystem::path(folder).filename().string()
              << ' ' << std::string(name_of(dtype)) << ": farthest " << worst << " of logits up to "
              << size << ", the same best token in " << same << " of " << kTexts);
      CHECK(worst < (dtype == DType::f32 ? 1e-4 : 5e-2) * size);
    }
  }
}

TEST_CASE("a text's logits on a GPU have the same bits in one step, in chunks, token by token") {
  if (!has_gpu()) return;
  for (const std::string& folder : folders())
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
      constexpr int kTexts = 5;
      Reader gpu(folder, cuda_kernels(0, dtype), dtype, kTexts);
      const auto texts = random_texts(gpu, kTexts, 2);
      std::vector<std::vector<float>> alone;
      for (int64_t i = 0; i < kTexts; ++i)
        alone.push_back(gpu.step(texts, {{i, 0, static_cast<int64_t>(texts[i].size())}})[0]);
      std::mt19937 random(3);
      int64_t different = 0, values = 0;
      for (int round = 0; round < 6; ++round) {
        std::vector<int64_t> done(kTexts, 0);
        for (;;) {  // every text that is left goes on by some tokens
          std::vector<Reader::Piece> pieces;
          for (int64_t i = 0; i < kTexts; ++i) {
            const auto length = static_cast<int64_t>(texts[i].size());
            if (done[i] == length || random() % 4 == 0) continue;
            const int64_t most = round % 3 == 0 ? 1 : round % 3 == 1 ? 60 : 300;
            const int64_t end =
                std::min<int64_t>(length, done[i] + 1 + static_cast<int64_t>(random() % most));
            pieces.push_back({i, done[i], end});
          }
          if (pieces.empty() && done[0] == static_cast<int64_t>(texts[0].size()) &&
              std::equal(done.begin(), done.end(), texts.begin(), [](int64_t d, const auto& t) {
                return d == static_cast<int64_t>(t.size());
              }))
            break;
          if (pieces.empty()) continue;
          std::shuffle(pieces.begin(), pieces.end(), random);
          const auto rows = gpu.step(texts, pieces);
          for (size_t p = 0; p < pieces.size(); ++p) {
            const int64_t i = pieces[p].text;
            done[i] = pieces[p].end;
            if (done[i] < static_cast<int64_t>(texts[i].size())) continue;
            for (size_t c = 0; c < rows[p].size(); ++c, ++values)
              different += std::memcmp(&rows[p][c], &alone[i][c], sizeof(float)) != 0;
          }
        }
      }
      MESSAGE(std::filesystem::path(folder).filename().string()
              << ' ' << std::string(name_of(dtype)) << ": " << different << " of " << values
              << " logits differ");
      CHECK(different == 0);
      CHECK(values > 0);
    }
}

TEST_CASE("a text on a GPU that goes on behind pages which the same step fills has the same bits") {
  if (!has_gpu()) return;
  for (const std::string& folder : folders())
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
      for (const int32_t beginning : {1, 31, 32, 40, 63}) {
        CAPTURE(folder);
        CAPTURE(beginning);
        Reader gpu(folder, cuda_kernels(0, dtype), dtype, 2);
        auto texts = random_texts(gpu, 1, 4);
        texts[0].resize(100, 1);
        texts.push_back(texts[0]);
        const auto alone = gpu.step(texts, {{0, 0, 100}});
        // Text 1's pages hold nothing but what is copied, and its own tokens.
        std::vector<PageCopy> copies{{0, kPagesOfText, std::min<int32_t>(beginning, 32)}};
        if (beginning > 32) copies.push_back({1, kPagesOfText + 1, beginning - 32});
        Reader fresh(folder, cuda_kernels(0, dtype), dtype, 2);
        const auto got = fresh.step(texts, {{0, 0, beginning}, {1, beginning, 100}}, copies);
        CHECK(std::memcmp(got[1].data(), alone[0].data(), alone[0].size() * sizeof(float)) == 0);
      }
}
