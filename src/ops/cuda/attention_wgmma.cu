// Attention on Hopper: a block of threads a multiprocessor, of teams that each fetch (text, head,
// tile of queries) from a common counter. A team's warp loads by the tensor copy engine; each of
// its warp groups multiplies 64 queries: scores by wgmma, softmax, values by wgmma from
// probabilities in registers. Keys and values come in blocks of 64 that start at the text's first
// key, through the team's ring of slots. While one warp group takes exponentials, others multiply.
//
// A text's last block is as wide as its keys, in steps of 16; what lies past the text's end is
// zeros, for the tensor maps end there (rows_map).
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/error.h"
#include "ops/cuda/attention_products.cuh"
#include "ops/cuda/attention_softmax.cuh"
#include "ops/cuda/attention_tiles.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/hopper.cuh"
#include "ops/cuda/tensor_map.h"

namespace winnow::cuda {
namespace {

constexpr int kKeys = 64;
constexpr float kLog2E = 1.44269504088896340736f;

struct Params {
  const AttentionTile* tiles;
  int* next;  // the counter of tiles, then that of blocks at their end; both 0 before and after
  int items, heads, window;
  float scale;  // times log2 e
};

// Of a team's shared memory, in bytes from a multiple of 1024. A matrix of 64 rows lies as one box
// of 64 (or 32) columns after the other.
template <int kE, int kTeams, int kGroups, int kSlots>
struct Layout {
  static constexpr int kWidth = kE < 64 ? kE : 64;  // columns of a box
  static constexpr int kBoxes = kE / kWidth;
  static constexpr int kBox = 64 * kWidth * 2;
  static constexpr int kMatrix = kBoxes * kBox;
  static constexpr int kQueries = 0;                  // this tile's and the next one's
  static constexpr int kOut = 2 * kGroups * kMatrix;  // 16 rows a warp, box after box
  static constexpr int kRing = kOut + kGroups * kMatrix;
  static constexpr int kFull = kRing + kSlots * kMatrix;
  static constexpr int kEmpty = kFull + 8 * kSlots;
  static constexpr int kQueriesFull = kEmpty + 8 * kSlots;
  static constexpr int kQueriesEmpty = kQueriesFull + 16;
  static constexpr int kItem = kQueriesEmpty + 16;  // two of an AttentionTile and the head
  static constexpr int kTeam = (kItem + 64 + 1023) / 1024 * 1024;
  static constexpr int kBytes = kTeams * kTeam + 1024;

  // Where the copy engine puts 16-byte unit `unit` of a row of a box.
  __device__ static uint32_t offset(int row, int unit) {
    return kWidth == 64 ? row * 128 + 16 * (unit ^ (row % 8))
                        : row * 64 + 16 * (unit ^ (row / 2 % 4));
  }
};

// A box of a matrix of `rows_map`: `count` rows (at most kRows) from `row` on, then zeros.
template <int kRows>
__device__ __forceinline__ void load_rows(uint32_t to, const CUtensorMap* map, uint32_t bar,
                                          int col, int row, int count) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5}], [%2];" ::"r"(to),
      "l"(map), "r"(bar), "r"(col), "r"(kRows - count), "r"(row + count)
      : "memory");
}
template <int kRows>
__device__ __forceinline__ void store_rows(const CUtensorMap* map, uint32_t from, int col, int row,
                                           int count) {
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(map),
      "r"(from), "r"(col), "r"(kRows - count), "r"(row + count)
      : "memory");
}

// A matrix in shared memory as the matrix units read it: the half of its descriptor that moves with
// the address, and the other. Keys: 16 columns (k) of each row are 32 bytes further. Values: 16
// rows (k) of 64 or 32 columns, the next columns `box` bytes further.
__device__ __forceinline__ uint32_t descriptor(uint32_t address, int box) {
  return (address & 0x3FFFF) >> 4 | static_cast<uint32_t>(box / 16) << 16;
}
template <int kWidth>
__device__ __forceinline__ uint64_t whole_descriptor(uint32_t low) {
  constexpr uint32_t kSwizzle = kWidth == 64 ? 1 : 2;  // of 128 bytes, of 64
  constexpr uint32_t kHigh = kWidth | kSwizzle << 30;  // the next 8 rows: 16 kWidth bytes further
  uint64_t whole;
  asm("mov.b64 %0, {%1, %2};" : "=l"(whole) : "r"(low), "r"(kHigh));
  return whole;
}

