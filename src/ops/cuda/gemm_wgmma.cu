// The product on Hopper (compute capability 9.0).
//
// A block is a loader warp, which has the tensor copy engine fill a ring of slices (128 bytes of k
// of the tile's rows of x and of w), and one or two warp groups of 64 rows each, which multiply
// them. Blocks stay and walk over tiles; a cluster of two blocks walks over pairs of tiles that
// have their rows of x or of w in common, and each block loads half of what they share for both.
// The ring goes on filling with the next tile while a warp group finishes its rows: bias,
// activation and residual in registers, then through a swizzled corner of shared memory, a warp at
// a time, to whole lines of out.
//
// Measured on an H100 (bench/gpu/gemm_bench.cu), what made it fast: no fence beyond the block at
// barriers (450 to 780 TFLOP/s at 8192^3); endings with kernels of their own (10 % at k = 1024);
// residual through the ring (3 us a tile). What did not: holding the second warp group two slices
// back, so that the endings of the two alternate; storing by the copy engine, behind its loads.
#include <cuda.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/epilogue.cuh"
#include "ops/cuda/gemm.h"
#include "ops/cuda/gemm_few.h"
#include "ops/cuda/gemm_mma.h"
#include "ops/cuda/gemm_plain.h"
#include "ops/cuda/hopper.cuh"
#include "ops/cuda/tensor_map.h"
#include "ops/cuda/wgmma.cuh"

namespace winnow::cuda {
namespace {

constexpr int kStoreCols = 64;     // a warp's corner: 16 rows of 64 columns
constexpr int kCorner = 16 * 128;  // bytes

struct Walk {
  int slices;            // of k
  int m_tiles, n_tiles;  // of the output
  int items;             // tiles, or pairs of tiles
  int slice_bytes;       // that arrive for a slice
};

struct Tile {
  int row, col;   // in tiles
  bool shares_w;  // the pair has w in common, else x
};

// Tiles in an order that keeps what is loaded at one time close together: bands of eight rows.
__device__ __forceinline__ void in_bands(int item, int rows, int cols, int* row, int* col) {
  constexpr int kBand = 8;
  const int band = item / (kBand * cols), inside = item % (kBand * cols);
  const int height = min(kBand, rows - band * kBand);
  *row = band * kBand + inside % height;
  *col = inside / height;
}

template <int kCluster>
__device__ __forceinline__ Tile tile_of(const Walk& walk, int item, int rank) {
  Tile tile{0, 0, true};
  if constexpr (kCluster == 1) {
    in_bands(item, walk.m_tiles, walk.n_tiles, &tile.row, &tile.col);
  } else {
    const int pairs = walk.m_tiles / 2 * walk.n_tiles;
    if (item < pairs) {
      in_bands(item, walk.m_tiles / 2, walk.n_tiles, &tile.row, &tile.col);
      tile.row = 2 * tile.row + rank;
    } else {  // the odd row of tiles, in pairs of columns
      tile = {walk.m_tiles - 1, 2 * (item - pairs) + rank, false};
    }
  }
  return tile;
}

template <int kRows, int kCols, int kStages>
struct Ring {
  static constexpr int kGroups = kRows / 64;
  static constexpr int kBytesX = kRows * 128, kBytesW = kCols * 128;
  static constexpr int kX = 0;
  static constexpr int kW = kStages * kBytesX;
  static constexpr int kCorners = kW + kStages * kBytesW;
  static constexpr int kAddends = kCorners + (kCols >= kStoreCols ? kGroups * 4 * kCorner : 0);
  static constexpr int kAddendBytes = kCols * 4 * (kCols <= 128 ? 2 : 1);  // bias; w_scales
  static constexpr int kFull = kAddends + kGroups * kAddendBytes;
  static constexpr int kEmpty = kFull + 8 * kStages;
  static constexpr int kReady = kEmpty + 8 * kStages;
  static constexpr int kBytes = kReady + 8 * kStages;
  static_assert(kBytes <= 227 * 1024);
};

// Where a warp of a consuming group stands in the ring.
template <typename R, int kStages, int kCluster>
struct Cursor {
  uint32_t base;
  int lane;
  int stage = 0;
  uint32_t parity = 0;

