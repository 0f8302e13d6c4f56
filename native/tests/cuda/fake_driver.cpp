// Stands for NVIDIA's driver where there is none: the functions that torch/cuda_plugin.cpp asks,
// for a driver of VERSION with DEVICES.
#include <cstddef>
#include <cstdio>

extern "C" {

int cuGetErrorString(int, const char** text) {
  *text = "fake error";
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
  return ordinal < DEVICES ? 0 : 101;
}

int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<size_t>(length), "Fake GPU %d", device);
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = size_t{80} << 30;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;  // compute capability 9.0
  return 0;
}
}