// None of this thread's stores still reads its source.
__device__ __forceinline__ void stores_read() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// Ordinary writes to shared memory become visible to the copy engine.
__device__ __forceinline__ void fence_shared_for_engines() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Four 8 x 8 matrices of 16-bit elements: lane i holds the row address i % 8 of matrix i / 8.
__device__ __forceinline__ void store_matrices(uint32_t to, uint32_t a, uint32_t b, uint32_t c,
                                               uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a),
               "r"(b), "r"(c), "r"(d)
               : "memory");
}

struct Blocks {
  int begin, end;  // of 64 keys
};
template <bool kWindow>
__device__ __forceinline__ Blocks blocks_of(const AttentionTile& tile, int window) {
  Blocks blocks{0, (tile.k_count + kKeys - 1) / kKeys};
  if constexpr (kWindow) {
    blocks.begin = max(0, tile.q_place - window) / kKeys;
    blocks.end = min(blocks.end, (tile.q_place + tile.q_count - 1 + window) / kKeys + 1);
  }
  return blocks;
}

template <int kSlots>
struct Turn {
  int slot = 0;
  uint32_t parity = 0;
  __device__ __forceinline__ void next() {
    if (++slot == kSlots) slot = 0, parity ^= 1;
  }
  __device__ __forceinline__ int before() const { return (slot == 0 ? kSlots : slot) - 1; }
};

__device__ __forceinline__ void write_shared(uint32_t to, int a, int b, int c, int d) {
  asm volatile("st.shared.v4.s32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d)
               : "memory");
}

// A team's loads. Queries first, and what they are; then the text's keys and values in turn.
template <typename L, int kSlots, int kGroups, bool kWindow>
__device__ __forceinline__ void load(const CUtensorMap& map_q, const CUtensorMap& map_k,
                                     const CUtensorMap& map_v, const Params& p, int item, int teams,
                                     uint32_t base) {
  Turn<kSlots> turn;
  Turn<2> queries;
  while (item < p.items) {
    const int head = item % p.heads, col = head * L::kBoxes * L::kWidth;
    const AttentionTile* const from = p.tiles + item / p.heads;
    item = teams + atomicAdd(p.next, 1);
    {
      const AttentionTile tile = *from;
      barrier_wait(base + L::kQueriesEmpty + 8 * queries.slot, queries.parity ^ 1);
      const uint32_t to = base + L::kItem + 32 * queries.slot;
      write_shared(to, tile.q_row, tile.q_count, tile.q_place, tile.k_row);
      write_shared(to + 16, tile.k_count, head, 0, 0);
      const uint32_t bar = base + L::kQueriesFull + 8 * queries.slot;
      barrier_expect(bar, (tile.q_count + 63) / 64 * L::kMatrix);
      uint32_t at = base + L::kQueries + queries.slot * (kGroups * L::kMatrix);
      for (int first = 0; first < tile.q_count; first += 64)
#pragma unroll
        for (int box = 0; box < L::kBoxes; ++box, at += L::kBox)
          load_rows<64>(at, &map_q, bar, col + box * L::kWidth, tile.q_row + first,
                        min(64, tile.q_count - first));
      queries.next();
    }
    const Blocks range = blocks_of<kWindow>(*from, p.window);
    int row = from->k_row + kKeys * range.begin, left = from->k_count - kKeys * range.begin;
    int blocks = range.end - range.begin;
    for (; blocks > 0; --blocks, row += kKeys, left -= kKeys) {
#pragma unroll
      for (int values = 0; values < 2; ++values) {
        const uint32_t bar = base + L::kFull + 8 * turn.slot;
        barrier_wait(bar + (L::kEmpty - L::kFull), turn.parity ^ 1);
        barrier_expect(bar, L::kMatrix);
#pragma unroll
        for (int box = 0; box < L::kBoxes; ++box)
          load_rows<64>(base + L::kRing + turn.slot * L::kMatrix + box * L::kBox,
                        values ? &map_v : &map_k, bar, col + box * L::kWidth, row,
                        min(kKeys, left));
        turn.next();
      }
    }
  }
  barrier_wait(base + L::kQueriesEmpty + 8 * queries.slot, queries.parity ^ 1);
  write_shared(base + L::kItem + 32 * queries.slot, 0, 0, 0, 0);
  barrier_arrive(base + L::kQueriesFull + 8 * queries.slot);
  if (atomicAdd(p.next + 1, 1) == teams - 1) p.next[0] = p.next[1] = 0;
}

