#include "w2vbert/ops/cpu/causal_depthwise_conv1d_kernel.h"

#include <emmintrin.h>

namespace w2vbert::cpu {
namespace {

using Vec = __m128;
constexpr int64_t kLanes = 4;

inline Vec zeros() { return _mm_setzero_ps(); }
inline Vec load(const float* p) { return _mm_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm_storeu_ps(p, v); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }

#include "w2vbert/ops/cpu/causal_depthwise_conv1d_impl.inc"

}  // namespace

int64_t causal_depthwise_conv1d_items(const CausalDepthwiseConv1dParams<float>& params) {
  return (params.channels + kTile - 1) / kTile * params.utterances;
}

int64_t causal_depthwise_conv1d_scratch(int64_t kernel) {
  return (kernel + window_rows(kernel)) * kTile + kAlignment / static_cast<int64_t>(sizeof(float));
}

void causal_depthwise_conv1d(SimdLevel level, CausalDepthwiseConv1dParams<float> params,
                             int64_t begin, int64_t end, float* scratch) {
  if (level >= SimdLevel::kAvx2) {
    causal_depthwise_conv1d_avx2(params, begin, end, scratch);
  } else {
    causal_depthwise_conv1d_portable(params, begin, end, scratch);
  }
}

void causal_depthwise_conv1d_portable(CausalDepthwiseConv1dParams<float> params, int64_t begin,
                                      int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