  __device__ __forceinline__ void wait() const {
    barrier_wait(base + R::kFull + 8 * stage, parity);
  }
  __device__ __forceinline__ void next() {
    if (++stage == kStages) stage = 0, parity ^= 1;
  }
  // This warp is through with what lies there.
  __device__ __forceinline__ void release(int s) const {
    if (lane == 0) barrier_arrive(base + R::kEmpty + 8 * s);
  }
  __device__ __forceinline__ uint32_t x() const { return base + R::kX + stage * R::kBytesX; }
  __device__ __forceinline__ uint32_t w() const { return base + R::kW + stage * R::kBytesW; }
};

// The rows of one warp from sums to out, 64 columns at a time, which turn in the warp's corner from
// what a lane holds to whole lines. The residual comes through the ring, as if it were more slices:
// 64 columns where x lies, 64 where w lies. row: the warp's first, of out; tile_row: of the tile.
// (The copy engine could store the corners, but waits behind the slices that it loads: 3.5 us a
// tile that nothing hid, measured.)
template <typename In, typename T, int kCols, typename Where>
__device__ __forceinline__ void finish(const Epilogue& e, float (&d)[kCols / 2], int row,
                                       int tile_row, int col, uint32_t addends, uint32_t corner,
                                       Where& ring, int lane) {
  constexpr bool kEight = std::is_same_v<In, __nv_fp8_e4m3>;
  const bool to_f8 = kEight && e.out_scales;
  const bool halved = e.gated || to_f8;  // two steps fill a corner
  uint32_t packed[16];
#pragma unroll
  for (int c = 0; c < kCols / 64; ++c) {
    float* v = d + 32 * c;
    const uint32_t pairs = addends + 4 * (64 * c + 2 * (lane % 4));
    if constexpr (kEight) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float2 scale = load_shared<float2>(pairs + 4 * kCols + 32 * j);
        v[4 * j] = __fmul_rn(v[4 * j], scale.x);
        v[4 * j + 1] = __fmul_rn(v[4 * j + 1], scale.y);
        v[4 * j + 2] = __fmul_rn(v[4 * j + 2], scale.x);
        v[4 * j + 3] = __fmul_rn(v[4 * j + 3], scale.y);
      }
    }
    if (e.bias) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float2 bias = load_shared<float2>(pairs + 32 * j);
        v[4 * j] = __fadd_rn(v[4 * j], bias.x);
        v[4 * j + 1] = __fadd_rn(v[4 * j + 1], bias.y);
        v[4 * j + 2] = __fadd_rn(v[4 * j + 2], bias.x);
        v[4 * j + 3] = __fadd_rn(v[4 * j + 3], bias.y);
      }
    }
    if (e.gated) {
      activate<32, 2>(e.activation, v);
#pragma unroll
      for (int i = 0; i < 8; ++i) {  // 16 columns i / 2, rows + 8 (i % 2)
        const float* g = v + 8 * (i / 2) + 2 * (i % 2);
        packed[8 * (c % 2) + i] = pair_up(pack<T>(g[0] * g[1], g[4] * g[5]), lane);
      }
    } else {
      activate<32, 1>(e.activation, v);
      if (e.residual) {
        if (c % 2 == 0) ring.wait();
        const uint32_t line =
            (c % 2 ? ring.w() : ring.x()) + (tile_row + lane / 4) * 128 + 4 * (lane % 4);
#pragma unroll
        for (int i = 0; i < 16; ++i) {
          const uint32_t from = line + i % 2 * 1024 + (((i / 2) ^ (lane / 4)) << 4);
          const float2 pair = unpack<T>(load_shared<uint32_t>(from));
          v[2 * i] = __fadd_rn(v[2 * i], pair.x);
          v[2 * i + 1] = __fadd_rn(v[2 * i + 1], pair.y);
        }
        if (c % 2 || c + 1 == kCols / 64) {
          __syncwarp();
          ring.release(ring.stage);
          ring.next();
        }
      }
      if constexpr (kEight && kCols % 128 == 0)
        if (to_f8 && c % 2)
          quantise_128(e, v - 32, row + lane / 4, col + 64 * (c - 1), lane, packed);
      if (!to_f8) {
#pragma unroll
        for (int i = 0; i < 16; ++i) packed[i] = pack<T>(v[2 * i], v[2 * i + 1]);
      }
    }
    if (halved && c % 2 == 0) continue;
    __syncwarp();  // all have read what was here
    const uint32_t line = corner + (lane % 8 + 8 * (lane / 8 % 2)) * 128;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int unit = (2 * i + lane / 16) ^ (lane % 8);
      store_matrices(line + 16 * unit, packed[4 * i], packed[4 * i + 1], packed[4 * i + 2],
                     packed[4 * i + 3]);
    }
    __syncwarp();
    // of out, in bytes: eight lanes a row
    const int size = to_f8 ? 1 : 2;
    const int from = (halved ? col + 64 * (c - 1) : col + 64 * c) * size / (e.gated ? 2 : 1);
    const int end = e.n * size / (e.gated ? 2 : 1), at = from + lane % 8 * 16;
    char* to = static_cast<char*>(e.out) + (row + lane / 8) * e.out_stride * size + at;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = 4 * i + lane / 8;
      const uint4 unit = load_shared_16(corner + r * 128 + (((lane % 8) ^ (r % 8)) << 4));
      if (row + r < e.m && at < end)
        *reinterpret_cast<uint4*>(to + 4 * i * e.out_stride * size) = unit;
    }
  }
}

