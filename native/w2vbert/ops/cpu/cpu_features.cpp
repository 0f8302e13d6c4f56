#include "w2vbert/ops/cpu/cpu_features.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace w2vbert::cpu {
namespace {

constexpr SimdLevel kBestFirst[] = {SimdLevel::kAvx512Vnni, SimdLevel::kAvx512, SimdLevel::kAvx2,
                                    SimdLevel::kPortable};

SimdLevel choose_level() {
  const char* forced = std::getenv("W2VBERT_SIMD");
  const std::string name = forced == nullptr ? "" : forced;
  for (const SimdLevel level : kBestFirst) {
    const bool supported = simd_supported(level);
    if (name.empty() ? supported : name == simd_name(level)) {
      if (supported) return level;
      throw std::invalid_argument("W2VBERT_SIMD is '" + name +
                                  "', but this processor does not have it");
    }
  }
  throw std::invalid_argument("W2VBERT_SIMD is '" + name +
                              "'; expected 'portable', 'avx2', 'avx512' or 'avx512vnni'");
}

}  // namespace

bool simd_supported(SimdLevel level) {
  // These look at what the operating system saves of the registers, too.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
  switch (level) {
    case SimdLevel::kPortable:
      return true;
    case SimdLevel::kAvx2:
      return avx2;
    case SimdLevel::kAvx512:
      return avx512;
    case SimdLevel::kAvx512Vnni:
      return avx512 && __builtin_cpu_supports("avx512vnni");
  }
  return false;
}

SimdLevel simd_level() {
  static const SimdLevel level = choose_level();
  return level;
}

const char* simd_name(SimdLevel level) {
  switch (level) {
    case SimdLevel::kPortable:
      return "portable";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
    case SimdLevel::kAvx512Vnni:
      return "avx512vnni";
  }
  return "unknown";
}

}  // namespace w2vbert::cpu
