#include "reference/causal_depthwise_conv1d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "cuda/guarded_array.h"
#include "w2vbert/ops/cuda/causal_depthwise_conv1d.cuh"

namespace w2vbert::cuda {
namespace {

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Utterances of these times one after another, with empty ones at both ends and in between: around
// the kernel's width, its turns and its blocks.
std::vector<int64_t> ragged_offsets() {
  std::vector<int64_t> offsets = {0, 0};
  for (const int64_t time : {1, 2, 30, 0, 31, 32, 61, 62, 63, 0, 0, 123, 124, 125, 155, 300, 0}) {
    offsets.push_back(offsets.back() + time);
  }
  return offsets;
}

// Half of the last place of a T of this magnitude.
template <typename T>
double rounding(double magnitude) {
  const double places = sizeof(T) == 4 ? 0x1p-24 : std::is_same_v<T, Float16> ? 0x1p-11 : 0x1p-8;
  return places * magnitude + 0x1p-25;  // the last for subnormal halves
}

template <typename T>
std::vector<float> run(bool gated, const std::vector<float>& x, const std::vector<float>& weight,
                       const std::vector<int64_t>& offsets, int64_t channels, int64_t kernel) {
  GuardedArray<T> x_array(rounded<T>(x));
  GuardedArray<T> weight_array(rounded<T>(weight));
  GuardedArray<int64_t> offsets_array(offsets);
  GuardedArray<T> out(static_cast<size_t>(offsets.back() * channels));
  const CausalDepthwiseConv1dParams<T> params{x_array.data(),
                                              weight_array.data(),
                                              out.data(),
                                              offsets_array.data(),
                                              static_cast<int64_t>(offsets.size()) - 1,
                                              offsets.back(),
                                              channels,
                                              kernel};
  if (gated) {
    causal_depthwise_conv1d<true>(params, nullptr);
  } else {
    causal_depthwise_conv1d<false>(params, nullptr);
  }
  return widened(out.values());
}

template <typename T>
void expect_matches_reference(bool gated, int64_t channels, int64_t kernel) {
  const std::vector<int64_t> offsets = ragged_offsets();
  const auto rows = static_cast<size_t>(offsets.back());
  const auto width = static_cast<size_t>(channels);
  const std::vector<float> x = random_values(rows * width * (gated ? 2 : 1), 1);
  const std::vector<float> weight = random_values(width * static_cast<size_t>(kernel), 2);
  const std::vector<float> out = run<T>(gated, x, weight, offsets, channels, kernel);

  const std::vector<float> x_read = widened(rounded<T>(x));
  std::vector<float> input = x_read;
  if (gated) {
    input.resize(rows * width);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t c = 0; c < width; ++c) {
        const double gate = x_read[(row * 2 + 1) * width + c];
        input[row * width + c] =
            static_cast<float>(x_read[row * 2 * width + c] / (1 + std::exp(-gate)));
      }
    }
  }
  const reference::Conv expected = reference::causal_depthwise_conv1d(
      input, widened(rounded<T>(weight)), offsets, channels, kernel);
  for (size_t i = 0; i < out.size(); ++i) {
    // The gate brings some roundings more to every product.
    const double bound = (gated ? 1 + 4.0 / static_cast<double>(kernel) : 1) * expected.bound[i];
    ASSERT_NEAR(out[i], expected.out[i], bound + rounding<T>(std::abs(expected.out[i])))
        << "row " << i / width << ", channel " << i % width;
  }
}

class CudaCausalDepthwiseConv1dTest
    : public ::testing::TestWithParam<std::tuple<bool, int64_t, int64_t>> {};

TEST_P(CudaCausalDepthwiseConv1dTest, MatchesReference) {
  const auto [gated, channels, kernel] = GetParam();
  expect_matches_reference<float>(gated, channels, kernel);
  expect_matches_reference<Float16>(gated, channels, kernel);
  expect_matches_reference<BFloat16>(gated, channels, kernel);
}

std::vector<std::tuple<bool, int64_t, int64_t>> shapes() {
  std::vector<std::tuple<bool, int64_t, int64_t>> result;
  for (const bool gated : {false, true}) {
    for (const int64_t channels : {1, 127, 129}) result.emplace_back(gated, channels, 31);
    for (const int64_t kernel : {1, 2, 30, 45}) result.emplace_back(gated, 3, kernel);
    result.emplace_back(gated, 129, 9);
  }
  return result;
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaCausalDepthwiseConv1dTest, ::testing::ValuesIn(shapes()),
                         [](const auto& shape) {
                           return std::string(std::get<0>(shape.param) ? "Gated" : "Plain") +
                                  std::to_string(std::get<1>(shape.param)) + "Kernel" +
                                  std::to_string(std::get<2>(shape.param));
                         });

TEST(CudaCausalDepthwiseConv1dTest, UtterancesDoNotSeeTheBatch) {
  const std::vector<int64_t> offsets = ragged_offsets();
  const int64_t channels = 40;
  for (const int64_t kernel : {9, 31}) {
    const std::vector<float> x = random_values(static_cast<size_t>(offsets.back() * channels), 3);
    const std::vector<float> weight = random_values(static_cast<size_t>(channels * kernel), 4);
    const std::vector<float> all = run<float>(false, x, weight, offsets, channels, kernel);
    std::vector<float> one_by_one;
    for (size_t u = 0; u + 1 < offsets.size(); ++u) {
      const std::vector<float> own(x.begin() + offsets[u] * channels,
                                   x.begin() + offsets[u + 1] * channels);
      for (const float value :
           run<float>(false, own, weight, {0, offsets[u + 1] - offsets[u]}, channels, kernel)) {
        one_by_one.push_back(value);
      }
    }
    EXPECT_EQ(all, one_by_one);
  }
}

TEST(CudaCausalDepthwiseConv1dTest, OffsetsThatAreNoneStayInsideOfTheRows) {
  // On the device nobody can check them; the result is of no use, but nothing else is touched.
  const int64_t channels = 3;
  const std::vector<float> weight = random_values(3 * 31, 5);
  GuardedArray<float> x(random_values(200 * 3, 6));
  GuardedArray<float> weight_array(weight);
  for (const std::vector<int64_t>& offsets : {std::vector<int64_t>{5, 100, 60, 400},
                                              {0, 0, 0, 0},
                                              {300, 200, 100, 0},
                                              {-90, -80, 9, 0}}) {
    GuardedArray<int64_t> offsets_array(offsets);
    GuardedArray<float> out(200 * 3);
    causal_depthwise_conv1d<false>(
        CausalDepthwiseConv1dParams<float>{x.data(), weight_array.data(), out.data(),
                                           offsets_array.data(), 3, 200, channels, 31},
        nullptr);
  }
}

}  // namespace
}  // namespace w2vbert::cuda