// What a kernel is compiled for: the common endings have kernels of their own, since one that knows
// them all is 270 KB of code, and every first tile waits for the instruction cache.
enum class Ending { kAny, kPlain, kGelu, kGatedSilu };

template <typename In, typename T, int kRows, int kCols, int kStages, int kCluster, Ending kEnding>
__global__ void __launch_bounds__((kRows / 64 + 1) * 128, 1)
    gemm_kernel(const __grid_constant__ CUtensorMap map_x,
                const __grid_constant__ CUtensorMap map_w,
                const __grid_constant__ CUtensorMap map_residual, const Walk walk,
                const Epilogue given, const bool staged_given) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using R = Ring<kRows, kCols, kStages>;
  constexpr int kGroups = kRows / 64;
  Epilogue e = given;
  const bool staged = kEnding != Ending::kAny || staged_given;
  if constexpr (kEnding != Ending::kAny) {
    e.activation = kEnding == Ending::kPlain  ? Activation::kNone
                   : kEnding == Ending::kGelu ? Activation::kGelu
                                              : Activation::kSilu;
    e.gated = kEnding == Ending::kGatedSilu;
    if (kEnding != Ending::kPlain) e.residual = nullptr;
  }
  constexpr bool kEight = std::is_same_v<In, __nv_fp8_e4m3>;
  extern __shared__ __align__(1024) char raw[];
  const uint32_t base = shared_address(raw);
  if (base % 1024) __trap();
  const int warp = __shfl_sync(0xFFFFFFFF, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
  const int group = warp / 4;
  const int rank = kCluster == 1 ? 0 : static_cast<int>(block_in_cluster());
  const int first = blockIdx.x / kCluster, step = gridDim.x / kCluster;
  const uint32_t full = base + R::kFull, empty = base + R::kEmpty;

  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      barrier_init(full + 8 * s, 1);
      barrier_init(empty + 8 * s, kGroups * 4);
      barrier_init(base + R::kReady + 8 * s, 1);
    }
    barrier_init_done();
    prefetch(&map_x);
    prefetch(&map_w);
  }
  if constexpr (kCluster > 1)
    cluster_sync();
  else
    __syncthreads();

  constexpr int kSliceElements = kLineBytes / static_cast<int>(sizeof(In));
  if (group == kGroups) {
    if constexpr (kGroups == 2) give_registers<40>();
    if (warp == 4 * kGroups && lane == 0) {
      int stage = 0;
      uint32_t parity = 1;
      bool refill = false;  // what the ring held before has to be through, in both blocks
      const auto next = [&] {
        if (++stage == kStages) stage = 0, parity ^= 1, refill = true;
      };
      // What this block's warps have read, it tells the other loader, which then may write here
      // too.
      const auto own_free = [&] {
        if (!refill) return;
        barrier_wait(empty + 8 * stage, parity);
        if constexpr (kCluster > 1) barrier_arrive_at(base + R::kReady + 8 * stage, rank ^ 1);
      };
      const auto other_free = [&] {
        if constexpr (kCluster > 1)
          if (refill) barrier_wait(base + R::kReady + 8 * stage, parity);
      };
      const auto load = [&](const CUtensorMap* map, uint32_t to, int bytes, bool shared, int slice,
                            int row, int rows) {
        const uint32_t bar = full + 8 * stage;
        const int k = slice * kSliceElements;
        if constexpr (kCluster == 1) {
          load_box(to, map, bar, k, row);
        } else if (shared) {
          load_box_to(to + rank * bytes / 2, map, bar, k, row + rank * rows / 2, 3);
        } else {
          load_box(to, map, bar, k, row);
          load_box(to + bytes / 2, map, bar, k, row + rows / 2);
        }
      };
      const auto load_x = [&](const Tile& tile, int slice) {
        load(&map_x, base + R::kX + stage * R::kBytesX, R::kBytesX, !tile.shares_w, slice,
             tile.row * kRows, kRows);
      };
      const auto load_w = [&](const Tile& tile, int slice) {
        load(&map_w, base + R::kW + stage * R::kBytesW, R::kBytesW, tile.shares_w, slice,
             tile.col * kCols, kCols);
      };
      // Weights do not come from the kernel before: the first fill the ring while it ends.
      int ahead = min(kStages, walk.slices);
      const Tile start = tile_of<kCluster>(walk, first, rank);
      for (; stage < ahead; ++stage) {
        barrier_expect(full + 8 * stage, walk.slice_bytes);
        load_w(start, stage);
      }
      stage = 0;
      wait_for_kernel_before();
      for (int item = first; item < walk.items; item += step) {
        const Tile tile = tile_of<kCluster>(walk, item, rank);
        for (int slice = 0; slice < walk.slices; ++slice) {
          if (ahead > 0) {
            --ahead;
            load_x(tile, slice);
          } else {
            own_free();
            barrier_expect(full + 8 * stage, walk.slice_bytes);
            if (tile.shares_w) {
              load_x(tile, slice);
              other_free();
              load_w(tile, slice);
            } else {
              load_w(tile, slice);
              other_free();
              load_x(tile, slice);
            }
          }
          next();
        }
        if constexpr (kCols >= kStoreCols) {
          for (int c = 0; staged && e.residual && c < kCols / 64; ++c) {
            const uint32_t bar = full + 8 * stage;
            if (c % 2 == 0) {
              own_free();
              barrier_expect(bar, min(2, kCols / 64 - c) * R::kBytesX);
            }
            load_box(c % 2 ? base + R::kW + stage * R::kBytesW : base + R::kX + stage * R::kBytesX,
                     &map_residual, bar, tile.col * kCols + 64 * c, tile.row * kRows);
            if (c % 2 || c + 1 == kCols / 64) {
              other_free();
              next();
            }
          }
        }
      }
    }
    __syncwarp();
  } else {
    if constexpr (kGroups == 2) take_registers<232>();
    wait_for_kernel_before();
    let_next_kernel_start();
    float d[kCols / 2];
    Cursor<R, kStages, kCluster> ring{base, lane};
    const uint32_t corner = base + R::kCorners + warp * kCorner;
    const uint32_t addends = base + R::kAddends + group * R::kAddendBytes;
    const auto multiply = [&](float(&sums)[kCols / 2], bool add) {
      ring.wait();
      const uint64_t x = matrix_descriptor(ring.x() + group * (64 * 128));
      const uint64_t w = matrix_descriptor(ring.w());
      products_begin();
#pragma unroll
      for (int i = 0; i < kLineBytes / 32; ++i)
        wgmma<In, kCols>(sums, x + 2 * i, w + 2 * i, add || i > 0);
      products_commit();
      ring.next();
    };
    for (int item = first; item < walk.items; item += step) {
      const Tile tile = tile_of<kCluster>(walk, item, rank);
      const int row = tile.row * kRows + 16 * warp, col = tile.col * kCols;
      if (staged) {  // bias and scales to shared memory, under cover of the products
        group_sync(2 + group, 128);
        for (int i = threadIdx.x % 128; i < kCols / 2; i += 128) {
          const int at = min(col + 2 * i, e.n - 2);
          if (e.bias) copy_pair(addends + 8 * i, e.bias + at);
          if constexpr (kEight) copy_pair(addends + 4 * kCols + 8 * i, e.w_scales + at);
        }
      }
      int last = ring.stage;
      if constexpr (kEight) {
        // Each slice on its own, then f32 sums of f32: the units keep fewer bits of f8's sums.
        const int lane_row = row + lane / 4, blocks = e.k / 128;
        const float* scales[2];
        float next[2];
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          scales[h] = e.x_scales + int64_t{min(lane_row + 8 * h, e.m - 1)} * blocks;
          next[h] = scales[h][0];
        }
#pragma unroll
        for (float& v : d) v = 0;
        for (int slice = 0; slice < walk.slices; ++slice) {
          float part[kCols / 2];
          multiply(part, false);
          const float scale[2] = {next[0], next[1]};
          if (slice + 1 < walk.slices)
            next[0] = scales[0][slice + 1], next[1] = scales[1][slice + 1];
          products_wait<0>();
          ring.release(last);
          last = ring.stage;
#pragma unroll
          for (int i = 0; i < kCols / 2; ++i) d[i] = fmaf(scale[i / 2 % 2], part[i], d[i]);
        }
      } else {
        multiply(d, false);
        for (int slice = 1; slice < walk.slices; ++slice) {
          multiply(d, true);
          products_wait<1>();
          ring.release(last);
          last = last + 1 == kStages ? 0 : last + 1;
        }
        products_wait<0>();
        ring.release(last);
      }
      if constexpr (kCols >= kStoreCols) {
        if (staged) {
          copies_wait();
          group_sync(2 + group, 128);
          finish<In, T, kCols>(e, d, row, 16 * warp, col, addends, corner, ring, lane);
          continue;
        }
      }
      constexpr int kWidth = kCols < 64 ? kCols : 64;
      const int lane_col = col + 2 * (lane % 4);
#pragma unroll
      for (int c = 0; c < kCols / kWidth; ++c) {
        if constexpr (kEight) scale_columns<kWidth>(e, lane_col + kWidth * c, d + kWidth / 2 * c);
        finish_direct<T, kWidth>(e, d + kWidth / 2 * c, row + lane / 4, lane_col + kWidth * c,
                                 lane);
      }
    }
  }
  if constexpr (kCluster > 1) cluster_sync();  // the other block may still write here
