#include "w2vbert/ops/fbank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "audio/noise.h"
#include "autograd.h"
#include "reference/fbank.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert::ops {
namespace {

using w2vbert::testing::noise;

constexpr double kTolerance = 1e-5;  // as in fbank_kernel_test.cpp

Tensor as_tensor(const std::vector<float>& samples) {
  return Tensor::of(samples, {static_cast<int64_t>(samples.size())});
}

Tensor run(const Tensor& samples, const std::vector<int64_t>& offsets, bool with_gradients) {
  const GradMode mode(with_gradients);
  return fbank(samples, Tensor::of(offsets), 80, 16000);
}

// Whether gradients are enabled: the composite, else the kernel.
class FbankTest : public ::testing::TestWithParam<bool> {};

TEST_P(FbankTest, MatchesReferenceClipByClip) {
  const std::vector<int64_t> offsets = {0, 0, 399, 799, 1358, 1918, 1918, 5000, 25000, 25001};
  const auto samples = noise(offsets.back(), 0.1f);
  const Tensor actual = run(as_tensor(samples), offsets, GetParam());
  std::vector<double> expected;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const auto clip = reference::fbank(
        {samples.begin() + offsets[i], samples.begin() + offsets[i + 1]}, 80, 16000);
    expected.insert(expected.end(), clip.begin(), clip.end());
  }
  ASSERT_EQ(actual.shape(), (Shape{static_cast<int64_t>(expected.size()) / 80, 80}));
  ASSERT_EQ(actual.dtype(), DType::kFloat32);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(actual.data<float>()[i], expected[i], kTolerance) << "element " << i;
  }
}

TEST_P(FbankTest, SilenceIsTheFloor) {
  const Tensor actual = run(Tensor::zeros({560}, DType::kFloat32), {0, 560}, GetParam());
  for (int64_t i = 0; i < actual.numel(); ++i) {
    EXPECT_EQ(actual.data<float>()[i], std::log(0x1p-23f));
  }
}

TEST_P(FbankTest, NoFrameGivesNoRow) {
  for (const std::vector<int64_t>& offsets :
       {std::vector<int64_t>{0}, {0, 0}, {0, 399}, {0, 100, 300}}) {
    const Tensor samples = Tensor::zeros({offsets.back()}, DType::kFloat32);
    EXPECT_EQ(run(samples, offsets, GetParam()).shape(), (Shape{0, 80}));
  }
}

TEST_P(FbankTest, TakesSamplesThatAreNotContiguous) {
  const auto samples = noise(2000, 0.1f);
  const Tensor every_other = aten::call(
      "aten::slice", "Tensor",
      {{as_tensor(samples)}, {int64_t{0}}, {aten::None{}}, {aten::None{}}, {int64_t{2}}});
  const Tensor actual = run(every_other, {0, 1000}, GetParam());
  const Tensor expected = run(aten::contiguous(every_other), {0, 1000}, GetParam());
  ASSERT_EQ(actual.shape(), (Shape{4, 80}));
  for (int64_t i = 0; i < actual.numel(); ++i) {
    ASSERT_EQ(actual.data<float>()[i], expected.data<float>()[i]);
  }
}

TEST_P(FbankTest, IsAnOperatorOfLibTorch) {
  const GradMode mode(GetParam());
  const auto samples = as_tensor(noise(1000, 0.1f));
  const Tensor offsets = Tensor::of(std::vector<int64_t>{0, 1000});
  const Tensor actual =
      aten::call("w2vbert::fbank", "", {{samples}, {offsets}, {int64_t{40}}, {int64_t{16000}}});
  const Tensor expected = fbank(samples, offsets, 40, 16000);
  ASSERT_EQ(actual.shape(), (Shape{4, 40}));
  for (int64_t i = 0; i < actual.numel(); ++i) {
    ASSERT_EQ(actual.data<float>()[i], expected.data<float>()[i]);
  }
}

