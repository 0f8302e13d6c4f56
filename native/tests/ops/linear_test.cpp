#include "w2vbert/ops/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "autograd.h"
#include "reference/linear.h"
#include "w2vbert/modules/matrix.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert::ops {
namespace {

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(generator);
  return tensor;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return ops::linear({x}, {weight, bias});
}

std::vector<float> values(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const Tensor x = aten::contiguous(tensor);
  return std::vector<float>(x.data<float>(), x.data<float>() + x.numel());
}

void expect_matches_reference(const Tensor& out, const Tensor& x, const Tensor& weight,
                              const Tensor& bias) {
  const int64_t in = x.size(-1);
  const reference::Linear expected = reference::linear(values(x), values(weight), values(bias),
                                                       x.numel() / in, in, weight.size(0));
  Shape shape = x.shape();
  shape.back() = weight.size(0);
  ASSERT_EQ(out.shape(), shape);
  const std::vector<float> actual = values(out);
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected.out[i], expected.bound[i]) << "element " << i;
  }
}

// With the kernel and with aten::linear.
void expect_both_match_reference(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    expect_matches_reference(linear(x, weight, bias), x, weight, bias);
  }
}

TEST(LinearTest, MatchesReferenceForAnyAxesBeforeTheLast) {
  const Tensor weight = random_tensor({17, 40}, 1);
  const Tensor bias = random_tensor({17}, 2);
  for (const Shape& shape : {Shape{40}, {1, 40}, {70, 40}, {2, 35, 40}, {3, 1, 2, 40}}) {
    expect_both_match_reference(random_tensor(shape, 3), weight, bias);
    expect_both_match_reference(random_tensor(shape, 3), weight, Tensor());
  }
}

TEST(LinearTest, TakesPointwiseWeights) {
  expect_both_match_reference(random_tensor({9, 40}, 1), random_tensor({17, 40, 1}, 2), Tensor());
}

TEST(LinearTest, TakesViews) {
  const Tensor wide = random_tensor({30, 50}, 1);
  const Tensor weight = random_tensor({17, 40}, 2);
  const Tensor bias = random_tensor({17}, 3);
  expect_both_match_reference(aten::narrow(wide, 1, 3, 40), weight, bias);
  expect_both_match_reference(aten::transpose(random_tensor({40, 30}, 4), 0, 1), weight, bias);
  expect_both_match_reference(aten::narrow(random_tensor({2, 15, 50}, 5), 2, 3, 40), weight, bias);
  const Tensor x = random_tensor({9, 40}, 6);
  expect_both_match_reference(x, aten::transpose(random_tensor({40, 17}, 7), 0, 1), bias);
  const Tensor column = aten::reshape(aten::narrow(random_tensor({17, 2}, 8), 1, 0, 1), {17});
  expect_both_match_reference(x, weight, column);
}

TEST(LinearTest, TakesWeightsOfAnyAlignment) {
  const Tensor x = random_tensor({9, 40}, 1);
  const std::vector<float> weight = values(random_tensor({17, 40}, 2));
  for (size_t offset = 0; offset < 8; ++offset) {
    const auto memory = std::make_shared<std::vector<float>>(weight.size() + offset);
    std::memcpy(memory->data() + offset, weight.data(), weight.size() * sizeof(float));
    expect_both_match_reference(
        x, Tensor::from_blob(memory->data() + offset, {17, 40}, DType::kFloat32, memory), Tensor());
  }
}

TEST(LinearTest, NoRowsGiveNoRowsAndNoColumnsNone) {
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    EXPECT_EQ(linear(random_tensor({0, 8}, 1), random_tensor({3, 8}, 2), Tensor()).shape(),
              (Shape{0, 3}));
    EXPECT_EQ(linear(random_tensor({5, 8}, 1), random_tensor({0, 8}, 2), Tensor()).shape(),
              (Shape{5, 0}));
  }
}

TEST(LinearTest, NeitherThreadsNorOtherRowsChangeABit) {
  const GradMode off(false);
  const int before = thread_count();
  const Tensor x = random_tensor({133, 300}, 1);
  const Tensor weight = random_tensor({1030, 300}, 2);
  const Tensor bias = random_tensor({1030}, 3);
  set_thread_count(1);
  const std::vector<float> alone = values(linear(x, weight, bias));
  for (const int threads : {1, 2, 3, 7}) {
    set_thread_count(threads);
    EXPECT_EQ(values(linear(x, weight, bias)), alone) << threads << " threads";
    for (const int64_t row : {0, 79, 80, 132}) {
      EXPECT_EQ(values(linear(aten::narrow(x, 0, row, 1), weight, bias)),
                std::vector<float>(alone.begin() + row * 1030, alone.begin() + (row + 1) * 1030))
          << threads << " threads, row " << row;
    }
  }
  set_thread_count(before);
}