#endif
}

// ------------------------------------------------------------------------------------------ host

int slices_of(const GemmArgs& a) {
  return static_cast<int>((a.k * size_of(a.type) + kLineBytes - 1) / kLineBytes);
}

int attribute_of(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "gemm: cudaGetDevice");
  check(cudaDeviceGetAttribute(&value, attribute, device), "gemm: cudaDeviceGetAttribute");
  return value;
}
int multiprocessors() { return attribute_of(cudaDevAttrMultiProcessorCount); }
int compute_capability() {
  return 10 * attribute_of(cudaDevAttrComputeCapabilityMajor) +
         attribute_of(cudaDevAttrComputeCapabilityMinor);
}

bool aligned(const void* p, int64_t stride, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && stride * bytes % 16 == 0;
}

// Whether the copy engine can read the operands, and pairs of columns can be written.
bool fits_engine(const GemmArgs& a) {
  const auto pairs = [](const void* p, int64_t stride) {
    return reinterpret_cast<uintptr_t>(p) % 8 == 0 && stride % 2 == 0;
  };
  return a.n % 8 == 0 && a.k % 8 == 0 && aligned(a.x, a.x_stride, size_of(a.type)) &&
         aligned(a.w, a.k, size_of(a.type)) && pairs(a.out, a.out_stride) &&
         pairs(a.residual, a.residual_stride) && pairs(a.bias, 0) && pairs(a.w_scales, 0);
}

