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
constexpr double kEps = 1e-5;

std::vector<float> random_values(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

double activated(LinearActivation activation, double x) {
  if (activation == LinearActivation::kRelu) return reference::relu(x);
  return activation == LinearActivation::kSilu ? reference::silu(x) : x;
}

// x and what is done to it before the product.
struct Rows {
  int64_t in;
  std::vector<float> x;
  std::vector<float> norm_weight{};  // empty: no layer norm
  std::vector<float> norm_bias{};
  LinearActivation activation = LinearActivation::kNone;
  std::vector<char> valid{};  // empty: all are
  int64_t stride = 0;         // 0: in

  int64_t rows() const { return static_cast<int64_t>(x.size()) / row_stride(); }
  int64_t row_stride() const { return stride == 0 ? in : stride; }
  RowsParams params() const {
    return {x.data(),
            row_stride(),
            rows(),
            in,
            norm_weight.empty() ? nullptr : norm_weight.data(),
            norm_bias.empty() ? nullptr : norm_bias.data(),
            static_cast<float>(kEps),
            activation,
            valid.empty() ? nullptr : reinterpret_cast<const bool*>(valid.data())};
  }
  std::vector<double> expected() const {
    std::vector<double> y(x.begin(), x.end());
    if (!norm_weight.empty()) y = reference::layer_norm(x, norm_weight, norm_bias, kEps);
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = activated(activation, y[i]);
      if (!valid.empty() && !valid[i / in]) y[i] = 0.0;
    }
    return y;
  }
  // Filled with NaN before, `step` panels per call.
  std::vector<float> packed(SimdLevel level, int64_t step) const {
    std::vector<float> panels(panel_floats(level, rows(), in), kNan);
    const int64_t count = panel_count(level, rows(), false);
    for (int64_t begin = 0; begin < count; begin += step) {
      pack(level, params(), begin, std::min(begin + step, count), panels.data());
    }
    return panels;
  }
};

struct Product {
  SimdLevel level;
  int64_t in;
  int64_t out;
  std::vector<float> weight = random_values(out * in, 2);
  std::vector<float> bias = random_values(out, 3);
  bool gated = false;  // `out` counts the weight rows
  LinearActivation activation = LinearActivation::kNone;
  std::vector<float> residual{};
  float scale = 1.0f;
  int64_t threads = 1;  // that the work is divided for
  int64_t step = std::numeric_limits<int32_t>::max();

  int64_t columns() const { return gated ? out / 2 : out; }

  LinearParams params(int64_t rows, const std::vector<float>& panels) const {
    LinearParams params{};
    params.panels = panels.data();
    params.rows = rows;
    params.in_features = in;
    params.weights[0] = {weight.data(), bias.empty() ? nullptr : bias.data()};
    params.weight_count = 1;
    params.out_features = columns();
    params.gated = gated;
    params.activation = activation;
    params.residual = residual.empty() ? nullptr : residual.data();
    params.scale = scale;
    params.out_stride = columns();
    params.block = linear_block(level, params, threads);
    return params;
  }

  void run_items(const LinearParams& params) const {
    const int64_t items = linear_items(level, params);
    for (int64_t begin = 0; begin < items; begin += std::min(step, items)) {
      std::vector<float> scratch(linear_scratch(level, params), kNan);
      multiply(level, params, begin, std::min(begin + std::min(step, items), items),
               scratch.data());
    }
  }

  std::vector<float> run(const Rows& rows) const {
    const std::vector<float> panels = rows.packed(level, 1000);
    LinearParams p = params(rows.rows(), panels);
    std::vector<float> result(rows.rows() * columns(), kNan);
    p.out = result.data();
    run_items(p);
    return result;
  }
  std::vector<float> run(const std::vector<float>& x) const { return run(Rows{in, x}); }

  std::vector<float> run_to_panels(const Rows& rows) const {
    const std::vector<float> panels = rows.packed(level, 1000);
    LinearParams p = params(rows.rows(), panels);
    std::vector<float> result(panel_floats(level, rows.rows(), columns()), kNan);
    p.out_panels = result.data();
    run_items(p);
    return result;
  }
};

