#include "w2vbert/ops/cuda/quantize_rows.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "audio/noise.h"
#include "cuda/guarded_array.h"

namespace w2vbert::cuda {
namespace {

// All finite values that are not negative, rising.
std::vector<double> magnitudes() {
  std::vector<double> values;
  for (int i = 0; i < 8; ++i) values.push_back(i * 0x1p-9);
  for (int exponent = -6; exponent <= 8; ++exponent) {
    for (int i = 8; i < 16; ++i) values.push_back(std::ldexp(i, exponent - 3));
  }
  values.pop_back();  // 480 is the place of NaN
  return values;
}

TEST(CudaFloat8Test, EveryCodeIsItsValueAndBack) {
  const std::vector<double> values = magnitudes();
  ASSERT_EQ(127u, values.size());
  EXPECT_EQ(448.0, values.back());
  for (size_t code = 0; code < values.size(); ++code) {
    for (const int sign : {0, 0x80}) {
      const Float8 number{static_cast<uint8_t>(code | static_cast<size_t>(sign))};
      const float expected = static_cast<float>(sign == 0 ? values[code] : -values[code]);
      EXPECT_EQ(expected, to_float(number)) << code;
      EXPECT_EQ(number.bits, from_float<Float8>(expected).bits) << code;
    }
  }
  EXPECT_TRUE(std::isnan(to_float(Float8{0x7F})));
  EXPECT_TRUE(std::isnan(to_float(Float8{0xFF})));
  EXPECT_TRUE(std::isnan(to_float(from_float<Float8>(NAN))));
}

TEST(CudaFloat8Test, RoundsToNearestEvenAndSaturates) {
  const std::vector<double> values = magnitudes();
  for (size_t code = 0; code + 1 < values.size(); ++code) {
    const auto middle = static_cast<float>((values[code] + values[code + 1]) / 2);
    const float below = std::nextafter(middle, 0.0f);
    const float above = std::nextafter(middle, 1000.0f);
    EXPECT_EQ(code, from_float<Float8>(below).bits);
    EXPECT_EQ(code + code % 2, from_float<Float8>(middle).bits);
    EXPECT_EQ(code + 1, from_float<Float8>(above).bits);
  }
  for (const float large :
       {448.1f, 464.0f, 480.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(0x7E, from_float<Float8>(large).bits) << large;
    EXPECT_EQ(0xFE, from_float<Float8>(-large).bits) << large;
  }
}

template <typename T>
void expect_matches_reference(int64_t size) {
  constexpr int64_t kRows = 4;
  std::vector<float> values = testing::noise(kRows * size, 1.0f);
  const auto row = [&](int64_t r) { return values.begin() + r * size; };
  std::fill(row(1), row(2), 0.0f);
  std::for_each(row(2), row(3), [](float& value) { value *= 1e-4f; });
  *(row(3) + size / 2) = -3000.0f;  // the others become small
  GuardedArray<T> x(rounded<T>(values));
  GuardedArray<Float8> out(static_cast<size_t>(kRows * size));
  GuardedArray<float> scales(kRows);
  quantize_rows(QuantizeRowsParams<T>{x.data(), out.data(), scales.data(), kRows, size}, Stream());
  const std::vector<float> from = widened(x.values());
  for (int64_t r = 0; r < kRows; ++r) {
    double largest = 0;
    for (int64_t c = 0; c < size; ++c) {
      largest = std::max(largest, std::abs(double{from[static_cast<size_t>(r * size + c)]}));
    }
    const double scale = double{scales.data()[r]};
    ASSERT_NEAR(largest == 0 ? 1.0 : largest / 448, scale, 1e-7 * scale);
    for (int64_t c = 0; c < size; ++c) {
      const auto i = static_cast<size_t>(r * size + c);
      const double wanted = double{from[i]};
      const double found = double{to_float(out.data()[i])} * scale;
      // Half a step: 2^-4 of the value, or 2^-10 of the scale below 2^-6.
      ASSERT_LE(std::abs(found - wanted),
                std::max(0x1.00001p-4 * std::abs(wanted), 0x1.00001p-10 * scale))
          << r << " " << c;
    }
  }
}

TEST(CudaQuantizeRowsTest, MatchesReference) {
  for (const int64_t size : {1, 7, 8, 127, 128, 1024, 1030}) {
    SCOPED_TRACE(std::to_string(size) + " columns");
    expect_matches_reference<float>(size);
    expect_matches_reference<Float16>(size);
    expect_matches_reference<BFloat16>(size);
  }
}

}  // namespace
}  // namespace w2vbert::cuda
