#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_chunk.cuh"

namespace winnow::cuda {
namespace {

constexpr int kWarps = 2;

// What the warps of a block show each other: each chunk's mix and rows.
template <int E, bool kEight>
struct Exchange {
  float mix[kWarps][E / 8][32][kEight ? 2 : 4];
  Softened rows[kWarps][kDecodeRows];
};
template <int E, bool kEight>
constexpr int kSharedBytes = kWarps * 2 * kChunk* E * 2 +
                             static_cast<int>(sizeof(Exchange<E, kEight>));

// The row of a text's rows in `out`, for one kv head.
template <typename T, int E>
__device__ T* row_of(const PagedArgs& a, const PagedText& text, int head, int row) {
  const int token = row / a.group;
  return static_cast<T*>(a.out) + (static_cast<int64_t>(text.first + token) * a.heads +
                                   head * a.group + row - token * a.group) *
                                      E;
}

// A run of one text's chunks for one kv head. Warp w computes chunks first + w, first + w + 2, ...;
// a warp's next keys and values are on their way whenever their place is free, and no other warp
// waits for them. The warps exchange what they computed and fold it in order, each for its part of
// the columns. kEight: no text has more than 8 rows. Long because its stages overlap.
template <typename T, int E, bool kEight>
__global__ void __launch_bounds__(kWarps * 32, 3)
    decode_kernel(const __grid_constant__ PagedArgs a, const PagedRun* runs, PagedParts parts) {
  extern __shared__ __align__(128) uint8_t shared[];
  constexpr int kSide = kChunk * E * 2, kUnits = E / 8, kOwn = E / 8 / kWarps;
  constexpr int kSides = kEight ? 1 : 2;
  const int head = blockIdx.x % a.kv_heads, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const PagedRun run = runs[blockIdx.x / a.kv_heads];
  const PagedText text = run.text;
  const int rows = text.count * a.group;
  const uint32_t keys = shared_address(shared) + warp * 2 * kSide, values = keys + kSide;
  uint8_t* const after = shared + kWarps * 2 * kSide;
  auto& exchange = *reinterpret_cast<Exchange<E, kEight>*>(after);
  int chunk = run.first + warp;
  const auto load = [&](uint32_t to, const void* pages, int which) {
    if (which < run.end) load_chunk<E, 32>(to, pages, a, text, head, which, lane);
    commit_copies();
  };
  load(keys, a.k_pages, chunk);
  load(values, a.v_pages, chunk);

  for (int at = threadIdx.x; at < kDecodeRows * kUnits; at += kWarps * 32) {
    const int row = at / kUnits, unit = at % kUnits, token = row / a.group;
    uint4 value = {};
    if (row < rows)
      value = *reinterpret_cast<const uint4*>(static_cast<const T*>(a.q) +
                                              (head * a.group + row - token * a.group) * a.q_plane +
                                              (text.first + token) * a.q_row + unit * 8);
    *reinterpret_cast<uint4*>(after + unit_at<E>(row, unit)) = value;
  }
  __syncthreads();
  uint32_t q[E / 16][4];
#pragma unroll
  for (int k = 0; k < E / 16; ++k)
    load_matrices(q[k], shared_address(after) + unit_at<E>(lane % 16, k * 2 + lane / 16));
  const int2 position = {text.past + min(lane / 4, rows - 1) / a.group,
                         text.past + min(lane / 4 + 8, rows - 1) / a.group};
  const auto query = [&](uint32_t(&to)[1][4], int k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) to[0][i] = q[k][i];
  };