// Within what rounding explains, given the exact input of the product.
void expect_matches_reference(const Product& product, const Rows& rows, double slack = 1.0) {
  const std::vector<float> out = product.run(rows);
  const reference::Linear expected = reference::linear(
      rows.expected(), product.weight, product.bias, rows.rows(), product.in, product.out);
  const int64_t columns = product.columns();
  ASSERT_EQ(static_cast<int64_t>(out.size()), rows.rows() * columns);
  for (int64_t i = 0; i < rows.rows() * columns; ++i) {
    const int64_t at = i / columns * product.out + i % columns;
    double y = expected.out[at];
    double bound = expected.bound[at];
    if (product.gated) {
      bound += expected.bound[at + columns] * (std::abs(y) + bound);
      y *= reference::sigmoid(expected.out[at + columns]);
    }
    y = activated(product.activation, y);
    double exact = y;
    if (!product.residual.empty()) exact = product.residual[i] + product.scale * y;
    // An activation's slope is at most 1.1; its own error and the last sum are some roundings more.
    const double limit = slack * (1.1 * bound + 0x1p-21 * std::abs(y) + 0x1p-23 * std::abs(exact));
    ASSERT_NEAR(out[i], exact, limit + 1e-30)
        << "row " << i / columns << " of " << rows.rows() << ", column " << i % columns;
  }
}

class LinearKernelTest : public ::testing::TestWithParam<std::tuple<SimdLevel, int64_t, int64_t>> {
 protected:
  void SetUp() override {
    if (!simd_supported(level)) GTEST_SKIP() << "this processor has no " << simd_name(level);
  }

  const SimdLevel level = std::get<0>(GetParam());
  const int64_t in = std::get<1>(GetParam());
  const int64_t out = std::get<2>(GetParam());
  const Product product{level, in, out};

  Rows some_rows(int64_t rows) const { return {in, random_values(rows * in, 1)}; }
  Rows normed_rows(int64_t rows) const {
    Rows result = some_rows(rows);
    result.norm_weight = random_values(in, 5);
    result.norm_bias = random_values(in, 6);
    return result;
  }
};

TEST_P(LinearKernelTest, MatchesReference) {
  const bool large = in * out > 100000;
  for (const int64_t rows : {1,  2,  3,  4,  5,  7,  8,  9,  12, 16, 17,  24, 25,
                             31, 32, 33, 40, 48, 49, 56, 57, 64, 65, 100, 291}) {
    if (large && rows != 1 && rows != 33) continue;
    expect_matches_reference(product, some_rows(rows));
  }
}

TEST_P(LinearKernelTest, NoBiasIsZeros) {
  Product unbiased = product;
  unbiased.bias.clear();
  expect_matches_reference(unbiased, some_rows(9));
}

TEST_P(LinearKernelTest, AddsTheResidual) {
  for (const int64_t rows : {1, 9, 50}) {
    Product p = product;
    p.residual = random_values(rows * out, 4);
    p.scale = 0.5f;
    expect_matches_reference(p, some_rows(rows));
  }
}

TEST_P(LinearKernelTest, ActivatesTheProduct) {
  for (const LinearActivation activation : {LinearActivation::kRelu, LinearActivation::kSilu}) {
    Product p = product;
    p.activation = activation;
    expect_matches_reference(p, some_rows(50));
    p.residual = random_values(50 * out, 4);
    expect_matches_reference(p, some_rows(50));
  }
}

TEST_P(LinearKernelTest, GatesTheFirstHalfBySecond) {
  if (out % 2 != 0) return;
  Product p = product;
  p.gated = true;
  for (const int64_t threads : {1, 4}) {
    p.threads = threads;
    for (const int64_t rows : {1, 9, 50}) expect_matches_reference(p, some_rows(rows));
  }
}

TEST_P(LinearKernelTest, NormalisesAndActivatesTheRowsBefore) {
  for (const LinearActivation activation :
       {LinearActivation::kNone, LinearActivation::kRelu, LinearActivation::kSilu}) {
    Rows rows = normed_rows(29);
    rows.activation = activation;
    // Mean, variance and the products of the layer norm add roundings of their own.
    expect_matches_reference(product, rows, 16.0);
  }
}

TEST_P(LinearKernelTest, RowsThatAreNotValidAreZeros) {
  Rows rows = normed_rows(29);
  rows.valid.assign(29, 1);
  for (const size_t row : {0, 7, 8, 28}) {
    rows.valid[row] = 0;
    for (int64_t k = 0; k < in; ++k) rows.x[row * in + k] = kNan;
  }
  const std::vector<float> result = product.run(rows);
  for (const int64_t row : {0, 7, 8, 28}) {
    for (int64_t c = 0; c < out; ++c) ASSERT_EQ(result[row * out + c], product.bias[c]);
  }
  for (size_t row = 0; row < 29; ++row) {
    if (rows.valid[row]) continue;
    for (int64_t k = 0; k < in; ++k) rows.x[row * in + k] = 1.0f;
  }
  expect_matches_reference(product, rows, 16.0);
}

