// Products with weights of fewer bits than float32.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "reference/linear.h"
#include "w2vbert/io/half.h"
#include "w2vbert/ops/cpu/linear_kernel.h"

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

// Weights in the given type, and in float32 what they stand for.
struct Stored {
  Stored(SimdLevel level, WeightType kind, const std::vector<float>& weight, int64_t in)
      : type(kind), floats(weight) {
    const int64_t out = static_cast<int64_t>(weight.size()) / in;
    switch (type) {
      case WeightType::kFloat32:
        break;
      case WeightType::kFloat16:
        halves.resize(weight.size());
        float_to_half(weight.data(), halves.data(), weight.size());
        half_to_float(halves.data(), floats.data(), weight.size());
        break;
      case WeightType::kBFloat16:
        halves.resize(weight.size());
        float_to_bfloat16(weight.data(), halves.data(), weight.size());
        bfloat16_to_float(halves.data(), floats.data(), weight.size());
        break;
      case WeightType::kInt8:
        round_columns(level, in, out, bytes);
        break;
      case WeightType::kInt16:
        round_columns(level, in, out, shorts);
    }
  }

  template <typename Integer>
  void round_columns(SimdLevel level, int64_t in, int64_t out, std::vector<Integer>& stored) {
    stored.resize(floats.size());
    for (int64_t c = 0; c < out; ++c) {
      Integer* column = stored.data() + c * in;
      scales.push_back(round_weights(level, type, floats.data() + c * in, in, column));
      for (int64_t i = c * in; i < (c + 1) * in; ++i) {
        floats[i] = scales[c] * static_cast<float>(stored[i]);
        integers.push_back(stored[i]);
      }
    }
  }

  bool rounded() const { return !integers.empty(); }

  LinearParams::Weight with_bias(const std::vector<float>& bias) const {
    const void* data = floats.data();
    if (!halves.empty()) data = halves.data();
    if (!bytes.empty()) data = bytes.data();
    if (!shorts.empty()) data = shorts.data();
    return {data, bias.empty() ? nullptr : bias.data(), scales.empty() ? nullptr : scales.data(),
            type};
  }

  WeightType type;
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  std::vector<int8_t> bytes;
  std::vector<int16_t> shorts;
  std::vector<float> scales;
  std::vector<int> integers;  // of either type
};

struct Product {
  SimdLevel level;
  int64_t in;
  int64_t out;  // weight rows
  bool gated = false;
  LinearActivation activation = LinearActivation::kNone;
  std::vector<float> residual{};
  int64_t threads = 1;  // that the work is divided for
  int64_t step = std::numeric_limits<int32_t>::max();
  bool rows_have_scales = true;  // of integers; else they are 1

  int64_t columns() const { return gated ? out / 2 : out; }

  std::vector<float> run(const std::vector<float>& x, const Stored& weight,
                         const std::vector<float>& bias, bool to_panels = false) const {
    const int64_t rows = static_cast<int64_t>(x.size()) / in;
    RowsParams input{};
    input.x = x.data();
    input.x_stride = in;
    input.rows = rows;
    input.features = in;
    input.integers = weight.rounded();
    std::vector<float> panels(panel_floats(level, rows, in), kNan);
    pack(level, input, 0, panel_count(level, rows, weight.rounded()), panels.data());
    return run_panels(panels, rows, weight, bias, to_panels);
  }

  std::vector<float> run_panels(std::vector<float> panels, int64_t rows, const Stored& weight,
                                const std::vector<float>& bias, bool to_panels) const {
    std::vector<float> row_scales(panel_floats(level, rows, 1), kNan);
    LinearParams params{};
    if (weight.rounded()) {
      const int64_t count = panel_count(level, rows, true);
      const int64_t largest = largest_rounded(largest_integer(weight.type));
      for (int64_t i = 0; i < count; ++i) {
        round_panels(level, rows, in, largest, i, i + 1, panels.data(), row_scales.data());
      }
      if (!rows_have_scales) std::fill(row_scales.begin(), row_scales.end(), 1.0f);
      params.row_scales = row_scales.data();
    }
    params.panels = panels.data();
    params.rows = rows;
    params.in_features = in;
    params.weights[0] = weight.with_bias(bias);
    params.weight_count = 1;
    params.out_features = columns();
    params.gated = gated;
    params.activation = activation;
    params.residual = residual.empty() ? nullptr : residual.data();
    params.scale = 0.5f;
    params.out_stride = columns();
    params.block = linear_block(level, params, threads);
    std::vector<float> result(to_panels ? panel_floats(level, rows, columns()) : rows * columns(),
                              kNan);
    (to_panels ? params.out_panels : params.out) = result.data();
    const int64_t items = linear_items(level, params);
    for (int64_t begin = 0; begin < items; begin += std::min(step, items)) {
      std::vector<float> scratch(linear_scratch(level, params), kNan);
      multiply(level, params, begin, std::min(begin + std::min(step, items), items),
               scratch.data());
    }
    return result;
  }
};

