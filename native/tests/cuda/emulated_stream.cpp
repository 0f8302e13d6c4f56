#include "cuda/emulated_stream.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cuda/emulated_device.h"
#include "cuda/runtime/cuda_runtime.h"

struct CUstream_st {
  bool captured = false;
  std::vector<std::function<void()>> work;  // of the capture that is under way
};
struct CUgraph_st {
  std::vector<std::function<void()>> work;
};

namespace w2vbert::cuda::emulated {
namespace {

thread_local CUstream_st* current = nullptr;
thread_local CUstream_st* captured_here = nullptr;
int64_t wait_count = 0;
int64_t launch_count = 0;
int64_t capture_limit = -1;
std::map<CUstream_st*, int64_t> work_count;

}  // namespace

CUstream_st* exchange_stream(CUstream_st* stream) { return std::exchange(current, stream); }

CUstream_st* current_stream() { return current; }

bool capturing() { return captured_here != nullptr; }

bool capture(CUstream_st* stream, const std::function<void()>& work) {
  ++work_count[stream];
  if (!capturing()) return false;
  if (capture_limit >= 0 && static_cast<int64_t>(captured_here->work.size()) >= capture_limit) {
    throw std::runtime_error("nothing more can be captured (emulated)");
  }
  if (stream != captured_here) fail("work for a stream other than the captured one");
  captured_here->work.push_back(work);
  return true;
}

int64_t stream_waits() { return wait_count; }

int64_t graph_launches() { return launch_count; }

int64_t work_in(CUstream_st* stream) { return work_count[stream]; }

void set_capture_limit(int64_t pieces) { capture_limit = pieces; }

}  // namespace w2vbert::cuda::emulated

using namespace w2vbert::cuda::emulated;

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "operation not permitted while a stream is captured";
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  if (capturing()) return cudaErrorStreamCaptureUnsupported;
  ++wait_count;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (capture_limit == 0 || capturing()) return cudaErrorStreamCaptureUnsupported;
  captured_here = stream;
  stream->work.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (captured_here != stream) return cudaErrorStreamCaptureUnsupported;
  captured_here = nullptr;
  *graph = new CUgraph_st{std::move(stream->work)};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned) {
  *executable = new CUgraph_st(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (capturing()) return cudaErrorStreamCaptureUnsupported;
  ++work_count[stream];
  ++launch_count;
  for (const std::function<void()>& work : executable->work) work();
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  *memory = std::malloc(bytes);
  return *memory != nullptr ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  const auto work = [=] { std::memcpy(to, from, bytes); };
  if (!capture(stream, work)) work();
  return cudaSuccess;
}
