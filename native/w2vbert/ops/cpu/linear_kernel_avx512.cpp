#include <immintrin.h>

#include "w2vbert/ops/cpu/linear_kernel.h"

namespace w2vbert::cpu {
namespace {

#include "w2vbert/ops/cpu/linear_avx512.inc"

inline Ints add_products_of_pairs(Ints sums, Ints a, Ints b) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
}

#include "w2vbert/ops/cpu/linear_impl.inc"

}  // namespace

const LinearKernels kLinearAvx512 = kKernels;

}  // namespace w2vbert::cpu
