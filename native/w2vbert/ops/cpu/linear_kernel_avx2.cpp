#include <immintrin.h>

#include "w2vbert/ops/cpu/linear_kernel.h"

namespace w2vbert::cpu {
namespace {

using Vec = __m256;
constexpr int64_t kLanes = 8;

// Twelve sums; three vectors of rows and a weight are the rest of the 16 registers.
constexpr int tile_columns(int vectors) { return 12 / vectors; }
constexpr int kUnroll = 16;
constexpr int64_t kBlockStep = 12;

inline Vec zeros() { return _mm256_setzero_ps(); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec broadcast(float x) { return _mm256_set1_ps(x); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec maximum(Vec a, Vec b) { return _mm256_max_ps(a, b); }  // b if either is NaN
inline Vec shifted_to_exponent(Vec v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 23));
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

using Ints = __m256i;
constexpr int64_t kBytes = 16;   // that widen_bytes takes
constexpr int kHeldVectors = 2;  // beside 12 sums, a weight and a product
constexpr bool kNarrowIntegers = true;

inline Ints zero_ints() { return _mm256_setzero_si256(); }
inline Ints load_ints(const int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_ints(int16_t* p, Ints v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
inline Ints broadcast_pair(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}
inline Ints add_products_of_pairs(Ints sums, Ints a, Ints b) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
}
// Both products before the sums: in turn, sums would take the place of products in the processor.
inline void add_products_of_pairs(Ints weight, Ints a, Ints b, Ints& sums_a, Ints& sums_b) {
  Ints products_a = _mm256_madd_epi16(weight, a);
  Ints products_b = _mm256_madd_epi16(weight, b);
  asm volatile("" : "+x"(products_a), "+x"(products_b));
  sums_a = _mm256_add_epi32(sums_a, products_a);
  sums_b = _mm256_add_epi32(sums_b, products_b);
}
inline Vec to_floats(Ints v) { return _mm256_cvtepi32_ps(v); }
inline Ints round_to_ints(Vec v) { return _mm256_cvtps_epi32(v); }
// The low halves of 32-bit lanes of two vectors, side by side.
inline Ints pair_up(Ints low, Ints high) {
  return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}
inline void widen_bytes(const int8_t* from, int16_t* to) {
  store_ints(to, _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
inline Vec widen_bfloat16(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
inline Vec widen_float16(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

inline void transpose(Vec (&v)[kLanes]) {
  Vec pairs[kLanes];  // within 128 bits: elements of two rows, then of four
  Vec fours[kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kLanes; i += 4) {
    fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
    fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kLanes / 2; ++i) {
    v[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
    v[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
  }
}

#include "w2vbert/ops/cpu/linear_impl.inc"

}  // namespace

const LinearKernels kLinearAvx2 = kKernels;

}  // namespace w2vbert::cpu