TEST_P(LinearKernelTest, PanelsOfAProductAreThoseOfItsRows) {
  for (const int64_t rows : {1, 3, 8, 20, 24, 25, 50, 300}) {
    Product p = product;
    p.activation = LinearActivation::kSilu;
    p.step = 3;
    const Rows result{out, p.run(some_rows(rows))};
    const std::vector<float> panels = p.run_to_panels(some_rows(rows));
    const std::vector<float> expected = result.packed(level, 1);
    // Lanes past the last row may hold anything: compare what a product makes of the panels.
    Product next{level, out, 5};
    LinearParams params = next.params(rows, panels);
    std::vector<float> from_panels(rows * 5, kNan);
    params.out = from_panels.data();
    next.run_items(params);
    EXPECT_EQ(panels.size(), expected.size());
    EXPECT_EQ(from_panels, next.run(result)) << rows << " rows";
  }
}

TEST_P(LinearKernelTest, SeveralWeightsLieSideBySide) {
  const Rows rows = some_rows(50);
  const std::vector<float> panels = rows.packed(level, 2);
  Product others[] = {product, product, product};
  std::vector<float> result(50 * 3 * out, kNan);
  LinearParams p = product.params(50, panels);
  for (int i = 0; i < 3; ++i) {
    others[i].weight = random_values(out * in, 20 + i);
    if (i == 1) others[i].bias.clear();
    p.weights[i] = {others[i].weight.data(),
                    others[i].bias.empty() ? nullptr : others[i].bias.data()};
  }
  p.weight_count = 3;
  p.out = result.data();
  p.out_stride = 3 * out;
  p.block = linear_block(level, p, 4);
  product.run_items(p);
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> alone = others[i].run(rows);
    for (int64_t row = 0; row < 50; ++row) {
      for (int64_t c = 0; c < out; ++c) {
        ASSERT_EQ(result[(row * 3 + i) * out + c], alone[row * out + c]);
      }
    }
  }
}

TEST_P(LinearKernelTest, ARowDoesNotDependOnTheOthers) {
  const int64_t count = 150;
  const Rows rows = normed_rows(count);
  Product p = product;
  p.activation = LinearActivation::kSilu;
  const std::vector<float> result = p.run(rows);
  const auto expect_same = [&](int64_t begin, int64_t end) {
    Rows part = rows;
    part.x = {rows.x.begin() + begin * in, rows.x.begin() + end * in};
    ASSERT_EQ(p.run(part),
              std::vector<float>(result.begin() + begin * out, result.begin() + end * out))
        << "rows " << begin << " to " << end;
  };
  for (const int64_t row : {0, 7, 8, 23, 24, 63, 64, 143, 144, 149}) expect_same(row, row + 1);
  expect_same(0, 149);
  expect_same(3, 12);
  expect_same(70, 94);
}

TEST_P(LinearKernelTest, AColumnDoesNotDependOnTheOthers) {
  const Rows rows = some_rows(25);
  const std::vector<float> result = product.run(rows);
  for (const int64_t column : {int64_t{0}, out / 2, out - 1}) {
    Product single{level, in, 1};
    single.weight = {product.weight.begin() + column * in,
                     product.weight.begin() + (column + 1) * in};
    single.bias = {product.bias[column]};
    const std::vector<float> alone = single.run(rows);
    for (int64_t row = 0; row < 25; ++row) {
      ASSERT_EQ(alone[row], result[row * out + column]) << "row " << row << ", column " << column;
    }
  }
}

// Blocks of other widths leave other columns to the code for single ones.
TEST_P(LinearKernelTest, HowItemsAreSplitDoesNotMatter) {
  const Rows rows = some_rows(140);
  for (const bool gated : {false, true}) {
    if (gated && out % 2 != 0) continue;
    Product whole = product;
    whole.gated = gated;
    if (!gated) whole.activation = LinearActivation::kSilu;
    whole.residual = random_values(140 * whole.columns(), 4);
    whole.scale = 0.3f;
    const std::vector<float> result = whole.run(rows);
    for (const int64_t threads : {1, 2, 16, 1000}) {
      for (const int64_t step : {1, 5, 43}) {
        Product p = whole;
        p.threads = threads;
        p.step = step;
        EXPECT_EQ(p.run(rows), result) << threads << " threads, " << step << " items per call";
      }
    }
  }
}