// How a head size is worked on. kAhead: products with a block's values are left under way until
// those with the next keys are asked for; where registers are short ptxas then serialises all.
// Registers: of a loading and of a multiplying thread, together at most what the launch has
// (65,536 by the threads, rounded down to a multiple of 8): setmaxnreg waits for ever for more.
template <int kHeadSize>
struct Plan {
  static constexpr int kTeams = 2, kGroups = 2, kSlots = kHeadSize == 64 ? 8 : 16;
  static constexpr int kLoaderRegisters = 32, kRegisters = 112;
  static constexpr bool kAhead = false;
};
template <>
struct Plan<128> {
  static constexpr int kTeams = 1, kGroups = 2, kSlots = 8;
  static constexpr int kLoaderRegisters = 40, kRegisters = 232;
  static constexpr bool kAhead = true;
};

// One warp group's 64 queries.
template <typename T, int kE, typename L, bool kWindow>
struct Group {
  static constexpr int kSlots = Plan<kE>::kSlots;
  static constexpr bool kAhead = Plan<kE>::kAhead;
  static constexpr int kSteps = L::kWidth / 16;  // of 16 columns in a box

  uint32_t base;
  int lane, window;
  float scale;
  Turn<kSlots> turn;
  uint32_t queries;
  uint32_t powers[kKeys / 16][4];
  float out[kE / 2];
  RunningSoftmax softmax;

  __device__ __forceinline__ uint32_t slot() const {
    return base + L::kRing + turn.slot * L::kMatrix;
  }
  __device__ __forceinline__ void wait_full() const {
    barrier_wait(base + L::kFull + 8 * turn.slot, turn.parity);
  }
  __device__ __forceinline__ void release(int of_slot) const {
    if (lane == 0) barrier_arrive(base + L::kEmpty + 8 * of_slot);
  }

  // kN keys of a block. `behind`: products with the last block's values are under way. kLeave: so
  // they are afterwards with this one's.
  template <int kN, bool kMask, bool kLeave>
  __device__ __forceinline__ void add(bool behind, int first_key, int keys, int place) {
    float s[kN / 2];
    wait_full();
    const uint32_t k = descriptor(slot(), 16);
    products_begin();
#pragma unroll
    for (int i = 0; i < kE / 16; ++i) {
      const int at = (i / kSteps * L::kBox + i % kSteps * 32) / 16;
      multiply_keys<T, kN>(s, whole_descriptor<L::kWidth>(queries + at),
                           whole_descriptor<L::kWidth>(k + at), i > 0);
    }
    products_commit();
    products_wait<0>();
    if (behind) release(turn.before());
    release(turn.slot);
    turn.next();

    if constexpr (kMask) mask_scores<kN>(s, first_key, keys, window, place, lane);
    float factor[2];
    if (softmax.add<kN>(s, scale, factor)) {
#pragma unroll
      for (int n = 0; n < kE / 8; ++n) {
        out[4 * n] *= factor[0], out[4 * n + 1] *= factor[0];
        out[4 * n + 2] *= factor[1], out[4 * n + 3] *= factor[1];
      }
    }
#pragma unroll
    for (int i = 0; i < kN / 16; ++i)
#pragma unroll
      for (int r = 0; r < 4; ++r)
        powers[i][r] = pack_pair<T>(s[8 * i + 2 * r], s[8 * i + 2 * r + 1]);

    wait_full();
    const uint32_t v = descriptor(slot(), L::kBox);
    products_begin();
#pragma unroll
    for (int i = 0; i < kN / 16; ++i)
      multiply_values<T, kE>(out, powers[i],
                             whole_descriptor<L::kWidth>(v + i * (16 * 2 * L::kWidth) / 16));
    products_commit();
    if constexpr (!kLeave) {
      products_wait<0>();
      release(turn.slot);
    }
    turn.next();
  }

  // All keys that the tile's queries see; `place` is that of the lane's first row.
  __device__ __forceinline__ void walk(const Blocks& blocks, int keys, int place) {
#pragma unroll
    for (int i = 0; i < kE / 2; ++i) out[i] = 0.0f;
    softmax = {};
    int block = blocks.begin;
    const int whole = min(blocks.end, keys / kKeys);
    if (block < whole) {
      do {
        add<kKeys, kWindow, kAhead>(kAhead && block > blocks.begin, kKeys * block, keys, place);
      } while (++block < whole);
      products_wait<0>();
      if (kAhead) release(turn.before());
    }
    if (block == blocks.end) return;
    const int left = (keys - kKeys * block + 15) / 16;
    if (left == 1)
      add<16, true, false>(false, kKeys * block, keys, place);
    else if (left == 2)
      add<32, true, false>(false, kKeys * block, keys, place);
    else if (left == 3)
      add<48, true, false>(false, kKeys * block, keys, place);
    else
      add<64, true, false>(false, kKeys * block, keys, place);
  }

