#include "w2vbert/io/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace w2vbert {
namespace {

float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The value of a 16-bit number with `mantissa_bits`, from the definition of the format.
double defined_value(uint32_t bits, int mantissa_bits) {
  const int exponent_bits = 15 - mantissa_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>((bits & 0x7FFFu) >> mantissa_bits);
  const double mantissa =
      static_cast<double>(bits & ((1u << mantissa_bits) - 1)) / (1 << mantissa_bits);
  const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return sign * (exponent == 0 ? std::ldexp(mantissa, 1 - bias)
                               : std::ldexp(1 + mantissa, exponent - bias));
}

// Nearest representable value, ties to even, by rounding a float64 quotient.
double nearest(double value, int mantissa_bits) {
  const int bias = (1 << (14 - mantissa_bits)) - 1;
  if (value == 0 || std::isinf(value)) {
    return value;
  }
  const int exponent = std::max(std::ilogb(value), 1 - bias);
  const double unit = std::ldexp(1.0, exponent - mantissa_bits);
  const double rounded = std::nearbyint(value / unit) * unit;
  const double largest = std::ldexp(2.0 - std::ldexp(1.0, -mantissa_bits), bias);
  return std::abs(rounded) > largest ? std::copysign(std::numeric_limits<double>::infinity(), value)
                                     : rounded;
}

struct Format {
  const char* name;
  int mantissa_bits;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
  void (*widen_all)(const void*, float*, size_t);
  void (*narrow_all)(const float*, uint16_t*, size_t);
};

class HalfTest : public testing::TestWithParam<Format> {};

TEST_P(HalfTest, WidensEveryNumberExactly) {
  for (uint32_t bits = 0; bits <= 0xFFFFu; ++bits) {
    const float value = GetParam().widen(static_cast<uint16_t>(bits));
    const double expected = defined_value(bits, GetParam().mantissa_bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << std::hex << bits;
    } else {
      ASSERT_EQ(expected, value) << std::hex << bits;
    }
    ASSERT_EQ((bits & 0x8000u) != 0, std::signbit(value)) << std::hex << bits;
  }
}

TEST_P(HalfTest, NarrowingUndoesWidening) {
  for (uint32_t bits = 0; bits <= 0xFFFFu; ++bits) {
    const float value = GetParam().widen(static_cast<uint16_t>(bits));
    const uint16_t back = GetParam().narrow(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(GetParam().widen(back))) << std::hex << bits;
      ASSERT_EQ(bits & 0x8000u, back & 0x8000u);
    } else {
      ASSERT_EQ(bits, back) << std::hex << bits;
    }
  }
}

TEST_P(HalfTest, RoundsToNearestTiesToEven) {
  std::vector<float> values = {65504.0f,        65519.99f,    65520.0f,        65536.0f,
                               0x1p-24f,        0x1p-25f,     0x1.000002p-25f, 0x1.8p-24f,
                               0x1.FFFFFEp-15f, 0x1.FFCp-15f, 0x1.FFFFFEp127f, 0x1p-149f};
  std::mt19937 random(20240607);
  for (int i = 0; i < 200'000; ++i) {
    values.push_back(float_of(static_cast<uint32_t>(random())));  // any exponent
    // around the 16-bit numbers and the midpoints between them
    const float half = GetParam().widen(static_cast<uint16_t>(random()));
    values.push_back(float_of((static_cast<uint32_t>(random()) & 1u) + 0x0FFFu + [&] {
      uint32_t b;
      std::memcpy(&b, &half, 4);
      return b;
    }()));
  }
  for (const float value : values) {
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(GetParam().widen(GetParam().narrow(value))));
      continue;
    }
    for (const float signed_value : {value, -value}) {
      ASSERT_EQ(nearest(signed_value, GetParam().mantissa_bits),
                GetParam().widen(GetParam().narrow(signed_value)))
          << std::hexfloat << signed_value;
    }
  }
}

TEST_P(HalfTest, KeepsNanWhosePayloadIsInTheLowBits) {
  EXPECT_TRUE(std::isnan(GetParam().widen(GetParam().narrow(float_of(0x7F800001u)))));
  EXPECT_TRUE(std::isnan(GetParam().widen(GetParam().narrow(float_of(0xFFFFFFFFu)))));
}

TEST_P(HalfTest, ConvertsUnalignedArraysLikeSingleNumbers) {
  const std::vector<float> values = {1.0f, -2.5f, 1e-7f, 3e38f, 0.1f};
  std::vector<uint16_t> narrow(values.size());
  GetParam().narrow_all(values.data(), narrow.data(), values.size());
  std::vector<char> bytes(1 + 2 * values.size());
  std::memcpy(bytes.data() + 1, narrow.data(), 2 * values.size());
  std::vector<float> wide(values.size());
  GetParam().widen_all(bytes.data() + 1, wide.data(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(GetParam().narrow(values[i]), narrow[i]);
    EXPECT_EQ(GetParam().widen(narrow[i]), wide[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, HalfTest,
                         testing::Values(Format{"Half", 10, half_to_float, float_to_half,
                                                half_to_float, float_to_half},
                                         Format{"BFloat16", 7, bfloat16_to_float, float_to_bfloat16,
                                                bfloat16_to_float, float_to_bfloat16}),
                         [](const auto& format) { return std::string(format.param.name); });

}  // namespace
}  // namespace w2vbert
