#include "w2vbert/torch/aten.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "autograd.h"

namespace w2vbert {
namespace {

std::vector<float> values(const Tensor& tensor) {
  const Tensor x = aten::contiguous(tensor);
  return std::vector<float>(x.data<float>(), x.data<float>() + x.numel());
}

TEST(AtenTest, LinearWithAndWithoutBias) {
  const Tensor x = Tensor::of({1, 2, 3, 4}, {2, 2});
  const Tensor weight = Tensor::of({1, 0, 0, 1, 1, 1}, {3, 2});
  EXPECT_EQ(values(aten::linear(x, weight, Tensor())), (std::vector<float>{1, 2, 3, 3, 4, 7}));
  const Tensor bias = Tensor::of({10, 20, 30}, {3});
  EXPECT_EQ(values(aten::linear(x, weight, bias)), (std::vector<float>{11, 22, 33, 13, 24, 37}));
}

TEST(AtenTest, AddScalesItsSecondArgument) {
  const Tensor a = Tensor::of({1, 2}, {2});
  const Tensor b = Tensor::of({10, 20}, {2});
  EXPECT_EQ(values(aten::add(a, b)), (std::vector<float>{11, 22}));
  EXPECT_EQ(values(aten::add(a, b, 0.5)), (std::vector<float>{6, 12}));
}

TEST(AtenTest, ViewsAndSelections) {
  const Tensor x = Tensor::of({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(values(aten::transpose(x, 0, 1)), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(values(aten::narrow(x, 1, 1, 2)), (std::vector<float>{2, 3, 5, 6}));
  EXPECT_EQ(values(aten::index_select(x, 0, Tensor::of(std::vector<int64_t>{1, 1}))),
            (std::vector<float>{4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(values(aten::cat({x, x}, 0)).size(), 12u);
  EXPECT_EQ(aten::reshape(x, {3, -1}).shape(), (Shape{3, 2}));
  EXPECT_EQ(values(aten::pad_last(x, 1, 0)), (std::vector<float>{0, 1, 2, 3, 0, 4, 5, 6}));
}

TEST(AtenTest, ElementwiseAndReductions) {
  const Tensor x = Tensor::of({-1, 2}, {1, 2});
  EXPECT_EQ(values(aten::unary("aten::relu", x)), (std::vector<float>{0, 2}));
  EXPECT_NEAR(values(aten::gelu(x, "none"))[0], -0.5 * std::erfc(1 / std::sqrt(2.0)), 1e-6);
  EXPECT_NEAR(values(aten::gelu(x, "tanh"))[0], -0.158808, 1e-5);
  EXPECT_NEAR(values(aten::softmax(x, 1))[1], 1 / (1 + std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(values(aten::log_softmax(x, 1))[0], -3 - std::log1p(std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(values(aten::glu(x, 1))[0], -1 / (1 + std::exp(-2.0)), 1e-6);
  const Tensor mask = aten::to(Tensor::of({0, 1}, {1, 2}), DType::kBool);
  EXPECT_EQ(values(aten::masked_fill(x, mask, Tensor::scalar(7))), (std::vector<float>{-1, 7}));
  EXPECT_EQ(values(aten::where(mask, x, aten::mul(x, x))), (std::vector<float>{1, 2}));
  EXPECT_EQ(aten::to(x, DType::kFloat64).dtype(), DType::kFloat64);
  EXPECT_EQ(aten::mul(x, Tensor::scalar(2)).dtype(), DType::kFloat32);
}

TEST(AtenTest, GradientsFlowThroughTheCalls) {
  const GradMode grad(true);
  const Tensor x = Tensor::of({1, 2, 3}, {3});
  x.set_requires_grad(true);
  EXPECT_EQ(values(testing::gradients(aten::mul(x, x), {x})[0]), (std::vector<float>{2, 4, 6}));
}

TEST(AtenTest, AFailingCallNamesOperatorAndArguments) {
  const Tensor a = Tensor::zeros({3, 4}, DType::kFloat32);
  const Tensor b = Tensor::zeros({5, 6}, DType::kFloat32);
  try {
    aten::matmul(a, b);
    FAIL() << "shapes do not fit";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "aten::matmul failed for (float32 [3, 4], float32 [5, 6])");
  }
}

}  // namespace
}  // namespace w2vbert
