// Which devices a model runs on, and in what types.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "ops/kernels.h"

namespace winnow {

struct Device {
  std::vector<const Kernels*> replicas;  // at least one; a GPU each, or the CPU
  bool gpu = false;
  DType linear;            // of linear layers
  bool keep_blocks;        // weights in block formats and 16 bits stay as they lie
  std::string dtype_name;  // "int8"

  const Kernels& kernels() const { return *replicas.front(); }
  std::string name() const;  // "cuda:0 NVIDIA H200, cuda:1 NVIDIA H200"
};

// Whether that wish is for GPUs, of which there are `gpus`. "auto" is for them where there are any,
// but for int8, which is the CPU's. Throws kInvalidArgument for a device that is none.
bool for_gpus(const EngineOptions& options, int gpus);

// decoder, eight_bit: what "auto" depends on: the model's kind, and whether the file's weights are
// 8-bit. Sets each GPU's memory limit. Throws kUnsupported naming the GPU or what is missing,
// kInvalidArgument for a device or dtype that is none, or not the device's.
Device choose_device(const EngineOptions& options, bool decoder, bool eight_bit);

}  // namespace winnow
