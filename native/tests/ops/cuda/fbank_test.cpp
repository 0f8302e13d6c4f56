#include "w2vbert/ops/cuda/fbank.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "audio/golden_audio.h"
#include "audio/noise.h"
#include "cuda/guarded_array.h"
#include "reference/fbank.h"
#include "w2vbert/ops/cpu/fbank_plan.h"

namespace w2vbert::cuda {
namespace {

using testing::noise;

// As in the tests of the CPU's kernel: half an ulp of float32 at 20 is 1e-6; the rest is the
// rounding of the bins to float32, which may fall either way.
constexpr double kTolerance = 1e-5;

// The constants of a filter bank in the memory of the device.
class Tables {
 public:
  explicit Tables(int64_t num_mel_bins, int64_t sampling_rate_hz = 16000)
      : plan_(cpu::FbankPlan::get(num_mel_bins, sampling_rate_hz)),
        doubles_(fbank_doubles(plan_->tables())),
        filters_(fbank_filters(plan_->tables())) {}

  FbankTables get() {
    return fbank_tables(plan_->tables().num_mel_bins, doubles_.data(), filters_.data());
  }

 private:
  std::shared_ptr<const cpu::FbankPlan> plan_;
  GuardedArray<double> doubles_;
  GuardedArray<FbankFilter> filters_;
};

struct Batch {
  std::vector<FbankClip> clips;
  int64_t samples = 0;
  int64_t frames = 0;
  int64_t longest = 0;

  void add(int64_t count) {
    const int64_t own = std::max<int64_t>(cpu::fbank_frames(count), 0);
    clips.push_back({samples, own, frames, 0, 0, 0, 0});
    samples += count;
    frames += own;
    longest = std::max(longest, own);
  }
};

template <typename Sample>
std::vector<float> run(const std::vector<std::vector<Sample>>& waveforms, int64_t num_mel_bins = 80,
                       int64_t sampling_rate_hz = 16000) {
  Batch batch;
  std::vector<Sample> packed;
  for (const auto& waveform : waveforms) {
    batch.add(static_cast<int64_t>(waveform.size()));
    packed.insert(packed.end(), waveform.begin(), waveform.end());
  }
  Tables tables(num_mel_bins, sampling_rate_hz);
  GuardedArray<Sample> samples(packed);
  GuardedArray<FbankClip> clips(batch.clips);
  GuardedArray<float> out(static_cast<size_t>(batch.frames * num_mel_bins));
  fbank(
      FbankParams<Sample>{tables.get(), samples.data(), clips.data(),
                          static_cast<int64_t>(batch.clips.size()), batch.longest + 1, out.data()},
      Stream());
  return out.values();
}

void expect_matches_twin(const std::vector<float>& samples, int64_t num_mel_bins = 80,
                         int64_t sampling_rate_hz = 16000) {
  const auto expected = reference::fbank(samples, num_mel_bins, sampling_rate_hz);
  const auto actual = run<float>({samples}, num_mel_bins, sampling_rate_hz);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], kTolerance) << "element " << i;
  }
}

TEST(CudaFbankTest, MatchesReferenceAroundGroupsOfFrames) {
  for (const size_t samples : {399, 400, 401, 559, 560, 880, 1039, 1040, 1680, 1840}) {
    SCOPED_TRACE(samples);
    expect_matches_twin(noise(static_cast<int64_t>(samples), 0.1f));
  }
}

TEST(CudaFbankTest, MatchesReferenceForAnyFilterBank) {
  for (const int64_t bins : {1, 2, 63, 65, 128, 700}) {
    for (const int64_t rate : {42, 16000, 44100}) {
      SCOPED_TRACE(std::to_string(bins) + " bins at " + std::to_string(rate) + " Hz");
      expect_matches_twin(noise(560, 0.1f), bins, rate);
    }
  }
}

TEST(CudaFbankTest, MatchesReferenceAtAnyLevel) {
  for (const float deviation : {0.0f, 1e-12f, 1e-7f, 1e-5f, 1.0f, 100.0f, 1e15f}) {
    SCOPED_TRACE(deviation);
    expect_matches_twin(noise(720, deviation));
  }
}

TEST(CudaFbankTest, ConstantOffsetIsRemovedExactly) {
  for (const float value : run<float>({std::vector<float>(1040, 0.7f)})) {
    EXPECT_EQ(value, std::log(0x1p-23f));
  }
}

TEST(CudaFbankTest, SixteenBitsAreTheirFractions) {
  const auto fractions = noise(1200, 0.1f);
  std::vector<int16_t> integers;
  std::vector<float> rounded_fractions;
  for (const float x : fractions) {
    integers.push_back(static_cast<int16_t>(std::lround(x * 32768.0f)));
    rounded_fractions.push_back(static_cast<float>(integers.back()) / 32768.0f);
  }
  EXPECT_EQ(run<int16_t>({integers}), run<float>({rounded_fractions}));
}

TEST(CudaFbankTest, ClipsDoNotChangeEachOther) {
  std::vector<std::vector<float>> waveforms;
  std::vector<float> singles;
  for (const int64_t count : {720, 399, 2100, 0, 401}) {
    waveforms.push_back(noise(count, 0.1f, static_cast<uint32_t>(count)));
    const auto single = run<float>({waveforms.back()});
    singles.insert(singles.end(), single.begin(), single.end());
  }
  EXPECT_EQ(run<float>(waveforms), singles);
}

