#include "w2vbert/ops/cpu/linear_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "reference/linear.h"

namespace w2vbert::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_values(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

struct Case {
  SimdLevel level;
  int64_t in;
  int64_t out;

  // Runs all items, `step` of them per call; scratch and output start as NaN.
  std::vector<float> run(const std::vector<float>& x, const std::vector<float>& weight,
                         const std::vector<float>& bias, int64_t step) const {
    const int64_t rows = static_cast<int64_t>(x.size()) / in;
    std::vector<float> result(rows * out, kNan);
    const LinearParams params{
        x.data(), weight.data(), bias.empty() ? nullptr : bias.data(), result.data(), in, rows, in,
        out};
    const int64_t items = linear_items(params);
    for (int64_t begin = 0; begin < items; begin += step) {
      std::vector<float> scratch(linear_scratch(params), kNan);
      linear(level, params, begin, std::min(begin + step, items), scratch.data());
    }
    return result;
  }
  std::vector<float> run(const std::vector<float>& x, const std::vector<float>& weight,
                         const std::vector<float>& bias) const {
    return run(x, weight, bias, std::numeric_limits<int32_t>::max());
  }
};

class LinearKernelTest : public ::testing::TestWithParam<std::tuple<SimdLevel, int64_t, int64_t>> {
 protected:
  void SetUp() override {
    if (!simd_supported(linear.level)) GTEST_SKIP() << "this processor has no AVX2";
  }

  void expect_matches_reference(int64_t rows, const std::vector<float>& some_bias) const {
    const std::vector<float> x = random_values(rows * linear.in, 1);
    const std::vector<float> out = linear.run(x, weight, some_bias);
    const reference::Linear expected =
        reference::linear(x, weight, some_bias, rows, linear.in, linear.out);
    ASSERT_EQ(out.size(), expected.out.size());
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_NEAR(out[i], expected.out[i], expected.bound[i])
          << "row " << i / linear.out << " of " << rows << ", column " << i % linear.out;
    }
  }

  const Case linear{std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam())};
  const std::vector<float> weight = random_values(linear.out * linear.in, 2);
  const std::vector<float> bias = random_values(linear.out, 3);
};

TEST_P(LinearKernelTest, MatchesReference) {
  const bool large = linear.in * linear.out > 100000;
  for (const int64_t rows :
       {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65, 100, 128, 129, 257}) {
    if (large && rows != 1 && rows != 33) continue;
    expect_matches_reference(rows, bias);
  }
}

TEST_P(LinearKernelTest, NoBiasIsZeros) { expect_matches_reference(9, {}); }

TEST_P(LinearKernelTest, ARowDoesNotDependOnTheOthers) {
  const int64_t rows = 150;
  const std::vector<float> x = random_values(rows * linear.in, 1);
  const std::vector<float> out = linear.run(x, weight, bias);
  const auto expect_same = [&](int64_t begin, int64_t end) {
    const std::vector<float> part =
        linear.run({x.begin() + begin * linear.in, x.begin() + end * linear.in}, weight, bias);
    ASSERT_EQ(part,
              std::vector<float>(out.begin() + begin * linear.out, out.begin() + end * linear.out))
        << "rows " << begin << " to " << end;
  };
  for (const int64_t row : {0, 7, 8, 63, 64, 79, 80, 143, 144, 149}) expect_same(row, row + 1);
  expect_same(0, 149);
  expect_same(3, 12);
  expect_same(70, 94);
}

TEST_P(LinearKernelTest, AColumnDoesNotDependOnTheOthers) {
  const std::vector<float> x = random_values(25 * linear.in, 1);
  const std::vector<float> out = linear.run(x, weight, bias);
  for (const int64_t column : {int64_t{0}, linear.out / 2, linear.out - 1}) {
    const std::vector<float> single = Case{linear.level, linear.in, 1}.run(
        x, {weight.begin() + column * linear.in, weight.begin() + (column + 1) * linear.in},
        {bias[column]});
    for (int64_t row = 0; row < 25; ++row) {
      ASSERT_EQ(single[row], out[row * linear.out + column])
          << "row " << row << ", column " << column;
    }
  }
}

TEST_P(LinearKernelTest, HowItemsAreSplitDoesNotMatter) {
  const std::vector<float> x = random_values(140 * linear.in, 1);
  const std::vector<float> out = linear.run(x, weight, bias);
  EXPECT_EQ(linear.run(x, weight, bias, 1), out);
  EXPECT_EQ(linear.run(x, weight, bias, 5), out);
  EXPECT_EQ(linear.run(x, weight, bias, 43), out);
}

TEST_P(LinearKernelTest, NanAndInfinityReachTheirRowsAndColumnsOnly) {
  const int64_t rows = 19;
  const int64_t bad_row = 16;
  const int64_t bad_column = linear.out - 1;
  for (const float bad : {kNan, kInfinity}) {
    std::vector<float> x = random_values(rows * linear.in, 1);
    x[bad_row * linear.in + linear.in / 2] = bad;
    std::vector<float> bad_weight = weight;
    bad_weight[bad_column * linear.in] = bad;
    const std::vector<float> out = linear.run(x, bad_weight, bias);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < linear.out; ++column) {
        EXPECT_EQ(std::isfinite(out[row * linear.out + column]),
                  row != bad_row && column != bad_column)
            << "row " << row << ", column " << column;
      }
    }
  }
}

TEST_P(LinearKernelTest, ReadsRowsThatAreApartAndNothingBetweenThem) {
  const int64_t rows = 21;
  const int64_t stride = linear.in + 3;
  const std::vector<float> x = random_values(rows * linear.in, 1);
  std::vector<float> apart(rows * stride, kNan);
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(x.begin() + row * linear.in, linear.in, apart.begin() + row * stride);
  }
  std::vector<float> out(rows * linear.out, kNan);
  const LinearParams params{apart.data(), weight.data(), bias.data(), out.data(),
                            stride,       rows,          linear.in,   linear.out};
  std::vector<float> scratch(linear_scratch(params), kNan);
  cpu::linear(linear.level, params, 0, linear_items(params), scratch.data());
  EXPECT_EQ(out, linear.run(x, weight, bias));
}

INSTANTIATE_TEST_SUITE_P(Small, LinearKernelTest,
                         ::testing::Combine(::testing::Values(SimdLevel::kPortable,
                                                              SimdLevel::kAvx2),
                                            ::testing::Values(1, 7, 8, 9, 15, 16, 17, 40, 144, 257),
                                            ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                                                              13, 14, 15, 16, 17, 48)),
                         [](const auto& test) {
                           return std::string(simd_name(std::get<0>(test.param))) + "In" +
                                  std::to_string(std::get<1>(test.param)) + "Out" +
                                  std::to_string(std::get<2>(test.param));
                         });

INSTANTIATE_TEST_SUITE_P(Large, LinearKernelTest,
                         ::testing::Values(std::tuple(SimdLevel::kPortable, 1000, 17),
                                           std::tuple(SimdLevel::kAvx2, 1000, 17),
                                           std::tuple(SimdLevel::kPortable, 4096, 13),
                                           std::tuple(SimdLevel::kAvx2, 4096, 13),
                                           std::tuple(SimdLevel::kPortable, 257, 1024),
                                           std::tuple(SimdLevel::kAvx2, 257, 1024)),
                         [](const auto& test) {
                           return std::string(simd_name(std::get<0>(test.param))) + "In" +
                                  std::to_string(std::get<1>(test.param)) + "Out" +
                                  std::to_string(std::get<2>(test.param));
                         });

}  // namespace
}  // namespace w2vbert::cpu