  float out[kOwn][2 * kSides] = {}, max[2] = {-INFINITY, -INFINITY}, sums[2] = {};
  for (int round = run.first; round < run.end; round += kWarps, chunk += kWarps) {
    const bool mine = chunk < run.end;
    uint32_t p[1][kChunk / 16][4];
    Softened part[2];
    if (mine) {
      wait_copies<1>();
      __syncwarp();
      float scores[1][kChunk / 8][4];
      score_chunk<T, E, 1>(scores, keys, query);
      __syncwarp();
      load(keys, a.k_pages, chunk + kWarps);
      if (chunk * kChunk + kChunk - 1 > text.past) mask_chunk(scores[0], position, chunk * kChunk);
      soften_chunk<T>(scores[0], a.scale, p[0], part);
      wait_copies<1>();
      __syncwarp();
    }
    if (run.slot >= 0) {
      if (!mine) break;
      const int64_t place =
          (static_cast<int64_t>(run.slot + chunk - run.first) * a.kv_heads + head) *
              parts.row_room +
          lane / 4;
#pragma unroll
      for (int n = 0; n < E / 16; ++n) {
        float mix[1][2][4];
        mix_chunk<T, E, 1>(mix, p, values, n);
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
          for (int h = 0; h < kSides; ++h)
            if (lane / 4 + h * 8 < rows)
              *reinterpret_cast<float2*>(parts.mix + (place + h * 8) * E + n * 16 + i * 8 +
                                         lane % 4 * 2) = {mix[0][i][2 * h], mix[0][i][2 * h + 1]};
      }
#pragma unroll
      for (int h = 0; h < kSides; ++h)
        if (lane % 4 == 0 && lane / 4 + h * 8 < rows)
          parts.rows[place + h * 8] = {part[h].max, part[h].sum};
      __syncwarp();
      load(values, a.v_pages, chunk + kWarps);
      continue;
    }
    __syncthreads();  // the exchange is free: the last round's parts, at first the queries, are
                      // read
    if (mine) {
#pragma unroll
      for (int n = 0; n < E / 16; ++n) {
        float mix[1][2][4];
        mix_chunk<T, E, 1>(mix, p, values, n);
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
          for (int h = 0; h < kSides; ++h)
            *reinterpret_cast<float2*>(&exchange.mix[warp][2 * n + i][lane][2 * h]) = {
                mix[0][i][2 * h], mix[0][i][2 * h + 1]};
      }
#pragma unroll
      for (int h = 0; h < kSides; ++h)
        if (lane % 4 == 0) exchange.rows[warp][lane / 4 + h * 8] = part[h];
      __syncwarp();
      load(values, a.v_pages, chunk + kWarps);
    }
    __syncthreads();
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      if (round + w >= run.end) break;
      Fold folds[kSides];
#pragma unroll
      for (int h = 0; h < kSides; ++h) {
        const Softened other = exchange.rows[w][lane / 4 + h * 8];
        folds[h] = fold_of(max[h], other.max, a.scale);
        sums[h] = folded(sums[h], other.sum, folds[h]);
      }
#pragma unroll
      for (int n = 0; n < kOwn; ++n)
#pragma unroll
        for (int h = 0; h < kSides; ++h) {
          const float2 other =
              *reinterpret_cast<const float2*>(&exchange.mix[w][warp * kOwn + n][lane][2 * h]);
          out[n][2 * h] = folded(out[n][2 * h], other.x, folds[h]);
          out[n][2 * h + 1] = folded(out[n][2 * h + 1], other.y, folds[h]);
        }
    }
  }
  if (run.slot >= 0) return;
#pragma unroll
  for (int h = 0; h < kSides; ++h) {
    const int row = lane / 4 + h * 8;
    if (row >= rows) continue;
    const float inverse = inverse_of(sums[h]);
    T* to = row_of<T, E>(a, text, head, row) + warp * kOwn * 8 + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < kOwn; ++n)
      *reinterpret_cast<uint32_t*>(to + n * 8) =
          pack_pair<T>(__fmul_rn(out[n][2 * h], inverse), __fmul_rn(out[n][2 * h + 1], inverse));
  }
}