using Kernel = void (*)(CUtensorMap, CUtensorMap, CUtensorMap, Walk, Epilogue, bool);
template <typename In, typename T, int kRows, int kCols, int kStages, int kCluster, Ending kEnding>
Kernel prepared() {
  const auto kernel = gemm_kernel<In, T, kRows, kCols, kStages, kCluster, kEnding>;
  allow_shared_memory(reinterpret_cast<const void*>(kernel), Ring<kRows, kCols, kStages>::kBytes);
  return kernel;
}

template <typename In, typename T, int kRows, int kCols, int kStages, int kCluster>
void launch(const GemmArgs& a, cudaStream_t stream) {
  using R = Ring<kRows, kCols, kStages>;
  Walk walk{};
  walk.slices = slices_of(a);
  walk.m_tiles = static_cast<int>((a.m + kRows - 1) / kRows);
  walk.n_tiles = static_cast<int>((a.n + kCols - 1) / kCols);
  walk.items = kCluster == 1 ? walk.m_tiles * walk.n_tiles
                             : walk.m_tiles / 2 * walk.n_tiles +
                                   (walk.m_tiles % 2 ? (walk.n_tiles + 1) / 2 : 0);
  const Epilogue e = epilogue_of(a);
  const bool staged = !e.out_f32 && aligned(a.out, a.out_stride, size_of(a.out_type)) &&
                      aligned(a.residual, a.residual_stride, 2) && kCols >= 64 &&
                      (!a.gated || (kCols % 128 == 0 && a.n % 16 == 0));
  // Of one tile's few rows no more is loaded than there are: what the matrix units read beyond goes
  // into rows that are never stored.
  const int box_x = kCluster > 1   ? kRows / 2
                    : a.m >= kRows ? kRows
                                   : static_cast<int>((a.m + 7) / 8 * 8);
  const int box_w = kCluster > 1 ? kCols / 2 : kCols;
  walk.slice_bytes = kLineBytes * (box_x + box_w) * kCluster;
  const CUtensorMap x = map_of(a.x, a.type, a.m, a.k, a.x_stride, box_x);
  const CUtensorMap w = map_of(a.w, a.type, a.n, a.k, a.k, box_w);
  const CUtensorMap residual =
      staged && a.residual ? map_of(a.residual, a.out_type, a.m, a.n, a.residual_stride, kRows) : x;

  constexpr bool kWide = kRows == 128 && kCols >= 128;
  auto kernel = prepared<In, T, kRows, kCols, kStages, kCluster, Ending::kAny>();
  if constexpr (kWide) {
    if (staged && a.activation == Activation::kNone && !a.gated)
      kernel = prepared<In, T, kRows, kCols, kStages, kCluster, Ending::kPlain>();
    if (staged && a.activation == Activation::kGelu && !a.gated && !a.residual)
      kernel = prepared<In, T, kRows, kCols, kStages, kCluster, Ending::kGelu>();
    if (kCols % 128 == 0 && staged && a.activation == Activation::kSilu && a.gated)
      kernel = prepared<In, T, kRows, kCols, kStages, kCluster, Ending::kGatedSilu>();
  }
  cudaLaunchConfig_t config{};
  config.gridDim =
      static_cast<unsigned>(kCluster * std::min(walk.items, multiprocessors() / kCluster));
  config.blockDim = (kRows / 64 + 1) * 128;
  config.dynamicSmemBytes = R::kBytes;
  config.stream = stream;
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {kCluster, 1, 1};
  config.attrs = attributes;
  config.numAttrs = kCluster > 1 ? 2 : 1;
  check(cudaLaunchKernelEx(&config, kernel, x, w, residual, walk, e, staged), "gemm");
}

