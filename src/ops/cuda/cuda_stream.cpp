#include "ops/cuda/cuda_stream.h"

#include <algorithm>

namespace winnow::cuda {
namespace {

constexpr int64_t kAlign = 256, kSmallestSlab = 1 << 20;

}  // namespace

CudaStream::CudaStream(ThreadPool& pool, CudaMemory& memory) : Stream(pool), memory_(memory) {
  check(cudaSetDevice(gpu().ordinal), "cudaSetDevice");
  check(cudaStreamCreateWithFlags(&queue_, cudaStreamNonBlocking), "cudaStreamCreate");
}

CudaStream::~CudaStream() {
  cudaSetDevice(gpu().ordinal);
  cudaStreamSynchronize(queue_);
  for (const Slab& slab : slabs_) {
    cudaFreeHost(slab.host);
    memory_.release(slab.device);
  }
  if (workspace_) memory_.release(workspace_);
  if (landing_) cudaFreeHost(landing_);
  cudaStreamDestroy(queue_);
}

void CudaStream::begin() {
  check(cudaSetDevice(gpu().ordinal), "cudaSetDevice");
  uploads_.clear();
  used_ = 0;
  if (slabs_.size() <= 1) return;
  int64_t bytes = 0;  // one slab of all that the last pass needed
  for (const Slab& slab : slabs_) {
    bytes += slab.bytes;
    check(cudaFreeHost(slab.host), "cudaFreeHost");
    memory_.release(slab.device);
  }
  slabs_.clear();
  add_slab(bytes);
}

void CudaStream::add_slab(int64_t bytes) {
  Slab slab;
  slab.bytes = bytes;
  slab.device = static_cast<std::byte*>(memory_.allocate(bytes));
  void* host = nullptr;
  const cudaError_t status = cudaMallocHost(&host, static_cast<size_t>(bytes));
  if (status != cudaSuccess) memory_.release(slab.device);
  check(status, "cudaMallocHost");
  slab.host = static_cast<std::byte*>(host);
  slabs_.push_back(slab);
  used_ = 0;
}

const void* CudaStream::upload(const void* values, int64_t bytes) {
  for (const Upload& u : uploads_)
    if (u.bytes == bytes && std::memcmp(slabs_[u.slab].host + u.offset, values, bytes) == 0)
      return slabs_[u.slab].device + u.offset;
  if (slabs_.empty() || used_ + bytes > slabs_.back().bytes)
    add_slab(std::max(bytes, kSmallestSlab));
  const Slab& slab = slabs_.back();
  const int64_t offset = used_;
  if (bytes > 0) {
    std::memcpy(slab.host + offset, values, bytes);
    check(cudaMemcpyAsync(slab.device + offset, slab.host + offset, static_cast<size_t>(bytes),
                          cudaMemcpyHostToDevice, queue_),
          "cudaMemcpyAsync");
  }
  used_ += (bytes + kAlign - 1) / kAlign * kAlign;
  uploads_.push_back({offset, bytes, slabs_.size() - 1});
  return slab.device + offset;
}

void CudaStream::wait() { check(cudaStreamSynchronize(queue_), "cudaStreamSynchronize"); }

void* CudaStream::workspace(int64_t bytes) {
  if (bytes > workspace_bytes_) {
    if (workspace_) {
      wait();
      memory_.release(workspace_);
      workspace_ = nullptr, workspace_bytes_ = 0;
    }
    workspace_ = memory_.allocate(bytes);
    workspace_bytes_ = bytes;
  }
  return workspace_;
}

void* CudaStream::landing(int64_t bytes) {
  if (bytes > landing_bytes_) {
    if (landing_) {
      wait();
      check(cudaFreeHost(landing_), "cudaFreeHost");
      landing_ = nullptr, landing_bytes_ = 0;
    }
    check(cudaMallocHost(&landing_, static_cast<size_t>(bytes)), "cudaMallocHost");
    landing_bytes_ = bytes;
  }
  return landing_;
}

void allow_shared_memory(const void* kernel, int bytes) {
  thread_local std::vector<std::pair<int, const void*>> allowed;  // a GPU and a kernel
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  const std::pair<int, const void*> here(device, kernel);
  if (std::ranges::find(allowed, here) != allowed.end()) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
        "cudaFuncSetAttribute");
  allowed.push_back(here);
}

}  // namespace winnow::cuda
