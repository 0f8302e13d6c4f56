// Products of float8 on a CUDA device.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/cuda_test.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert::testing {
namespace {

Tensor random_numbers(const Shape& shape, uint64_t seed, DType dtype = DType::kFloat32) {
  return aten::to(RandomParameters(seed).get("numbers", shape, Init::normal(1)), dtype);
}

std::vector<double> doubles(const Tensor& tensor) {
  const Tensor floats = aten::to(tensor.to({}), DType::kFloat32);
  return {floats.data<float>(), floats.data<float>() + floats.numel()};
}

// What float8 rows stand for.
std::vector<double> dequantized(const Tensor& values, const Tensor& scales) {
  std::vector<double> numbers = doubles(values);
  const std::vector<double> factors = doubles(scales);
  const size_t columns = factors.empty() ? 1 : numbers.size() / factors.size();
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] *= factors[i / columns];
  return numbers;
}

// Of float8 on the device, from float32 values.
ops::LinearParameters float8_layer(const Shape& shape, uint64_t seed, bool with_bias) {
  const Tensor weight = random_numbers(shape, seed).to(kDevice);
  const auto rounded =
      ops::cuda_operators::quantize_rows(aten::reshape(weight, {shape[0], shape[1]}));
  return {aten::reshape(rounded.values, shape),
          with_bias ? random_numbers({shape[0]}, seed + 1, DType::kBFloat16).to(kDevice) : Tensor(),
          aten::reshape(rounded.scales, {shape[0]})};
}

struct Product {
  std::vector<double> values;
  std::vector<double> bounds;  // how far a computed one may be off
};

// x @ weight^T + bias of the rounded numbers.
Product expected_product(const Tensor& x, const ops::LinearParameters& layer) {
  const int64_t in = x.size(-1);
  const int64_t out = layer.weight.size(0);
  const auto rounded = ops::cuda_operators::quantize_rows(aten::reshape(x, {-1, in}));
  const std::vector<double> rows = dequantized(rounded.values, rounded.scales);
  const std::vector<double> weight = dequantized(layer.weight, layer.scales);
  const std::vector<double> bias =
      layer.bias.defined() ? doubles(layer.bias) : std::vector<double>(static_cast<size_t>(out));
  Product product;
  for (size_t row = 0; row < rows.size() / static_cast<size_t>(in); ++row) {
    for (size_t column = 0; column < static_cast<size_t>(out); ++column) {
      double sum = 0;
      double size = 0;
      for (size_t i = 0; i < static_cast<size_t>(in); ++i) {
        const double term =
            rows[row * static_cast<size_t>(in) + i] * weight[column * static_cast<size_t>(in) + i];
        sum += term;
        size += std::abs(term);
      }
      sum += bias[column];
      product.values.push_back(sum);
      // Half a unit of bfloat16; tensor cores keep 13 bits of partial sums at least.
      product.bounds.push_back(std::ldexp(std::abs(sum), -8) + std::ldexp(size, -13));
    }
  }
  return product;
}

void expect_product(const Product& expected, const Tensor& actual) {
  EXPECT_EQ(DType::kBFloat16, actual.dtype());
  const std::vector<double> found = doubles(actual);
  ASSERT_EQ(expected.values.size(), found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(expected.values[i], found[i], expected.bounds[i]) << "element " << i;
  }
}

TEST_F(CudaFloat8Test, LinearIsTheProductOfTheRoundedNumbers) {
  const GradMode mode(false);
  for (const Shape& shape : {Shape{1, 64}, {17, 64}, {300, 16}, {2, 3, 1040}, {5, 4096}}) {
    for (const int64_t out : {16, 48, 1024}) {
      for (const bool with_bias : {false, true}) {
        SCOPED_TRACE(shape_string(shape) + " to " + std::to_string(out));
        const Tensor x = random_numbers(shape, 3, DType::kBFloat16).to(kDevice);
        const auto layer = float8_layer({out, shape.back()}, 5, with_bias);
        const Tensor y = ops::linear({x}, layer);
        Shape expected = shape;
        expected.back() = out;
        EXPECT_EQ(expected, y.shape());
        expect_product(expected_product(x, layer), y);
      }
    }
  }
}

