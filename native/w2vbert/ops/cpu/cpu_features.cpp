#include "w2vbert/ops/cpu/cpu_features.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace w2vbert::cpu {
namespace {

SimdLevel choose_level() {
  const char* forced = std::getenv("W2VBERT_SIMD");
  if (forced == nullptr || *forced == '\0') {
    return simd_supported(SimdLevel::kAvx2) ? SimdLevel::kAvx2 : SimdLevel::kPortable;
  }
  for (const SimdLevel level : {SimdLevel::kPortable, SimdLevel::kAvx2}) {
    if (std::string(forced) != simd_name(level)) continue;
    if (!simd_supported(level)) {
      throw std::invalid_argument("W2VBERT_SIMD is '" + std::string(forced) +
                                  "', but this processor does not have it");
    }
    return level;
  }
  throw std::invalid_argument("W2VBERT_SIMD is '" + std::string(forced) +
                              "'; expected 'portable' or 'avx2'");
}

}  // namespace

bool simd_supported(SimdLevel level) {
  if (level == SimdLevel::kPortable) return true;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

SimdLevel simd_level() {
  static const SimdLevel level = choose_level();
  return level;
}

const char* simd_name(SimdLevel level) { return level == SimdLevel::kAvx2 ? "avx2" : "portable"; }

}  // namespace w2vbert::cpu
