#include "w2vbert/ops/cuda/finish_rows.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/guarded_array.h"

namespace w2vbert::cuda {
namespace {

std::vector<float> random_values(size_t count, uint32_t seed, float mean = 0.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(mean);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kSelu:
      return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return NAN;
}

template <typename T>
double last_place() {
  return sizeof(T) == 4 ? 0x1p-23 : std::is_same_v<T, Float16> ? 0x1p-10 : 0x1p-7;
}

struct Options {
  bool bias = true;
  bool residual = true;
  Activation activation = Activation::kSilu;
  bool sum = true;
  bool norm = true;
  Activation norm_activation = Activation::kNone;
  bool valid = true;
  size_t misaligned = 0;  // elements that y begins behind a multiple of sixteen bytes
};

template <typename T>
void expect_matches_reference(int64_t rows, int64_t size, const Options& options) {
  const auto columns = static_cast<size_t>(size);
  const auto count = static_cast<size_t>(rows) * columns;
  constexpr double kEps = 1e-5;
  constexpr float kScale = 0.5f;
  GuardedArray<T> y(rounded<T>(random_values(count + options.misaligned, 1)));
  GuardedArray<T> bias(rounded<T>(random_values(columns, 2)));
  // Far from zero: a variance from sums of squares would lose its digits.
  GuardedArray<T> residual(rounded<T>(random_values(count, 3, 20.0f)));
  GuardedArray<T> weight(rounded<T>(random_values(columns, 4)));
  GuardedArray<T> norm_bias(rounded<T>(random_values(columns, 5)));
  GuardedArray<T> sum(count);
  GuardedArray<T> out(count);
  GuardedArray<bool> valid(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) valid.data()[row] = row % 3 != 1;

  FinishRowsParams<T> params{};
  params.y = y.data() + options.misaligned;
  if (options.bias) params.bias = bias.data();
  if (options.residual) params.residual = residual.data();
  params.scale = kScale;
  params.activation = options.activation;
  if (options.sum) params.sum = sum.data();
  if (options.norm) {
    params.norm_weight = weight.data();
    params.norm_bias = norm_bias.data();
    params.norm_eps = static_cast<float>(kEps);
    params.norm_activation = options.norm_activation;
    if (options.valid) params.valid = valid.data();
    params.out = out.data();
  }
  params.rows = rows;
  params.size = size;
  finish_rows(params, nullptr);

  const std::vector<float> y_values = widened(y.values());
  const std::vector<float> bias_values = widened(bias.values());
  const std::vector<float> residual_values = widened(residual.values());
  const std::vector<float> weight_values = widened(weight.values());
  const std::vector<float> norm_bias_values = widened(norm_bias.values());
  const std::vector<float> sums = widened(sum.values());
  const std::vector<float> outs = widened(out.values());
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    std::vector<double> expected(columns);
    double mean = 0;
    for (size_t c = 0; c < columns; ++c) {
      const size_t i = row * columns + c;
      double value = double{y_values[i + options.misaligned]};
      if (options.bias) value += double{bias_values[c]};
      value = activated(options.activation, value);
      if (options.residual) value = double{residual_values[i]} + double{kScale} * value;
      expected[c] = value;
      mean += value / static_cast<double>(size);
      if (options.sum) {
        ASSERT_NEAR(sums[i], value, last_place<T>() * std::abs(value) + 1e-5) << row << ", " << c;
      }
    }
    if (!options.norm) continue;
    double variance = 0;
    for (const double value : expected) {
      variance += (value - mean) * (value - mean) / static_cast<double>(size);
    }
    for (size_t c = 0; c < columns; ++c) {
      const size_t i = row * columns + c;
      const double normed =
          (expected[c] - mean) / std::sqrt(variance + kEps) * double{weight_values[c]} +
          double{norm_bias_values[c]};
      const double value =
          options.valid && row % 3 == 1 ? 0.0 : activated(options.norm_activation, normed);
      ASSERT_NEAR(outs[i], value, last_place<T>() * std::abs(value) + 3e-5) << row << ", " << c;
    }
  }
}

template <typename T>
class CudaFinishRowsTest : public ::testing::Test {};
using Types = ::testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(CudaFinishRowsTest, Types);

TYPED_TEST(CudaFinishRowsTest, MatchesReferenceForEverySize) {
  // Around what one turn of a block takes, in vectors and one by one.
  for (const int64_t size :
       {2, 8, 127, 128, 129, 160, 504, 512, 516, 520, 1016, 1024, 1032, 2056}) {
    expect_matches_reference<TypeParam>(4, size, {});
  }
}

TYPED_TEST(CudaFinishRowsTest, MatchesReferenceForEveryActivation) {
  for (int i = 0; i <= static_cast<int>(Activation::kSigmoid); ++i) {
    Options options;
    options.activation = static_cast<Activation>(i);
    options.norm_activation = options.activation;
    expect_matches_reference<TypeParam>(2, 40, options);
  }
}

TYPED_TEST(CudaFinishRowsTest, MatchesReferenceForEveryPart) {
  for (int parts = 0; parts < 32; ++parts) {
    Options options;
    options.bias = parts & 1;
    options.residual = parts & 2;
    options.norm = parts & 4;
    options.sum = !options.norm || (parts & 8) != 0;
    options.valid = parts & 16;
    expect_matches_reference<TypeParam>(3, 136, options);
  }
}

TYPED_TEST(CudaFinishRowsTest, TakesRowsThatAreNotAligned) {
  Options options;
  options.misaligned = 1;
  expect_matches_reference<TypeParam>(3, 256, options);
}

TYPED_TEST(CudaFinishRowsTest, NoRowsAreNoWork) { expect_matches_reference<TypeParam>(0, 8, {}); }

TEST(CudaFinishRowsInPlaceTest, ResidualAndOutputMayBeTheInputs) {
  const int64_t rows = 5;
  const int64_t size = 1032;
  const std::vector<float> y = random_values(rows * size, 6);
  const std::vector<float> residual = random_values(rows * size, 7);
  GuardedArray<float> weight(std::vector<float>(size, 1.5f));
  GuardedArray<float> bias(std::vector<float>(size, -0.5f));
  const auto run = [&](GuardedArray<float>& y_array, GuardedArray<float>& residual_array,
                       float* sum, float* out) {
    FinishRowsParams<float> params{};
    params.y = y_array.data();
    params.residual = residual_array.data();
    params.scale = 0.5f;
    params.sum = sum;
    params.norm_weight = weight.data();
    params.norm_bias = bias.data();
    params.norm_eps = 1e-5f;
    params.out = out;
    params.rows = rows;
    params.size = size;
    finish_rows(params, nullptr);
  };
  GuardedArray<float> y_apart(y);
  GuardedArray<float> residual_apart(residual);
  GuardedArray<float> sum(y.size());
  GuardedArray<float> out(y.size());
  run(y_apart, residual_apart, sum.data(), out.data());
  GuardedArray<float> y_in_place(y);
  GuardedArray<float> residual_in_place(residual);
  run(y_in_place, residual_in_place, residual_in_place.data(), y_in_place.data());
  EXPECT_EQ(residual_in_place.values(), sum.values());
  EXPECT_EQ(y_in_place.values(), out.values());
}

TEST(CudaFinishRowsLongestTest, TheLongestRowFits) {
  expect_matches_reference<float>(1, kFinishRowsMostColumns, {});
}

template <typename T>
void expect_gates_as_reference(int64_t size, bool with_bias) {
  constexpr int64_t kRows = 3;
  GuardedArray<T> y(rounded<T>(random_values(static_cast<size_t>(kRows * 2 * size), 1)));
  GuardedArray<T> bias(rounded<T>(random_values(static_cast<size_t>(2 * size), 2)));
  GuardedArray<T> out(static_cast<size_t>(kRows * size));
  gate_rows(GateRowsParams<T>{y.data(), with_bias ? bias.data() : nullptr, out.data(), kRows, size},
            Stream());
  const std::vector<float> from = widened(y.values());
  const std::vector<float> offset = widened(bias.values());
  const std::vector<float> actual = widened(out.values());
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t c = 0; c < size; ++c) {
      const auto value = [&](int64_t column) {
        return double{from[static_cast<size_t>(row * 2 * size + column)]} +
               (with_bias ? double{offset[static_cast<size_t>(column)]} : 0.0);
      };
      const double expected = value(c) / (1 + std::exp(-value(size + c)));
      ASSERT_NEAR(expected, actual[static_cast<size_t>(row * size + c)],
                  1e-6 + last_place<T>() * std::abs(expected))
          << row << " " << c;
    }
  }
}

TEST(CudaGateRowsTest, MatchesReference) {
  for (const int64_t size : {1, 7, 8, 64, 1032}) {
    for (const bool with_bias : {false, true}) {
      SCOPED_TRACE(std::to_string(size) + " columns");
      expect_gates_as_reference<float>(size, with_bias);
      expect_gates_as_reference<Float16>(size, with_bias);
      expect_gates_as_reference<BFloat16>(size, with_bias);
    }
  }
}

}  // namespace
}  // namespace w2vbert::cuda