using Launch = void (*)(const GemmArgs&, cudaStream_t);
struct Choice {
  GemmTile tile;
  Launch bf16, f16, f8_bf16, f8_f16;  // by type, f8 by the 16-bit type of out
};
template <int kRows, int kCols, int kStages, int kCluster>
constexpr Choice choice(int clocks) {
  using Bf16 = __nv_bfloat16;
  Choice c{{kRows, kCols, kStages, kCluster, clocks},
           launch<Bf16, Bf16, kRows, kCols, kStages, kCluster>,
           launch<__half, __half, kRows, kCols, kStages, kCluster>,
           nullptr,
           nullptr};
  if constexpr (kCols <= kGemmMaxColsF8) {
    c.f8_bf16 = launch<__nv_fp8_e4m3, Bf16, kRows, kCols, kStages, kCluster>;
    c.f8_f16 = launch<__nv_fp8_e4m3, __half, kRows, kCols, kStages, kCluster>;
  }
  return c;
}
const std::array kChoices{choice<128, 256, 4, 2>(1110), choice<128, 192, 5, 2>(900),
                          choice<128, 128, 6, 2>(730),  choice<128, 64, 8, 2>(620),
                          choice<64, 128, 8, 1>(505),   choice<64, 64, 12, 1>(360),
                          choice<64, 32, 16, 1>(285),   choice<64, 16, 20, 1>(275)};