class LinearWeightsKernelTest
    : public ::testing::TestWithParam<std::tuple<SimdLevel, int64_t, int64_t>> {
 protected:
  void SetUp() override {
    if (!simd_supported(level)) GTEST_SKIP() << "this processor has no " << simd_name(level);
  }

  const SimdLevel level = std::get<0>(GetParam());
  const int64_t in = std::get<1>(GetParam());
  const int64_t out = std::get<2>(GetParam());
  const Product product{level, in, out};
  const std::vector<float> weight = random_values(out * in, 2);
  const std::vector<float> bias = random_values(out, 3);
};

constexpr WeightType kFewerBits[] = {WeightType::kFloat16, WeightType::kBFloat16, WeightType::kInt8,
                                     WeightType::kInt16};
constexpr WeightType kIntegers[] = {WeightType::kInt8, WeightType::kInt16};

// The nearest integers to a row, and their scale, as the kernel computes them.
struct RoundedRow {
  RoundedRow(const float* x, int64_t count, WeightType type) {
    const auto most = static_cast<float>(largest_rounded(largest_integer(type)));
    float largest = 0.0f;
    for (int64_t k = 0; k < count; ++k) largest = std::max(largest, std::abs(x[k]));
    scale = largest * (1.0f / most);
    for (int64_t k = 0; k < count; ++k) {
      integers.push_back(std::nearbyint(x[k] * (most / largest)));
    }
  }
  float scale;
  std::vector<double> integers;
};

TEST_P(LinearWeightsKernelTest, ProductsOfIntegersAreExactUpToFloatRoundings) {
  const bool large = in * out > 100000;
  for (const WeightType type : kIntegers) {
    const Stored stored(level, type, weight, in);
    for (const int64_t rows : {1, 2, 7, 8, 9, 16, 17, 24, 25, 33, 49, 65, 100, 291}) {
      if (large && rows != 9 && rows != 33) continue;
      const std::vector<float> x = random_values(rows * in, 1);
      const std::vector<float> result = product.run(x, stored, bias);
      for (int64_t r = 0; r < rows; ++r) {
        const RoundedRow row(x.data() + r * in, in, type);
        for (int64_t c = 0; c < out; ++c) {
          double sum = 0.0;
          double magnitude = 0.0;  // of the sums of stretches that are added in float32
          for (int64_t k = 0; k < in; k += kIntegerChunk) {
            double part = 0.0;
            for (int64_t i = k; i < std::min(k + kIntegerChunk, in); ++i) {
              part += row.integers[i] * stored.integers[c * in + i];
            }
            sum += part;
            magnitude += std::abs(part);
          }
          const double scale = double{stored.scales[c]} * double{row.scale};
          const double exact = bias[c] + scale * sum;
          // A stretch is rounded and added, then two scales and the bias are applied.
          const double roundings = 2.0 * static_cast<double>((in - 1) / kIntegerChunk + 1) + 3.0;
          ASSERT_NEAR(result[r * out + c], exact,
                      0x1p-24 * (roundings * scale * magnitude + std::abs(exact)))
              << "row " << r << " of " << rows << ", column " << c;
        }
      }
    }
  }
}

// Without scales the kernels show them.
TEST_P(LinearWeightsKernelTest, IntegersAndTheirSumsAreThoseOfEveryLevel) {
  if (level == SimdLevel::kPortable) return;  // what the others are compared with
  Product other{SimdLevel::kPortable, in, out};
  Product own = product;
  own.rows_have_scales = other.rows_have_scales = false;
  for (const WeightType type : kIntegers) {
    Stored stored(level, type, weight, in);
    Stored portable(SimdLevel::kPortable, type, weight, in);
    EXPECT_EQ(stored.integers, portable.integers);
    EXPECT_EQ(stored.scales, portable.scales);
    std::fill(stored.scales.begin(), stored.scales.end(), 1.0f);
    for (const int64_t rows : {1, 9, 50}) {
      const std::vector<float> x = random_values(rows * in, 1);
      EXPECT_EQ(own.run(x, stored, {}), other.run(x, stored, {})) << rows << " rows";
    }
  }
}

