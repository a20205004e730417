// A row is cut into segments, each segment's best are found by a block, and then the best of those.
// Keys are unique 64-bit numbers whose order is the choice's, so no order of work can matter.
#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/token_choice.h"

namespace winnow::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kSegment = 8192;  // logits
constexpr int kRoom = 512;          // keys that a block sorts

// Greater for a better token; 0: no choice. The upper half orders logits, the lower ids.
using Key = unsigned long long;

__device__ Key key_of(float logit, int id) {
  if (!(logit > -INFINITY)) return 0;
  const uint32_t bits = __float_as_uint(logit + 0.0f);  // -0 to 0
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<Key>(ordered) << 32 | (0xFFFFFFFFu - static_cast<uint32_t>(id));
}
__device__ TokenLogit token_of(Key key) {
  if (key == 0) return {-1, -INFINITY};
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return {static_cast<int32_t>(0xFFFFFFFFu - static_cast<uint32_t>(key)),
          __uint_as_float(ordered & 0x80000000u ? ordered & 0x7FFFFFFFu : ~ordered)};
}

// Every thread gets the block's largest. shared: a place a warp.
__device__ Key block_max(Key key, Key* shared) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) key = max(key, __shfl_xor_sync(~0u, key, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = key;
  __syncthreads();
  key = shared[0];
#pragma unroll
  for (int i = 1; i < kThreads / 32; ++i) key = max(key, shared[i]);
  return key;
}

// Descending, bitonic; `count` a power of two. Source: Batcher 1968.
__device__ void sort_keys(Key* keys, int count) {
  for (int size = 2; size <= count; size *= 2)
    for (int step = size / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int i = threadIdx.x; i < count / 2; i += kThreads) {
        const int low = i / step * 2 * step + i % step, high = low + step;
        const Key a = keys[low], b = keys[high];
        if ((a < b) == ((low & size) == 0)) keys[low] = b, keys[high] = a;
      }
    }
  __syncthreads();
}

struct Sorted {
  Key keys[kRoom];
  Key warps[kThreads / 32];
  int count;
};

// The `want` largest of key(0 .. count) to write(i, key), largest first.
//   Each thread's largest: the want-th largest of these has want keys at or above it, so that no
//   smaller key can be among the best. What is left is sorted; where too much is left, because one
//   thread met most of the best, they are taken one by one.
template <typename KeyAt, typename Write>
__device__ void best(int count, int want, Sorted& shared, KeyAt key, Write write) {
  Key own = 0;
  for (int i = threadIdx.x; i < count; i += kThreads) own = max(own, key(i));
  if (want == 1) {
    own = block_max(own, shared.warps);
    if (threadIdx.x == 0) write(0, own);
    return;
  }
  shared.keys[threadIdx.x] = own;
  if (threadIdx.x == 0) shared.count = 0;
  sort_keys(shared.keys, kThreads);
  const Key least = max(shared.keys[want - 1], Key{1});
  __syncthreads();
  for (int i = threadIdx.x; i < count; i += kThreads) {
    const Key k = key(i);
    if (k < least) continue;
    const int at = atomicAdd(&shared.count, 1);
    if (at < kRoom) shared.keys[at] = k;
  }
  __syncthreads();
  const int found = shared.count;
  if (found <= kRoom) {
    int room = 64;
    while (room < found) room *= 2;
    for (int i = found + threadIdx.x; i < room; i += kThreads) shared.keys[i] = 0;
    sort_keys(shared.keys, room);
    for (int i = threadIdx.x; i < want; i += kThreads) write(i, shared.keys[i]);
    return;
  }
  Key last = ~Key{0};
  for (int chosen = 0; chosen < want; ++chosen) {
    Key next = 0;
    for (int i = threadIdx.x; i < count; i += kThreads) {
      const Key k = key(i);
      if (k < last) next = max(next, k);
    }
    last = block_max(next, shared.warps);
    if (threadIdx.x == 0) write(chosen, last);
  }
}

// Block (segment, row). keys [rows, segments, want].
__global__ void __launch_bounds__(kThreads)
    segment_kernel(const float* logits, int64_t row, int vocab, int want, Key* keys) {
  __shared__ Sorted shared;
  const int first = blockIdx.x * static_cast<int>(kSegment);
  const float* from = logits + blockIdx.y * row + first;
  Key* to = keys + (static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * want;
  best(
      min(static_cast<int>(kSegment), vocab - first), want, shared,
      [&](int i) { return key_of(from[i], first + i); }, [&](int i, Key key) { to[i] = key; });
}

// A block a row: of `count` keys.
__global__ void __launch_bounds__(kThreads)
    merge_kernel(const Key* keys, int count, int want, TokenLogit* out) {
  __shared__ Sorted shared;
  const Key* from = keys + static_cast<int64_t>(blockIdx.x) * count;
  TokenLogit* to = out + static_cast<int64_t>(blockIdx.x) * want;
  best(
      count, want, shared, [&](int i) { return from[i]; },
      [&](int i, Key key) { to[i] = token_of(key); });
}

}  // namespace

void choose_tokens(const TokenChoiceArgs& a, Stream& stream) {
  require(a.count >= 1 && a.count <= kMostChoices && a.vocab >= 1 && a.vocab <= INT32_MAX,
          "choose_tokens: want 1 to ", kMostChoices, " of a vocabulary, got ", a.count, " of ",
          a.vocab);
  if (a.rows == 0) return;
  const int64_t segments = (a.vocab + kSegment - 1) / kSegment;
  const int64_t keys = segments * a.count;
  CudaStream& s = of(stream);
  auto* found = static_cast<Key*>(s.workspace(a.rows * keys * static_cast<int64_t>(sizeof(Key))));
  constexpr int64_t kRowsAtOnce = 65535;  // of a grid
  for (int64_t row = 0; row < a.rows; row += kRowsAtOnce) {
    const int64_t rows = std::min(kRowsAtOnce, a.rows - row);
    segment_kernel<<<dim3(static_cast<unsigned>(segments), static_cast<unsigned>(rows)), kThreads,
                     0, s.queue()>>>(a.logits + row * a.row, a.row, static_cast<int>(a.vocab),
                                     static_cast<int>(a.count), found + row * keys);
    check_launch("choose_tokens");
  }
  merge_kernel<<<static_cast<unsigned>(a.rows), kThreads, 0, s.queue()>>>(
      found, static_cast<int>(keys), static_cast<int>(a.count), a.out);
  check_launch("choose_tokens");
}

// The last kernel writes the few pairs straight into pinned memory.
void best_tokens(const ChooseTokensArgs& a, Stream& stream) {
  CudaStream& s = of(stream);
  const int64_t bytes = a.rows * a.count * static_cast<int64_t>(sizeof(TokenLogit));
  if (bytes == 0) return;
  auto* landed = static_cast<TokenLogit*>(s.landing(bytes));
  choose_tokens({.logits = a.logits,
                 .rows = a.rows,
                 .vocab = a.vocab,
                 .row = a.vocab,
                 .count = a.count,
                 .out = landed},
                stream);
  s.wait();
  std::memcpy(a.out, landed, static_cast<size_t>(bytes));
}

}  // namespace winnow::cuda
