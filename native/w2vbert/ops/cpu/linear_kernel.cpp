#include "w2vbert/ops/cpu/linear_kernel.h"

#include <emmintrin.h>

namespace w2vbert::cpu {
namespace {

using Vec = __m128;
constexpr int64_t kLanes = 4;

inline Vec zeros() { return _mm_setzero_ps(); }
inline Vec load(const float* p) { return _mm_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm_storeu_ps(p, v); }
inline Vec broadcast(const float* p) { return _mm_set1_ps(*p); }
inline Vec add(Vec a, Vec b) { return _mm_add_ps(a, b); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
inline void transpose(Vec (&v)[kLanes]) { _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]); }

#include "w2vbert/ops/cpu/linear_impl.inc"

}  // namespace

int64_t linear_items(const LinearParams& params) {
  return divide_up(params.rows, rows_per_block(params.rows)) *
         divide_up(params.out_features, kGroup);
}

int64_t linear_item_size(const LinearParams& params) {
  return smaller(params.rows, rows_per_block(params.rows)) * kGroup * params.in_features;
}

int64_t linear_scratch(const LinearParams& params) {
  const int64_t groups = smaller(divide_up(params.out_features, kGroup), kRun);
  return rows_per_block(params.rows) * (kChunk + groups * kGroup) + kGroup * kCopyStride +
         kAlignment / static_cast<int64_t>(sizeof(float));
}

void linear(SimdLevel level, LinearParams params, int64_t begin, int64_t end, float* scratch) {
  if (level == SimdLevel::kAvx2) {
    linear_avx2(params, begin, end, scratch);
  } else {
    linear_portable(params, begin, end, scratch);
  }
}

void linear_portable(LinearParams params, int64_t begin, int64_t end, float* scratch) {
  run(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
