#include "w2vbert/ops/causal_depthwise_conv1d.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "autograd.h"
#include "reference/causal_depthwise_conv1d.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops {
namespace {

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  return Tensor::of(random_values(count, seed), shape);
}

Tensor offsets_of(const std::vector<int64_t>& offsets) { return Tensor::of(offsets); }

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  const Tensor x = aten::contiguous(tensor);
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}

void expect_matches_reference(const Tensor& out, const Tensor& x, const Tensor& weight,
                              const std::vector<int64_t>& offsets) {
  const reference::Conv expected = reference::causal_depthwise_conv1d(
      values<float>(x), values<float>(weight), offsets, x.size(1), weight.size(2));
  ASSERT_EQ(out.shape(), x.shape());
  const std::vector<float> actual = values<float>(out);
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected.out[i], expected.bound[i]) << "element " << i;
  }
}

// Rows of an array with more channels: not contiguous.
Tensor strided_rows(int64_t time, int64_t channels) {
  return aten::narrow(random_tensor({time, channels + 5}, 3), 1, 2, channels);
}

TEST(CausalDepthwiseConv1dTest, KernelAndCompositeMatchReference) {
  const std::vector<int64_t> offsets = {0, 0, 1, 30, 30, 61, 93, 193, 193};
  for (const int64_t channels : {1, 40, 200}) {
    for (const int64_t kernel : {1, 3, 31}) {
      const Tensor x = strided_rows(offsets.back(), channels);
      const Tensor weight = random_tensor({channels, 1, kernel}, 4);
      {
        const GradMode off(false);
        expect_matches_reference(causal_depthwise_conv1d(x, weight, offsets_of(offsets)), x, weight,
                                 offsets);
      }
      const GradMode on(true);
      expect_matches_reference(causal_depthwise_conv1d(x, weight, offsets_of(offsets)), x, weight,
                               offsets);
    }
  }
}

TEST(CausalDepthwiseConv1dTest, TakesStridedOffsetsAndWeights) {
  const Tensor x = random_tensor({9, 4}, 3);
  const Tensor weight = random_tensor({3, 1, 4}, 4);
  const Tensor pairs = aten::reshape(offsets_of({0, -1, 4, -1, 9, -1}), {3, 2});
  const Tensor column = aten::reshape(aten::narrow(pairs, 1, 0, 1), {3});
  ASSERT_EQ(column.stride(0), 2);
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    const Tensor taps = aten::transpose(weight, 0, 2);
    expect_matches_reference(causal_depthwise_conv1d(x, taps, column), x, taps, {0, 4, 9});
  }
}

TEST(CausalDepthwiseConv1dTest, NoRowsGiveNoRows) {
  const Tensor weight = random_tensor({8, 1, 3}, 4);
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    const Tensor x = Tensor::empty({0, 8}, DType::kFloat32);
    EXPECT_EQ(causal_depthwise_conv1d(x, weight, offsets_of({0})).shape(), (Shape{0, 8}));
    EXPECT_EQ(causal_depthwise_conv1d(x, weight, offsets_of({0, 0, 0})).shape(), (Shape{0, 8}));
  }
}

TEST(CausalDepthwiseConv1dTest, GradientsEqualFiniteDifferences) {
  const GradMode on(true);
  const Tensor offsets = offsets_of({0, 4, 4, 5, 11});
  const std::vector<Tensor> inputs = {aten::to(random_tensor({11, 3}, 5), DType::kFloat64),
                                      aten::to(random_tensor({3, 1, 5}, 6), DType::kFloat64)};
  const Tensor output_weights = aten::to(random_tensor({11, 3}, 7), DType::kFloat64);
  const auto loss = [&] {
    return aten::mul(causal_depthwise_conv1d(inputs[0], inputs[1], offsets), output_weights);
  };
  const auto loss_value = [&] {
    double sum = 0;
    for (const double value : values<double>(loss())) sum += value;
    return sum;
  };
  for (const Tensor& input : inputs) input.set_requires_grad(true);
  const std::vector<Tensor> gradients = testing::gradients(loss(), inputs);
  const GradMode off(false);
  for (size_t input = 0; input < inputs.size(); ++input) {
    const std::vector<double> gradient = values<double>(gradients[input]);
    double* data = inputs[input].data<double>();
    for (size_t i = 0; i < gradient.size(); ++i) {
      constexpr double kStep = 1e-3;  // the function is linear in each input: no truncation error
      const double before = data[i];
      data[i] = before + kStep;
      const double above = loss_value();
      data[i] = before - kStep;
      const double below = loss_value();
      data[i] = before;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-10)
          << "input " << input << ", element " << i;
    }
  }
}

