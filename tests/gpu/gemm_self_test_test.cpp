// The self test of products: what it finds on this GPU, what it says, and what gemm makes of it.
#include "ops/cuda/gemm_self_test.h"

#include <algorithm>
#include <array>
#include <bit>

#include "gpu/gpu_rig.h"
#include "ops/cuda/gemm.h"
#include "ops/cuda_kernels.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr int kProcessors = 132;  // an H100's

// Addresses that are aligned and that nobody reads, for gemm_pick.
cuda::GemmArgs sizes(int64_t m, int64_t n, int64_t k, DType type = DType::bf16) {
  alignas(16) static std::byte place[16];
  return {.x = place,
          .x_stride = k,
          .w = place,
          .out = place,
          .out_stride = n,
          .m = m,
          .n = n,
          .k = k,
          .type = type,
          .out_type = type == DType::f8_e4m3 ? DType::bf16 : type};
}

const std::array<int64_t, 7> kRows{1, 8, 9, 64, 65, 300, 8448};
// The last: what half empty tiles of 128 rows would do in one wave, and smaller ones in two.
const std::array<std::array<int64_t, 2>, 4> kOutputs{
    std::array<int64_t, 2>{1024, 1024}, {4096, 1024}, {37888, 3584}, {25344, 1024}};

int kernel_count() { return cuda::kGemmTiles + static_cast<int>(cuda::gemm_tiles().size()); }

}  // namespace

// These ask no GPU.

TEST_CASE("gemm never picks a kernel that is left out, and always another while there is one") {
  for (const int64_t m : kRows)
    for (const auto& [n, k] : kOutputs)
      for (const bool hopper : {true, false}) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(hopper);
        const cuda::GemmArgs args = sizes(m, n, k);
        uint32_t without = 0;
        // The fastest, the fastest without that, and so on until none is left.
        for (int left = hopper ? kernel_count() : 2; left > 0; --left) {
          const int picked = cuda::gemm_pick(args, hopper, kProcessors, without);
          if (picked == cuda::kGemmPlain) {
            // Only what picks nothing of the kernels left may end here: few rows' for many rows,
            // and mma.sync's of Hopper are behind its tiles.
            CHECK(hopper);
            CHECK(left <= 1);
            break;
          }
          REQUIRE((without >> picked & 1) == 0);
          without |= 1U << picked;
        }
        CHECK(cuda::gemm_pick(args, hopper, kProcessors, without) == cuda::kGemmPlain);
        CHECK(cuda::gemm_pick(args, hopper, kProcessors, ~0U) == cuda::kGemmPlain);
      }
}

TEST_CASE("8-bit products pick among the tiles that have them, or none") {
  for (const int64_t m : kRows) {
    const cuda::GemmArgs args = sizes(m, 4096, 1024, DType::f8_e4m3);
    uint32_t without = 0;
    for (;;) {
      const int picked = cuda::gemm_pick(args, true, kProcessors, without);
      if (picked == cuda::kGemmPlain) break;
      REQUIRE(picked >= cuda::kGemmTiles);
      CHECK(cuda::gemm_tiles()[picked - cuda::kGemmTiles].cols <= cuda::kGemmMaxColsF8);
      REQUIRE((without >> picked & 1) == 0);
      without |= 1U << picked;
    }
    const auto has_f8 = [](const cuda::GemmTile& t) { return t.cols <= cuda::kGemmMaxColsF8; };
    CHECK(std::popcount(without) == std::ranges::count_if(cuda::gemm_tiles(), has_f8));
  }
}

TEST_CASE("up to 64 rows no tile of 128 is picked while a smaller one is left") {
  uint32_t small = 0;
  for (size_t i = 0; i < cuda::gemm_tiles().size(); ++i)
    if (cuda::gemm_tiles()[i].rows == 64) small |= 1U << (cuda::kGemmTiles + i);
  for (const auto& [n, k] : kOutputs) {
    const auto rows_of = [&](uint32_t without) {
      const int picked = cuda::gemm_pick(sizes(64, n, k), true, kProcessors, without);
      REQUIRE(picked >= cuda::kGemmTiles);
      return cuda::gemm_tiles()[picked - cuda::kGemmTiles].rows;
    };
    CHECK(rows_of(0) == 64);
    CHECK(rows_of(small) == 128);
  }
}

