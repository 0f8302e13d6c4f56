// Which instruction set the CPU kernels use: chosen once, when the library is first used.
#pragma once

namespace w2vbert::cpu {

// In ascending order: a processor that has a level has those before it, and a kernel without a
// variant for a level runs that of the level before.
enum class SimdLevel {
  kPortable,    // what every x86-64 processor has
  kAvx2,        // AVX2 with FMA and F16C
  kAvx512,      // AVX-512 F, VL, DQ and BW
  kAvx512Vnni,  // and VNNI
};

// True if this processor and operating system can run kernels of the given level.
bool simd_supported(SimdLevel level);

// The best supported level, or the one that the environment variable W2VBERT_SIMD names
// ("portable", "avx2", "avx512", "avx512vnni"). Throws std::invalid_argument if the variable holds
// another word or a level that this processor does not have.
SimdLevel simd_level();

// The word for it in W2VBERT_SIMD.
const char* simd_name(SimdLevel level);

}  // namespace w2vbert::cpu
