#include "ops/cuda/gemm_self_test.h"

#include <bit>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/thread_pool.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/gemm.h"
#include "ops/cuda/gemm_few.h"
#include "ops/cuda/gemm_mma.h"
#include "ops/same_rows.h"

namespace winnow::cuda {
namespace {

// Several tiles of every shape, with edges, and many slices of k.
constexpr int64_t kCols = 264, kDepth = 1152, kScaleBlocks = kDepth / 128;
constexpr int kInputs = 7;  // different rows of x, again and again: at any place in a tile
struct Run {
  int first;  // row of x
  int64_t rows;
};
// Each input alone, then among others, on both sides of the tiles' sizes.
constexpr Run kRuns[] = {{0, 1}, {1, 1}, {2, 1},  {3, 1},  {4, 1},   {5, 1},  {6, 1},
                         {2, 5}, {3, 8}, {1, 64}, {4, 65}, {5, 129}, {6, 300}};
constexpr int64_t kMostRows = 300, kFewRows = 8, kRowsOfX = kMostRows + kInputs;

constexpr int64_t all_rows() {
  int64_t rows = 0;
  for (const Run& run : kRuns) rows += run.rows;
  return rows;
}

struct Kernel {
  int number;  // gemm's
  std::string name;
  bool any_number;  // of rows, else up to kFewRows
  std::function<void(const GemmArgs&, cudaStream_t)> queue;
};

// In the order in which they may be the standard: what runs on every GPU first.
std::vector<Kernel> kernels_of(const Gpu& gpu, DType type) {
  const bool f8 = type == DType::f8_e4m3;
  std::vector<Kernel> out;
  for (const bool wide : {false, true})
    if (!f8)
      out.push_back({wide ? kGemmWide : kGemmNarrow,
                     wide ? "mma.sync 128 x 128" : "mma.sync 16 x 16", true,
                     [wide](const GemmArgs& a, cudaStream_t q) { gemm_mma_by(wide, a, q); }});
  if (!gpu.hopper()) return out;
  if (!f8) out.push_back({kGemmFew, "few rows", false, gemm_few});
  int number = kGemmTiles;
  for (const GemmTile& tile : gemm_tiles()) {
    if (!f8 || tile.cols <= kGemmMaxColsF8)
      out.push_back({number, cat("wgmma ", tile.rows, " x ", tile.cols), true,
                     [tile](const GemmArgs& a, cudaStream_t q) { gemm_by(tile, a, q); }});
    ++number;
  }
  return out;
}

// The same values in every run and on every machine.
class Pattern {
 public:
  // Values of any sign and of magnitudes from 1/64 to 2: sums in another order have other bits.
  void fill(DType type, std::byte* to, int64_t count) {
    const bool f8 = type == DType::f8_e4m3;
    const int mantissa = type == DType::bf16 ? 7 : f8 ? 3 : 10;
    const int bias = type == DType::bf16 ? 127 : f8 ? 7 : 15;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t r = next();
      const uint32_t bits = (r & 1) << (f8 ? 7 : 15) |
                            (static_cast<uint32_t>(bias) - (r >> 1) % 7) << mantissa |
                            (r >> 20 & ((1U << mantissa) - 1));
      *to++ = static_cast<std::byte>(bits);
      if (!f8) *to++ = static_cast<std::byte>(bits >> 8);
    }
  }
  // Scales from 1/8 to 1.
  void fill_scales(std::vector<float>& to) {
    for (float& scale : to)
      scale = std::bit_cast<float>((127 - 1 - next() % 3) << 23 | (next() & 0x7FFFFF));
  }

 private:
  uint32_t next() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<uint32_t>(random_ >> 32);
  }
  uint64_t random_ = 1;
};

// The operands on the GPU, and room for what one kernel gives.
class Bench {
 public:
  explicit Bench(const Gpu& gpu) : memory_(gpu), stream_(pool_, memory_) {}

  void set_operands(DType type) {
    type_ = type;
    const int64_t size = size_of(type);
    Pattern pattern;
    std::vector<std::byte> inputs(kInputs * kDepth * size), w(kCols * kDepth * size);
    std::vector<float> input_scales(kInputs * kScaleBlocks), w_scales(kCols);
    pattern.fill(type, inputs.data(), kInputs * kDepth);
    pattern.fill(type, w.data(), kCols * kDepth);
    pattern.fill_scales(input_scales);
    pattern.fill_scales(w_scales);
    std::vector<std::byte> x;
    std::vector<float> x_scales;
    for (int row = 0; row < kRowsOfX; ++row) {
      const int64_t input = row % kInputs;
      x.insert(x.end(), inputs.begin() + input * kDepth * size,
               inputs.begin() + (input + 1) * kDepth * size);
      x_scales.insert(x_scales.end(), input_scales.begin() + input * kScaleBlocks,
                      input_scales.begin() + (input + 1) * kScaleBlocks);
    }
    memory_.write(x_.get(), x.data(), static_cast<int64_t>(x.size()));
    memory_.write(w_.get(), w.data(), static_cast<int64_t>(w.size()));
    memory_.write(x_scales_.get(), x_scales.data(), kRowsOfX * kScaleBlocks * 4);
    memory_.write(w_scales_.get(), w_scales.data(), kCols * 4);
  }

