#include "w2vbert/ops/cpu/linear_kernel.h"

#include <emmintrin.h>

namespace w2vbert::cpu {
namespace {

using Vec = __m128;
constexpr int64_t kLanes = 4;

inline Vec zeros() { return _mm_setzero_ps(); }
inline Vec load(const float* p) { return _mm_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm_storeu_ps(p, v); }
inline Vec broadcast(float x) { return _mm_set1_ps(x); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
inline Vec maximum(Vec a, Vec b) { return _mm_max_ps(a, b); }  // b if either is NaN
inline Vec shifted_to_exponent(Vec v) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(v), 23));
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline void transpose(Vec (&v)[kLanes]) { _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]); }

#include "w2vbert/ops/cpu/linear_impl.inc"

const LinearKernels& kernels(SimdLevel level) {
  return level >= SimdLevel::kAvx2 ? kLinearAvx2 : kLinearPortable;
}

}  // namespace

const LinearKernels kLinearPortable = kKernels;

int64_t panel_floats(SimdLevel level, int64_t rows, int64_t features) {
  return kernels(level).panel_floats(rows, features);
}

int64_t panel_count(SimdLevel level, int64_t rows) { return kernels(level).panel_count(rows); }

void pack(SimdLevel level, const RowsParams& params, int64_t begin, int64_t end, float* panels) {
  kernels(level).pack(params, begin, end, panels);
}

void transform(SimdLevel level, const RowsParams& params, int64_t begin, int64_t end, float* out,
               int64_t out_stride) {
  kernels(level).transform(params, begin, end, out, out_stride);
}

int64_t linear_block(SimdLevel level, const LinearParams& params, int64_t threads) {
  return kernels(level).block(params, threads);
}

int64_t linear_items(SimdLevel level, const LinearParams& params) {
  return kernels(level).items(params);
}

int64_t linear_scratch(SimdLevel level, const LinearParams& params) {
  return kernels(level).scratch(params);
}

void multiply(SimdLevel level, const LinearParams& params, int64_t begin, int64_t end,
              float* scratch) {
  kernels(level).multiply(params, begin, end, scratch);
}

}  // namespace w2vbert::cpu