// One row of one split text: a thread a column folds the chunks from the left. First E chunks'
// factors, a thread each, from the running largest score.
template <typename T, int E>
__global__ void __launch_bounds__(E)
    fold_kernel(const __grid_constant__ PagedArgs a, const PagedSplit* splits, PagedParts parts) {
  struct Factors {
    float before, now, sum;
  };
  __shared__ Factors factors[E];
  __shared__ float warp_max[E / 32];
  const PagedSplit split = splits[blockIdx.x];
  const int head = blockIdx.y, row = blockIdx.z;
  if (row >= split.rows) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t stride = static_cast<int64_t>(a.kv_heads) * parts.row_room;
  const int64_t first = split.slot * stride + head * parts.row_room + row;
  float max = -INFINITY, sum = 0.0f, out = 0.0f;
  for (int begin = 0; begin < split.chunks; begin += E) {
    const int count = min(E, split.chunks - begin);
    const float2 part = threadIdx.x < count ? parts.rows[first + (begin + threadIdx.x) * stride]
                                            : make_float2(-INFINITY, 0.0f);
    float most = part.x;  // of the chunks up to the thread's
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const float other = __shfl_up_sync(~0u, most, step);
      if (lane >= step) most = fmaxf(most, other);
    }
    __syncthreads();
    if (lane == 31) warp_max[warp] = most;
    __syncthreads();
    float earlier = max;
    for (int w = 0; w < E / 32; ++w) {
      if (w < warp) earlier = fmaxf(earlier, warp_max[w]);
      max = fmaxf(max, warp_max[w]);
    }
    float previous = __shfl_up_sync(~0u, most, 1);
    previous = lane > 0 ? fmaxf(earlier, previous) : earlier;
    const Fold fold = fold_of(previous, part.x, a.scale);
    factors[threadIdx.x] = {fold.before, fold.now, part.y};
    __syncthreads();
    const float* mix = parts.mix + (first + begin * stride) * E + threadIdx.x;
    constexpr int kAtOnce = 16;
    for (int chunk = 0; chunk < count; chunk += kAtOnce) {
      float next[kAtOnce];
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        next[i] = chunk + i < count ? mix[(chunk + i) * stride * E] : 0.0f;
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) {
        if (chunk + i >= count) break;
        const Factors f = factors[chunk + i];
        sum = folded(sum, f.sum, {f.before, f.now});
        out = folded(out, next[i], {f.before, f.now});
      }
    }
  }
  const float value = __fmul_rn(out, inverse_of(sum));
  reinterpret_cast<uint16_t*>(row_of<T, E>(a, a.texts[split.text], head, row))[threadIdx.x] =
      static_cast<uint16_t>(pack_pair<T>(value, value));
}

template <typename T, int E, bool kEight>
void decode(const PagedArgs& args, const PagedRun* runs, int count, const PagedParts& parts,
            cudaStream_t queue) {
  constexpr int kBytes = kSharedBytes<E, kEight>;
  allow_shared_memory(reinterpret_cast<const void*>(decode_kernel<T, E, kEight>), kBytes);
  decode_kernel<T, E, kEight>
      <<<count * args.kv_heads, kWarps * 32, kBytes, queue>>>(args, runs, parts);
  check_launch("paged_decode");
}

template <typename Call>
void with_head(DType type, int head_size, Call call) {
  if (type == DType::f16) {
    if (head_size == 64) return call.template operator()<__half, 64>();
    return call.template operator()<__half, 128>();
  }
  if (head_size == 64) return call.template operator()<__nv_bfloat16, 64>();
  call.template operator()<__nv_bfloat16, 128>();
}

}  // namespace

void paged_decode(const PagedArgs& args, DType type, const PagedRun* runs, int count,
                  const PagedParts& parts, cudaStream_t queue) {
  if (count == 0) return;
  with_head(type, args.head_size, [&]<typename T, int E>() {
    if (parts.row_room == 8) return decode<T, E, true>(args, runs, count, parts, queue);
    decode<T, E, false>(args, runs, count, parts, queue);
  });
}

void paged_fold(const PagedArgs& args, DType type, const PagedSplit* splits, int count,
                const PagedParts& parts, cudaStream_t queue) {
  if (count == 0) return;
  with_head(type, args.head_size, [&]<typename T, int E>() {
    fold_kernel<T, E>
        <<<dim3(count, args.kv_heads, parts.row_room), E, 0, queue>>>(args, splits, parts);
    check_launch("paged_fold");
  });
}

}  // namespace winnow::cuda
