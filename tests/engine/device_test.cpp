#include "engine/device.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace winnow {
namespace {

EngineOptions wish(const char* device, const char* dtype) {
  EngineOptions options;
  options.device = device;
  options.dtype = dtype;
  return options;
}

TEST_CASE("auto means GPUs where there are any, and the CPU for int8") {
  for (const char* dtype : {"auto", "f32", "f16", "bf16", "f8"}) {
    CAPTURE(dtype);
    CHECK(for_gpus(wish("auto", dtype), 1));
    CHECK_FALSE(for_gpus(wish("auto", dtype), 0));
  }
  for (const int gpus : {0, 1, 8}) CHECK_FALSE(for_gpus(wish("auto", "int8"), gpus));
}

TEST_CASE("a device that is named is meant, whatever the type and however many GPUs there are") {
  for (const int gpus : {0, 1})
    for (const char* dtype : {"auto", "int8"}) {
      CHECK(for_gpus(wish("cuda", dtype), gpus));
      CHECK(for_gpus(wish("cuda:0,2", dtype), gpus));
      CHECK_FALSE(for_gpus(wish("cpu", dtype), gpus));
    }
  CHECK_THROWS_WITH_AS(for_gpus(wish("gpu", "auto"), 1),
                       "device: want auto, cpu, cuda or cuda:N, got gpu", Error);
}

TEST_CASE("int8 is the CPU's with auto, and an error that says so on GPUs asked for by name") {
  const Device device = choose_device(wish("auto", "int8"), false, false);
  CHECK_FALSE(device.gpu);
  CHECK(device.linear == DType::i8);
  CHECK(device.dtype_name == "int8");
  for (const char* named : {"cuda", "cuda:0"}) {
    const char* says =
        "dtype: want auto, f32, f16, bf16 or f8 on a GPU, got int8, which is for a CPU";
    CHECK_THROWS_WITH_AS(choose_device(wish(named, "int8"), false, true), says, Error);
  }
}

}  // namespace
}  // namespace winnow