// What a tile has for these arguments, or null.
Launch launch_of(const Choice& c, const GemmArgs& a) {
  if (a.out_scales && c.tile.cols % 128) return nullptr;
  if (a.type == DType::f8_e4m3) return a.out_type == DType::f16 ? c.f8_f16 : c.f8_bf16;
  return a.type == DType::f16 ? c.f16 : c.bf16;
}

void check_args(const GemmArgs& a) {
  const bool f8 = a.type == DType::f8_e4m3, to_f8 = a.out_type == DType::f8_e4m3;
  require(a.type == DType::bf16 || a.type == DType::f16 || f8,
          "gemm: want bf16, f16 or f8_e4m3, got ", a.type);
  require(a.out_type == DType::f32 || a.out_type == a.type ||
              (f8 && (a.out_type == DType::bf16 || a.out_type == DType::f16)),
          "gemm: from ", a.type, " to ", a.out_type);
  require(a.m >= 0 && a.n > 0 && a.k > 0, "gemm: want sizes, got ", a.m, " x ", a.n, " x ", a.k);
  require(std::max({a.m, a.n, a.k}) < (int64_t{1} << 30), "gemm: a side of 2^30 or more");
  require(!a.gated || (a.n % 2 == 0 && !a.residual),
          "gemm: a gated product wants pairs of columns and no residual");
  require(f8 == (a.x_scales && a.w_scales) && to_f8 == (a.out_scales != nullptr),
          "gemm: f8_e4m3, and nothing else, wants scales");
  require(!f8 || (a.k % 128 == 0 && a.n % 8 == 0),
          "gemm: f8_e4m3 wants k of 128s and n of 8s, got ", a.k, " and ", a.n);
  require(!to_f8 || (a.n % 128 == 0 && !a.gated && !a.residual),
          "gemm: to f8_e4m3 wants n of 128s, no gate and no residual");
}