// A layer of random weights stored in `dtype`.
LinearParameters stored(const Shape& shape, DType dtype, uint32_t seed) {
  const Matrix matrix = store_matrix(random_tensor(shape, seed), dtype);
  return {matrix.values, random_tensor({shape[0]}, seed + 1), matrix.scales};
}

TEST(LinearTest, WeightsOfFewerBitsAreWhatTheyStandFor) {
  const GradMode off(false);
  const Tensor x = random_tensor({70, 40}, 1);
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kInt8, DType::kInt16}) {
    // For integers rows are rounded, too: to 13 bits where one of the weights has 16.
    constexpr float kRounded = 2e-2f;
    const float tolerance = dtype == DType::kInt8 || dtype == DType::kInt16 ? kRounded : 0.0f;
    const auto widened = [](const LinearParameters& layer) {
      return LinearParameters{to_float32({layer.weight, layer.scales}), layer.bias};
    };
    const auto expect_near = [&](const Tensor& actual, const Tensor& expected, float limit) {
      const std::vector<float> a = values(actual);
      const std::vector<float> b = values(expected);
      ASSERT_EQ(actual.shape(), expected.shape());
      for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], limit) << dtype_name(dtype);
    };
    const LinearParameters up = stored({64, 40}, dtype, 2);
    const LinearParameters other = stored({64, 40, 1}, dtype, 4);
    const LinearParameters down = stored({40, 64}, dtype, 6);
    const LinearParameters floats{random_tensor({64, 40}, 8), Tensor()};
    const LinearOutput output{std::nullopt, x, 0.5};
    expect_near(ops::linear({x}, up), ops::linear({x}, widened(up)), tolerance);
    expect_near(gated_linear({x}, other), gated_linear({x}, widened(other)), tolerance);
    const LinearParameters plain{random_tensor({40, 64}, 10), Tensor()};
    for (const Activation activation : {Activation::kSilu, Activation::kGelu}) {
      for (const LinearParameters& last : {down, plain}) {
        expect_near(feed_forward({x}, up, activation, last, output),
                    feed_forward({x}, widened(up), activation, widened(last), output), tolerance);
      }
    }
    for (const LinearParameters& second : {other, floats, stored({64, 40}, DType::kInt16, 9)}) {
      const std::vector<Tensor> both = linears({x}, {&up, &second});
      const float limit = second.scales.defined() ? kRounded : tolerance;
      expect_near(both[0], ops::linear({x}, widened(up)), limit);
      expect_near(both[1], ops::linear({x}, widened(second)), limit);
    }
  }
}

TEST(LinearTest, NeitherThreadsNorOtherRowsChangeABitOfWeightsOfFewerBits) {
  const GradMode off(false);
  const int before = thread_count();
  const Tensor x = random_tensor({133, 600}, 1);
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kInt8, DType::kInt16}) {
    const LinearParameters layer = stored({530, 600}, dtype, 2);
    set_thread_count(1);
    const std::vector<float> alone = values(ops::linear({x}, layer));
    for (const int threads : {2, 3, 7}) {
      set_thread_count(threads);
      EXPECT_EQ(values(ops::linear({x}, layer)), alone) << threads << " threads";
      EXPECT_EQ(values(ops::linear({aten::narrow(x, 0, 80, 1)}, layer)),
                std::vector<float>(alone.begin() + 80 * 530, alone.begin() + 81 * 530));
    }
  }
  set_thread_count(before);
}

