// wgmma: the products of a warp group, d[64, kN] += a[64, K] b[kN, K]^T, K 32 bytes (16 elements of
// two bytes, 32 of one), both operands in shared memory (matrix_descriptor), f32 sums. Lane l of warp w holds in d[4 j + 2 h + e] row
// 16 w + 8 h + l / 4, column 8 j + 2 (l % 4) + e. `add` false: d is overwritten.
// Long because the instruction names each of its registers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <type_traits>

namespace winnow::cuda {

// clang-format off
#define WINNOW_D8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), \
                     "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define WINNOW_D32(i) WINNOW_D8(i), WINNOW_D8(i + 8), WINNOW_D8(i + 16), WINNOW_D8(i + 24)
#define WINNOW_WGMMA_8(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %6, 0;\n" instruction " {" \
  "%0, %1, %2, %3" \
  "}, %4, %5, add, 1, 1" tail ";\n}" : \
  "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_16(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %10, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7" \
  "}, %8, %9, add, 1, 1" tail ";\n}" : \
  WINNOW_D8(0) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_32(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %18, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15" \
  "}, %16, %17, add, 1, 1" tail ";\n}" : \
  WINNOW_D8(0), WINNOW_D8(8) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_64(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31" \
  "}, %32, %33, add, 1, 1" tail ";\n}" : \
  WINNOW_D32(0) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_96(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %50, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47" \
  "}, %48, %49, add, 1, 1" tail ";\n}" : \
  WINNOW_D8(0), WINNOW_D8(8), WINNOW_D8(16), WINNOW_D8(24), WINNOW_D8(32), WINNOW_D8(40) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_128(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %66, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63" \
  "}, %64, %65, add, 1, 1" tail ";\n}" : \
  WINNOW_D32(0), WINNOW_D32(32) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_192(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %98, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95" \
  "}, %96, %97, add, 1, 1" tail ";\n}" : \
  WINNOW_D32(0), WINNOW_D32(32), WINNOW_D32(64) : "l"(a), "l"(b), "r"(static_cast<int>(add)))
#define WINNOW_WGMMA_256(instruction, tail) \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n" instruction " {" \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127" \
  "}, %128, %129, add, 1, 1" tail ";\n}" : \
  WINNOW_D32(0), WINNOW_D32(32), WINNOW_D32(64), WINNOW_D32(96) : "l"(a), "l"(b), "r"(static_cast<int>(add)))

template <typename T, int kN>
__device__ __forceinline__ void wgmma(float (&d)[kN / 2], uint64_t a, uint64_t b, bool add) {
  constexpr bool kHalf = std::is_same_v<T, __half>;
  constexpr bool kEight = std::is_same_v<T, __nv_fp8_e4m3>;
  if constexpr (kN == 8) {
    if constexpr (kEight)
      WINNOW_WGMMA_8("wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_8("wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_8("wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 16) {
    if constexpr (kEight)
      WINNOW_WGMMA_16("wgmma.mma_async.sync.aligned.m64n16k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_16("wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_16("wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 32) {
    if constexpr (kEight)
      WINNOW_WGMMA_32("wgmma.mma_async.sync.aligned.m64n32k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_32("wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_32("wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 64) {
    if constexpr (kEight)
      WINNOW_WGMMA_64("wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_64("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_64("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 96) {
    if constexpr (kEight)
      WINNOW_WGMMA_96("wgmma.mma_async.sync.aligned.m64n96k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_96("wgmma.mma_async.sync.aligned.m64n96k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_96("wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 128) {
    if constexpr (kEight)
      WINNOW_WGMMA_128("wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_128("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_128("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 192) {
    if constexpr (kEight)
      WINNOW_WGMMA_192("wgmma.mma_async.sync.aligned.m64n192k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_192("wgmma.mma_async.sync.aligned.m64n192k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_192("wgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16", ", 0, 0");
  }
  else if constexpr (kN == 256) {
    if constexpr (kEight)
      WINNOW_WGMMA_256("wgmma.mma_async.sync.aligned.m64n256k32.f32.e4m3.e4m3", "");
    else if constexpr (kHalf)
      WINNOW_WGMMA_256("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16", ", 0, 0");
    else
      WINNOW_WGMMA_256("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16", ", 0, 0");
  }
  else
    static_assert(kN == 0, "no such width");
}
// clang-format on

}  // namespace winnow::cuda