// Clocks, roughly: waves of tiles, each so many slices and an ending. A slice's clocks by tile are
// measured on an H100 at k of 4096 and more; what they are above rows * cols / 32 is what a tile of
// that shape loses to loading.
double estimate(const GemmTile& t, const GemmArgs& a, int processors) {
  const int64_t m_tiles = (a.m + t.rows - 1) / t.rows, n_tiles = (a.n + t.cols - 1) / t.cols;
  const int64_t slots = processors / t.cluster;
  const int64_t items = t.cluster == 1 ? m_tiles * n_tiles
                                       : m_tiles / 2 * n_tiles + m_tiles % 2 * ((n_tiles + 1) / 2);
  const double waves = static_cast<double>((items + slots - 1) / slots);
  return waves * (slices_of(a) * t.clocks + 600.0 + 13 * t.cols);
}

}  // namespace

std::span<const GemmTile> gemm_tiles() {
  static const auto tiles = [] {
    std::array<GemmTile, kChoices.size()> all{};
    for (size_t i = 0; i < all.size(); ++i) all[i] = kChoices[i].tile;
    return all;
  }();
  return tiles;
}

void gemm_by(const GemmTile& tile, const GemmArgs& a, cudaStream_t queue) {
  check_args(a);
  require(fits_engine(a), "gemm: want rows at 16 bytes, n and k multiples of 8");
  if (a.m == 0) return;
  for (const Choice& c : kChoices)
    if (c.tile.rows == tile.rows && c.tile.cols == tile.cols && c.tile.cluster == tile.cluster)
      if (const Launch launch = launch_of(c, a)) return launch(a, queue);
  fail(Code::kInvalidArgument, "gemm: no tile of ", tile.rows, " x ", tile.cols, " from ", a.type,
       " to ", a.out_type);
}

int gemm_pick(const GemmArgs& a, bool hopper, int processors, uint32_t without) {
  if (!fits_engine(a)) return kGemmPlain;
  const auto may = [&](int kernel) { return (without >> kernel & 1) == 0; };
  if (hopper) {
    if (may(kGemmFew) && is_few(a, processors)) return kGemmFew;
    int best = kGemmPlain;
    double least = 0;
    for (size_t i = 0; i < kChoices.size(); ++i) {
      const int kernel = kGemmTiles + static_cast<int>(i);
      const GemmTile& tile = kChoices[i].tile;
      if (!may(kernel) || !launch_of(kChoices[i], a)) continue;
      double clocks = estimate(tile, a, processors);
      // Half of it empty, and as many loads: only where no other is left.
      if (a.m <= 64 && tile.rows > 64) clocks *= 1e6;
      if (best == kGemmPlain || clocks < least) best = kernel, least = clocks;
    }
    if (best != kGemmPlain) return best;
  }
  if (a.type == DType::f8_e4m3) return kGemmPlain;
  if (may(kGemmWide) && (a.m > 64 || !may(kGemmNarrow))) return kGemmWide;
  return may(kGemmNarrow) ? kGemmNarrow : kGemmPlain;
}

void gemm(const GemmArgs& a, cudaStream_t queue, uint32_t without) {
  check_args(a);
  if (a.m == 0) return;
  const bool f8 = a.type == DType::f8_e4m3, hopper = compute_capability() / 10 == 9;
  require(!f8 || (hopper && fits_engine(a) && (!a.out_scales || aligned(a.out, a.out_stride, 1))),
          "gemm: f8_e4m3 wants compute capability 9.0 and rows at 16 bytes");
  const int kernel = gemm_pick(a, hopper, multiprocessors(), without);
  if (kernel >= kGemmTiles) return launch_of(kChoices[kernel - kGemmTiles], a)(a, queue);
  if (kernel == kGemmFew) return gemm_few(a, queue);
  if (kernel != kGemmPlain) return gemm_mma_by(kernel == kGemmWide, a, queue);
  if (f8)
    fail(Code::kUnsupported, "gemm: on this GPU no kernel of f8_e4m3 gives a row the same bits ",
         "among any number of rows; winnow doctor says more");
  gemm_plain(a, queue);
}

}  // namespace winnow::cuda
