#include "w2vbert/ops/cpu/fbank_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "audio/golden_audio.h"
#include "audio/noise.h"
#include "reference/fbank.h"
#include "w2vbert/ops/cpu/fbank_plan.h"

namespace w2vbert::cpu {
namespace {

using w2vbert::testing::noise;
using w2vbert::testing::values;

// Half an ulp of float32 at 20 is 1e-6; the rest is the rounding of the bins to float32, which may
// fall either way where the float64 results differ in their last bits.
constexpr double kTolerance = 1e-5;

class FbankKernelTest : public ::testing::TestWithParam<SimdLevel> {
 protected:
  void SetUp() override {
    if (!simd_supported(GetParam())) GTEST_SKIP() << "no " << simd_name(GetParam());
  }

  static std::vector<float> run(const std::vector<float>& samples, int64_t num_mel_bins = 80,
                                int64_t sampling_rate_hz = 16000) {
    const auto plan = FbankPlan::get(num_mel_bins, sampling_rate_hz);
    const int64_t frames = fbank_frames(static_cast<int64_t>(samples.size()));
    std::vector<float> out(static_cast<size_t>(frames * num_mel_bins));
    fbank(GetParam(), {plan->tables(), samples.data(), out.data()}, 0, frames);
    return out;
  }

  static void expect_matches_twin(const std::vector<float>& samples, int64_t num_mel_bins = 80,
                                  int64_t sampling_rate_hz = 16000) {
    const auto expected = reference::fbank(samples, num_mel_bins, sampling_rate_hz);
    const auto actual = run(samples, num_mel_bins, sampling_rate_hz);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], kTolerance) << "element " << i;
    }
  }
};

TEST_P(FbankKernelTest, MatchesReferenceAroundGroupsOfFrames) {
  for (const size_t samples : {400, 401, 559, 560, 719, 720, 880, 1040, 1200, 1680, 1840, 4000}) {
    SCOPED_TRACE(samples);
    expect_matches_twin(noise(samples, 0.1f));
  }
}

TEST_P(FbankKernelTest, MatchesReferenceForAnyFilterBank) {
  for (const int64_t bins : {1, 2, 3, 40, 80, 81, 128, 700}) {
    for (const int64_t rate : {42, 8000, 16000, 44100}) {
      SCOPED_TRACE(std::to_string(bins) + " bins at " + std::to_string(rate) + " Hz");
      expect_matches_twin(noise(880, 0.1f), bins, rate);
    }
  }
}

TEST_P(FbankKernelTest, MatchesReferenceAtAnyLevel) {
  for (const float deviation : {0.0f, 1e-12f, 1e-7f, 1e-5f, 1.0f, 100.0f, 1e15f}) {
    SCOPED_TRACE(deviation);
    expect_matches_twin(noise(1360, deviation));
  }
}

TEST_P(FbankKernelTest, ConstantOffsetIsRemovedExactly) {
  for (const float value : run(std::vector<float>(1040, 0.7f))) {
    EXPECT_EQ(value, std::log(0x1p-23f));
  }
}

TEST_P(FbankKernelTest, MatchesGolden) {
  int cases = 0;
  for (const auto& folder : w2vbert::testing::feature_cases()) {
    const auto config =
        nlohmann::json::parse(w2vbert::testing::read_text(folder / "preprocessor_config.json"));
    const auto clips = w2vbert::testing::read_clips(folder);
    const SafetensorsFile outputs((folder / "outputs.safetensors").string());
    for (size_t i = 0; i < clips.size(); ++i) {
      const TensorEntry* recorded = outputs.find("fbank_" + std::to_string(i));
      if (recorded == nullptr) continue;
      ++cases;
      const auto actual = run(clips[i], config.at("num_mel_bins"));
      const auto expected = values<float>(*recorded);
      ASSERT_EQ(actual.size(), expected.size()) << folder;
      for (size_t k = 0; k < expected.size(); ++k) {
        ASSERT_NEAR(actual[k], expected[k], kTolerance) << folder << " element " << k;
      }
    }
  }
  EXPECT_EQ(cases, 23);
}