TEST_P(LinearWeightsKernelTest, TheLargestIntegersDoNotOverflow) {
  for (const WeightType type : kIntegers) {
    const Stored stored(level, type, std::vector<float>(out * in, -1.0f), in);
    for (const float x : {1.0f, -1.0f, 3e38f, -1e-29f}) {
      const std::vector<float> result =
          product.run(std::vector<float>(9 * in, x), stored, std::vector<float>(out, 0.0f));
      const float expected = -x * static_cast<float>(in);
      for (const float y : result) {
        if (std::isinf(expected)) {
          ASSERT_EQ(y, expected);
        } else {
          ASSERT_NEAR(y / expected, 1.0f, 1e-6f);
        }
      }
    }
  }
}

TEST_P(LinearWeightsKernelTest, WideningIsExact) {
  for (const WeightType type : {WeightType::kFloat16, WeightType::kBFloat16}) {
    std::vector<float> values = weight;
    values[0] = 1e-7f;  // a subnormal number of 16 bits
    values[in / 2] = -65504.0f;
    const Stored stored(level, type, values, in);
    const Stored floats(level, WeightType::kFloat32, stored.floats, in);
    for (const int64_t rows : {1, 9, 50, 291}) {
      if (in * out > 100000 && rows > 9) continue;
      const std::vector<float> x = random_values(rows * in, 1);
      EXPECT_EQ(product.run(x, stored, bias), product.run(x, floats, bias)) << rows << " rows";
    }
  }
}

// The largest of normal numbers is below 4.5: a step is at most 4.5 / 127, and the root of its mean
// square error 1 / sqrt(12) of that, 0.0102.
TEST_P(LinearWeightsKernelTest, RoundingIsOffByOnePercentOrLess) {
  const Stored floats(level, WeightType::kFloat32, weight, in);
  const std::vector<float> x = random_values(50 * in, 1);
  const std::vector<float> exact = product.run(x, floats, {});
  for (const WeightType type : kIntegers) {
    const std::vector<float> result = product.run(x, Stored(level, type, weight, in), {});
    double error = 0.0;
    double power = 0.0;
    for (size_t i = 0; i < exact.size(); ++i) {
      error += std::pow(double{result[i]} - double{exact[i]}, 2);
      power += std::pow(double{exact[i]}, 2);
    }
    EXPECT_LT(std::sqrt(error / power), 1.5 / static_cast<double>(largest_integer(type)));
  }
}

TEST_P(LinearWeightsKernelTest, WhatSurroundsAProductIsThatOfFloats) {
  const std::vector<float> x = random_values(50 * in, 1);
  for (const WeightType type : kFewerBits) {
    const Stored stored(level, type, weight, in);
    const std::vector<float> plain = product.run(x, stored, bias);
    for (const LinearActivation activation :
         {LinearActivation::kNone, LinearActivation::kRelu, LinearActivation::kSilu}) {
      for (const bool gated : {false, true}) {
        if (gated && out % 2 != 0) continue;
        Product p = product;
        p.activation = activation;
        p.gated = gated;
        p.residual = random_values(50 * p.columns(), 4);
        const std::vector<float> result = p.run(x, stored, bias);
        for (int64_t i = 0; i < 50 * p.columns(); ++i) {
          const int64_t at = i / p.columns() * out + i % p.columns();
          double y = plain[at];
          if (gated) y *= reference::sigmoid(plain[at + p.columns()]);
          if (activation == LinearActivation::kRelu) y = reference::relu(y);
          if (activation == LinearActivation::kSilu) y = reference::silu(y);
          ASSERT_NEAR(result[i], p.residual[i] + 0.5 * y, 1e-6 * (1.0 + std::abs(y)));
        }
      }
    }
  }
}

TEST_P(LinearWeightsKernelTest, ARowDoesNotDependOnTheOthersNorOnTheSplit) {
  const std::vector<float> x = random_values(150 * in, 1);
  for (const WeightType type : kFewerBits) {
    const Stored stored(level, type, weight, in);
    const std::vector<float> result = product.run(x, stored, bias);
    for (const auto& [begin, end] : {std::pair(0, 1), {23, 24}, {149, 150}, {3, 12}, {70, 94}}) {
      ASSERT_EQ(product.run({x.begin() + begin * in, x.begin() + end * in}, stored, bias),
                std::vector<float>(result.begin() + begin * out, result.begin() + end * out))
          << "rows " << begin << " to " << end;
    }
    for (const int64_t threads : {2, 1000}) {
      Product p = product;
      p.threads = threads;
      p.step = 3;
      ASSERT_EQ(p.run(x, stored, bias), result) << threads << " threads";
    }
  }
}

