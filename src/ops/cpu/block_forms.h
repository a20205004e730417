// How block-quantised weights and the rows that they meet lie in memory: what packing writes and
// the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace winnow::cpu {

// What the sixteen columns of one panel are. kMixed: columns of several formats.
enum class BlockForm : uint8_t { kQ4_0, kQ4_1, kQ4_k, kQ5_0, kQ5_1, kQ5_k, kQ6_k, kQ8_0, kMixed };

// A panel is one stream of groups of 32 values of k. A group: [subgroups][16] scales; [subgroups]
// [16] minimums, if the form has them; then 8 bits: [8 quads][16 columns][4 values of k], 4 bits:
// [4][16][4] bytes whose low nibbles are the first four quads and whose high ones the others.
// real = (q - zero) * scale, or q * scale + minimum.
struct BlockLayout {
  int bits;       // stored: 4 or 8
  int largest;    // what q can be
  int zero_log2;  // zero is 2 to this; -1: there is none
  bool minimums;  // else zero stands for them
  bool f16;       // scales and minimums; else f32
  int subgroups;  // of a group, each with its own scale: 1, or 2 of 16 values

  constexpr int scale_bytes() const { return subgroups * 16 * (f16 ? 2 : 4) * (minimums ? 2 : 1); }
  constexpr int group_bytes() const { return scale_bytes() + 32 * 16 * bits / 8; }
};

constexpr BlockLayout layout_of(BlockForm form) {
  constexpr BlockLayout kLayouts[] = {{4, 15, 3, false, true, 1},     // q4_0
                                      {4, 15, -1, true, true, 1},     // q4_1
                                      {4, 15, -1, true, false, 1},    // q4_k
                                      {8, 31, 4, false, true, 1},     // q5_0
                                      {8, 31, -1, true, true, 1},     // q5_1
                                      {8, 31, -1, true, false, 1},    // q5_k
                                      {8, 63, 5, false, false, 2},    // q6_k
                                      {8, 255, 7, false, true, 1},    // q8_0
                                      {8, 255, -1, true, false, 2}};  // mixed
  return kLayouts[static_cast<int>(form)];
}

// Rows of x are quantised in groups of 32 too: scale = max |x| / 127, q = round(x / scale) in
// [-127, 127]; a group below kLeastOfGroup everywhere counts as zeros; a row with an infinity or a
// NaN has scales that are NaN. Tiles of rows follow each other; a tile of R rows is for each group
// [R][32] bytes q, then R numbers each: f32 scale, f32 scale * sum of q, i32 minus the sum of q
// over the group, over its first half, over its second half.
constexpr int kBlockGroup = 32;
constexpr int kQuantizedGroupBytes = kBlockGroup + 5 * 4;
constexpr float kLeastOfGroup = 0x1p-100f;
constexpr int64_t quantized_row_bytes(int64_t k) { return k / kBlockGroup * kQuantizedGroupBytes; }

}  // namespace winnow::cpu
