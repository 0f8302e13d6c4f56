#include "w2vbert/ops/cpu/causal_depthwise_conv1d_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "reference/causal_depthwise_conv1d.h"

namespace w2vbert::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Utterances of these times one after another, with empty ones at both ends and in between.
std::vector<int64_t> ragged_offsets() {
  std::vector<int64_t> offsets = {0, 0};
  for (const int64_t time : {1, 2, 29, 30, 0, 31, 32, 63, 0, 0, 64, 65, 119, 120, 121, 500, 0}) {
    offsets.push_back(offsets.back() + time);
  }
  return offsets;
}

struct Case {
  SimdLevel level;
  int64_t channels;
  int64_t kernel;

  // Runs all items, `step` of them per call; scratch and output start as NaN.
  std::vector<float> run(const std::vector<float>& x, const std::vector<float>& weight,
                         const std::vector<int64_t>& offsets, int64_t step) const {
    std::vector<float> out(x.size(), kNan);
    const CausalDepthwiseConv1dParams<float> params{x.data(),
                                                    weight.data(),
                                                    out.data(),
                                                    offsets.data(),
                                                    static_cast<int64_t>(offsets.size()) - 1,
                                                    channels,
                                                    kernel};
    const int64_t items = causal_depthwise_conv1d_items(params);
    for (int64_t begin = 0; begin < items; begin += step) {
      std::vector<float> scratch(causal_depthwise_conv1d_scratch(kernel), kNan);
      causal_depthwise_conv1d(level, params, begin, std::min(begin + step, items), scratch.data());
    }
    return out;
  }
  std::vector<float> run(const std::vector<float>& x, const std::vector<float>& weight,
                         const std::vector<int64_t>& offsets) const {
    return run(x, weight, offsets, std::numeric_limits<int32_t>::max());
  }
};

class CausalDepthwiseConv1dKernelTest
    : public ::testing::TestWithParam<std::tuple<SimdLevel, int64_t, int64_t>> {
 protected:
  void SetUp() override {
    if (!simd_supported(conv.level)) GTEST_SKIP() << "this processor has no AVX2";
  }

  const Case conv{std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam())};
  const std::vector<int64_t> offsets = ragged_offsets();
  const std::vector<float> x = random_values(offsets.back() * conv.channels, 1);
  const std::vector<float> weight = random_values(conv.channels * conv.kernel, 2);
};

TEST_P(CausalDepthwiseConv1dKernelTest, MatchesReference) {
  const std::vector<float> out = conv.run(x, weight, offsets);
  const reference::Conv expected =
      reference::causal_depthwise_conv1d(x, weight, offsets, conv.channels, conv.kernel);
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_NEAR(out[i], expected.out[i], expected.bound[i])
        << "row " << i / conv.channels << ", channel " << i % conv.channels;
  }
}

TEST_P(CausalDepthwiseConv1dKernelTest, BatchEqualsSingles) {
  const std::vector<float> out = conv.run(x, weight, offsets);
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    const auto begin = offsets[u] * conv.channels;
    const auto end = offsets[u + 1] * conv.channels;
    const std::vector<float> single =
        conv.run({x.begin() + begin, x.begin() + end}, weight, {0, offsets[u + 1] - offsets[u]});
    ASSERT_EQ(single, std::vector<float>(out.begin() + begin, out.begin() + end))
        << "utterance " << u;
  }
}

TEST_P(CausalDepthwiseConv1dKernelTest, HowItemsAreSplitDoesNotMatter) {
  const std::vector<float> out = conv.run(x, weight, offsets);
  EXPECT_EQ(conv.run(x, weight, offsets, 1), out);
  EXPECT_EQ(conv.run(x, weight, offsets, 5), out);
}

TEST_P(CausalDepthwiseConv1dKernelTest, IgnoresTheFuture) {
  const int64_t time = 150;
  const std::vector<float> whole(x.begin(), x.begin() + time * conv.channels);
  const std::vector<float> out = conv.run(whole, weight, {0, time});
  for (const int64_t past : {1, 9, 10, 11, 120, 121, 149}) {
    std::vector<float> changed = whole;
    std::fill(changed.begin() + past * conv.channels, changed.end(), kNan);
    std::vector<float> changed_out = conv.run(changed, weight, {0, time});
    changed_out.resize(past * conv.channels);
    ASSERT_EQ(changed_out, std::vector<float>(out.begin(), out.begin() + past * conv.channels))
        << "rows from " << past << " on changed";
  }
}

TEST_P(CausalDepthwiseConv1dKernelTest, StartsFromZeros) {
  const int64_t last = conv.kernel - 1;
  std::vector<float> neighbours(5 * conv.channels, kNan);
  std::copy_n(x.begin(), conv.channels, neighbours.begin() + 2 * conv.channels);
  const std::vector<float> out = conv.run(neighbours, weight, {0, 2, 3, 5});
  for (int64_t c = 0; c < conv.channels; ++c) {
    EXPECT_EQ(out[2 * conv.channels + c], weight[c * conv.kernel + last] * x[c]) << "channel " << c;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CausalDepthwiseConv1dKernelTest,
    ::testing::Combine(::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2),
                       ::testing::Values(1, 3, 7, 8, 9, 16, 24, 40, 64, 65, 1024),
                       ::testing::Values(1, 3, 5, 7, 15, 31, 33, 151)),
    [](const auto& test) {
      return std::string(simd_name(std::get<0>(test.param))) + "Channels" +
             std::to_string(std::get<1>(test.param)) + "Kernel" +
             std::to_string(std::get<2>(test.param));
    });

}  // namespace
}  // namespace w2vbert::cpu
