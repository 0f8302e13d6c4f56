// Global memory for emulated kernels: aligned as cudaMalloc's, with a canary on either side and NaN
// in what was not written.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

template <typename T>
class GuardedArray {
 public:
  // All bits set: NaN in every floating-point type.
  explicit GuardedArray(size_t count)
      : count_(count), bytes_(std::make_unique<unsigned char[]>(kAlignment + size())) {
    std::fill_n(begin(), size(), kCanary);
  }
  explicit GuardedArray(const std::vector<T>& values) : GuardedArray(values.size()) {
    if (!values.empty()) std::memcpy(data(), values.data(), values.size() * sizeof(T));
  }
  ~GuardedArray() {
    const unsigned char* after = begin() + kGuard + count_ * sizeof(T);
    EXPECT_TRUE(intact(begin())) << "written before the first of " << count_ << " elements";
    EXPECT_TRUE(intact(after)) << "written after the last of " << count_ << " elements";
  }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() { return reinterpret_cast<T*>(begin() + kGuard); }
  std::vector<T> values() { return std::vector<T>(data(), data() + count_); }

 private:
  static constexpr size_t kAlignment = 256;
  static constexpr size_t kGuard = 4096;
  static constexpr unsigned char kCanary = 0xFF;

  size_t size() const { return 2 * kGuard + count_ * sizeof(T); }
  unsigned char* begin() const {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.get());
    return bytes_.get() + (kAlignment - address % kAlignment) % kAlignment;
  }
  static bool intact(const unsigned char* guard) {
    return std::all_of(guard, guard + kGuard, [](unsigned char byte) { return byte == kCanary; });
  }

  size_t count_;
  std::unique_ptr<unsigned char[]> bytes_;
};

// Rounds to T.
template <typename T>
std::vector<T> rounded(const std::vector<float>& values) {
  std::vector<T> result;
  result.reserve(values.size());
  for (const float value : values) result.push_back(from_float<T>(value));
  return result;
}
template <typename T>
std::vector<float> widened(const std::vector<T>& values) {
  std::vector<float> result;
  result.reserve(values.size());
  for (const T value : values) result.push_back(to_float(value));
  return result;
}

}  // namespace w2vbert::cuda
