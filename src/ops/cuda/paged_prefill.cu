// ptxas: may spill, because heads of 128 lack four registers; its rates were measured with that.

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_chunk.cuh"

namespace winnow::cuda {
namespace {

// kRows: of 16 rows a warp. kHeld: the warps keep their queries in registers, which leaves shared
// memory and bandwidth to keys and values; else they read them anew for each chunk. kBlocks: a
// processor's.
template <int kWarps_, int kRows_, bool kHeld_, int kBlocks_>
struct Form {
  static constexpr int kWarps = kWarps_, kRows = kRows_, kBlocks = kBlocks_;
  static constexpr bool kHeld = kHeld_;
  static constexpr int kThreads = kWarps * 32, kTile = kWarps * 16 * kRows;
};

template <int E, typename F>
constexpr int kSharedBytes = ((F::kHeld ? 0 : F::kTile) + 4 * kChunk) * E * 2;

// The tile's queries into [kTile][E]; rows past the text's are zeros.
template <typename T, int E, typename F>
__device__ void load_queries(uint32_t to, const PagedArgs& a, const PagedText& text, int first_row,
                             int head) {
  constexpr int kUnits = E / 8;
  const int rows = text.count * a.group;
#pragma unroll 4
  for (int i = 0; i < F::kTile * kUnits / F::kThreads; ++i) {
    const int at = i * F::kThreads + threadIdx.x, row = at / kUnits, unit = at % kUnits;
    const int r = min(first_row + row, rows - 1), token = r / a.group;
    const T* from = static_cast<const T*>(a.q) +
                    (head * a.group + r - token * a.group) * a.q_plane +
                    (text.first + token) * a.q_row + unit * 8;
    copy_async(to + unit_at<E>(row, unit), from, first_row + row < rows);
  }
}

// One warp's 16 * kRows finished rows through its own part of the queries' memory, so that they
// leave in 16-byte units.
template <typename T, int E, int kRows>
__device__ void store_rows(uint8_t* shared, const PagedArgs& a, const PagedText& text,
                           int first_row, int head, const float (&out)[kRows][E / 8][4],
                           const float (&sums)[kRows][2]) {
  const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16 * kRows;
  __syncwarp();
#pragma unroll
  for (int r = 0; r < kRows; ++r)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float inverse = inverse_of(sums[r][h]);
      const int row = warp_row + r * 16 + h * 8 + lane / 4;
#pragma unroll
      for (int n = 0; n < E / 8; ++n)
        *reinterpret_cast<uint32_t*>(shared + unit_at<E>(row, n) + lane % 4 * 4) = pack_pair<T>(
            __fmul_rn(out[r][n][2 * h], inverse), __fmul_rn(out[r][n][2 * h + 1], inverse));
    }
  __syncwarp();
  constexpr int kUnits = E / 8;
#pragma unroll 4
  for (int i = 0; i < 16 * kRows * kUnits / 32; ++i) {
    const int at = i * 32 + lane, row = warp_row + at / kUnits, unit = at % kUnits;
    const int r = first_row + row, token = r / a.group;
    if (token >= text.count) continue;
    T* to = static_cast<T*>(a.out) +
            (static_cast<int64_t>(text.first + token) * a.heads + head * a.group + r -
             token * a.group) *
                E +
            unit * 8;
    *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(shared + unit_at<E>(row, unit));
  }
}

// One tile of one kv head: keys and values of a chunk are read for all heads of the group at once.
// Two chunks' keys and values in shared memory: one is computed while the next arrives.
// Long because its parts share the registers that it is short of.
template <typename T, int E, typename F>
__global__ void __launch_bounds__(F::kThreads, F::kBlocks)
    prefill_kernel(const __grid_constant__ PagedArgs a, const PagedTile* tiles) {
  extern __shared__ __align__(128) uint8_t shared[];
  constexpr int kRows = F::kRows, kSide = kChunk * E * 2;
  const int head = blockIdx.x % a.kv_heads, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const PagedTile tile = tiles[blockIdx.x / a.kv_heads];
  const PagedText text = tile.text;
  const int rows = text.count * a.group;
  const uint32_t buffers = shared_address(shared) + (F::kHeld ? 0 : F::kTile * E * 2);
  const uint32_t queries = F::kHeld ? buffers + 2 * kSide : shared_address(shared);
  const auto load = [&](int chunk) {
    const uint32_t to = buffers + chunk % 2 * 2 * kSide;
    load_chunk<E, F::kThreads>(to, a.k_pages, a, text, head, chunk, threadIdx.x);
    load_chunk<E, F::kThreads>(to + kSide, a.v_pages, a, text, head, chunk, threadIdx.x);
    commit_copies();
  };
  load_queries<T, E, F>(queries, a, text, tile.row, head);
  commit_copies();
  load(0);

  const int warp_row = warp * 16 * kRows;
  const auto position_of = [&](int row) {
    return text.past + min(tile.row + warp_row + row, rows - 1) / a.group;
  };
  const int warp_first = position_of(0), warp_last = position_of(16 * kRows - 1);
  uint32_t after_first = 0;  // the thread's rows' positions after warp_first, a byte each
#pragma unroll
  for (int i = 0; i < 2 * kRows; ++i)
    after_first |= static_cast<uint32_t>(position_of(i * 8 + lane / 4) - warp_first) << 8 * i;
  const int chunks = (text.past + min(tile.row + F::kTile - 1, rows - 1) / a.group) / kChunk + 1;

  const uint32_t query_at = queries + unit_at<E>(warp_row + lane % 16, lane / 16);
  uint32_t held[F::kHeld ? E / 16 : 1][kRows][4];
  if constexpr (F::kHeld) {
    wait_copies<1>();
    __syncthreads();
#pragma unroll
    for (int k = 0; k < E / 16; ++k)
#pragma unroll
      for (int r = 0; r < kRows; ++r)
        load_matrices(held[k][r], units_on(query_at, 2 * k) + r * 16 * E * 2);
  }
  const auto query = [&](uint32_t(&q)[kRows][4], int k) {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      if constexpr (F::kHeld) {
#pragma unroll
        for (int i = 0; i < 4; ++i) q[r][i] = held[k][r][i];
      } else {
        load_matrices(q[r], units_on(query_at, 2 * k) + r * 16 * E * 2);
      }
  };

  float out[kRows][E / 8][4] = {}, max[kRows][2], sums[kRows][2];
#pragma unroll
  for (int r = 0; r < kRows; ++r) max[r][0] = max[r][1] = -INFINITY, sums[r][0] = sums[r][1] = 0.0f;
  const auto attend = [&]<bool kWhole>(int chunk, std::bool_constant<kWhole>) {
    const uint32_t keys = buffers + chunk % 2 * 2 * kSide;
    const int seen = min(kChunk, warp_last + 1 - chunk * kChunk);  // by the warp's last row
    float scores[kRows][kChunk / 8][4];
    score_chunk<T, E, kRows, kWhole>(scores, keys, query, seen);
    uint32_t p[kRows][kChunk / 16][4];
    Fold folds[kRows][2];
    bool grown = false;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      __syncwarp();  // as below
      if constexpr (!kWhole)
        mask_chunk(scores[r],
                   {warp_first + static_cast<int>(after_first >> 16 * r & 0xFF),
                    warp_first + static_cast<int>(after_first >> (16 * r + 8) & 0xFF)},
                   chunk * kChunk);
      Softened part[2];
      soften_chunk<T>(scores[r], a.scale, p[r], part);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        folds[r][h] = fold_of(max[r][h], part[h].max, a.scale);
        sums[r][h] = folded(sums[r][h], part[h].sum, folds[r][h]);
        grown = grown || folds[r][h].before != 1.0f;
      }
    }
    if (__any_sync(~0u, grown)) {
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int n = 0; n < E / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            out[r][n][i] = __fmul_rn(out[r][n][i], folds[r][i / 2].before);
    }
#pragma unroll
    for (int n = 0; n < E / 16; ++n) {
      __syncwarp();  // values are not read further ahead than there are registers for
      float mix[kRows][2][4];
      mix_chunk<T, E, kRows, kWhole>(mix, p, keys + kSide, n, seen);
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& sum = out[r][2 * n + i / 4][i % 4];
          sum = __fmaf_rn(mix[r][i / 4][i % 4], folds[r][i % 4 / 2].now, sum);
        }
    }
  };
  for (int chunk = 0; chunk < chunks; ++chunk) {
    wait_copies<0>();
    __syncthreads();
    if (chunk + 1 < chunks) load(chunk + 1);
    if (chunk * kChunk + kChunk - 1 <= warp_first)
      attend(chunk, std::true_type{});
    else if (chunk * kChunk <= warp_last)
      attend(chunk, std::false_type{});
  }
  if constexpr (F::kHeld) __syncthreads();  // all have read the last keys and values
  // Read anew: the loop has no registers to keep them in.
  const volatile PagedTile& again = tiles[blockIdx.x / a.kv_heads];
  const PagedText its{again.text.first, again.text.count, 0, 0};
  store_rows<T, E, kRows>(shared, a, its, again.row, blockIdx.x % a.kv_heads, out, sums);
}

