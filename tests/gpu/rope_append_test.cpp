#include "ops/cuda/rope_append.h"

#include <cmath>
#include <random>
#include <string>

#include "gpu/gear.h"
#include "ops/cuda/paged_attention.h"
#include "ops/cuda/rowwise.h"

namespace winnow::cuda {
namespace {

using test::bits_of;
using test::Block;
using test::Gear;

struct Setup {
  DType type;
  int heads, kv_heads, size;
  bool norms;
};

std::vector<uint8_t> read(Gear& gear, const Block& block) {
  std::vector<uint8_t> bytes(block.bytes);
  gear.memory->read(bytes.data(), block.data, block.bytes);
  return bytes;
}

// Long because the arrays of both ways live to its end.
void compare(Gear& gear, const Setup& s) {
  const int64_t bytes = size_of(s.type), columns = (s.heads + 2 * s.kv_heads) * s.size;
  const std::vector<int32_t> starts{0, 1, 41, 41, 110}, pages{7, 2, 9, 0, 4, 1, 8, 3, 5},
      page_starts{0, 2, 5, 5, 9};
  std::vector<int32_t> positions;
  for (const auto& [past, count] : {std::pair{40, 1}, {31, 40}, {3, 69}})
    for (int i = 0; i < count; ++i) positions.push_back(past + i);
  const auto tokens = static_cast<int64_t>(positions.size());
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<uint8_t> qkv(tokens * columns * bytes);
  for (int64_t i = 0; i < tokens * columns; ++i) {
    const uint32_t value = bits_of(normal(random), s.type);
    std::memcpy(&qkv[i * bytes], &value, bytes);
  }
  std::vector<float> angles(tokens * s.size), weights(2 * s.size);
  for (int64_t t = 0; t < tokens; ++t)
    for (int i = 0; i < s.size / 2; ++i) {
      const float angle = static_cast<float>(positions[t]) * std::pow(1e4f, -2.0f * i / s.size);
      angles[t * s.size + i] = std::cos(angle);
      angles[t * s.size + s.size / 2 + i] = std::sin(angle);
    }
  for (float& w : weights) w = 1.0f + 0.2f * normal(random);

  const int64_t side = 10 * s.kv_heads * kPageTokens * s.size * bytes;
  Block packed(*gear.memory, tokens * columns * bytes, 0), other(*gear.memory, packed.bytes, 0);
  Block turns(*gear.memory, static_cast<int64_t>(angles.size()) * 4, 0),
      scales(*gear.memory, static_cast<int64_t>(weights.size()) * 4, 0);
  Block keys(*gear.memory, side, 0x77), values(*gear.memory, side, 0x77);
  Block want_keys(*gear.memory, side, 0x77), want_values(*gear.memory, side, 0x77);
  Block out(*gear.memory, tokens * s.heads * s.size * bytes, 0xFF),
      want_out(*gear.memory, out.bytes, 0xFF);
  packed.write(qkv.data(), packed.bytes);
  other.write(qkv.data(), packed.bytes);
  turns.write(angles.data(), turns.bytes);
  scales.write(weights.data(), scales.bytes);

  gear.stream->begin();
  const auto view = [&](const Block& block, int64_t head) {
    return HeadsView{block.as<uint8_t>() + head * s.size * bytes, s.size, columns};
  };
  CachedAttentionArgs args{.q = view(packed, 0),
                           .k = {nullptr, 0, 0},
                           .v = {nullptr, 0, 0},
                           .out = out.data,
                           .type = s.type,
                           .starts = starts,
                           .positions = positions,
                           .cache = {keys.data, values.data, s.kv_heads, s.size},
                           .table = {pages, page_starts},
                           .tokens = tokens,
                           .heads = s.heads,
                           .kv_heads = s.kv_heads,
                           .head_size = s.size,
                           .scale = 0.1f};
  rope_append({.qkv = packed.data,
               .row = columns,
               .type = s.type,
               .angles = turns.as<float>(),
               .q_norm = s.norms ? scales.as<float>() : nullptr,
               .k_norm = s.norms ? scales.as<float>() + s.size : nullptr,
               .eps = 1e-6f,
               .starts = starts,
               .positions = positions,
               .cache = args.cache,
               .table = args.table,
               .tokens = tokens,
               .heads = s.heads,
               .kv_heads = s.kv_heads,
               .head_size = s.size},
              *gear.stream);
  args.appended = true;
  cached_attention(args, *gear.stream);
  args.appended = false;

  // The kernels one by one, in place.
  const HeadsView q = view(other, 0), k = view(other, s.heads);
  if (s.norms) {
    rms_norm({q, q, s.type, scales.as<float>(), s.heads, tokens, s.size, 1e-6f}, *gear.stream);
    rms_norm({k, k, s.type, scales.as<float>() + s.size, s.kv_heads, tokens, s.size, 1e-6f},
             *gear.stream);
  }
  rope({q, q, s.type, turns.as<float>(), s.heads, tokens, s.size}, *gear.stream);
  rope({k, k, s.type, turns.as<float>(), s.kv_heads, tokens, s.size}, *gear.stream);
  args.q = q, args.k = k, args.v = view(other, s.heads + s.kv_heads), args.out = want_out.data;
  args.cache = {want_keys.data, want_values.data, s.kv_heads, s.size};
  args.appended = false;
  cached_attention(args, *gear.stream);
  gear.stream->wait();

  CHECK(read(gear, keys) == read(gear, want_keys));
  CHECK(read(gear, values) == read(gear, want_values));
  CHECK(read(gear, out) == read(gear, want_out));
  const std::vector<uint8_t> got = read(gear, packed), want = read(gear, other);
  int64_t different = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t i = 0; i < columns * bytes; ++i) {
      const bool rotated = i < s.heads * s.size * bytes;
      const int64_t at = t * columns * bytes + i;
      different += got[at] != (rotated ? want : qkv)[at];
    }
  CHECK(different == 0);
}

TEST_CASE("rope_append has the bits of rms_norm, rope and appending one after another") {
  Gear gear;
  if (!gear) return;
  for (const Setup& s : {Setup{DType::f16, 28, 4, 128, false}, Setup{DType::bf16, 16, 8, 128, true},
                         Setup{DType::f16, 12, 2, 128, true}, Setup{DType::bf16, 9, 3, 64, true},
                         Setup{DType::f16, 9, 3, 64, false}, Setup{DType::f16, 2, 1, 256, true},
                         Setup{DType::f32, 4, 2, 64, true}, Setup{DType::f32, 3, 1, 128, true}}) {
    CAPTURE(std::string(name_of(s.type)));
    CAPTURE(s.heads);
    CAPTURE(s.size);
    CAPTURE(s.norms);
    compare(gear, s);
  }
}

TEST_CASE("rope_append says which heads it has") {
  CHECK(can_rope_append(128, DType::bf16));
  CHECK(can_rope_append(64, DType::f32));
  CHECK_FALSE(can_rope_append(96, DType::f16));
  CHECK_FALSE(can_rope_append(80, DType::f32));
  CHECK_FALSE(can_rope_append(32, DType::f16));
}

}  // namespace
}  // namespace winnow::cuda