TEST(CudaFbankTest, NotFiniteSamplesSpoilTheirFramesOnly) {
  const auto clean = noise(400 + 160 * 7, 0.1f);
  const auto expected = run<float>({clean});
  // 1e34 is finite, even times 32768; the spectrum is too large for float32 at high frequencies.
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), 1e38f, 1e34f}) {
    auto samples = clean;
    samples[900] = bad;
    samples[901] = -bad;
    const auto actual = run<float>({samples});
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

// Where a batch's features lie, in frames.
struct Layout {
  int64_t length = 0;  // of every clip
  bool left = false;   // the padding
  float padding = 0.0f;
  bool normalize = true;
};

template <typename T>
std::vector<float> run_features(const std::vector<std::vector<float>>& waveforms, int64_t bins,
                                const Layout& layout) {
  Batch batch;
  std::vector<float> packed;
  for (const auto& waveform : waveforms) {
    batch.add(static_cast<int64_t>(waveform.size()));
    packed.insert(packed.end(), waveform.begin(), waveform.end());
    FbankClip& clip = batch.clips.back();
    clip.first_row = static_cast<int64_t>(batch.clips.size() - 1) * layout.length;
    clip.kept = std::min(clip.frames, layout.length);
    (layout.left ? clip.padding_before : clip.padding_after) = layout.length - clip.kept;
  }
  Tables tables(bins);
  const auto count = static_cast<int64_t>(waveforms.size());
  GuardedArray<float> samples(packed);
  GuardedArray<FbankClip> clips(batch.clips);
  GuardedArray<float> log_mel(static_cast<size_t>(batch.frames * bins));
  GuardedArray<T> features(static_cast<size_t>(count * layout.length * bins));
  fbank(FbankParams<float>{tables.get(), samples.data(), clips.data(), count, batch.longest,
                           log_mel.data()},
        Stream());
  fbank_features(FbankFeaturesParams<T>{log_mel.data(), clips.data(), count, bins, layout.normalize,
                                        layout.padding, features.data()},
                 Stream());
  return widened(features.values());
}

class CudaFbankGoldenTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(CudaFbankGoldenTest, MatchesTheReference) {
  const auto& folder = GetParam();
  const auto recorded = nlohmann::json::parse(testing::read_text(folder / "case.json"));
  const auto config =
      nlohmann::json::parse(testing::read_text(folder / "preprocessor_config.json"));
  const auto clips = testing::read_clips(folder);
  const int64_t bins = config.at("num_mel_bins");
  const SafetensorsFile outputs((folder / "outputs.safetensors").string());
  for (size_t i = 0; i < clips.size(); ++i) {
    const TensorEntry* const log_mel = outputs.find("fbank_" + std::to_string(i));
    if (log_mel == nullptr) continue;
    const auto actual = run<float>({clips[i]}, bins);
    const auto expected = testing::values<float>(*log_mel);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t k = 0; k < expected.size(); ++k) {
      ASSERT_NEAR(actual[k], expected[k], kTolerance) << "clip " << i << " element " << k;
    }
  }
  const TensorEntry& recorded_features = outputs.tensor("input_features");
  Layout layout;
  layout.length = recorded_features.shape[1] * config.at("stride").get<int64_t>();
  layout.left = config.at("padding_side") == "left";
  layout.padding = config.at("padding_value").get<float>();
  layout.normalize = recorded.at("call").value("do_normalize_per_mel_bins", true);
  const auto actual = run_features<float>(clips, bins, layout);
  const auto expected = testing::values<float>(recorded_features);
  ASSERT_EQ(actual.size(), expected.size());
  const double tolerance = recorded.at("suggested_atol").at("input_features");
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(actual[i])) << "element " << i;
    } else {
      ASSERT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CudaFbankGoldenTest, ::testing::ValuesIn(testing::feature_cases()),
                         [](const auto& folder) { return folder.param.filename().string(); });

TEST(CudaFbankTest, FeaturesOfTheBatchAreThoseOfSingleClips) {
  std::vector<std::vector<float>> waveforms;
  for (const int64_t count : {880, 400, 1360, 399}) {
    waveforms.push_back(noise(count, 0.1f, static_cast<uint32_t>(count)));
  }
  for (const bool left : {false, true}) {
    const Layout layout{9, left, -2.5f, true};
    const auto batch = run_features<float>(waveforms, 13, layout);
    std::vector<float> singles;
    for (const auto& waveform : waveforms) {
      const auto single = run_features<float>({waveform}, 13, layout);
      singles.insert(singles.end(), single.begin(), single.end());
    }
    ASSERT_EQ(batch.size(), singles.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      ASSERT_TRUE(batch[i] == singles[i] || (std::isnan(batch[i]) && std::isnan(singles[i])));
    }
  }
}

TEST(CudaFbankTest, HalfTypesAreTheRoundedFeatures) {
  const std::vector<std::vector<float>> waveforms = {noise(880, 0.1f)};
  const Layout layout{5, false, 1.0f, true};
  const auto full = run_features<float>(waveforms, 80, layout);
  EXPECT_EQ(run_features<Float16>(waveforms, 80, layout), widened(rounded<Float16>(full)));
  EXPECT_EQ(run_features<BFloat16>(waveforms, 80, layout), widened(rounded<BFloat16>(full)));
}

TEST(CudaFbankTest, TheOrderOfThreadsChangesNothing) {
  const std::vector<std::vector<float>> waveforms = {noise(1200, 0.1f)};
  const Layout layout{7, false, 1.0f, true};
  const auto forward = run_features<float>(waveforms, 80, layout);
  emulated::set_order(emulated::Order::kBackward);
  const auto backward = run_features<float>(waveforms, 80, layout);
  emulated::set_order(emulated::Order::kForward);
  EXPECT_EQ(forward, backward);
}

}  // namespace
}  // namespace w2vbert::cuda
