// Which instruction set the CPU kernels use: chosen once, when the library is first used.
#pragma once

namespace w2vbert::cpu {

enum class SimdLevel {
  kPortable,  // what every x86-64 processor has
  kAvx2,      // AVX2 with FMA
};

// True if this processor and operating system can run kernels of the given level.
bool simd_supported(SimdLevel level);

// The best supported level, or the one that the environment variable W2VBERT_SIMD names
// ("portable", "avx2"). Throws std::invalid_argument if the variable holds another word or a level
// that this processor does not have.
SimdLevel simd_level();

// "portable" or "avx2".
const char* simd_name(SimdLevel level);

}  // namespace w2vbert::cpu
