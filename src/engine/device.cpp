#include "engine/device.h"

#include <charconv>

#include "base/error.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cuda_kernels.h"

namespace winnow {
namespace {

// The numbers of "cuda:0,2"; all GPUs for "cuda".
std::vector<int> gpus_of(const std::string& device) {
  const CudaDevices devices = cuda_devices();
  if (devices.count == 0) fail(Code::kUnsupported, device, ": ", devices.why_none);
  std::vector<int> out;
  if (device == "cuda") {
    for (int i = 0; i < devices.count; ++i) out.push_back(i);
    return out;
  }
  const char *at = device.data() + 5, *end = device.data() + device.size();  // after "cuda:"
  for (;;) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    require(error == std::errc() && (next == end || *next == ','), "device: want cuda:N,N..., got ",
            device);
    require(number >= 0 && number < devices.count, "device: want a GPU below ", devices.count,
            ", got ", device);
    out.push_back(number);
    if (next == end) return out;
    at = next + 1;
  }
}

DType gpu_dtype(const std::string& wish, bool decoder) {
  if (wish == "auto") return decoder ? DType::bf16 : DType::f16;
  if (wish == "f8") return DType::f8_e4m3;
  const std::optional<DType> named = dtype_named(wish);
  require(named == DType::f32 || named == DType::f16 || named == DType::bf16,
          "dtype: want auto, f32, f16, bf16 or f8 on a GPU, got ", wish,
          wish == "int8" ? ", which is for a CPU" : "");
  return *named;
}

Device on_gpus(const EngineOptions& options, const std::string& device, bool decoder) {
  Device out{.replicas = {},
             .gpu = true,
             .linear = gpu_dtype(options.dtype, decoder),
             .keep_blocks = true,
             .dtype_name = {}};
  out.dtype_name = out.linear == DType::f8_e4m3 ? "f8" : name_of(out.linear);
  // FP8 is for linear layers; what flows between them has 16 bits.
  const DType activations = out.linear != DType::f8_e4m3 ? out.linear
                            : decoder                    ? DType::bf16
                                                         : DType::f16;
  require(options.max_memory > 0, "max_memory: want bytes, or a share up to 1, got ",
          options.max_memory);
  for (const int gpu : gpus_of(device)) {
    out.replicas.push_back(&cuda_kernels(gpu, activations, out.linear == DType::f8_e4m3));
    const double share = options.max_memory <= 1
                             ? options.max_memory * static_cast<double>(cuda_memory_total(gpu))
                             : options.max_memory;
    cuda_memory_limit(gpu, static_cast<int64_t>(share));
  }
  return out;
}

Device on_cpu(const EngineOptions& options, bool eight_bit) {
  const bool automatic = options.dtype == "auto";
  const bool int8 = automatic ? eight_bit : options.dtype == "int8";
  require(automatic || int8 || options.dtype == "f32",
          "dtype: want auto, f32 or int8 on a CPU, got ", options.dtype);
  return {.replicas = {&cpu_kernels(options.isa.empty() ? best_isa() : options.isa)},
          .gpu = false,
          .linear = int8 ? DType::i8 : DType::f32,
          .keep_blocks = automatic,
          .dtype_name = int8 ? "int8" : "f32"};
}

}  // namespace

std::string Device::name() const {
  std::string out;
  for (const Kernels* kernels : replicas) out += (out.empty() ? "" : ", ") + kernels->device;
  return out;
}

bool for_gpus(const EngineOptions& options, int gpus) {
  const std::string& wish = options.device;
  if (wish == "auto") return gpus > 0 && options.dtype != "int8";
  require(wish == "cpu" || wish == "cuda" || wish.starts_with("cuda:"),
          "device: want auto, cpu, cuda or cuda:N, got ", wish);
  return wish != "cpu";
}

Device choose_device(const EngineOptions& options, bool decoder, bool eight_bit) {
  // Only "auto" has to ask the driver.
  const bool automatic = options.device == "auto";
  if (!for_gpus(options, automatic ? cuda_devices().count : 0)) return on_cpu(options, eight_bit);
  return on_gpus(options, automatic ? "cuda" : options.device, decoder);
}

}  // namespace winnow
