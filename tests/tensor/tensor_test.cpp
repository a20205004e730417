#include <doctest/doctest.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "tensor/arena.h"

using namespace winnow;

TEST_CASE("a shape knows its elements and refuses what does not fit") {
  CHECK(Shape{}.elements() == 1);
  CHECK(Shape{3, 0, 2}.elements() == 0);
  CHECK(Shape{3, 4}.dim(-1) == 4);
  CHECK_THROWS_AS((Shape{-1}), Error);
  CHECK_THROWS_AS((Shape{int64_t{1} << 40, int64_t{1} << 40}), Error);
  const std::array<int64_t, 5> five{1, 1, 1, 1, 1};
  CHECK_THROWS_AS(Shape(std::span<const int64_t>(five)), Error);
}

TEST_CASE("a column range is a view of its matrix") {
  std::array<float, 12> values;
  for (int i = 0; i < 12; ++i) values[i] = static_cast<float>(i);
  const Tensor matrix(values.data(), {3, 4}, DType::f32);
  const Tensor view = matrix.columns(1, 3);
  CHECK(view.shape() == Shape{3, 2});
  CHECK(view.as<float>()[view.row_stride() * 2 + 1] == 10.0f);
  CHECK_THROWS_WITH(matrix.columns(2, 5), "columns: want [2, 5) inside a matrix, got [3, 4]");
}

TEST_CASE("an arena gives aligned memory, the same again after a reset, and keeps one block") {
  Arena arena;
  for (int pass = 0; pass < 3; ++pass) {
    arena.reset();
    const Tensor a = arena.make({3, 5}, DType::f32), b = arena.make({1 << 20}, DType::f32),
                 c = arena.make({0, 4}, DType::f32);
    for (const Tensor& t : {a, b, c}) CHECK(reinterpret_cast<uintptr_t>(t.data()) % 64 == 0);
    if (pass > 0)
      CHECK(static_cast<char*>(b.data()) >= static_cast<char*>(a.data()) + 64);  // one block by now
  }
  const int64_t reserved = arena.reserved_bytes();
  arena.reset();
  void* first = arena.make({1 << 20}, DType::f32).data();
  arena.reset();
  CHECK(arena.make({1 << 20}, DType::f32).data() == first);
  CHECK(arena.reserved_bytes() == reserved);
}

TEST_CASE(
    "retain keeps the last tensor where it is and gives back everything else since the mark") {
  Arena arena;
  arena.make({1 << 22}, DType::f32);
  arena.reset();  // one block, large enough for all that follows
  arena.make({7}, DType::f32);
  const Arena::Mark mark = arena.mark();
  const Tensor first = arena.make({100}, DType::f32);
  const Tensor last = arena.make({300, 10}, DType::f32);
  for (int i = 0; i < 3000; ++i) last.as<float>()[i] = static_cast<float>(i);
  const Tensor kept = arena.retain(mark, last);
  CHECK(kept.data() == last.data());
  for (int i = 0; i < 3000; ++i) REQUIRE(kept.as<float>()[i] == static_cast<float>(i));
  CHECK(arena.make({100}, DType::f32).data() == first.data());
  CHECK(arena.make({100}, DType::f32).data() >= static_cast<char*>(kept.data()) + 3000 * 4);
  const Tensor next = arena.make({1}, DType::f32);
  arena.retain(mark, next);
  CHECK(arena.make({100}, DType::f32).data() == first.data());
}
