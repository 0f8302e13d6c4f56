#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"

#include <emmintrin.h>

namespace w2vbert::cpu {
namespace {

using Vec = __m128;
constexpr int kLanes = 4;
constexpr int kTileRows = 4;  // of the 16 registers one holds the product on its way to the sum

inline Vec zeros() { return _mm_setzero_ps(); }
inline Vec broadcast(float x) { return _mm_set1_ps(x); }
inline Vec load(const float* p) { return _mm_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm_storeu_ps(p, v); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
inline Vec maximum(Vec a, Vec b) { return _mm_max_ps(a, b); }  // b if either is NaN
inline Vec shifted_to_exponent(Vec v) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(v), 23));
}

#include "w2vbert/ops/cpu/relative_position_attention_impl.inc"

}  // namespace

int64_t relative_position_attention_items(const RelativePositionAttentionParams& params) {
  int64_t items = 0;
  for (int64_t u = 0; u < params.utterances; ++u) {
    items += params.heads * query_blocks(params.offsets[u + 1] - params.offsets[u]);
  }
  return items;
}

int64_t relative_position_attention_scratch(const RelativePositionAttentionParams& params) {
  Scratch unused;
  return lay_out(params, nullptr, &unused) + kLine;
}

void relative_position_attention(SimdLevel level, const RelativePositionAttentionParams& params,
                                 int64_t begin, int64_t end, float* scratch) {
  switch (level) {
    case SimdLevel::kPortable:
      return relative_position_attention_portable(params, begin, end, scratch);
    case SimdLevel::kAvx2:
      return relative_position_attention_avx2(params, begin, end, scratch);
    case SimdLevel::kAvx512:
    case SimdLevel::kAvx512Vnni:
      return relative_position_attention_avx512(params, begin, end, scratch);
  }
}

void relative_position_attention_portable(const RelativePositionAttentionParams& params,
                                          int64_t begin, int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
