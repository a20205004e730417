// The two products of attention by wgmma, f32 sums. Lane l of warp w holds in d[4 j + 2 h + e] row
// 16 w + 8 h + l / 4, column 8 j + 2 (l % 4) + e.
// Long because the instruction names each of its registers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

namespace winnow::cuda {

// clang-format off
#define WINNOW_RD4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define WINNOW_RD8(i) WINNOW_RD4(i), WINNOW_RD4(i + 4)
#define WINNOW_RD32(i) WINNOW_RD8(i), WINNOW_RD8(i + 8), WINNOW_RD8(i + 16), WINNOW_RD8(i + 24)
#define WINNOW_SCORES_16(types) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %10, 0;\n" \
  "wgmma.mma_async.sync.aligned.m64n16k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7" \
  "}, %8, %9, add, 1, 1, 0, 0;\n}" : \
  WINNOW_RD8(0) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_SCORES_32(types) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %18, 0;\n" \
  "wgmma.mma_async.sync.aligned.m64n32k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15" \
  "}, %16, %17, add, 1, 1, 0, 0;\n}" : \
  WINNOW_RD8(0), WINNOW_RD8(8) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_SCORES_48(types) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %26, 0;\n" \
  "wgmma.mma_async.sync.aligned.m64n48k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23" \
  "}, %24, %25, add, 1, 1, 0, 0;\n}" : \
  WINNOW_RD8(0), WINNOW_RD8(8), WINNOW_RD8(16) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_SCORES_64(types) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n" \
  "wgmma.mma_async.sync.aligned.m64n64k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31" \
  "}, %32, %33, add, 1, 1, 0, 0;\n}" : \
  WINNOW_RD32(0) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_VALUES_32(types) \
  asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15" \
  "}, {%16, %17, %18, %19}, %20, 1, 1, 1, 1;" : \
  WINNOW_RD8(0), WINNOW_RD8(8) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
#define WINNOW_VALUES_64(types) \
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31" \
  "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;" : \
  WINNOW_RD32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
#define WINNOW_VALUES_128(types) \
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." types " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63" \
  "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;" : \
  WINNOW_RD32(0), WINNOW_RD32(32) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
#define WINNOW_ONE(name, n) \
  if constexpr (kN == n) { \
    if constexpr (std::is_same_v<T, __half>) \
      WINNOW_##name##_##n("f16.f16"); \
    else \
      WINNOW_##name##_##n("bf16.bf16"); \
  }

// s[64, kN] = (add ? s : 0) + a[64, 16] b[kN, 16]^T, both in shared memory, k along their rows.
template <typename T, int kN>
__device__ __forceinline__ void multiply_keys(float (&d)[kN / 2], uint64_t a, uint64_t b, bool add) {
  static_assert(kN == 16 || kN == 32 || kN == 48 || kN == 64);
  WINNOW_ONE(SCORES, 16)
  WINNOW_ONE(SCORES, 32)
  WINNOW_ONE(SCORES, 48)
  WINNOW_ONE(SCORES, 64)
}

// d[64, kN] += a[64, 16] b[16, kN]: a in registers as mma.sync's m16n8k16 has it, b's rows in shared
// memory.
template <typename T, int kN>
__device__ __forceinline__ void multiply_values(float (&d)[kN / 2], const uint32_t (&a)[4],
                                                uint64_t b) {
  static_assert(kN == 32 || kN == 64 || kN == 128);
  WINNOW_ONE(VALUES, 32)
  WINNOW_ONE(VALUES, 64)
  WINNOW_ONE(VALUES, 128)
}
// clang-format on

}  // namespace winnow::cuda
