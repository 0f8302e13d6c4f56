// Stands for NVIDIA's driver where there is none: the functions that torch/cuda_plugin.cpp and the
// Java package io.github.w2vbert.cuda call, for a driver of VERSION with DEVICES. Work is done at
// once; event k after the first has the time k / 2 ms. Whatever belongs to a context fails outside
// of one.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kInvalidValue = 1;
constexpr int kOutOfMemory = 2;
constexpr int kInvalidDevice = 101;
constexpr int kInvalidContext = 201;
constexpr size_t kMemory = size_t{80} << 30;

thread_local uintptr_t current_context = 0;  // 1 + device
int live = 0;                                // streams, events and pieces of memory
int events = 0;

struct Event {
  int number;
};

int in_context(bool valid = true) {
  if (current_context == 0) return kInvalidContext;
  return valid ? 0 : kInvalidValue;
}

}  // namespace

extern "C" {

int cuGetErrorName(int error, const char** name) {
  *name = error == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return 0;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == kOutOfMemory ? "out of memory" : "fake error";
  return 0;
}

int cuDriverGetVersion(int* version) {
  *version = VERSION;
  return 0;
}

int cuInit(unsigned) { return 0; }

int cuDeviceGetCount(int* count) {
  *count = DEVICES;
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal < DEVICES ? 0 : kInvalidDevice;
}

int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<size_t>(length), "Fake GPU %d", device);
  return 0;
}

int cuDeviceGetPCIBusId(char* id, int length, int device) {
  std::snprintf(id, static_cast<size_t>(length), "0000:0%d:00.0", device);
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = kMemory;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : attribute == 16 ? 132 : 0;  // capability 9.0, multiprocessors
  return 0;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = reinterpret_cast<void*>(static_cast<uintptr_t>(1 + device));
  return device < DEVICES ? 0 : kInvalidDevice;
}

int cuCtxPushCurrent_v2(void* context) {
  if (current_context != 0) return kInvalidContext;  // one at a time is enough
  current_context = reinterpret_cast<uintptr_t>(context);
  return 0;
}

int cuCtxPopCurrent_v2(void** context) {
  if (current_context == 0) return kInvalidContext;
  *context = reinterpret_cast<void*>(current_context);
  current_context = 0;
  return 0;
}

int cuMemGetInfo_v2(size_t* free, size_t* total) {
  *free = kMemory - static_cast<size_t>(live);
  *total = kMemory;
  return in_context();
}

int cuMemHostAlloc(void** memory, size_t bytes, unsigned flags) {
  if (const int error = in_context(flags == 1)) return error;  // portable
  if (bytes > size_t{1} << 30) return kOutOfMemory;
  *memory = std::malloc(bytes);
  ++live;
  return 0;
}

int cuMemFreeHost(void* memory) {
  if (const int error = in_context(memory != nullptr)) return error;
  std::free(memory);
  --live;
  return 0;
}

int cuStreamCreate(void** stream, unsigned flags) {
  if (const int error = in_context(flags == 1)) return error;  // non-blocking
  *stream = std::malloc(1);
  ++live;
  return 0;
}

int cuStreamDestroy_v2(void* stream) {
  if (const int error = in_context(stream != nullptr)) return error;
  std::free(stream);
  --live;
  return 0;
}

int cuStreamSynchronize(void*) { return in_context(); }

int cuStreamQuery(void*) { return in_context(); }

int cuStreamWaitEvent(void*, void* event, unsigned flags) {
  return in_context(event != nullptr && flags == 0);
}

int cuEventCreate(void** event, unsigned flags) {
  if (const int error = in_context(flags == 0)) return error;  // with time
  *event = new Event{-1};
  ++live;
  return 0;
}

int cuEventDestroy_v2(void* event) {
  if (const int error = in_context(event != nullptr)) return error;
  delete static_cast<Event*>(event);
  --live;
  return 0;
}

int cuEventRecord(void* event, void*) {
  if (const int error = in_context(event != nullptr)) return error;
  static_cast<Event*>(event)->number = events++;
  return 0;
}

int cuEventSynchronize(void* event) { return in_context(event != nullptr); }

int cuEventQuery(void* event) { return in_context(event != nullptr); }

int cuEventElapsedTime_v2(float* milliseconds, void* start, void* end) {
  if (const int error = in_context(start != nullptr && end != nullptr)) return error;
  *milliseconds = 0.5f * static_cast<float>(static_cast<Event*>(end)->number -
                                            static_cast<Event*>(start)->number);
  return 0;
}
}
