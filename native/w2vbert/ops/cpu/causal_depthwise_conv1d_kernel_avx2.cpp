#include <immintrin.h>

#include "w2vbert/ops/cpu/causal_depthwise_conv1d_kernel.h"

namespace w2vbert::cpu {
namespace {

using Vec = __m256;
constexpr int64_t kLanes = 8;

inline Vec zeros() { return _mm256_setzero_ps(); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }

#include "w2vbert/ops/cpu/causal_depthwise_conv1d_impl.inc"

}  // namespace

void causal_depthwise_conv1d_avx2(CausalDepthwiseConv1dParams<float> params, int64_t begin,
                                  int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