TEST(LinearTest, WeightsOfFewerBitsAreRefusedWhereGradientsAreRecorded) {
  const Tensor x = Tensor::zeros({5, 4}, DType::kFloat32);
  LinearParameters layer = stored({3, 4}, DType::kInt8, 1);
  const auto refusal = [&](bool grad) {
    const GradMode mode(grad);
    try {
      ops::linear({x}, layer);
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string("not refused");
  };
  EXPECT_EQ(refusal(true),
            "linear: weight is int8 [3, 4]; expected float32 [out, 4] or [out, 4, 1] where "
            "gradients are recorded");
  layer.scales = Tensor::zeros({4}, DType::kFloat32);
  EXPECT_EQ(refusal(false), "linear: scales is float32 [4]; expected float32 [3] on the CPU");
  layer.scales = Tensor();
  EXPECT_EQ(refusal(false), "linear: scales is undefined; expected float32 [3] on the CPU");
}

TEST(LinearTest, TakesFloat64) {
  const Tensor x = random_tensor({5, 8}, 1);
  const Tensor weight = random_tensor({3, 8}, 2);
  const GradMode off(false);
  const Tensor out =
      linear(aten::to(x, DType::kFloat64), aten::to(weight, DType::kFloat64), Tensor());
  ASSERT_EQ(out.dtype(), DType::kFloat64);
  expect_matches_reference(aten::to(out, DType::kFloat32), x, weight, Tensor());
}

TEST(LinearTest, IsDifferentiable) {
  const GradMode on(true);
  const Tensor x = Tensor::of({1, 2, 3, 4}, {2, 2});
  const Tensor weight = Tensor::of({5, 6, 7, 8, 9, 10}, {3, 2, 1});
  const Tensor bias = Tensor::of({1, 1, 1}, {3});
  for (const Tensor& input : {x, weight, bias}) input.set_requires_grad(true);
  const std::vector<Tensor> gradients =
      testing::gradients(linear(x, weight, bias), {x, weight, bias});
  EXPECT_EQ(values(gradients[0]), (std::vector<float>{21, 24, 21, 24}));
  EXPECT_EQ(values(gradients[1]), (std::vector<float>{4, 6, 4, 6, 4, 6}));
  EXPECT_EQ(values(gradients[2]), (std::vector<float>{2, 2, 2}));
}

// Every operator of linear.h with all that it can be asked for.
std::vector<Tensor> everything(const Tensor& x, Activation activation) {
  const int64_t size = x.size(-1);
  const NormParameters norm{random_tensor({size}, 11), random_tensor({size}, 12), 1e-5};
  const LinearParameters square{random_tensor({size, size}, 13), random_tensor({size}, 14)};
  const LinearParameters twice{random_tensor({2 * size, size, 1}, 15), Tensor()};
  const LinearParameters back{random_tensor({size, 2 * size}, 16), random_tensor({size}, 17)};
  Tensor valid = Tensor::empty({x.size(0)}, DType::kBool);
  for (int64_t i = 0; i < x.size(0); ++i) valid.data<bool>()[i] = i % 5 != 3;
  const Tensor residual = random_tensor({x.size(0), size}, 18);
  std::vector<Tensor> all{
      normalize({x, &norm, activation, valid}),
      linear({x, &norm, activation, valid}, square, {activation, residual, 0.5}),
      linear({x, nullptr, activation}, square, {std::nullopt, residual}),
      linear({x, &norm}, square, {activation}),
      gated_linear({x, &norm, std::nullopt, valid}, twice),
      feed_forward({x, &norm}, twice, activation, back, {std::nullopt, residual, 0.5}),
      feed_forward({x, nullptr, std::nullopt, valid}, twice, activation, back,
                   {activation, residual, 2.0}),
      feed_forward({x}, twice, activation, back)};
  for (const Tensor& part : linears({x, &norm}, {&square, &square, &square})) all.push_back(part);
  return all;
}

TEST(LinearTest, KernelsAgreeWithWhatIsDifferentiated) {
  for (const Activation activation :
       {Activation::kRelu, Activation::kSilu, Activation::kGelu, Activation::kTanh}) {
    for (const int64_t rows : {0, 1, 50, 2500}) {
      const Tensor x = random_tensor({rows, 40}, 10);
      std::vector<Tensor> composed;
      std::vector<Tensor> fused;
      {
        const GradMode on(true);
        composed = everything(x, activation);
      }
      {
        const GradMode off(false);
        fused = everything(x, activation);
      }
      ASSERT_EQ(fused.size(), composed.size());
      for (size_t i = 0; i < fused.size(); ++i) {
        ASSERT_EQ(fused[i].shape(), composed[i].shape());
        const std::vector<float> actual = values(fused[i]);
        const std::vector<float> expected = values(composed[i]);
        float largest = 0.0f;
        for (const float value : expected) largest = std::max(largest, std::abs(value));
        for (size_t j = 0; j < actual.size(); ++j) {
          ASSERT_NEAR(actual[j], expected[j], 1e-5f * largest)
              << "result " << i << ", " << rows << " rows, element " << j;
        }
      }
    }
  }
}

TEST(LinearTest, ValidRowsAreThoseBeforeTheLastAxis) {
  const Tensor x = random_tensor({3, 2, 4}, 1);
  const LinearParameters layer{random_tensor({5, 4}, 2), Tensor()};
  const Tensor valid = Tensor::empty({6}, DType::kBool);
  for (int64_t row = 0; row < 6; ++row) valid.data<bool>()[row] = row != 1 && row != 4;
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    const std::vector<float> all = values(ops::linear({x}, layer));
    const std::vector<float> some = values(ops::linear({x, nullptr, std::nullopt, valid}, layer));
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(some[i], valid.data<bool>()[i / 5] ? all[i] : 0.0f) << "element " << i;
    }
  }
}