TEST_P(LinearKernelTest, TheResultMayTakeThePlaceOfTheResidual) {
  const Rows rows = some_rows(50);
  Product p = product;
  p.residual = random_values(50 * out, 4);
  p.scale = 0.5f;
  const std::vector<float> panels = rows.packed(level, 1000);
  std::vector<float> result = p.residual;
  LinearParams params = p.params(50, panels);
  params.residual = result.data();
  params.out = result.data();
  p.run_items(params);
  EXPECT_EQ(result, p.run(rows));
}

TEST_P(LinearKernelTest, NanAndInfinityReachTheirRowsAndColumnsOnly) {
  const int64_t count = 19;
  const int64_t bad_row = 16;
  const int64_t bad_column = out - 1;
  for (const float bad : {kNan, kInfinity}) {
    Rows rows = some_rows(count);
    rows.x[bad_row * in + in / 2] = bad;
    Product p = product;
    p.weight[bad_column * in] = bad;
    const std::vector<float> result = p.run(rows);
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t column = 0; column < out; ++column) {
        EXPECT_EQ(std::isfinite(result[row * out + column]), row != bad_row && column != bad_column)
            << "row " << row << ", column " << column;
      }
    }
  }
}

TEST_P(LinearKernelTest, ReadsRowsThatAreApartAndNothingBetweenThem) {
  const Rows rows = normed_rows(21);
  Rows apart = rows;
  apart.stride = in + 3;
  apart.x.assign(21 * apart.stride, kNan);
  for (int64_t row = 0; row < 21; ++row) {
    std::copy_n(rows.x.begin() + row * in, in, apart.x.begin() + row * apart.stride);
  }
  EXPECT_EQ(product.run(apart), product.run(rows));
}

TEST_P(LinearKernelTest, TransformedRowsAreWhatAProductTakes) {
  for (const LinearActivation activation :
       {LinearActivation::kNone, LinearActivation::kRelu, LinearActivation::kSilu}) {
    Rows rows = normed_rows(29);
    rows.activation = activation;
    rows.valid.assign(29, 1);
    rows.valid[3] = 0;
    std::vector<float> result(29 * (in + 2), kNan);
    for (int64_t row = 0; row < 29; row += 4) {
      transform(level, rows.params(), row, std::min<int64_t>(row + 4, 29), result.data(), in + 2);
    }
    Rows plain{in, result};
    plain.stride = in + 2;
    EXPECT_EQ(product.run(plain), product.run(rows));
    const std::vector<double> expected = rows.expected();
    for (int64_t i = 0; i < 29 * in; ++i) {
      ASSERT_NEAR(result[i / in * (in + 2) + i % in], expected[i],
                  1e-6 * (1.0 + std::abs(expected[i])) * std::sqrt(static_cast<double>(in)))
          << "row " << i / in << ", column " << i % in;
    }
  }
}

// exp, sigmoid and silu where they are hard.
TEST_P(LinearKernelTest, SiluIsExactFarFromZero) {
  Product p{level, 1, 1};
  p.weight = {1.0f};
  p.bias.clear();
  p.activation = LinearActivation::kSilu;
  const std::vector<float> x{0.0f, -0.0f, 1e-30f, 5.0f, -5.0f, 87.0f, -87.0f, 1e4f, -1e4f};
  const std::vector<float> result = p.run(x);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(result[i], reference::silu(x[i]), 4e-7 * std::abs(reference::silu(x[i])) + 1e-34)
        << x[i];
  }
  EXPECT_TRUE(std::isnan(p.run(std::vector<float>{kNan})[0]));
  EXPECT_EQ(p.run(std::vector<float>{kInfinity})[0], kInfinity);
}

const auto kLevels = ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2, SimdLevel::kAvx512,
                                       SimdLevel::kAvx512Vnni);

std::string name_of(const ::testing::TestParamInfo<std::tuple<SimdLevel, int64_t, int64_t>>& test) {
  return std::string(simd_name(std::get<0>(test.param))) + "In" +
         std::to_string(std::get<1>(test.param)) + "Out" + std::to_string(std::get<2>(test.param));
}

INSTANTIATE_TEST_SUITE_P(
    Small, LinearKernelTest,
    ::testing::Combine(kLevels, ::testing::Values(1, 7, 8, 15, 16, 17, 40, 144, 193, 257),
                       ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 33, 47,
                                         48, 50, 65, 98)),
    name_of);

INSTANTIATE_TEST_SUITE_P(Large, LinearKernelTest,
                         ::testing::Combine(kLevels, ::testing::Values(1000, 4096),
                                            ::testing::Values(130)),
                         name_of);

}  // namespace
}  // namespace w2vbert::cpu