template <typename T, int E, typename F>
void launch(const PagedArgs& args, const PagedTile* tiles, int count, cudaStream_t queue) {
  constexpr int kBytes = kSharedBytes<E, F>;
  allow_shared_memory(reinterpret_cast<const void*>(prefill_kernel<T, E, F>), kBytes);
  prefill_kernel<T, E, F><<<count * args.kv_heads, F::kThreads, kBytes, queue>>>(args, tiles);
  check_launch("paged_prefill");
}

template <typename T, int E>
void launch(const PagedArgs& args, int warp_rows, const PagedTile* tiles, int count,
            cudaStream_t queue) {
  if (warp_rows == 16) return launch<T, E, Form<4, 1, true, 3>>(args, tiles, count, queue);
  launch<T, E, Form<4, 2, false, 2>>(args, tiles, count, queue);
}

}  // namespace

void paged_prefill(const PagedArgs& args, DType type, int warp_rows, const PagedTile* tiles,
                   int count, cudaStream_t queue) {
  if (count == 0) return;
  if (type == DType::f16 && args.head_size == 64)
    launch<__half, 64>(args, warp_rows, tiles, count, queue);
  else if (type == DType::f16)
    launch<__half, 128>(args, warp_rows, tiles, count, queue);
  else if (args.head_size == 64)
    launch<__nv_bfloat16, 64>(args, warp_rows, tiles, count, queue);
  else
    launch<__nv_bfloat16, 128>(args, warp_rows, tiles, count, queue);
}

}  // namespace winnow::cuda