TEST_F(CudaFloat8Test, LinearTakesNoRowsViewsAndPointwiseWeights) {
  const GradMode mode(false);
  const auto pointwise = float8_layer({32, 64, 1}, 5, true);
  const Tensor none = Tensor::empty({0, 64}, DType::kBFloat16, kDevice);
  EXPECT_EQ((Shape{0, 32}), ops::linear({none}, pointwise).shape());
  const Tensor wide = random_numbers({9, 100}, 3, DType::kBFloat16).to(kDevice);
  const Tensor view = aten::narrow(wide, 1, 7, 64);
  expect_product(expected_product(aten::contiguous(view), pointwise),
                 ops::linear({view}, pointwise));
}

TEST_F(CudaFloat8Test, StackedLayersAreTheSameSideBySide) {
  const GradMode mode(false);
  const Tensor x = random_numbers({20, 64}, 3, DType::kBFloat16).to(kDevice);
  const auto first = float8_layer({32, 64}, 5, true);
  const auto second = float8_layer({48, 64}, 7, true);
  const std::vector<double> left = doubles(ops::linear({x}, first));
  const std::vector<double> right = doubles(ops::linear({x}, second));
  const auto both = ops::stack({&first, &second});
  const std::vector<double> all = doubles(ops::linear({x}, both));
  EXPECT_EQ(left, doubles(ops::linear({x}, first)));  // from where they lie now
  for (size_t row = 0; row < 20; ++row) {
    for (size_t column = 0; column < 80; ++column) {
      const double expected = column < 32 ? left[row * 32 + column] : right[row * 48 + column - 32];
      ASSERT_NEAR(expected, all[row * 80 + column], 0.01 * std::abs(expected) + 0.01)
          << row << " " << column;
    }
  }
}

TEST_F(CudaFloat8Test, WhatSurroundsAProductIsThatOfBFloat16) {
  const GradMode mode(false);
  const Tensor x = random_numbers({20, 64}, 3, DType::kBFloat16).to(kDevice);
  const Tensor residual = random_numbers({20, 32}, 4, DType::kBFloat16).to(kDevice);
  const auto layer = float8_layer({32, 64}, 5, true);
  const std::vector<double> product = doubles(ops::linear({x}, layer));
  const std::vector<double> finished =
      doubles(ops::linear({x}, layer, {Activation::kRelu, residual, 0.5}));
  const std::vector<double> gated = doubles(ops::gated_linear({x}, layer));
  const std::vector<double> before = doubles(residual);
  for (size_t i = 0; i < finished.size(); ++i) {
    const double expected = before[i] + 0.5 * std::max(0.0, product[i]);
    ASSERT_NEAR(expected, finished[i], 0.02 * (std::abs(before[i]) + std::abs(product[i]) + 1));
  }
  for (size_t i = 0; i < gated.size(); ++i) {
    const size_t left = i / 16 * 32 + i % 16;
    const double expected = product[left] / (1 + std::exp(-product[left + 16]));
    ASSERT_NEAR(expected, gated[i], 0.02 * (std::abs(product[left]) + 1));
  }
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST_F(CudaFloat8Test, LinearRefusesWhatHasNoProduct) {
  const GradMode mode(false);
  const auto layer = float8_layer({32, 64}, 5, false);
  const Tensor x = random_numbers({3, 64}, 3, DType::kBFloat16).to(kDevice);
  for (const DType dtype : {DType::kFloat32, DType::kFloat16}) {
    EXPECT_EQ("linear: weight is float8 [32, 64] on cuda:0; expected " + dtype_name(dtype) +
                  " [out, 64] or [out, 64, 1]",
              refusal([&] { ops::linear({aten::to(x, dtype)}, layer); }));
  }
  EXPECT_EQ(
      "linear: weight is float8 [32, 64]; expected float32 [out, 64] or [out, 64, 1]", refusal([&] {
        ops::linear({random_numbers({3, 64}, 3)}, {layer.weight.to({}), Tensor(), layer.scales});
      }));
  const auto narrow = float8_layer({24, 64}, 5, false);
  EXPECT_EQ(
      "linear: weight is float8 [24, 64] on cuda:0; expected bfloat16 [out, 64] or [out, 64, 1]",
      refusal([&] { ops::linear({x}, narrow); }));
  EXPECT_EQ("linear: scales is undefined; expected float32 [32]", refusal([&] {
              ops::linear({x}, {layer.weight, Tensor()});
            }));
  EXPECT_EQ("linear: scales is float32 [24] on cuda:0; expected float32 [32]", refusal([&] {
              ops::linear({x}, {layer.weight, Tensor(), narrow.scales});
            }));
}

}  // namespace
}  // namespace w2vbert::testing
