// The tables of the GPUs' kernels, one a GPU and a type of activations.
#include "ops/cuda_kernels.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/cuda_memory.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/gemm_self_test.h"
#include "ops/cuda/linear.h"
#include "ops/cuda/matrix_rate.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/paged_attention.h"
#include "ops/cuda/rope_append.h"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/token_choice.h"

namespace winnow {
namespace {

// Whole waves of 128-row tiles for every product of the usual widths on 132 multiprocessors: four
// times 4,224 rows at 1024 wide, three times 5,632 at 768, twice 8,448 at 512 and 384.
constexpr int64_t kStepTokens = 16896;

struct Place {
  std::vector<cuda::GemmVerdict> products;  // the self test's
  std::unique_ptr<cuda::CudaMemory> memory;
  std::map<std::pair<DType, bool>, std::unique_ptr<Kernels>> tables;
};

// One for the process: every model on a GPU shares its limit.
struct Places {
  std::mutex mutex;
  std::map<int, Place> by_ordinal;
};
Places& places() {
  static auto* all = new Places;  // never destroyed: streams may outlive statics
  return *all;
}

// The GPU, once its products have been tested; what they cannot do is said on stderr.
std::unique_ptr<cuda::CudaMemory> tested(int ordinal, std::vector<cuda::GemmVerdict>& products) {
  cuda::Gpu gpu = cuda::find_gpu(ordinal);
  products = cuda::test_products(gpu);
  for (const cuda::GemmVerdict& verdict : products)
    (verdict.type == DType::bf16  ? gpu.left_out.bf16
     : verdict.type == DType::f16 ? gpu.left_out.f16
                                  : gpu.left_out.f8) = verdict.without;
  for (const std::string& warning : cuda::warnings_of(products))
    std::fprintf(stderr, "cuda:%d %s: %s\n", ordinal, gpu.name.c_str(), warning.c_str());
  return std::make_unique<cuda::CudaMemory>(gpu);
}

// Under the lock.
Place& place_of(Places& all, int ordinal) {
  Place& place = all.by_ordinal[ordinal];
  if (!place.memory) place.memory = tested(ordinal, place.products);
  return place;
}

// The self test for `winnow doctor`, which also reports on a GPU that has no memory left.
std::string products_report(int ordinal) {
  Places& all = places();
  std::lock_guard lock(all.mutex);
  try {
    return cuda::report_of(place_of(all, ordinal).products);
  } catch (const Error& error) {
    return cat("not done: ", error.what());
  }
}

std::unique_ptr<Stream> make_stream(ThreadPool& pool, Memory& memory) {
  return std::make_unique<cuda::CudaStream>(pool, static_cast<cuda::CudaMemory&>(memory));
}

void begin(Stream& stream) { cuda::of(stream).begin(); }

std::unique_ptr<Kernels> table(cuda::CudaMemory& memory, DType activations, bool eighths) {
  const cuda::Gpu& gpu = memory.gpu();
  auto kernels = std::make_unique<Kernels>();
  Kernels& k = *kernels;
  k.device = cat("cuda:", gpu.ordinal, ' ', gpu.name);
  k.memory = &memory;
  k.activations = activations;
  k.heads_in_rows = true;
  k.fused_linear = activations != DType::f32;
  k.eighths = eighths;
  k.step_tokens = kStepTokens;
  k.make_stream = make_stream;
  k.begin = begin;
  k.to_host = cuda::to_host;
  k.choose_tokens = cuda::best_tokens;
  k.pack = activations == DType::f32   ? cuda::pack_for<DType::f32>
           : activations == DType::f16 ? cuda::pack_for<DType::f16>
                                       : cuda::pack_for<DType::bf16>;
  k.place_table = cuda::place_table;
  k.free_bytes = [](const Memory& memory) {
    return static_cast<const cuda::CudaMemory&>(memory).free_bytes();
  };
  k.page_bytes = activations == DType::f32 ? cuda::page_bytes_32bit : cuda::page_bytes_16bit;
  k.linear = cuda::linear_f32;
  k.linear_16bit = cuda::linear_16bit;
  if (gpu.hopper()) k.linear_f8 = cuda::linear_f8;
  k.attention = cuda::attention;
  k.cached_attention = cuda::cached_attention;
  k.can_rope_append = cuda::can_rope_append;
  k.rope_append = cuda::rope_append;
  k.add_layer_norm = cuda::add_layer_norm;
  k.rms_norm = cuda::rms_norm;
  k.rope_angles = cuda::rope_angles;
  k.rope = cuda::rope;
  k.gated = cuda::gated;
  k.add = cuda::add;
  k.embed_sum = cuda::embed_sum;
  k.gather_rows = cuda::gather_rows;
  k.pool_rows = cuda::pool_rows;
  k.normalize_rows = cuda::normalize_rows;
  k.gelu = cuda::gelu;
  k.tanh = cuda::tanh;
  k.matrix_flops = cuda::matrix_flops;
  return kernels;
}

}  // namespace

CudaDevices cuda_devices() {
  try {
    cuda::find_gpu(0);
  } catch (const Error& error) {
    return {0, error.what()};
  }
  int count = 0;
  cuda::check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  return {count, ""};
}

const Kernels& cuda_kernels(int ordinal, DType activations, bool eighths) {
  require(activations == DType::f32 || activations == DType::f16 || activations == DType::bf16,
          "cuda: want activations of f32, f16 or bf16, got ", activations);
  Places& all = places();
  std::lock_guard lock(all.mutex);
  Place& place = place_of(all, ordinal);
  std::unique_ptr<Kernels>& kernels = place.tables[{activations, eighths}];
  if (!kernels) kernels = table(*place.memory, activations, eighths);
  return *kernels;
}

void cuda_memory_limit(int ordinal, int64_t bytes) {
  Places& all = places();
  std::lock_guard lock(all.mutex);
  place_of(all, ordinal).memory->limit(bytes);
}

int64_t cuda_memory_used(int ordinal) {
  Places& all = places();
  std::lock_guard lock(all.mutex);
  return place_of(all, ordinal).memory->allocated_bytes();
}

int64_t cuda_memory_total(int ordinal) {
  Places& all = places();
  std::lock_guard lock(all.mutex);
  return place_of(all, ordinal).memory->gpu().memory_bytes;
}

std::vector<std::pair<std::string, std::string>> cuda_kernel_report(int ordinal) {
  const cuda::Gpu gpu = cuda::find_gpu(ordinal);
  size_t free = 0, total = 0;
  cuda::check(cudaSetDevice(ordinal), "cudaSetDevice");
  cuda::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  constexpr double kGib = 1 << 30;
  const auto gib = [&](double bytes) {
    return cat(static_cast<int64_t>(bytes / kGib * 10) / 10.0, " GiB");
  };
  return {{"gpu", cat(gpu.name, ", compute capability ", gpu.major, '.', gpu.minor, ", ",
                      gpu.processors, " multiprocessors")},
          {"memory", cat(gib(static_cast<double>(total)), ", ", gib(static_cast<double>(free)),
                         " free; winnow takes up to 0.8 of it unless --max-memory says otherwise")},
          {"dtypes", gpu.hopper() ? "f32, f16, bf16, f8" : "f32, f16, bf16"},
          {"products", gpu.hopper() ? "own, wgmma" : "own, mma.sync"},
          {"bits", products_report(ordinal)},
          {"attention", gpu.hopper() ? "own, packed, wgmma" : "own, packed, mma.sync"}};
}

}  // namespace winnow
