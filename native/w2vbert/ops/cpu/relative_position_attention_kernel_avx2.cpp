#include <immintrin.h>

#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"

namespace w2vbert::cpu {
namespace {

using Vec = __m256;
constexpr int kLanes = 8;
constexpr int kTileRows = 6;  // 8 loads for 12 multiplications

inline Vec zeros() { return _mm256_setzero_ps(); }
inline Vec broadcast(float x) { return _mm256_set1_ps(x); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec maximum(Vec a, Vec b) { return _mm256_max_ps(a, b); }  // b if either is NaN
inline Vec shifted_to_exponent(Vec v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 23));
}

#include "w2vbert/ops/cpu/relative_position_attention_impl.inc"

}  // namespace

void relative_position_attention_avx2(const RelativePositionAttentionParams& params, int64_t begin,
                                      int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
