#include "w2vbert/torch/cuda_runtime.h"

#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "w2vbert/torch/device_memory.h"

namespace w2vbert {
namespace {

std::atomic<const CudaRuntimeTable*> connected{nullptr};

const CudaRuntimeTable& runtime() {
  const CudaRuntimeTable* const table = connected;
  if (table == nullptr) throw std::logic_error("the CUDA plug-in is not open");
  return *table;
}

void check(const char* error) {
  if (error != nullptr) throw std::runtime_error(error);
}

// Streams that nobody uses, by device.
struct Idle {
  std::mutex mutex;
  std::map<int32_t, std::vector<void*>> streams;
};

Idle& idle() {
  static auto& all = *new Idle;  // objects of static storage may still give streams back
  return all;
}

}  // namespace

void use_cuda_runtime(const CudaRuntimeTable* table) {
  if (table->version != CudaRuntimeTable::kVersion) {
    throw std::runtime_error("the CUDA plug-in of w2vbert has version " +
                             std::to_string(table->version) + " of its interface; expected " +
                             std::to_string(CudaRuntimeTable::kVersion));
  }
  table->connect(&DeviceMemory::serve_plugin);
  connected = table;
}

CudaStream::CudaStream(const Device& device) : device_(device), own_(true) {
  {
    const std::lock_guard<std::mutex> lock(idle().mutex);
    std::vector<void*>& streams = idle().streams[device.index];
    if (!streams.empty()) {
      stream_ = streams.back();
      streams.pop_back();
      return;
    }
  }
  check(runtime().create_stream(device.index, &stream_));
}

CudaStream::CudaStream(const Device& device, void* stream)
    : device_(device), stream_(stream), own_(false) {}

CudaStream::~CudaStream() {
  if (!own_) return;
  const std::lock_guard<std::mutex> lock(idle().mutex);
  idle().streams[device_.index].push_back(stream_);
}

void CudaStream::wait() const { check(runtime().wait(device_.index, stream_)); }

void CudaStream::copy(void* to, const void* from, int64_t bytes) const {
  check(runtime().copy(to, from, bytes, stream_));
}

CudaStream::Entered::Entered(const CudaStream& stream) {
  check(runtime().enter_stream(stream.device().index, stream.handle(), &guard_));
}

CudaStream::Entered::~Entered() { runtime().leave_stream(guard_); }

void wait_for(const Device& device) { check(runtime().wait_for_current(device.index)); }

CudaGraph::~CudaGraph() {
  if (graph_ != nullptr) runtime().destroy_graph(device_, graph_);
}

void CudaGraph::launch(const CudaStream& stream) const {
  check(runtime().launch(graph_, stream.handle()));
}

CudaGraph::Capture::Capture(CudaGraph& graph, const CudaStream& stream)
    : graph_(graph), stream_(stream) {
  check(runtime().begin_capture(stream.handle()));
}

CudaGraph::Capture::~Capture() {
  if (ended_) return;
  void* graph = nullptr;
  runtime().end_capture(stream_.handle(), &graph);
  if (graph != nullptr) runtime().destroy_graph(stream_.device().index, graph);
}

void CudaGraph::Capture::end() {
  ended_ = true;
  graph_.device_ = stream_.device().index;
  check(runtime().end_capture(stream_.handle(), &graph_.graph_));
}

PinnedMemory::PinnedMemory(const Device& device, int64_t bytes) : device_(device.index) {
  check(runtime().allocate_pinned(device_, bytes, &memory_));
}

PinnedMemory::~PinnedMemory() { runtime().free_pinned(device_, memory_); }

}  // namespace w2vbert
