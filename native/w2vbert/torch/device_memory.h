// Where the tensors of a pass on a CUDA device lie: within a limit, or in one workspace, as a
// captured graph needs it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// Bytes of a device that a model may take. For several threads.
class MemoryBudget {
 public:
  // 0: no limit.
  explicit MemoryBudget(int64_t limit) : limit_(limit) {}

  // Throws std::runtime_error, which names the limit, if they would be too many.
  void take(int64_t bytes);
  void give_back(int64_t bytes);
  int64_t used() const;

 private:
  const int64_t limit_;
  mutable std::mutex mutex_;
  int64_t used_ = 0;
};

// Places blocks in a stretch of memory, those that are there at the same time side by side. The
// same calls give the same places.
class ArenaPlan {
 public:
  // The first gap that is large enough; aligned to kAlignment.
  int64_t place(int64_t bytes);
  void free(int64_t offset) { blocks_.erase(offset); }
  // What the blocks have needed so far.
  int64_t size() const { return size_; }

  static constexpr int64_t kAlignment = 512;

 private:
  std::map<int64_t, int64_t> blocks_;  // offset, end
  int64_t size_ = 0;
};

// Serves Tensor::empty for one CUDA device on the thread that uses it, and CudaDevice::empty of the
// plug-in. A block is free again once no Tensor refers to it, views included.
class DeviceMemory {
 public:
  // Memory of LibTorch's, counted in `budget`. Blocks may outlive this object.
  DeviceMemory(const Device& device, std::shared_ptr<MemoryBudget> budget);
  // Memory in `arena`, uint8 on a CUDA device.
  explicit DeviceMemory(const Tensor& arena);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // While one of these lives, `memory` serves this thread; null: nothing does.
  class Use {
   public:
    explicit Use(DeviceMemory* memory);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    DeviceMemory* before_;
  };

  // The size of the arena that would have served the same.
  int64_t size() const;
  // Tensors of the device that this thread got from elsewhere while an arena served it, parameters
  // among them. A graph that was captured meanwhile refers to their memory.
  const std::vector<Tensor>& others() const { return others_; }

  // What follows is for tensor.cpp and aten.cpp. What serves this thread for a device; or null.
  static DeviceMemory* serving(const Device& device);
  // Throws std::runtime_error if there is no memory.
  Tensor empty(const Shape& shape, DType dtype);
  // A tensor of LibTorch's, which holds the block that it lies in.
  static Tensor adopt(AtenTensorOpaque* handle);
  // After every call of an operator: blocks that the plug-in took for itself are free. Throws
  // std::runtime_error if there was no memory for it, which an operator cannot tell.
  static void end_call();
  // CudaDevice::empty of the plug-in.
  enum Served : int { kServed, kNotServed, kNoMemory };
  static int serve_plugin(const int64_t* shape, int64_t dimensions, int32_t dtype,
                          int32_t device_index, AtenTensorOpaque** result);

 private:
  struct State;
  struct Block;

  std::shared_ptr<State> state_;
  std::vector<Tensor> of_plugin_;  // of the call that is under way
  std::string failure_;
  std::vector<Tensor> others_;
};

}  // namespace w2vbert