TEST_P(FbankTest, RefusesArgumentsThatDoNotFit) {
  const GradMode mode(GetParam());
  const Tensor samples = Tensor::zeros({1000}, DType::kFloat32);
  const auto message = [&](const Tensor& x, const Tensor& offsets, int64_t bins = 80) {
    try {
      fbank(x, offsets, bins, 16000);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  const auto offsets = [](std::vector<int64_t> values) { return Tensor::of(values); };
  EXPECT_EQ(message(Tensor(), offsets({0, 1000})),
            "fbank: samples is undefined; expected float32 or float64 [total_samples] on the CPU");
  EXPECT_EQ(message(Tensor::zeros({1, 1000}, DType::kFloat32), offsets({0, 1000})),
            "fbank: samples is float32 [1, 1000]; expected float32 or float64 [total_samples] on "
            "the CPU");
  EXPECT_EQ(message(Tensor::zeros({1000}, DType::kInt16), offsets({0, 1000})),
            "fbank: samples is int16 [1000]; expected float32 or float64 [total_samples] on the "
            "CPU");
  EXPECT_EQ(message(samples, samples),
            "fbank: offsets is float32 [1000]; expected int64 [utterances + 1] on the CPU");
  EXPECT_EQ(message(samples, offsets({})),
            "fbank: offsets is int64 [0]; expected int64 [utterances + 1] on the CPU");
  EXPECT_EQ(message(samples, offsets({1, 1000})), "fbank: offsets[0] is 1; expected 0");
  EXPECT_EQ(message(samples, offsets({0, 600, 500, 1000})),
            "fbank: offsets[2] is 500; expected at least offsets[1] = 600");
  EXPECT_EQ(message(samples, offsets({0, 999})),
            "fbank: offsets[1] is 999; expected the number of samples, 1000");
  EXPECT_EQ(message(samples, offsets({0, 1000}), 0), "num_mel_bins is 0; expected 1 to 65536");
}

INSTANTIATE_TEST_SUITE_P(Ways, FbankTest, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "composite" : "kernel"; });

TEST(FbankGradientTest, MatchesFiniteDifferences) {
  const auto noisy = noise(1300, 0.1f);
  const Tensor samples = aten::to(as_tensor(noisy), DType::kFloat64);
  const std::vector<int64_t> offsets = {0, 720, 1300};
  const auto sum = [&] {
    const Tensor result = run(samples, offsets, false);
    double total = 0;
    for (int64_t i = 0; i < result.numel(); ++i) total += result.data<double>()[i];
    return total;
  };
  const GradMode mode(true);
  const Tensor leaf = aten::to(as_tensor(noisy), DType::kFloat64);
  leaf.set_requires_grad(true);
  const Tensor gradient = w2vbert::testing::gradients(run(leaf, offsets, true), {leaf})[0];
  ASSERT_EQ(gradient.shape(), samples.shape());
  double largest = 0;
  for (int64_t i = 0; i < gradient.numel(); ++i) {
    largest = std::max(largest, std::fabs(gradient.data<double>()[i]));
  }
  for (int64_t i = 0; i < samples.numel(); i += 13) {
    constexpr double kStep = 1e-6;
    double& sample = samples.data<double>()[i];
    const double before = sample;
    sample = before + kStep;
    const double above = sum();
    sample = before - kStep;
    const double below = sum();
    sample = before;
    EXPECT_NEAR(gradient.data<double>()[i], (above - below) / (2 * kStep), 1e-5 * largest)
        << "sample " << i;
  }
}

TEST(FbankGradientTest, ReachesFloat32Samples) {
  const GradMode mode(true);
  const auto noisy = noise(720, 0.1f);
  const Tensor narrow = as_tensor(noisy);
  const Tensor wide = aten::to(narrow, DType::kFloat64);
  narrow.set_requires_grad(true);
  wide.set_requires_grad(true);
  const Tensor actual = w2vbert::testing::gradients(run(narrow, {0, 720}, true), {narrow})[0];
  const Tensor expected = w2vbert::testing::gradients(run(wide, {0, 720}, true), {wide})[0];
  double largest = 0;
  for (int64_t i = 0; i < 720; ++i) {
    largest = std::max(largest, std::fabs(expected.data<double>()[i]));
  }
  EXPECT_GT(largest, 0);
  for (int64_t i = 0; i < 720; ++i) {
    EXPECT_NEAR(actual.data<float>()[i], expected.data<double>()[i], 1e-5 * largest);
  }
}

}  // namespace
}  // namespace w2vbert::ops
