#include "w2vbert/torch/autograd.h"

#include <gtest/gtest.h>

#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

std::vector<float> values(const Tensor& tensor) {
  return std::vector<float>(tensor.data<float>(), tensor.data<float>() + tensor.numel());
}

TEST(AutogradTest, GradientsAddUpUntilTheyAreForgotten) {
  const GradMode grad(true);
  const Tensor x = Tensor::of({1, 2}, {2});
  EXPECT_FALSE(requires_grad(x));
  x.set_requires_grad(true);
  EXPECT_TRUE(requires_grad(x));
  EXPECT_FALSE(gradient(x).defined());
  for (const float passes : {1.0f, 2.0f}) {
    aten::backward(aten::mul(x, x), Tensor::of({1, 10}, {2}));
    EXPECT_EQ(values(gradient(x)), (std::vector<float>{2 * passes, 40 * passes}));
  }
  const Tensor kept = gradient(x);
  clear_gradient(x);
  EXPECT_FALSE(gradient(x).defined());
  EXPECT_EQ(values(kept), (std::vector<float>{4, 80}));
  clear_gradient(x);
  aten::backward(aten::mul(x, x), Tensor::of({1, 1}, {2}));
  EXPECT_EQ(values(gradient(x)), (std::vector<float>{2, 4}));
}

TEST(AutogradTest, ADetachedTensorSharesMemoryAndNothingElse) {
  const GradMode grad(true);
  const Tensor x = Tensor::of({3}, {1});
  x.set_requires_grad(true);
  const Tensor y = aten::mul(x, x);
  EXPECT_TRUE(requires_grad(y));
  const Tensor detached = aten::detach(y);
  EXPECT_FALSE(requires_grad(detached));
  EXPECT_EQ(detached.raw_data(), y.raw_data());
}

}  // namespace
}  // namespace w2vbert
