#include "w2vbert/torch/tape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "w2vbert/ops/causal_depthwise_conv1d.h"
#include "w2vbert/ops/linear.h"
#include "w2vbert/ops/relative_position_attention.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autocast.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert {
namespace {

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(random);
  return tensor;
}

void expect_close(const Tensor& actual, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(actual.defined(), expected.defined()) << what;
  if (!expected.defined()) return;
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  const Tensor a = aten::contiguous(aten::detach(actual));
  const Tensor b = aten::contiguous(aten::detach(expected));
  float largest = 1e-3f;
  for (int64_t i = 0; i < b.numel(); ++i) largest = std::max(largest, std::abs(b.data<float>()[i]));
  for (int64_t i = 0; i < a.numel(); ++i) {
    ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], 2e-5f * largest) << what << ", " << i;
  }
}

// The gradients of `function` at leaves of the given values, with a tape and by LibTorch alone.
void expect_same_gradients(const std::vector<Tensor>& values, const TensorFunction& function) {
  const GradMode mode(true);
  std::vector<std::vector<Tensor>> gradients;
  std::vector<Tensor> results;
  for (const bool recorded : {false, true}) {
    std::vector<Tensor> leaves;
    for (const Tensor& value : values) {
      leaves.push_back(aten::clone(value));
      leaves.back().set_requires_grad(true);
    }
    if (recorded) {
      Tape tape;
      results.push_back(function(leaves));
      tape.backward(results.back(), random_tensor(results.back().shape(), 77));
    } else {
      results.push_back(function(leaves));
      aten::backward(results.back(), random_tensor(results.back().shape(), 77));
    }
    gradients.emplace_back();
    for (const Tensor& leaf : leaves) gradients.back().push_back(gradient(leaf));
  }
  expect_close(results[1], results[0], "result");
  for (size_t i = 0; i < values.size(); ++i) {
    expect_close(gradients[1][i], gradients[0][i], "gradient " + std::to_string(i));
  }
}

// Result and gradients of `function` with products in `type`, or in float32.
std::vector<Tensor> run_under(std::optional<DType> type, const std::vector<Tensor>& values,
                              const TensorFunction& function) {
  const GradMode mode(true);
  const Autocast autocast(type);
  std::vector<Tensor> leaves;
  for (const Tensor& value : values) {
    leaves.push_back(aten::clone(value));
    leaves.back().set_requires_grad(true);
  }
  Tape tape;
  std::vector<Tensor> all{aten::to(function(leaves), DType::kFloat32)};
  tape.backward(all[0], random_tensor(all[0].shape(), 77));
  for (const Tensor& leaf : leaves) all.push_back(gradient(leaf));
  return all;
}

double relative_difference(const Tensor& a, const Tensor& b) {
  const Tensor x = aten::contiguous(aten::detach(a));
  const Tensor y = aten::contiguous(aten::detach(b));
  double errors = 0;
  double squares = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto one = static_cast<double>(x.data<float>()[i]);
    const auto other = static_cast<double>(y.data<float>()[i]);
    errors += (one - other) * (one - other);
    squares += other * other;
  }
  return std::sqrt(errors / squares);
}

// Under Autocast result and gradients are off by roundings, which norms after products of this size
// make larger, and not by less.
void expect_rounded_gradients(const std::vector<Tensor>& values, const TensorFunction& function) {
  const std::vector<Tensor> exact = run_under(std::nullopt, values, function);
  for (const DType type : {DType::kBFloat16, DType::kFloat16}) {
    const double rounding = type == DType::kBFloat16 ? 0x1p-9 : 0x1p-12;
    const std::vector<Tensor> rounded = run_under(type, values, function);
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_TRUE(rounded[i].defined()) << i;
      EXPECT_EQ(rounded[i].dtype(), DType::kFloat32) << i;
      ASSERT_EQ(rounded[i].shape(), exact[i].shape()) << i;
      const double difference = relative_difference(rounded[i], exact[i]);
      EXPECT_LE(difference, 100 * rounding) << i << ", " << dtype_name(type);
      EXPECT_GE(difference, 0.1 * rounding) << i << ", " << dtype_name(type);
    }
  }
}

Tensor tripled(const Tensor& x) {
  return differentiate(
      {x}, [](const auto& in) { return aten::add(in[0], in[0], 2); },
      [](const auto& in) { return aten::mul(in[0], Tensor::scalar(3)); });
}

