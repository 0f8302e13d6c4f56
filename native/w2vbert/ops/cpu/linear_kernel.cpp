#include "w2vbert/ops/cpu/linear_kernel.h"

#include <emmintrin.h>

namespace w2vbert::cpu {
namespace {

using Vec = __m128;
constexpr int64_t kLanes = 4;

// Twelve sums; three vectors of rows and a weight are the rest of the 16 registers.
constexpr int tile_columns(int vectors) { return 12 / vectors; }
constexpr int kUnroll = 16;
constexpr int64_t kBlockStep = 12;

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

using Ints = __m128i;
constexpr int64_t kBytes = 16;   // that widen_bytes takes
constexpr int kHeldVectors = 2;  // beside 12 sums, a weight and a product
constexpr bool kNarrowIntegers = true;

inline Ints zero_ints() { return _mm_setzero_si128(); }
inline Ints load_ints(const int16_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline void store_ints(int16_t* p, Ints v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
inline Ints broadcast_pair(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm_set1_epi32(pair);
}
inline Ints add_products_of_pairs(Ints sums, Ints a, Ints b) {
  return _mm_add_epi32(sums, _mm_madd_epi16(a, b));
}
// Both products before the sums: in turn, sums would take the place of products in the processor.
inline void add_products_of_pairs(Ints weight, Ints a, Ints b, Ints& sums_a, Ints& sums_b) {
  Ints products_a = _mm_madd_epi16(weight, a);
  Ints products_b = _mm_madd_epi16(weight, b);
  asm volatile("" : "+x"(products_a), "+x"(products_b));
  sums_a = _mm_add_epi32(sums_a, products_a);
  sums_b = _mm_add_epi32(sums_b, products_b);
}
inline Vec to_floats(Ints v) { return _mm_cvtepi32_ps(v); }
inline Ints round_to_ints(Vec v) { return _mm_cvtps_epi32(v); }
// The low halves of 32-bit lanes of two vectors, side by side.
inline Ints pair_up(Ints low, Ints high) {
  return _mm_or_si128(_mm_and_si128(low, _mm_set1_epi32(0xffff)), _mm_slli_epi32(high, 16));
}
inline void widen_bytes(const int8_t* from, int16_t* to) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  store_ints(to, _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8));
  store_ints(to + 8, _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8));
}
inline Vec widen_bfloat16(const uint16_t* p) {
  const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), bits));
}
inline Vec widen_float16(const uint16_t* p) {
  const __m128i bits =
      _mm_unpacklo_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
  const __m128i magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7fff));
  // Right for subnormal numbers too; the exponent of infinities and NaN is set afterwards.
  const __m128 scaled =
      _mm_mul_ps(_mm_castsi128_ps(_mm_slli_epi32(magnitude, 13)), _mm_set1_ps(0x1p112f));
  const __m128i special =
      _mm_and_si128(_mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7bff)), _mm_set1_epi32(0x7f800000));
  const __m128i sign = _mm_slli_epi32(_mm_xor_si128(bits, magnitude), 16);
  return _mm_or_ps(scaled, _mm_castsi128_ps(_mm_or_si128(special, sign)));
}

inline void transpose(Vec (&v)[kLanes]) { _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]); }

#include "w2vbert/ops/cpu/linear_impl.inc"

const LinearKernels& kernels(SimdLevel level) {
  switch (level) {
    case SimdLevel::kPortable:
      return kLinearPortable;
    case SimdLevel::kAvx2:
      return kLinearAvx2;
    case SimdLevel::kAvx512:
      return kLinearAvx512;
    case SimdLevel::kAvx512Vnni:
      return kLinearAvx512Vnni;
  }
  return kLinearPortable;
}

}  // namespace

const LinearKernels kLinearPortable = kKernels;

int64_t panel_floats(SimdLevel level, int64_t rows, int64_t features) {
  return kernels(level).panel_floats(rows, features);
}

int64_t panel_count(SimdLevel level, int64_t rows, bool integers) {
  return kernels(level).panel_count(rows, integers);
}

void pack(SimdLevel level, const RowsParams& params, int64_t begin, int64_t end, float* panels) {
  kernels(level).pack(params, begin, end, panels);
}

void round_panels(SimdLevel level, int64_t rows, int64_t features, int64_t largest, int64_t begin,
                  int64_t end, float* panels, float* row_scales) {
  kernels(level).round_panels(rows, features, largest, begin, end, panels, row_scales);
}

float round_weights(SimdLevel level, WeightType type, const float* weights, int64_t count,
                    void* integers) {
  return kernels(level).round_weights(type, weights, count, integers);
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
