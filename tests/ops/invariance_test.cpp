// A row's bits are a function of the row: not of its neighbours, of the thread count, or of the
// instruction set.
#include <numeric>

#include "ops/rig.h"

using namespace winnow;
using test::Matrix;
using test::values_of;

TEST_CASE("linear gives each row the same bits alone and among any others, in f32 and in 8 bits") {
  for (const DType dtype : {DType::f32, DType::i8})
    for (const auto& rig : test::rigs()) {
      CAPTURE(rig->name);
      const Matrix x(131, 96, 1);
      const Linear w = rig->ops.kernels().pack_linear(test::random_linear(96, 80, 2), dtype);
      const std::vector<float> all = values_of(rig->ops.linear(x.tensor, w, Activation::kGelu));
      std::mt19937 random(3);
      for (int round = 0; round < 40; ++round) {
        std::vector<int32_t> rows(1 + random() % 131);
        for (int32_t& row : rows) row = static_cast<int32_t>(random() % 131);
        const Tensor some =
            rig->ops.linear(rig->ops.gather_rows(x.tensor, rows), w, Activation::kGelu);
        for (size_t i = 0; i < rows.size(); ++i)
          for (int64_t c = 0; c < 80; ++c)
            REQUIRE(some.as<float>()[i * 80 + c] == all[rows[i] * 80 + c]);
        rig->ops.arena().reset();
      }
    }
}

TEST_CASE("every instruction set and thread count gives the same bits") {
  std::vector<std::vector<float>> results;
  const std::vector<int32_t> starts = {0, 1, 90, 90, 400};
  const Matrix x(400, 96, 1, 2.0f), weight(1, 96, 5), bias(1, 96, 6);
  const LinearSource up = test::random_linear(96, 100, 2), down = test::random_linear(100, 96, 4);
  for (const auto& rig : test::rigs())
    for (const DType dtype : {DType::f32, DType::i8}) {
      Ops& f = rig->ops;
      const Linear w_up = f.kernels().pack_linear(up, dtype),
                   w_down = f.kernels().pack_linear(down, dtype);
      const test::Heads heads(x, 3);
      Tensor h = f.attention(heads.tensor, heads.tensor, heads.tensor, {starts, starts});
      h = f.add_layer_norm(h, x.tensor,
                           Norm{f.kernels().place(weight.values), f.kernels().place(bias.values)},
                           1e-12f);
      h = f.linear(f.linear(h, w_up, Activation::kGelu), w_down);
      results.push_back(values_of(h));
    }
  for (size_t i = 2; i < results.size(); ++i) CHECK(results[i] == results[i % 2]);
  CHECK(results[0] != results[1]);
}
