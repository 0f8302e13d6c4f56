// What models need of CUDA besides operators: streams, graphs, and memory of the host that the
// device reads and writes itself. The plug-in implements it (cuda_runtime.cpp); this library calls
// it through a table, since it is not linked to the plug-in.
#pragma once

#include <cstdint>

#include "w2vbert/torch/tensor.h"

struct AtenTensorOpaque;

namespace w2vbert {

// Functions return null, or why they failed: text that lives until the thread's next call. Streams
// are CUstream, graphs CUgraphExec. Any change of this struct is a new version.
struct CudaRuntimeTable {
  static constexpr int32_t kVersion = 1;

  int32_t version;
  // The plug-in's outputs come from `serve` where it serves (DeviceMemory::serve_plugin).
  void (*connect)(int (*serve)(const int64_t* shape, int64_t dimensions, int32_t dtype,
                               int32_t device_index, AtenTensorOpaque** result));
  const char* (*create_stream)(int32_t device, void** stream);
  // Makes a stream LibTorch's current one on this thread, and its device, until `guard` is given
  // back.
  const char* (*enter_stream)(int32_t device, void* stream, void** guard);
  void (*leave_stream)(void* guard);
  const char* (*wait)(int32_t device, void* stream);
  // For LibTorch's current stream of this thread.
  const char* (*wait_for_current)(int32_t device);
  const char* (*begin_capture)(void* stream);
  // Ends the capture in any case.
  const char* (*end_capture)(void* stream, void** graph);
  const char* (*launch)(void* graph, void* stream);
  void (*destroy_graph)(int32_t device, void* graph);
  const char* (*allocate_pinned)(int32_t device, int64_t bytes, void** memory);
  void (*free_pinned)(int32_t device, void* memory);
  // Between pinned memory and the device's, or within the latter, in the order of the stream.
  const char* (*copy)(void* to, const void* from, int64_t bytes, void* stream);
};

// Connects this library with a plug-in, for the rest of the process. Throws std::runtime_error if
// it is of another version.
void use_cuda_runtime(const CudaRuntimeTable* table);

// A stream of CUDA, which work is put into by the thread that has entered it. Streams are not
// destroyed, since LibTorch keeps memory for each: the next object of the device takes them over.
class CudaStream {
 public:
  // Throws std::runtime_error, as everything here, if CUDA cannot do it.
  explicit CudaStream(const Device& device);
  // A stream of the caller's, who keeps it for as long as this object lives.
  CudaStream(const Device& device, void* stream);
  ~CudaStream();
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  const Device& device() const { return device_; }
  void* handle() const { return stream_; }
  // Until all of its work is done.
  void wait() const;
  // Between PinnedMemory and the device, or within it; the host does not wait.
  void copy(void* to, const void* from, int64_t bytes) const;

  // While one of these lives, the stream is LibTorch's on this thread.
  class Entered {
   public:
    explicit Entered(const CudaStream& stream);
    ~Entered();
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    void* guard_ = nullptr;
  };

 private:
  Device device_;
  void* stream_ = nullptr;
  bool own_;
};

// Until the device has done what this thread, which has entered no stream or is still inside it,
// asked of it. Other streams may read it then.
void wait_for(const Device& device);

// Work that was put into a stream once, to be repeated with the same memory.
class CudaGraph {
 public:
  CudaGraph() = default;
  ~CudaGraph();
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  // Captures, once, what `body` puts into the stream, which this thread has entered, and which does
  // not run yet. What `body` throws is thrown on.
  template <typename Body>
  void capture(const CudaStream& stream, const Body& body) {
    Capture capture(*this, stream);
    body();
    capture.end();
  }
  void launch(const CudaStream& stream) const;

 private:
  class Capture {
   public:
    Capture(CudaGraph& graph, const CudaStream& stream);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    void end();

   private:
    CudaGraph& graph_;
    const CudaStream& stream_;
    bool ended_ = false;
  };

  void* graph_ = nullptr;
  int32_t device_ = 0;
};

// Memory of the host for copies that the device makes by itself.
class PinnedMemory {
 public:
  // For copies to and from `device`.
  PinnedMemory(const Device& device, int64_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  char* data() const { return static_cast<char*>(memory_); }

 private:
  void* memory_ = nullptr;
  int32_t device_;
};

}  // namespace w2vbert