TEST(CausalDepthwiseConv1dTest, TheRegisteredOperatorIsTheSame) {
  ASSERT_EQ(registration_failure(), "");
  const Tensor x = random_tensor({70, 40}, 8);
  const Tensor weight = random_tensor({40, 1, 31}, 9);
  const Tensor offsets = offsets_of({0, 33, 70});
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    const Tensor out =
        aten::call("w2vbert::causal_depthwise_conv1d", "", {{x}, {weight}, {offsets}});
    EXPECT_EQ(values<float>(out), values<float>(causal_depthwise_conv1d(x, weight, offsets)));
  }
}

TEST(CausalDepthwiseConv1dTest, TheRegisteredOperatorIsDifferentiable) {
  const GradMode on(true);
  const Tensor x = random_tensor({3, 2}, 8);
  const Tensor weight = Tensor::of({1, 2, 3, 4, 5, 6}, {2, 1, 3});
  x.set_requires_grad(true);
  const Tensor out =
      aten::call("w2vbert::causal_depthwise_conv1d", "", {{x}, {weight}, {offsets_of({0, 3})}});
  // A row feeds its own output through the last tap and later ones through the taps before it.
  EXPECT_EQ(values<float>(testing::gradients(out, {x})[0]),
            (std::vector<float>{6, 15, 5, 11, 3, 6}));
}

TEST(CausalDepthwiseConv1dTest, RefusalsNameArgumentValueAndExpectation) {
  const Tensor x = Tensor::zeros({5, 4}, DType::kFloat32);
  const Tensor weight = Tensor::zeros({4, 1, 3}, DType::kFloat32);
  const Tensor offsets = offsets_of({0, 5});
  const auto expect_refusal = [](const Tensor& x_, const Tensor& weight_, const Tensor& offsets_,
                                 const std::string& message) {
    for (const bool grad : {false, true}) {
      const GradMode mode(grad);
      try {
        causal_depthwise_conv1d(x_, weight_, offsets_);
        ADD_FAILURE() << "not refused: " << message;
      } catch (const std::invalid_argument& e) {
        EXPECT_EQ(e.what(), "causal_depthwise_conv1d: " + message);
      }
    }
  };
  const std::string x_expected = "; expected float32 or float64 [total_time, channels] on the CPU";
  for (const Tensor& bad :
       {Tensor(), Tensor::zeros({5}, DType::kFloat32), Tensor::zeros({5, 0}, DType::kFloat32),
        Tensor::zeros({5, 4}, DType::kFloat16), Tensor::zeros({5, 4}, DType::kInt64)}) {
    expect_refusal(bad, weight, offsets, "x is " + bad.describe() + x_expected);
  }
  const std::string weight_expected =
      "; expected float32 [4, 1, kernel] on the CPU with an odd kernel";
  for (const Tensor& bad :
       {Tensor(), Tensor::zeros({4, 3}, DType::kFloat32), Tensor::zeros({3, 1, 3}, DType::kFloat32),
        Tensor::zeros({4, 2, 3}, DType::kFloat32), Tensor::zeros({4, 1, 2}, DType::kFloat32),
        Tensor::zeros({4, 1, 0}, DType::kFloat32), Tensor::zeros({4, 1, 3}, DType::kFloat64)}) {
    expect_refusal(x, bad, offsets, "weight is " + bad.describe() + weight_expected);
  }
  for (const Tensor& bad :
       {Tensor(), Tensor::zeros({0}, DType::kInt64), Tensor::zeros({1, 2}, DType::kInt64),
        Tensor::zeros({2}, DType::kInt32)}) {
    expect_refusal(x, weight, bad,
                   "offsets is " + bad.describe() + "; expected int64 [utterances + 1] on the CPU");
  }
  expect_refusal(x, weight, offsets_of({1, 5}), "offsets[0] is 1; expected 0");
  expect_refusal(x, weight, offsets_of({0, 4, 3, 5}),
                 "offsets[2] is 3; expected at least offsets[1] = 4");
  expect_refusal(x, weight, offsets_of({0, 6}), "offsets[1] is 6; expected the number of rows, 5");
  expect_refusal(x, weight, offsets_of({0}), "offsets[0] is 0; expected the number of rows, 5");
}

}  // namespace
}  // namespace w2vbert::ops
