#include <immintrin.h>

#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"

namespace w2vbert::cpu {
namespace {

using Vec = __m512;
constexpr int kLanes = 16;
constexpr int kTileRows = 8;  // 10 loads for 16 multiplications

inline Vec zeros() { return _mm512_setzero_ps(); }
inline Vec broadcast(float x) { return _mm512_set1_ps(x); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
// The masked variants, since GCC 12 takes the operand that the others leave undefined for a
// mistake. b if either is NaN.
inline Vec maximum(Vec a, Vec b) { return _mm512_maskz_max_ps(0xffff, a, b); }
inline Vec shifted_to_exponent(Vec v) {
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xffff, _mm512_castps_si512(v), 23));
}

#include "w2vbert/ops/cpu/relative_position_attention_impl.inc"

}  // namespace

void relative_position_attention_avx512(const RelativePositionAttentionParams& params,
                                        int64_t begin, int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
