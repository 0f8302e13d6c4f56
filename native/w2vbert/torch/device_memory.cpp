#include "w2vbert/torch/device_memory.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/c_abi.h"

namespace w2vbert {
namespace {

thread_local DeviceMemory* serving_here = nullptr;

int64_t bytes_of(const Shape& shape, DType dtype) {
  int64_t bytes = dtype_size(dtype);
  for (const int64_t size : shape) bytes *= size;
  return bytes;
}

}  // namespace

void MemoryBudget::take(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (limit_ > 0 && bytes > limit_ - used_) {
    throw std::runtime_error("the model's limit of " + std::to_string(limit_) +
                             " bytes of the device's memory is reached: " + std::to_string(used_) +
                             " are in use, and " + std::to_string(bytes) + " more are needed");
  }
  used_ += bytes;
}

void MemoryBudget::give_back(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  used_ -= bytes;
}

int64_t MemoryBudget::used() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return used_;
}

int64_t ArenaPlan::place(int64_t bytes) {
  int64_t offset = 0;
  for (const auto& [begin, end] : blocks_) {
    if (begin - offset >= bytes) break;
    offset = (end + kAlignment - 1) / kAlignment * kAlignment;
  }
  blocks_.emplace(offset, offset + bytes);
  size_ = std::max(size_, offset + bytes);
  return offset;
}

// Shared by the blocks, which threads other than the served one may free.
struct DeviceMemory::State {
  Device device;
  std::shared_ptr<MemoryBudget> budget;  // of memory of LibTorch's
  Tensor arena;                          // or this
  std::mutex mutex;
  ArenaPlan plan;
  std::map<const char*, std::weak_ptr<const Block>> blocks;  // by their first byte
};

struct DeviceMemory::Block {
  Block(std::shared_ptr<State> of, int64_t size) : state(std::move(of)), bytes(size) {
    if (state->budget) state->budget->take(bytes);
    const std::lock_guard<std::mutex> lock(state->mutex);
    offset = state->plan.place(bytes);
  }
  ~Block() {
    {
      const std::lock_guard<std::mutex> lock(state->mutex);
      state->plan.free(offset);
      state->blocks.erase(address);
    }
    own = Tensor();
    if (state->budget) state->budget->give_back(bytes);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const std::shared_ptr<State> state;
  const int64_t bytes;
  int64_t offset = 0;
  const char* address = nullptr;
  Tensor own;  // the memory, unless it is part of the arena
};

DeviceMemory::DeviceMemory(const Device& device, std::shared_ptr<MemoryBudget> budget)
    : state_(std::make_shared<State>()) {
  state_->device = device;
  state_->budget = std::move(budget);
}

DeviceMemory::DeviceMemory(const Tensor& arena) : state_(std::make_shared<State>()) {
  state_->device = arena.device();
  state_->arena = arena;
}

DeviceMemory::~DeviceMemory() = default;

DeviceMemory::Use::Use(DeviceMemory* memory) : before_(serving_here) { serving_here = memory; }

DeviceMemory::Use::~Use() { serving_here = before_; }

int64_t DeviceMemory::size() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->plan.size();
}

DeviceMemory* DeviceMemory::serving(const Device& device) {
  return serving_here != nullptr && serving_here->state_->device == device ? serving_here : nullptr;
}

Tensor DeviceMemory::empty(const Shape& shape, DType dtype) {
  const int64_t bytes = bytes_of(shape, dtype);
  if (bytes == 0) return Tensor::allocate(shape, dtype, state_->device);
  const auto block = std::make_shared<Block>(state_, bytes);
  Tensor memory;
  if (state_->arena.defined()) {
    const int64_t end = block->offset + bytes;
    if (end > state_->arena.numel()) {
      throw std::runtime_error("a workspace of " + std::to_string(state_->arena.numel()) +
                               " bytes is too small; expected at least " + std::to_string(end));
    }
    const Use nothing(nullptr);  // these views hold no block yet
    memory = aten::reshape(
        aten::view_as(aten::narrow(state_->arena, 0, block->offset, bytes), dtype), shape);
  } else {
    block->own = Tensor::allocate(shape, dtype, state_->device);
    memory = block->own;
  }
  block->address = static_cast<const char*>(memory.raw_data());
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->blocks[block->address] = block;
  return Tensor::hold(memory.new_handle(), block);
}

Tensor DeviceMemory::adopt(AtenTensorOpaque* handle) {
  const Tensor tensor = Tensor::hold(handle, nullptr);
  bool defined = false;
  if (serving_here == nullptr || aoti_torch_is_defined(handle, &defined) != 0 || !defined ||
      tensor.is_cpu() || serving(tensor.device()) == nullptr) {
    return tensor;
  }
  State& state = *serving_here->state_;
  const auto* address = static_cast<const char*>(tensor.raw_data());
  std::shared_ptr<const Block> block;
  {
    const std::lock_guard<std::mutex> lock(state.mutex);
    const auto next = state.blocks.upper_bound(address);
    if (next != state.blocks.begin()) block = std::prev(next)->second.lock();
  }
  if (block != nullptr && address < block->address + block->bytes) {
    return Tensor::hold(tensor.new_handle(), block);
  }
  if (state.arena.defined()) serving_here->others_.push_back(tensor);
  return tensor;
}

void DeviceMemory::end_call() {
  if (serving_here == nullptr) return;
  serving_here->of_plugin_.clear();
  const std::string failure = std::exchange(serving_here->failure_, {});
  if (!failure.empty()) throw std::runtime_error(failure);
}

int DeviceMemory::serve_plugin(const int64_t* shape, int64_t dimensions, int32_t dtype,
                               int32_t device_index, AtenTensorOpaque** result) {
  DeviceMemory* const memory = serving({true, device_index});
  if (memory == nullptr) return kNotServed;
  try {
    memory->of_plugin_.push_back(
        memory->empty(Shape(shape, shape + dimensions), static_cast<DType>(dtype)));
    *result = memory->of_plugin_.back().new_handle();
    return kServed;
  } catch (const std::exception& e) {
    memory->failure_ = e.what();
    return kNoMemory;
  }
}

}  // namespace w2vbert
