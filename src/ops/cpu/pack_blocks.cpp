#include "ops/cpu/pack_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "tensor/blocks.h"

namespace winnow::cpu {
namespace {

BlockForm form_of(DType dtype) {
  switch (dtype) {
    case DType::q4_0:
      return BlockForm::kQ4_0;
    case DType::q4_1:
      return BlockForm::kQ4_1;
    case DType::q4_k:
      return BlockForm::kQ4_k;
    case DType::q5_0:
      return BlockForm::kQ5_0;
    case DType::q5_1:
      return BlockForm::kQ5_1;
    case DType::q5_k:
      return BlockForm::kQ5_k;
    case DType::q6_k:
      return BlockForm::kQ6_k;
    case DType::q8_0:
      return BlockForm::kQ8_0;
    default:
      fail(Code::kUnsupported, "pack_linear: want rows of a block format, got ", dtype);
  }
}

// Of a value that came from f16, so nothing is lost.
uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 255,
                 mantissa = bits & 0x7FFFFF;
  if (exponent == 255) return static_cast<uint16_t>(sign | 0x7C00 | mantissa >> 13);
  if (exponent >= 113) return static_cast<uint16_t>(sign | (exponent - 112) << 10 | mantissa >> 13);
  const float size = std::bit_cast<float>(bits & 0x7FFFFFFF);
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(size * 0x1p24f));  // subnormal or 0
}

void put_scale(std::byte* at, bool f16, int64_t i, float value) {
  if (f16) {
    const uint16_t half = to_f16(value);
    std::memcpy(at + 2 * i, &half, 2);
  } else {
    std::memcpy(at + 4 * i, &value, 4);
  }
}

}  // namespace

PackedBlocks::PackedBlocks(const LinearSource& source)
    : k(source.in),
      n(source.out),
      panel_count((n + kPanel - 1) / kPanel),
      bias(panel_count * kPanel, 0.0f) {
  require(k % kBlockGroup == 0, "pack_linear: want K in whole groups of ", kBlockGroup, ", got ",
          k);
  std::copy(source.bias.begin(), source.bias.end(), bias.begin());
  int64_t at = 0;
  for (int64_t first = 0; first < n; first += kPanel) {
    const DType dtype = source.block_rows[first].dtype;
    BlockForm made = form_of(dtype);
    for (int64_t row = first; row < std::min(n, first + kPanel); ++row)
      if (form_of(source.block_rows[row].dtype) != made) made = BlockForm::kMixed;
    form.push_back(made);
    panel_at.push_back(at);
    at += k / kBlockGroup * layout_of(made).group_bytes();
  }
  data.assign(at, std::byte{0});
  for (int64_t panel = 0; panel < panel_count; ++panel) fill(source, panel);
}

// Columns past N stay zeros: scale 0, minimum 0.
void PackedBlocks::fill(const LinearSource& source, int64_t panel) {
  const BlockLayout layout = layout_of(form[panel]);
  std::vector<uint8_t> q(k);
  std::vector<float> scale(k / 16), minimum(k / 16);
  for (int64_t row = panel * kPanel; row < std::min(n, (panel + 1) * kPanel); ++row) {
    const LinearSource::BlockRow& stored = source.block_rows[row];
    unpack_row(stored.dtype, stored.data, k, q.data(), scale.data(), minimum.data());
    const int64_t column = row % kPanel;
    for (int64_t g = 0; g < k / kBlockGroup; ++g) {
      std::byte* group = data.data() + panel_at[panel] + g * layout.group_bytes();
      for (int s = 0; s < layout.subgroups; ++s) {
        const int64_t from = 2 * g + s;
        put_scale(group, layout.f16, s * kPanel + column, scale[from]);
        if (layout.minimums)
          put_scale(group, layout.f16, (layout.subgroups + s) * kPanel + column, minimum[from]);
      }
      auto* bytes = reinterpret_cast<uint8_t*>(group + layout.scale_bytes());
      for (int64_t i = 0; i < kBlockGroup; ++i) {
        const uint8_t value = q[g * kBlockGroup + i];
        if (layout.bits == 8)
          bytes[(i / 4 * kPanel + column) * 4 + i % 4] = value;
        else
          bytes[(i % 16 / 4 * kPanel + column) * 4 + i % 4] |=
              static_cast<uint8_t>(value << (i / 16 * 4));
      }
    }
  }
}

int64_t PackedBlocks::bytes() const {
  return static_cast<int64_t>(data.size() + panel_at.size() * sizeof(int64_t) + form.size() +
                              bias.size() * sizeof(float));
}

Packed16Bit::Packed16Bit(const LinearSource& source)
    : k(source.in),
      n(source.out),
      panel_count((n + kPanel - 1) / kPanel),
      bf16(source.block_rows.front().dtype == DType::bf16),
      panels(panel_count * k * kPanel, uint16_t{0}),
      bias(panel_count * kPanel, 0.0f) {
  std::copy(source.bias.begin(), source.bias.end(), bias.begin());
  for (int64_t row = 0; row < n; ++row) {
    uint16_t* panel = panels.data() + row / kPanel * k * kPanel + row % kPanel;
    for (int64_t i = 0; i < k; ++i)
      std::memcpy(panel + i * kPanel, source.block_rows[row].data + 2 * i, 2);
  }
}

int64_t Packed16Bit::bytes() const {
  return static_cast<int64_t>(panels.size() * sizeof(uint16_t) + bias.size() * sizeof(float));
}

std::shared_ptr<const PackedLinear> pack_rows(LinearSource source, DType& dtype) {
  require(static_cast<int64_t>(source.block_rows.size()) == source.out, "pack_linear: want ",
          source.out, " rows of blocks, got ", source.block_rows.size());
  dtype = source.block_rows.front().dtype;
  const auto all = [&](auto holds) {
    return std::all_of(source.block_rows.begin(), source.block_rows.end(),
                       [&](const LinearSource::BlockRow& row) { return holds(row.dtype); });
  };
  const auto is_16bit = [](DType type) { return type == DType::bf16 || type == DType::f16; };
  if (is_16bit(dtype) && all([&](DType type) { return type == dtype; }))
    return std::make_shared<Packed16Bit>(source);
  if (all([&](DType type) { return !is_16bit(type); }))
    return std::make_shared<PackedBlocks>(source);
  dtype = DType::f32;
  source.weight.resize(source.in * source.out);
  for (int64_t row = 0; row < source.out; ++row)
    dequantize_row(source.block_rows[row].dtype, source.block_rows[row].data, source.in,
                   source.weight.data() + row * source.in);
  return std::make_shared<PackedF32>(source);
}

}  // namespace winnow::cpu