  // Everything that kRuns has for the kernel, rows of out_type.
  KernelRows rows_of(const Kernel& kernel, DType out_type) {
    const bool f8 = type_ == DType::f8_e4m3;
    const int64_t row_bytes = kCols * size_of(out_type);
    KernelRows out{.rows = {}, .inputs = {}, .any_number = kernel.any_number};
    check(cudaMemsetAsync(out_.get(), 0xFF, static_cast<size_t>(all_rows() * row_bytes),
                          stream_.queue()),
          "cudaMemsetAsync");
    for (const Run& run : kRuns) {
      if (!kernel.any_number && run.rows > kFewRows) continue;
      const auto before = static_cast<int64_t>(out.inputs.size());
      kernel.queue({.x = x_.get() + run.first * kDepth * size_of(type_),
                    .x_stride = kDepth,
                    .w = w_.get(),
                    .out = out_.get() + before * row_bytes,
                    .out_stride = kCols,
                    .m = run.rows,
                    .n = kCols,
                    .k = kDepth,
                    .type = type_,
                    .out_type = out_type,
                    .x_scales = f8 ? scales(x_scales_) + run.first * kScaleBlocks : nullptr,
                    .w_scales = f8 ? scales(w_scales_) : nullptr},
                   stream_.queue());
      for (int64_t row = 0; row < run.rows; ++row)
        out.inputs.push_back(static_cast<int>((run.first + row) % kInputs));
    }
    stream_.wait();
    out.rows.resize(out.inputs.size() * static_cast<size_t>(row_bytes));
    memory_.read(out.rows.data(), out_.get(), static_cast<int64_t>(out.rows.size()));
    return out;
  }

 private:
  struct Release {
    CudaMemory* memory;
    void operator()(std::byte* p) const { memory->release(p); }
  };
  using Piece = std::unique_ptr<std::byte, Release>;
  Piece piece(int64_t bytes) {
    return Piece(static_cast<std::byte*>(memory_.allocate(bytes)), {&memory_});
  }
  static const float* scales(const Piece& piece) {
    return reinterpret_cast<const float*>(piece.get());
  }

  CudaMemory memory_;
  ThreadPool pool_{1};
  CudaStream stream_;
  DType type_ = DType::bf16;
  Piece x_ = piece(kRowsOfX * kDepth * 2), w_ = piece(kCols * kDepth * 2);
  Piece x_scales_ = piece(kRowsOfX * kScaleBlocks * 4), w_scales_ = piece(kCols * 4);
  Piece out_ = piece(all_rows() * kCols * 4);
};

GemmVerdict test_type(Bench& bench, const std::vector<Kernel>& kernels, DType type) {
  GemmVerdict verdict{
      .type = type, .tested = static_cast<int>(kernels.size()), .left_out = {}, .without = 0};
  std::vector<bool> kept(kernels.size(), true);
  bench.set_operands(type);
  // f32 shows every bit of the sums; of 16 bits there are kernels of their own.
  std::vector<DType> out_types{DType::f32, type};
  if (type == DType::f8_e4m3) out_types = {DType::f32, DType::bf16, DType::f16};
  for (const DType out_type : out_types) {
    std::vector<KernelRows> rows;
    for (const Kernel& kernel : kernels) rows.push_back(bench.rows_of(kernel, out_type));
    const std::vector<bool> same = kernels_with_same_rows(rows, kCols * size_of(out_type));
    for (size_t i = 0; i < kept.size(); ++i) kept[i] = kept[i] && same[i];
  }
  bool any = false;  // kernel left that takes any number of rows: else those for few go too
  for (size_t i = 0; i < kept.size(); ++i) any |= kept[i] && kernels[i].any_number;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (any && kept[i]) continue;
    verdict.left_out.push_back(kernels[i].name);
    verdict.without |= 1U << kernels[i].number;
  }
  if (!any) verdict.without = ~0U;
  return verdict;
}

}  // namespace

std::vector<GemmVerdict> test_products(const Gpu& gpu) {
  Bench bench(gpu);
  std::vector<GemmVerdict> out;
  for (const DType type : {DType::bf16, DType::f16, DType::f8_e4m3})
    if (const std::vector<Kernel> kernels = kernels_of(gpu, type); !kernels.empty())
      out.push_back(test_type(bench, kernels, type));
  return out;
}

std::string report_of(const std::vector<GemmVerdict>& verdicts) {
  std::string out;
  for (const GemmVerdict& v : verdicts)
    out += cat(out.empty() ? "" : ", ", v.tested - static_cast<int>(v.left_out.size()), " of ",
               v.tested, out.empty() ? " kernels of products in " : " in ", v.type);
  return out + " give a row the same bits among any number of rows";
}

std::vector<std::string> warnings_of(const std::vector<GemmVerdict>& verdicts) {
  std::vector<std::string> out;
  for (const GemmVerdict& v : verdicts) {
    if (v.left_out.empty()) continue;
    std::string names;
    for (const std::string& name : v.left_out) names += (names.empty() ? "" : ", ") + name;
    out.push_back(cat("of the kernels of ", v.type, " products these are left out, which gave a ",
                      "row other bits among other numbers of rows: ", names));
  }
  return out;
}

}  // namespace winnow::cuda