TEST(LinearTest, RefusesWhatSurroundsTheProduct) {
  const Tensor x = Tensor::zeros({5, 4}, DType::kFloat32);
  const LinearParameters layer{Tensor::zeros({3, 4}, DType::kFloat32), Tensor()};
  const NormParameters norm{Tensor::zeros({3}, DType::kFloat32),
                            Tensor::zeros({4}, DType::kFloat32), 1e-5};
  const auto message = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string("not refused");
  };
  for (const bool grad : {false, true}) {
    const GradMode mode(grad);
    EXPECT_EQ(message([&] {
                linear({x, &norm}, layer);
              }),
              "linear: norm.weight is float32 [3]; expected float32 [4]");
    EXPECT_EQ(message([&] {
                linear({x}, layer, {std::nullopt, x});
              }),
              "linear: residual is float32 [5, 4]; expected undefined or float32 [5, 3]");
    EXPECT_EQ(message([&] { gated_linear({x}, layer); }),
              "linear: weight is float32 [3, 4]; expected an even number of outputs");
    EXPECT_EQ(message([&] { feed_forward({x}, layer, Activation::kRelu, layer); }),
              "linear: weight is float32 [3, 4]; expected float32 [out, 3] or [out, 3, 1]");
    EXPECT_EQ(message([&] {
                linear({x, nullptr, std::nullopt, Tensor::zeros({4}, DType::kBool)}, layer);
              }),
              "linear: valid is bool [4]; expected bool [5] on the CPU");
    // It would be spread over all rows.
    EXPECT_EQ(message([&] {
                normalize({x, nullptr, std::nullopt, Tensor::zeros({1}, DType::kBool)});
              }),
              "linear: valid is bool [1]; expected bool [5] on the CPU");
  }
}

TEST(LinearTest, RefusalsNameArgumentValueAndExpectation) {
  const Tensor x = Tensor::zeros({5, 4}, DType::kFloat32);
  const Tensor weight = Tensor::zeros({3, 4}, DType::kFloat32);
  const auto expect_refusal = [](const Tensor& x_, const Tensor& weight_, const Tensor& bias,
                                 const std::string& message) {
    for (const bool grad : {false, true}) {
      const GradMode mode(grad);
      try {
        linear(x_, weight_, bias);
        ADD_FAILURE() << "not refused: " << message;
      } catch (const std::invalid_argument& e) {
        EXPECT_EQ(e.what(), "linear: " + message);
      }
    }
  };
  for (const Tensor& bad :
       {Tensor(), Tensor::zeros({}, DType::kFloat32), Tensor::zeros({5, 0}, DType::kFloat32)}) {
    expect_refusal(bad, weight, Tensor(),
                   "x is " + bad.describe() + "; expected [..., in] with in at least 1");
  }
  for (const Tensor& bad :
       {Tensor(), Tensor::zeros({4}, DType::kFloat32), Tensor::zeros({4, 3}, DType::kFloat32),
        Tensor::zeros({3, 4, 2}, DType::kFloat32), Tensor::zeros({3, 4}, DType::kFloat64)}) {
    expect_refusal(x, bad, Tensor(),
                   "weight is " + bad.describe() + "; expected float32 [out, 4] or [out, 4, 1]");
  }
  for (const Tensor& bad :
       {Tensor::zeros({4}, DType::kFloat32), Tensor::zeros({3, 1}, DType::kFloat32),
        Tensor::zeros({3}, DType::kFloat64)}) {
    expect_refusal(x, weight, bad,
                   "bias is " + bad.describe() + "; expected undefined or float32 [3]");
  }
}

}  // namespace
}  // namespace w2vbert::ops