TEST_CASE("the self test's report counts by type, and its warnings name what is left out") {
  const std::vector<cuda::GemmVerdict> clean{
      {.type = DType::bf16, .tested = 11, .left_out = {}, .without = 0},
      {.type = DType::f8_e4m3, .tested = 6, .left_out = {}, .without = 0}};
  CHECK(cuda::report_of(clean) ==
        "11 of 11 kernels of products in bf16, 6 of 6 in f8_e4m3 give a row the same bits among "
        "any number of "
        "rows");
  CHECK(cuda::warnings_of(clean).empty());
  const std::vector<cuda::GemmVerdict> found{
      {.type = DType::f16, .tested = 11, .left_out = {"few rows", "wgmma 64 x 32"}, .without = 4}};
  CHECK(cuda::report_of(found).starts_with("9 of 11 kernels of products in f16 give"));
  REQUIRE(cuda::warnings_of(found).size() == 1);
  CHECK(cuda::warnings_of(found)[0].find("f16 products") != std::string::npos);
  CHECK(cuda::warnings_of(found)[0].ends_with(": few rows, wgmma 64 x 32"));
}

// These do.

TEST_CASE("the self test leaves nothing out on this GPU, and doctor says so") {
  if (!gpu_rig()) return;
  const cuda::Gpu gpu = cuda::find_gpu(0);
  const std::vector<cuda::GemmVerdict> verdicts = cuda::test_products(gpu);
  REQUIRE(verdicts.size() == (gpu.hopper() ? 3 : 2));
  for (const cuda::GemmVerdict& verdict : verdicts) {
    CAPTURE(verdict.type);
    for (const std::string& name : verdict.left_out) MESSAGE("left out: " << name);
    CHECK(verdict.tested >= 2);
    CHECK(verdict.left_out.empty());
    CHECK(verdict.without == 0);
  }
  const auto report = cuda_kernel_report(0);
  CHECK(std::ranges::count(
            report, std::pair<std::string, std::string>("bits", cuda::report_of(verdicts))) == 1);
}

TEST_CASE("a product keeps its bits whichever kernels are left out") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const cuda::Gpu gpu = cuda::find_gpu(0);
  for (const DType type : {DType::bf16, DType::f16})
    for (const int64_t m : {1, 5, 64, 65, 300}) {
      const int64_t n = 1024, k = 1088;
      const Array x(*rig, type, random_values(m * k, 11)), w(*rig, type, random_values(n * k, 12));
      Array out(*rig, type, m * n);
      const cuda::GemmArgs args{.x = x.data(),
                                .x_stride = k,
                                .w = w.data(),
                                .out = out.data(),
                                .out_stride = n,
                                .m = m,
                                .n = n,
                                .k = k,
                                .type = type,
                                .out_type = type};
      cuda::gemm(args, rig->stream.queue());
      const std::vector<std::byte> whole = out.raw();
      uint32_t without = 0;
      for (;;) {
        const int picked = cuda::gemm_pick(args, gpu.hopper(), gpu.processors, without);
        if (picked == cuda::kGemmPlain) break;  // whose bits are its own
        CAPTURE(m);
        CAPTURE(picked);
        out.poison();
        cuda::gemm(args, rig->stream.queue(), without);
        CHECK(out.raw() == whole);
        without |= 1U << picked;
      }
      CHECK(without != 0);
      out.poison();
      CHECK_NOTHROW(cuda::gemm(args, rig->stream.queue(), ~0U));
      rig->stream.wait();
    }
}

TEST_CASE("an 8-bit product without any kernel says so") {
  GpuRig* rig = gpu_rig();
  if (!rig || !cuda::find_gpu(0).hopper()) return;
  const Array x(*rig, DType::bf16, 128 * 128);  // never read
  const Array scales(*rig, DType::f32, 128);
  Array out(*rig, DType::bf16, 128 * 128);
  const cuda::GemmArgs args{.x = x.data(),
                            .x_stride = 128,
                            .w = x.data(),
                            .out = out.data(),
                            .out_stride = 128,
                            .m = 128,
                            .n = 128,
                            .k = 128,
                            .type = DType::f8_e4m3,
                            .out_type = DType::bf16,
                            .x_scales = scales.f32(),
                            .w_scales = scales.f32()};
  CHECK_THROWS_AS(cuda::gemm(args, rig->stream.queue(), ~0U), Error);
}