TEST(TapeTest, CutsMayBeReachedOnSeveralWays) {
  expect_same_gradients({random_tensor({4}, 1)}, [](const auto& in) {
    const Tensor x = aten::mul(in[0], in[0]);            // not a leaf
    const Tensor y = aten::add(tripled(x), tripled(x));  // cut twice
    const Tensor z = aten::add(aten::mul(y, x), in[0]);  // and used directly
    return aten::add(tripled(aten::mul(z, y)), aten::mul(x, z));
  });
}

TEST(TapeTest, AnInputWithoutGradientsIsLeftAlone) {
  const GradMode mode(true);
  Tape tape;
  const Tensor x = Tensor::of({2}, {1});
  EXPECT_FALSE(requires_grad(tripled(x)));
  EXPECT_EQ(tape.leaf(x).handle(), x.handle());
  EXPECT_FALSE(tape.leaf(Tensor()).defined());
}

TEST(TapeTest, TapesNestAndEndWithTheirScope) {
  const GradMode mode(true);
  EXPECT_EQ(Tape::recording(), nullptr);
  {
    Tape outer;
    EXPECT_EQ(Tape::recording(), &outer);
    {
      Tape inner;
      EXPECT_EQ(Tape::recording(), &inner);
    }
    const GradMode none(false);
    EXPECT_EQ(Tape::recording(), nullptr);
  }
  EXPECT_EQ(Tape::recording(), nullptr);
}

TEST(TapeTest, LinearLayersHaveLibTorchsGradients) {
  const Tensor valid = Tensor::empty({9}, DType::kBool);
  for (int64_t i = 0; i < 9; ++i) valid.data<bool>()[i] = i != 4;
  for (const bool pointwise : {false, true}) {
    const Shape up = pointwise ? Shape{10, 6, 1} : Shape{10, 6};
    expect_same_gradients({random_tensor({9, 6}, 1), random_tensor(up, 2), random_tensor({10}, 3),
                           random_tensor({6, 10}, 4), random_tensor({6}, 5), random_tensor({6}, 6)},
                          [&](const auto& in) {
                            const ops::NormParameters norm{in[4], in[5], 1e-5};
                            const Tensor x = aten::mul(in[0], in[0]);
                            Tensor y = ops::feed_forward({x, &norm, std::nullopt, valid},
                                                         {in[1], in[2]}, Activation::kSilu,
                                                         {in[3], Tensor()}, {std::nullopt, x, 0.5});
                            y = ops::normalize({y, &norm});
                            const ops::LinearParameters first{in[1], in[2]};
                            const ops::LinearParameters second{in[1], Tensor()};
                            const auto both = ops::linears({y, &norm}, {&first, &second});
                            const Tensor gated = ops::gated_linear({x}, first);
                            return aten::cat({both[1], aten::mul(both[0], both[1]), gated}, 1);
                          });
  }
}

TEST(TapeTest, LayersUnderAutocastRoundTheirProducts) {
  const Tensor valid = Tensor::empty({9}, DType::kBool);
  for (int64_t i = 0; i < 9; ++i) valid.data<bool>()[i] = i != 4;
  for (const Activation activation :
       {Activation::kGelu, Activation::kGeluTanh, Activation::kQuickGelu, Activation::kRelu,
        Activation::kSelu, Activation::kSilu, Activation::kMish, Activation::kTanh,
        Activation::kSigmoid}) {
    SCOPED_TRACE(static_cast<int>(activation));
    expect_rounded_gradients(
        {random_tensor({9, 6}, 1), random_tensor({10, 6, 1}, 2), random_tensor({10}, 3),
         random_tensor({6, 10}, 4), random_tensor({6}, 5), random_tensor({6}, 6)},
        [&](const auto& in) {
          const ops::NormParameters norm{in[4], in[5], 1e-5};
          const ops::LinearParameters up{in[1], in[2]};
          const ops::LinearParameters down{in[3], Tensor()};
          const Tensor y = ops::feed_forward({in[0], &norm, std::nullopt, valid}, up, activation,
                                             down, {std::nullopt, in[0], 0.5});
          EXPECT_EQ(y.dtype(), DType::kFloat32);  // a sum with a residual
          const Tensor z = ops::linear({ops::gated_linear({y}, up)},
                                       {random_tensor({6, 5}, 8), Tensor()}, {activation});
          EXPECT_EQ(z.dtype(), Autocast::dtype().value_or(DType::kFloat32));
          const Tensor last = ops::linears({z, &norm}, {&up, &up})[1];
          return aten::cat({ops::normalize({z, &norm}), aten::to(last, DType::kFloat32)}, 1);
        });
  }
}

