// Kernels that fetch rows: sums of embedding tables, named rows.
#include <array>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kMostTables = 3;
constexpr int kWidth = 8;  // columns a thread

struct DeviceTable {
  const void* rows;
  const int32_t* index;  // [rows of the sum]
  DType type;
  float scale;
  int zero;
};
struct DeviceTables {
  DeviceTable table[kMostTables];
  int count;
};

template <int N>
__device__ void load_u8(const uint8_t* p, const DeviceTable& table, float (&out)[N]) {
  if constexpr (N == 1) {
    out[0] = static_cast<float>(*p - table.zero) * table.scale;
  } else {
    static_assert(N == 8);
    const uint2 raw = *reinterpret_cast<const uint2*>(p);
    const auto* values = reinterpret_cast<const uint8_t*>(&raw);
#pragma unroll
    for (int j = 0; j < N; ++j) out[j] = static_cast<float>(values[j] - table.zero) * table.scale;
  }
}

template <int N>
__device__ void load_table(const DeviceTable& table, int64_t at, float (&out)[N]) {
  switch (table.type) {
    case DType::f32:
      return load(static_cast<const float*>(table.rows) + at, out);
    case DType::f16:
      return load(static_cast<const __half*>(table.rows) + at, out);
    case DType::bf16:
      return load(static_cast<const __nv_bfloat16*>(table.rows) + at, out);
    default:
      return load_u8(static_cast<const uint8_t*>(table.rows) + at, table, out);
  }
}

template <typename T, int N>
__global__ void embed_sum_kernel(const DeviceTables tables, T* out, int64_t rows, int units,
                                 int rows_a_block) {
  RowPiece piece;
  if (!piece.find(rows, units, rows_a_block)) return;
  const int64_t cols = int64_t{units} * N, c = int64_t{piece.unit} * N;
  float sum[N];
  load_table(tables.table[0], tables.table[0].index[piece.row] * cols + c, sum);
#pragma unroll
  for (int t = 1; t < kMostTables; ++t) {
    if (t >= tables.count) break;
    float more[N];
    load_table(tables.table[t], tables.table[t].index[piece.row] * cols + c, more);
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] = __fadd_rn(sum[j], more[j]);
  }
  store(out + piece.row * cols + c, sum);
}

// Unit: what is copied at once; planes, rows and widths in units. A row is one of the named, of
// every plane.
template <typename Unit>
__global__ void gather_kernel(const Unit* x, Unit* out, const int32_t* index, int64_t rows,
                              int units, int rows_a_block, int width, int64_t x_plane,
                              int64_t x_row, int64_t out_plane, int64_t out_row) {
  RowPiece piece;
  if (!piece.find(rows, units, rows_a_block)) return;
  const int plane = piece.unit / width, c = piece.unit - plane * width;
  out[plane * out_plane + piece.row * out_row + c] =
      x[plane * x_plane + index[piece.row] * x_row + c];
}

}  // namespace

void embed_sum(const EmbedSumArgs& a, Stream& stream) {
  if (a.rows == 0 || a.cols == 0) return;
  DeviceTables tables{.table = {}, .count = static_cast<int>(a.tables.size())};
  bool wide = a.cols % kWidth == 0;
  for (int i = 0; i < tables.count; ++i) {
    const Table& table = a.tables[i];
    const DType type = table.rows.dtype();
    if (type != DType::f32 && type != DType::f16 && type != DType::bf16 && type != DType::u8)
      fail(Code::kUnsupported, "embed_sum: want tables of f32, f16, bf16 or u8, got ", type);
    tables.table[i] = {.rows = table.rows.data(),
                       .index = of(stream).upload(a.indices[i]),
                       .type = type,
                       .scale = table.scale,
                       .zero = table.zero};
    wide = wide && reinterpret_cast<uintptr_t>(table.rows.data()) % 16 == 0;
  }
  with_type("embed_sum", a.type, [&]<typename T>() {
    const auto launch = [&]<int N>() {
      const RowGrid grid(a.rows, a.cols / N);
      embed_sum_kernel<T, N><<<grid.grid, kRowThreads, 0, of(stream).queue()>>>(
          tables, static_cast<T*>(a.out), a.rows, static_cast<int>(a.cols / N), grid.rows_a_block);
    };
    if (wide && in_vectors<T>(a.cols, {a.out}))
      launch.template operator()<kWidth>();
    else
      launch.template operator()<1>();
  });
  check_launch("embed_sum");
}

void gather_rows(const GatherRowsArgs& a, Stream& stream) {
  const auto rows = static_cast<int64_t>(a.rows.size());
  if (rows == 0 || a.planes == 0 || a.cols == 0) return;
  const int32_t* index = of(stream).upload(a.rows);
  const int64_t bytes = size_of(a.type);
  const auto launch = [&]<typename Unit>() {
    const int64_t of_unit = static_cast<int64_t>(sizeof(Unit)) / bytes, width = a.cols / of_unit;
    const RowGrid grid(rows, a.planes * width);
    gather_kernel<<<grid.grid, kRowThreads, 0, of(stream).queue()>>>(
        static_cast<const Unit*>(a.x.data), static_cast<Unit*>(a.out.data), index, rows,
        static_cast<int>(a.planes * width), grid.rows_a_block, static_cast<int>(width),
        a.x.plane / of_unit, a.x.row / of_unit, a.out.plane / of_unit, a.out.row / of_unit);
  };
  with_type("gather_rows", a.type, [&]<typename T>() {
    if (in_vectors<T>(a.cols, {a.x.data, a.out.data}, {a.x.plane, a.x.row, a.out.plane, a.out.row}))
      launch.template operator()<uint4>();
    else
      launch.template operator()<T>();
  });
  check_launch("gather_rows");
}

}  // namespace winnow::cuda
