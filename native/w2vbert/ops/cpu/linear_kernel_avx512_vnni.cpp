#include <immintrin.h>

#include "w2vbert/ops/cpu/linear_kernel.h"

namespace w2vbert::cpu {
namespace {

#include "w2vbert/ops/cpu/linear_avx512.inc"

// vpdpwssd: in 32 bits, without saturation, so that sums that fit are exact in any order. vpdpbusd
// would round rows to 8 bits instead of 16.
inline Ints add_products_of_pairs(Ints sums, Ints a, Ints b) {
  return _mm512_dpwssd_epi32(sums, a, b);
}

#include "w2vbert/ops/cpu/linear_impl.inc"

}  // namespace

const LinearKernels kLinearAvx512Vnni = kKernels;

}  // namespace w2vbert::cpu