TEST_P(FbankKernelTest, RangesDoNotChangeARow) {
  const auto samples = noise(400 + 160 * 12, 0.1f);
  const auto whole = run(samples);
  const auto plan = FbankPlan::get(80, 16000);
  for (int64_t begin = 0; begin <= 13; ++begin) {
    for (int64_t end = begin; end <= 13; ++end) {
      std::vector<float> out(whole.size(), -1.0f);
      fbank(GetParam(), {plan->tables(), samples.data(), out.data()}, begin, end);
      for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
        const bool written = i >= begin * 80 && i < end * 80;
        ASSERT_EQ(out[static_cast<size_t>(i)], written ? whole[static_cast<size_t>(i)] : -1.0f);
      }
    }
  }
}

TEST_P(FbankKernelTest, NotFiniteSamplesSpoilTheirFramesOnly) {
  const auto clean = noise(400 + 160 * 11, 0.1f);
  const auto expected = run(clean);
  // 1e34 is finite, even times 32768; the spectrum is too large for float32 at high frequencies.
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), 1e38f, 1e34f}) {
    auto samples = clean;
    samples[900] = bad;
    samples[901] = -bad;
    const auto actual = run(samples);
    for (size_t i = 0; i < actual.size(); ++i) {
      const size_t frame = i / 80;
      if (frame == 4 || frame == 5) {
        ASSERT_TRUE(std::isnan(actual[i])) << bad << " at element " << i;
      } else {
        ASSERT_EQ(actual[i], expected[i]) << bad << " at element " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, FbankKernelTest,
                         ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2),
                         [](const auto& level) { return simd_name(level.param); });

TEST(FbankPlanTest, ConstantsMatchGolden) {
  const SafetensorsFile golden((golden_dir() / "features/filterbank/outputs.safetensors").string());
  const auto window = values<double>(golden.tensor("window"));
  for (const int64_t bins : {40, 80}) {
    const auto plan = FbankPlan::get(bins, 16000);
    const FbankTables tables = plan->tables();
    ASSERT_EQ(tables.num_mel_bins, bins);
    for (size_t i = 0; i < window.size(); ++i) {
      EXPECT_NEAR(2 * tables.half_window[i], window[i], 1e-14) << "sample " << i;
    }
    const auto expected = values<double>(golden.tensor("mel_filters_" + std::to_string(bins)));
    std::vector<double> actual(expected.size());
    const double* weights = tables.mel_weights;
    for (int64_t m = 0; m < bins; ++m) {
      for (int32_t k = 0; k < tables.mel_filters[m].bins; ++k) {
        actual[static_cast<size_t>((tables.mel_filters[m].first_bin + k) * bins + m)] = *weights++;
      }
    }
    for (size_t i = 0; i < actual.size(); ++i) {
      EXPECT_NEAR(actual[i], expected[i], 1e-12) << "weight " << i;
    }
  }
}

TEST(FbankPlanTest, IsBuiltOnce) {
  EXPECT_EQ(FbankPlan::get(80, 16000), FbankPlan::get(80, 16000));
  EXPECT_NE(FbankPlan::get(80, 16000), FbankPlan::get(80, 8000));
}

TEST(FbankPlanTest, RefusesImpossibleFilterBanks) {
  EXPECT_THROW(FbankPlan::get(0, 16000), std::invalid_argument);
  EXPECT_THROW(FbankPlan::get(-1, 16000), std::invalid_argument);
  EXPECT_THROW(FbankPlan::get(65537, 16000), std::invalid_argument);
  EXPECT_THROW(FbankPlan::get(80, 41), std::invalid_argument);
  EXPECT_THROW(FbankPlan::get(80, -16000), std::invalid_argument);
}

TEST(FbankPlanTest, CountsFullFrames) {
  const std::pair<int64_t, int64_t> counts[] = {{0, -2},  {79, -2}, {80, -1}, {239, -1},
                                                {240, 0}, {399, 0}, {400, 1}, {401, 1},
                                                {559, 1}, {560, 2}, {719, 2}, {720, 3}};
  for (const auto& [samples, frames] : counts) EXPECT_EQ(fbank_frames(samples), frames) << samples;
}

}  // namespace
}  // namespace w2vbert::cpu
