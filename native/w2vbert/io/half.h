// Sixteen-bit floating point, bit by bit: exact, on every processor, including subnormal numbers,
// infinities and NaN (which stays NaN with its sign and the upper bits of its payload).
#pragma once

#include <cstddef>
#include <cstdint>

namespace w2vbert {

float half_to_float(uint16_t bits);
float bfloat16_to_float(uint16_t bits);

// Rounded to nearest, ties to even; overflow gives an infinity.
uint16_t float_to_half(float value);
uint16_t float_to_bfloat16(float value);

// The same for arrays. `in` needs no alignment; the arrays do not overlap.
void half_to_float(const void* in, float* out, size_t count);
void bfloat16_to_float(const void* in, float* out, size_t count);
void float_to_half(const float* in, uint16_t* out, size_t count);
void float_to_bfloat16(const float* in, uint16_t* out, size_t count);

}  // namespace w2vbert