  // The blocks of a tile that has no queries for this group.
  __device__ __forceinline__ void pass(const Blocks& blocks) {
    for (int i = 2 * blocks.begin; i < 2 * blocks.end; ++i) {
      wait_full();
      __syncwarp();
      release(turn.slot);
      turn.next();
    }
  }

  // The warp's 16 rows into shared memory, as the copy engine reads them.
  __device__ __forceinline__ void stage(uint32_t corner) const {
    float inverse[2];
    softmax.finish(inverse);
#pragma unroll
    for (int i = 0; i < kE / 16; ++i) {
      const uint32_t at =
          corner + i / kSteps * (L::kBox / 4) + L::offset(lane % 16, 2 * (i % kSteps) + lane / 16);
      const float* d = out + 8 * i;
      store_matrices(at, pack_pair<T>(d[0] * inverse[0], d[1] * inverse[0]),
                     pack_pair<T>(d[2] * inverse[1], d[3] * inverse[1]),
                     pack_pair<T>(d[4] * inverse[0], d[5] * inverse[0]),
                     pack_pair<T>(d[6] * inverse[1], d[7] * inverse[1]));
    }
    fence_shared_for_engines();
  }
};

// Long because its two roles must be branches of one `if` for setmaxnreg.
template <typename T, int kE, bool kWindow>
__global__ void __launch_bounds__((Plan<kE>::kTeams * Plan<kE>::kGroups + 1) * 128, 1)
    attention_kernel(const __grid_constant__ CUtensorMap map_q,
                     const __grid_constant__ CUtensorMap map_k,
                     const __grid_constant__ CUtensorMap map_v,
                     const __grid_constant__ CUtensorMap map_out, const Params p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using P = Plan<kE>;
  constexpr int kTeams = P::kTeams, kGroups = P::kGroups, kSlots = P::kSlots;
  using L = Layout<kE, kTeams, kGroups, kSlots>;
  extern __shared__ char raw[];
  const uint32_t aligned = (shared_address(raw) + 1023) & ~1023u;
  const int all_warps = __shfl_sync(~0u, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
  const bool loads = threadIdx.x >= kTeams * kGroups * 128;
  const int team = loads ? all_warps % 4 : all_warps / (4 * kGroups);
  const uint32_t base = aligned + team * L::kTeam;
  char* shared = raw + (base - shared_address(raw));
  if (loads && team < kTeams && lane == 0) {
    for (int s = 0; s < kSlots; ++s) {
      barrier_init(base + L::kFull + 8 * s, 1);
      barrier_init(base + L::kEmpty + 8 * s, 4 * kGroups);
    }
    for (int s = 0; s < 2; ++s) {
      barrier_init(base + L::kQueriesFull + 8 * s, 1);
      barrier_init(base + L::kQueriesEmpty + 8 * s, 4 * kGroups);
    }
    barrier_init_done();
  }
  __syncthreads();

  if (loads) {
    give_registers<P::kLoaderRegisters>();
    if (team < kTeams && lane == 0)
      load<L, kSlots, kGroups, kWindow>(map_q, map_k, map_v, p, blockIdx.x + team * gridDim.x,
                                        kTeams * gridDim.x, base);
  } else {
    take_registers<P::kRegisters>();
    const int warp = all_warps % (4 * kGroups), group = warp / 4;
    Group<T, kE, L, kWindow> g;
    g.base = base, g.lane = lane, g.window = kWindow ? p.window : 0, g.scale = p.scale;
    Turn<2> queries;
    const uint32_t corner = base + L::kOut + warp * (L::kMatrix / 4);
    for (;; queries.next()) {
      barrier_wait(base + L::kQueriesFull + 8 * queries.slot, queries.parity);
      const volatile int* from =
          reinterpret_cast<const volatile int*>(shared + L::kItem + 32 * queries.slot);
      const AttentionTile tile{from[0], from[1], from[2], from[3], from[4]};
      if (tile.q_count == 0) break;
      const int first = 64 * group;
      const uint32_t empty = base + L::kQueriesEmpty + 8 * queries.slot;
      g.queries =
          descriptor(base + L::kQueries + (queries.slot * kGroups + group) * L::kMatrix, 16);

      const Blocks blocks = blocks_of<kWindow>(tile, p.window);
      if (first >= tile.q_count) {
        __syncwarp();
        if (lane == 0) barrier_arrive(empty);
        g.pass(blocks);
        continue;
      }
      const int row = first + 16 * (warp % 4);  // of the tile: the warp's first
      g.walk(blocks, tile.k_count, tile.q_place + row + lane / 4);
      if (lane == 0) stores_read();
      __syncwarp();
      g.stage(corner);
      const int q_row = from[0] + row, head = from[5], mine = min(16, from[1] - row);
      __syncwarp();
      if (lane == 0) barrier_arrive(empty);
      if (lane == 0 && mine > 0) {
#pragma unroll
        for (int box = 0; box < L::kBoxes; ++box)
          store_rows<16>(&map_out, corner + box * (L::kBox / 4), head * kE + box * L::kWidth, q_row,
                         mine);
        asm volatile("cp.async.bulk.commit_group;" ::: "memory");
      }
    }
    if (lane == 0) asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
  }
#endif
}

// ------------------------------------------------------------------------------------------ host

template <typename T, int kE, bool kWindow>
void launch(const AttentionArgs& a, const AttentionTile* tiles, int64_t count, int processors,
            cudaStream_t queue) {
  using P = Plan<kE>;
  using L = Layout<kE, P::kTeams, P::kGroups, P::kSlots>;
  static_assert(L::kBytes <= 227 * 1024);
  const auto kernel = attention_kernel<T, kE, kWindow>;
  allow_shared_memory(reinterpret_cast<const void*>(kernel), L::kBytes);
  const int64_t hidden = a.heads * kE;
  const auto map = [&](const HeadsView& heads, int64_t rows) {
    return ending_rows_of(heads.data, a.type, rows, hidden, heads.row, 64, L::kWidth);
  };
  const int64_t q_rows = a.q_starts.back(), k_rows = a.k_starts.back();
  const CUtensorMap q = map(a.q, q_rows), k = map(a.k, k_rows), v = map(a.v, k_rows);
  const CUtensorMap out = ending_rows_of(a.out, a.type, q_rows, hidden, hidden, 16, L::kWidth);
  const int items = static_cast<int>(count * a.heads);
  const Params p{tiles,
                 const_cast<int*>(reinterpret_cast<const int*>(tiles + count)),
                 items,
                 static_cast<int>(a.heads),
                 static_cast<int>(std::min<int64_t>(a.window, 1 << 30)),
                 a.scale * kLog2E};
  kernel<<<std::min(items, processors), (P::kTeams * P::kGroups + 1) * 128, L::kBytes, queue>>>(
      q, k, v, out, p);
  check_launch("attention");
}

template <typename T, bool kWindow>
void launch(const AttentionArgs& a, const AttentionTile* tiles, int64_t count, int processors,
            cudaStream_t queue) {
  if (a.head_size == 32)
    launch<T, 32, kWindow>(a, tiles, count, processors, queue);
  else if (a.head_size == 64)
    launch<T, 64, kWindow>(a, tiles, count, processors, queue);
  else
    launch<T, 128, kWindow>(a, tiles, count, processors, queue);
}

int groups_of(int64_t head_size) {
  return head_size == 32   ? Plan<32>::kGroups
         : head_size == 64 ? Plan<64>::kGroups
                           : Plan<128>::kGroups;
}

bool in_rows(const HeadsView& heads, int64_t head_size) {
  return reinterpret_cast<uintptr_t>(heads.data) % 16 == 0 && heads.plane == head_size &&
         heads.row % 8 == 0;
}

}  // namespace

bool fits_attention_wgmma(const AttentionArgs& a) {
  return (a.type == DType::f16 || a.type == DType::bf16) &&
         (a.head_size == 32 || a.head_size == 64 || a.head_size == 128) &&
         in_rows(a.q, a.head_size) && in_rows(a.k, a.head_size) && in_rows(a.v, a.head_size) &&
         reinterpret_cast<uintptr_t>(a.out) % 16 == 0;
}

int attention_wgmma_height(int64_t head_size) { return 64 * groups_of(head_size); }

void attention_wgmma(const AttentionArgs& a, const AttentionTile* tiles, int64_t count,
                     int processors, cudaStream_t queue) {
  if (a.type == DType::f16)
    a.window ? launch<__half, true>(a, tiles, count, processors, queue)
             : launch<__half, false>(a, tiles, count, processors, queue);
  else
    a.window ? launch<__nv_bfloat16, true>(a, tiles, count, processors, queue)
             : launch<__nv_bfloat16, false>(a, tiles, count, processors, queue);
}

}  // namespace winnow::cuda
