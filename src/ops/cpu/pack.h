// Linear weights laid out for the CPU kernels (isa.h says the layouts).
#pragma once

#include <cstdint>
#include <new>
#include <vector>

#include "ops/cpu/isa.h"
#include "ops/parameters.h"

namespace winnow::cpu {

// A vector whose data starts a cache line.
template <typename T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <typename U>
  // A rebind converts. NOLINTNEXTLINE(google-explicit-constructor)
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
template <typename T>
using Lines = std::vector<T, LineAllocator<T>>;

class PackedF32 final : public PackedLinear {
 public:
  explicit PackedF32(const LinearSource& source);
  int64_t bytes() const override {
    return static_cast<int64_t>((panels.size() + bias.size()) * sizeof(float));
  }

  int64_t k, n, panel_count;
  Lines<float> panels, bias;
};

class PackedI8 final : public PackedLinear {
 public:
  // Quantises f32 weights symmetrically, a scale a row, where the source has no 8-bit ones.
  // steps: also lay the weights out as I8Steps, instead of panels.
  PackedI8(LinearSource source, bool steps);
  int64_t bytes() const override;
  I8Steps i8_steps() const;

  int64_t k, n, k4, panel_count;
  Lines<int8_t> panels;
  Lines<int8_t> step_data;
  std::vector<int32_t> step_k4, segment_steps;
  std::vector<int64_t> panel_step, panel_segment;
  Lines<int32_t> w_sum;
  Lines<float> w_scale, bias;

 private:
  void lay_panels(const LinearSource& source);
  void lay_steps();
};

}  // namespace winnow::cpu
