#include "w2vbert/io/half.h"

#include <cstring>

namespace w2vbert {
namespace {

uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// value >> shift, rounded to nearest, ties to even. 0 < shift < 32.
uint32_t shift_rounded(uint32_t value, uint32_t shift) {
  const uint32_t odd = (value >> shift) & 1u;
  return (value + (1u << (shift - 1)) - 1u + odd) >> shift;
}

template <float (*kConvert)(uint16_t)>
void widen(const void* in, float* out, size_t count) {
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof bits);
    out[i] = kConvert(bits);
  }
}

}  // namespace

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t mantissa = bits & 0x3FFu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact
    return float_of(sign | bits_of(static_cast<float>(mantissa) * 0x1p-24f));
  }
  const uint32_t widened = exponent == 0x1Fu ? 0xFFu : exponent + (127 - 15);
  return float_of(sign | (widened << 23) | (mantissa << 13));
}

float bfloat16_to_float(uint16_t bits) { return float_of(static_cast<uint32_t>(bits) << 16); }

uint16_t float_to_half(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  uint32_t half;
  if (magnitude >
      0x7F800000u) {  // NaN: quiet, so that a payload of low bits does not become infinity
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x47800000u) {  // 2^16 and more
    half = 0x7C00u;
  } else if (magnitude >=
             0x38800000u) {  // normal; rounding may carry into the exponent, even to infinity
    half = shift_rounded(magnitude - (static_cast<uint32_t>(127 - 15) << 23), 13);
  } else if (magnitude >= 0x33000000u) {  // from half of the least subnormal number on
    const uint32_t exponent = magnitude >> 23;
    half = shift_rounded((magnitude & 0x7FFFFFu) | 0x800000u, 126 - exponent);
  } else {
    half = 0;
  }
  return static_cast<uint16_t>(sign | half);
}

uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
    return static_cast<uint16_t>((bits >> 16) | 0x40u);  // quiet, as above
  }
  return static_cast<uint16_t>(shift_rounded(bits, 16));
}

void half_to_float(const void* in, float* out, size_t count) {
  widen<half_to_float>(in, out, count);
}

void bfloat16_to_float(const void* in, float* out, size_t count) {
  widen<bfloat16_to_float>(in, out, count);
}

void float_to_half(const float* in, uint16_t* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = float_to_half(in[i]);
  }
}

void float_to_bfloat16(const float* in, uint16_t* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = float_to_bfloat16(in[i]);
  }
}

}  // namespace w2vbert