TEST(TapeTest, LayersUnderAutocastAreTheSameWithoutGradients) {
  const std::vector<Tensor> in{random_tensor({9, 6}, 1), random_tensor({10, 6}, 2),
                               random_tensor({10}, 3), random_tensor({6, 10}, 4),
                               random_tensor({6}, 5)};
  const ops::NormParameters norm{in[4], in[4], 1e-5};
  const auto function = [&](const std::vector<Tensor>& x) {
    return ops::normalize({ops::feed_forward({x[0], &norm}, {in[1], in[2]}, Activation::kSilu,
                                             {in[3], Tensor()}, {std::nullopt, x[0], 0.5}),
                           &norm});
  };
  for (const DType type : {DType::kBFloat16, DType::kFloat16}) {
    const Tensor recorded = run_under(type, {in[0]}, function)[0];
    const GradMode mode(false);
    const Autocast autocast(type);
    expect_close(function(in), recorded, dtype_name(type));
  }
}

TEST(TapeTest, AutocastNestsAndEndsWithItsScope) {
  EXPECT_EQ(Autocast::dtype(), std::nullopt);
  {
    const Autocast outer(DType::kFloat16);
    {
      const Autocast inner(std::nullopt);
      EXPECT_EQ(Autocast::dtype(), std::nullopt);
    }
    EXPECT_EQ(Autocast::dtype(), DType::kFloat16);
  }
  EXPECT_EQ(Autocast::dtype(), std::nullopt);
}

TEST(TapeTest, TheConvolutionHasLibTorchsGradients) {
  const Tensor offsets = Tensor::of(std::vector<int64_t>{0, 11, 11, 20});
  expect_same_gradients(
      {random_tensor({20, 5}, 1), random_tensor({5, 1, 7}, 2)},
      [&](const auto& in) { return ops::causal_depthwise_conv1d(in[0], in[1], offsets); });
}

// Calls body(values, function) for every kind of positions, with and without a mask and dropout.
template <typename Body>
void for_attentions(const Body& body) {
  const int64_t heads = 2;
  const std::vector<int64_t> bounds{0, 13, 13, 18, 40};
  const Tensor offsets = Tensor::of(bounds);
  const int64_t squares = 13 * 13 + 5 * 5 + 22 * 22;
  for (const int masked : {0, 1, 2}) {  // 2: an utterance without any valid key
    Tensor mask;
    if (masked > 0) {
      mask = Tensor::empty({40}, DType::kBool);
      for (int64_t i = 0; i < 40; ++i) {
        mask.data<bool>()[i] = i % 7 != 3 && !(masked == 2 && i >= 13 && i < 18) && i < 36;
      }
    }
    for (const bool dropping : {false, true}) {
      const Tensor factors = dropping ? random_tensor({heads * squares}, 9) : Tensor();
      for (const int kind : {0, 1, 2}) {
        std::vector<Tensor> values{random_tensor({40, 8}, 1), random_tensor({40, 8}, 2),
                                   random_tensor({40, 8}, 3)};
        if (kind == 1) values.push_back(random_tensor({8, 4}, 4));
        if (kind == 2) {
          values.push_back(random_tensor({43, 8}, 5));
          values.push_back(random_tensor({2, 4}, 6));
          values.push_back(random_tensor({2, 4}, 7));
        }
        body(values, [&](const std::vector<Tensor>& in) {
          ops::RelativePositions positions;
          if (kind == 1) {
            positions.distance_embedding = in[3];
            positions.left = 5;
          } else if (kind == 2) {
            positions.position_projection = in[3];
            positions.bias_u = in[4];
            positions.bias_v = in[5];
          }
          return ops::relative_position_attention(in[0], in[1], in[2], offsets, heads, mask,
                                                  positions, false, factors)
              .output;
        });
      }
    }
  }
}

TEST(TapeTest, AttentionHasLibTorchsGradients) {
  for_attentions([](const std::vector<Tensor>& values, const TensorFunction& function) {
    expect_same_gradients(values, function);
  });
}

TEST(TapeTest, AttentionUnderAutocastRoundsItsProducts) {
  for_attentions([](const std::vector<Tensor>& values, const TensorFunction& function) {
    // Queries, keys and values as projections give them.
    const auto rounded = [&](const std::vector<Tensor>& in) {
      std::vector<Tensor> given = in;
      for (size_t i = 0; i < 3; ++i) {
        given[i] = aten::to(in[i], Autocast::dtype().value_or(DType::kFloat32));
      }
      return function(given);
    };
    expect_rounded_gradients(values, rounded);
  });
}

}  // namespace
}  // namespace w2vbert