TEST_P(LinearWeightsKernelTest, PanelsHoldTheSameAsRows) {
  for (const WeightType type : kFewerBits) {
    const Stored stored(level, type, weight, in);
    const std::vector<float> x = random_values(50 * in, 1);
    Product p = product;
    p.activation = LinearActivation::kSilu;
    const std::vector<float> rows = p.run(x, stored, bias);
    const std::vector<float> panels = p.run(x, stored, bias, true);
    // What another product of this kind makes of them: the lanes past the last row do not count.
    const Product next{level, out, 3};
    const Stored ones(level, stored.rounded() ? type : WeightType::kFloat32,
                      std::vector<float>(3 * out, 1.0f), out);
    EXPECT_EQ(next.run_panels(panels, 50, ones, {}, false), next.run(rows, ones, {}));
  }
}

TEST_P(LinearWeightsKernelTest, NanAndInfinityReachTheirRowsAndColumnsOnly) {
  for (const WeightType type : kFewerBits) {
    for (const float bad : {kNan, kInfinity, -kInfinity}) {
      std::vector<float> x = random_values(19 * in, 1);
      x[16 * in + in / 2] = bad;
      std::vector<float> bad_weight = weight;
      bad_weight[(out - 1) * in] = bad;
      const std::vector<float> result = product.run(x, Stored(level, type, bad_weight, in), bias);
      for (int64_t i = 0; i < 19 * out; ++i) {
        ASSERT_EQ(std::isfinite(result[i]), i / out != 16 && i % out != out - 1)
            << "row " << i / out << ", column " << i % out;
      }
    }
  }
}

TEST_P(LinearWeightsKernelTest, ZeroRowsAndColumnsGiveTheBias) {
  std::vector<float> x = random_values(9 * in, 1);
  std::fill_n(x.begin() + 4 * in, in, 0.0f);
  std::fill_n(x.begin() + 5 * in, in, -1e-37f);  // too small to have a scale
  std::vector<float> some_weight = weight;
  std::fill_n(some_weight.begin(), in, 0.0f);
  for (const WeightType type : kIntegers) {
    const std::vector<float> result = product.run(x, Stored(level, type, some_weight, in), bias);
    for (int64_t c = 0; c < out; ++c) {
      EXPECT_EQ(result[4 * out + c], bias[c]);
      EXPECT_EQ(result[5 * out + c], bias[c]);
    }
    for (int64_t r = 0; r < 9; ++r) EXPECT_EQ(result[r * out], bias[0]);
  }
}

TEST_P(LinearWeightsKernelTest, WeightsAreWithinHalfAStepAndTheLargestIsTheLargestInteger) {
  for (const WeightType type : kIntegers) {
    const Stored stored(level, type, weight, in);
    for (int64_t c = 0; c < out; ++c) {
      int largest = 0;
      for (int64_t i = c * in; i < (c + 1) * in; ++i) {
        largest = std::max(largest, std::abs(stored.integers[i]));
        ASSERT_LE(std::abs(double{stored.floats[i]} - double{weight[i]}),
                  0.5001 * double{stored.scales[c]});
      }
      ASSERT_EQ(largest, largest_integer(type));
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<SimdLevel, int64_t, int64_t>>& test) {
  return std::string(simd_name(std::get<0>(test.param))) + "In" +
         std::to_string(std::get<1>(test.param)) + "Out" + std::to_string(std::get<2>(test.param));
}

const auto kLevels = ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2, SimdLevel::kAvx512,
                                       SimdLevel::kAvx512Vnni);

INSTANTIATE_TEST_SUITE_P(Small, LinearWeightsKernelTest,
                         ::testing::Combine(kLevels,
                                            ::testing::Values(1, 2, 7, 8, 15, 16, 17, 33, 144, 513),
                                            ::testing::Values(1, 2, 3, 4, 5, 8, 11, 12, 13, 26)),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Large, LinearWeightsKernelTest,
                         ::testing::Combine(kLevels, ::testing::Values(511, 512, 1024, 4097),
                                            ::testing::Values(125)),
                         name_of);

}  // namespace
}  // namespace w2vbert::cpu
