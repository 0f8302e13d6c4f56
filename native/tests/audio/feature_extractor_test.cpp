#include "w2vbert/audio/feature_extractor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "audio/golden_audio.h"
#include "audio/noise.h"

namespace w2vbert {
namespace {

using testing::noise;

std::vector<Clip> as_clips(const std::vector<std::vector<float>>& waveforms) {
  std::vector<Clip> clips;
  for (const auto& samples : waveforms) {
    clips.push_back({samples.data(), static_cast<int64_t>(samples.size())});
  }
  return clips;
}

FeatureBatch extract(const std::vector<std::vector<float>>& waveforms,
                     const BatchOptions& batch_options = {},
                     const FeatureExtractorOptions& options = {}) {
  return FeatureExtractor(options).extract(as_clips(waveforms), batch_options);
}

// The message of the std::invalid_argument that `call` throws.
template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::vector<float> values(const Tensor& features) {
  const float* const begin = features.data<float>();
  return {begin, begin + features.numel()};
}

// Equal, or both not a number.
bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float x, float y) { return same(x, y); });
}

BatchOptions batch_options(const nlohmann::json& call) {
  BatchOptions options;
  for (const auto& [key, value] : call.items()) {
    if (key == "padding") {
      options.padding = value.is_string()   ? parse_padding(value.get<std::string>())
                        : value.get<bool>() ? Padding::kLongest
                                            : Padding::kDoNotPad;
    } else if (key == "max_length") {
      options.max_length = value.get<int64_t>();
    } else if (key == "truncation") {
      options.truncation = value.get<bool>();
    } else if (key == "pad_to_multiple_of") {
      options.pad_to_multiple_of.reset();
      if (!value.is_null()) options.pad_to_multiple_of = value.get<int64_t>();
    } else if (key == "return_attention_mask") {
      options.return_attention_mask = value.get<bool>();
    } else if (key == "do_normalize_per_mel_bins") {
      options.do_normalize_per_mel_bins = value.get<bool>();
    } else if (key == "sampling_rate") {
      options.sampling_rate = value.get<int64_t>();
    } else {
      ADD_FAILURE() << "unknown argument " << key;
    }
  }
  return options;
}

class FeatureExtractorGoldenTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(FeatureExtractorGoldenTest, MatchesTheReference) {
  const auto& folder = GetParam();
  const auto recorded = nlohmann::json::parse(testing::read_text(folder / "case.json"));
  const auto clips = testing::read_clips(folder);
  const std::string config = testing::read_text(folder / "preprocessor_config.json");
  const FeatureExtractor extractor(FeatureExtractorOptions::from_json(config));
  EXPECT_EQ(extractor.options().to_json(), config);

  const BatchOptions options = batch_options(recorded.at("call"));
  const FeatureBatch actual = extractor.extract(as_clips(clips), options);
  const std::vector<float> actual_features = values(actual.features);
  EXPECT_EQ(actual.features.shape(), (Shape{actual.batch, actual.time, actual.dim}));
  const SafetensorsFile outputs((folder / "outputs.safetensors").string());
  const TensorEntry& features = outputs.tensor("input_features");
  ASSERT_EQ(features.shape, (std::vector<int64_t>{actual.batch, actual.time, actual.dim}));
  const auto expected = testing::values<float>(features);
  ASSERT_EQ(actual_features.size(), expected.size());
  // One ulp of a log-mel value, 1e-6, over the smallest deviation of a band, 0.28. Sums in another
  // order than the reference's are off by more.
  const bool noise_dominated = recorded.at("noise_dominated");
  const double tolerance =
      noise_dominated ? recorded.at("suggested_atol").at("input_features").get<double>() : 1e-5;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(actual_features[i])) << "element " << i;
    } else {
      ASSERT_NEAR(actual_features[i], expected[i], tolerance) << "element " << i;
    }
  }
  const TensorEntry* mask = outputs.find("attention_mask");
  ASSERT_EQ(actual.has_mask, mask != nullptr);
  if (mask != nullptr) {
    EXPECT_EQ(mask->shape, (std::vector<int64_t>{actual.batch, actual.mask_time}));
    EXPECT_EQ(actual.mask, testing::values<int32_t>(*mask));
  }

  // Without padding: the clips alone, and of each the rows without a padded frame.
  const PackedFeatures packed = extractor.extract_packed(as_clips(clips), options.sampling_rate,
                                                         options.do_normalize_per_mel_bins);
  EXPECT_EQ(packed.dim, actual.dim);
  ASSERT_EQ(packed.offsets.size(), clips.size() + 1);
  BatchOptions alone;
  alone.padding = Padding::kDoNotPad;
  alone.do_normalize_per_mel_bins = options.do_normalize_per_mel_bins;
  for (size_t i = 0; i < clips.size(); ++i) {
    const FeatureBatch single = extractor.extract(as_clips({clips[i]}), alone);
    const float* const first = packed.features.data<float>() + packed.offsets[i] * packed.dim;
    const float* const last = packed.features.data<float>() + packed.offsets[i + 1] * packed.dim;
    EXPECT_TRUE(same({first, last}, values(single.features))) << "clip " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FeatureExtractorGoldenTest,
                         ::testing::ValuesIn(testing::feature_cases()),
                         [](const auto& folder) { return folder.param.filename().string(); });

TEST(FeatureExtractorTest, AllRecordedCasesAreRun) {
  EXPECT_EQ(testing::feature_cases().size(), 48u);
}

// A row of features/errors whose input can be expressed here.
class FeatureExtractorErrorsTest : public ::testing::Test {
 protected:
  FeatureExtractorErrorsTest() {
    const auto recorded =
        nlohmann::json::parse(testing::read_text(golden_dir() / "features/errors/case.json"));
    for (const auto& row : recorded.at("rows")) {
      rows_[row.at("name")] = row;
    }
    one_.padding_value = 1.0;
  }

  void expect_recorded(const std::string& name, const FeatureBatch& actual) {
    SCOPED_TRACE(name);
    const auto& result = rows_.at(name).at("result");
    const std::vector<int64_t> shape = {actual.batch, actual.time, actual.dim};
    EXPECT_EQ(shape, result.at("input_features_shape").get<std::vector<int64_t>>());
    const std::vector<float> features = values(actual.features);
    EXPECT_EQ(
        std::count_if(features.begin(), features.end(), [](float x) { return std::isnan(x); }),
        result.at("nan_count").get<int64_t>());
    std::vector<int32_t> mask;
    for (const auto& row : result.at("attention_mask")) {
      for (const int32_t value : row) mask.push_back(value);
    }
    EXPECT_EQ(actual.mask, mask);
  }

  // The call throws as the recorded one does, with `message`.
  template <typename Call>
  void expect_raises(const std::string& name, const std::string& message, const Call& call) {
    EXPECT_FALSE(rows_.at(name).at("raises").is_null()) << name;
    EXPECT_EQ(refusal(call), message) << name;
  }

  std::map<std::string, nlohmann::json> rows_;
  FeatureExtractorOptions one_;
  const std::vector<float> clip_ = noise(8000, 0.1f);
  const std::vector<float> short_clip_ = noise(100, 0.1f);
};

TEST_F(FeatureExtractorErrorsTest, ReturnsWhatTheReferenceReturns) {
  expect_recorded("no_sampling_rate", extract({clip_}, {}, one_));
  expect_recorded("too_short_399", extract({noise(399, 0.1f)}, {}, one_));
  expect_recorded("array_3d_ok", extract({noise(4000, 0.1f)}, {}, one_));
  for (const auto& [name, value] :
       {std::pair("nan_input", std::numeric_limits<float>::quiet_NaN()),
        std::pair("inf_input", std::numeric_limits<float>::infinity())}) {
    auto samples = clip_;
    samples[100] = value;
    expect_recorded(name, extract({samples}, {}, one_));
  }
  std::vector<float> loud = noise(4000, 3000.0f);
  for (float& sample : loud) sample = std::round(sample);
  expect_recorded("int16_array", extract({loud}, {}, one_));
  FeatureExtractorOptions mel40 = one_;
  mel40.num_mel_bins = 40;
  expect_recorded("feature_size_mismatch", extract({clip_}, {}, mel40));
}

TEST_F(FeatureExtractorErrorsTest, RaisesWhereTheReferenceRaises) {
  expect_raises("wrong_sampling_rate",
                "the clips have a sampling rate of 8000 Hz; expected 16000 Hz, the rate of this "
                "feature extractor",
                [&] {
                  BatchOptions options;
                  options.sampling_rate = 8000;
                  extract({clip_}, options, one_);
                });
  for (const int64_t count : {1, 100, 0}) {
    const auto name = count == 0   ? std::string("empty_array")
                      : count == 1 ? std::string("too_short_1")
                                   : std::string("too_short_100");
    expect_raises(name,
                  "clip 0 has " + std::to_string(count) +
                      " samples; expected at least 400, the length of a frame",
                  [&] { extract({noise(count, 0.1f)}, {}, one_); });
  }
  expect_raises("empty_list", "there are 0 clips; expected at least one",
                [&] { extract({}, {}, one_); });
  expect_raises("too_short_in_batch",
                "clip 1 has 100 samples; expected at least 400, the length of a frame", [&] {
                  extract({clip_, short_clip_}, {}, one_);
                });
  expect_raises("ragged_no_pad",
                "clip 1 has 23 frames after padding; expected 48 as in clip 0, or padding "
                "'longest', or truncation",
                [&] {
                  BatchOptions options;
                  options.padding = Padding::kDoNotPad;
                  extract({clip_, noise(4000, 0.1f)}, options, one_);
                });
  expect_raises("truncation_without_max_length",
                "truncation is true and max_length is not given; expected a max_length in frames",
                [&] {
                  BatchOptions options;
                  options.truncation = true;
                  extract({clip_}, options, one_);
                });
  expect_raises("max_length_missing",
                "padding is 'max_length' and max_length is not given; expected a max_length in "
                "frames",
                [&] {
                  BatchOptions options;
                  options.padding = Padding::kMaxLength;
                  extract({clip_}, options, one_);
                });
  expect_raises("bad_padding_name",
                "padding is 'longer'; expected 'longest', 'max_length' or 'do_not_pad'",
                [] { parse_padding("longer"); });
  expect_raises("too_short_left_pad_side_bad",
                "preprocessor_config.json: padding_side is \"top\"; expected \"right\" or \"left\"",
                [] { FeatureExtractorOptions::from_json(R"({"padding_side": "top"})"); });
  expect_raises("stride_zero", "stride is 0; expected 1 to 2147483647", [&] {
    FeatureExtractorOptions options = one_;
    options.stride = 0;
    extract({clip_}, {}, options);
  });
  expect_raises("no_padding_value",
                "padding_value is null; expected a number, or padding 'do_not_pad'", [&] {
                  extract({clip_, noise(4000, 0.1f)}, {},
                          FeatureExtractorOptions::from_json(R"({"padding_value": null})"));
                });
  expect_raises(
      "feature_size_one",
      "feature_size is 1 and clip 1 needs padding; expected a feature_size of more than 1", [&] {
        FeatureExtractorOptions options = one_;
        options.feature_size = 1;
        extract({clip_, noise(4000, 0.1f)}, {}, options);
      });
}

TEST(FeatureExtractorTest, PaddingSideAndValueAreKeptWithoutPadding) {
  FeatureExtractorOptions options;
  options.padding_value.reset();
  options.feature_size = 1;
  BatchOptions no_padding;
  no_padding.padding = Padding::kDoNotPad;
  const auto clip = noise(8000, 0.1f);
  EXPECT_EQ(values(extract({clip}, no_padding, options).features),
            values(extract({clip}).features));
}

TEST(FeatureExtractorTest, ClipsDoNotChangeEachOther) {
  std::vector<std::vector<float>> waveforms;
  for (const int64_t count : {8000, 400, 560, 399, 16001, 720, 240}) {
    waveforms.push_back(noise(count, 0.1f, static_cast<uint32_t>(count)));
  }
  for (const PaddingSide side : {PaddingSide::kRight, PaddingSide::kLeft}) {
    for (const int64_t stride : {1, 2, 3, 5}) {
      FeatureExtractorOptions options;
      options.stride = stride;
      options.padding_side = side;
      options.padding_value = -2.5;
      BatchOptions whole;
      whole.pad_to_multiple_of = stride;
      const FeatureBatch batch = extract(waveforms, whole, options);
      const int64_t row = batch.time * batch.dim;
      for (size_t i = 0; i < waveforms.size(); ++i) {
        const FeatureBatch single = extract({waveforms[i]}, whole, options);
        const float* const first = batch.features.data<float>() + static_cast<int64_t>(i) * row;
        const int64_t padding = row - single.time * single.dim;
        std::vector<float> expected(static_cast<size_t>(row), -2.5f);
        const std::vector<float> alone = values(single.features);
        std::copy(alone.begin(), alone.end(),
                  expected.begin() + (side == PaddingSide::kLeft ? padding : 0));
        EXPECT_TRUE(same({first, first + row}, expected)) << "clip " << i << " stride " << stride;
      }
    }
  }
}

TEST(FeatureExtractorTest, TruncationKeepsTheStatisticsOfTheWholeClip) {
  const auto clip = noise(16000, 0.1f);
  const std::vector<float> whole = values(extract({clip}).features);
  for (const int64_t max_length : {0, 1, 2, 31, 97, 98, 99}) {
    BatchOptions options;
    options.truncation = true;
    options.max_length = max_length;
    const FeatureBatch cut = extract({clip}, options);
    EXPECT_EQ(cut.time, std::min<int64_t>((max_length + 1) / 2, 49));
    const std::vector<float> features = values(cut.features);
    EXPECT_TRUE(std::equal(features.begin(), features.end(), whole.begin()));
  }
}

TEST(FeatureExtractorTest, ClipsLongerThanMaxLengthAreRefusedUnlessEqual) {
  BatchOptions options;
  options.padding = Padding::kMaxLength;
  options.max_length = 40;
  EXPECT_EQ(extract({noise(8000, 0.1f), noise(8000, 0.1f)}, options).time, 24);
  EXPECT_EQ(
      refusal([&] {
        extract({noise(8000, 0.1f), noise(4000, 0.1f)}, options);
      }),
      "clip 1 has 40 frames after padding; expected 48 as in clip 0, or padding 'longest', or "
      "truncation");
}

TEST(FeatureExtractorTest, RefusesOptionsOutOfRange) {
  const auto with = [](auto change) {
    return refusal([&] {
      FeatureExtractorOptions options;
      BatchOptions batch;
      change(options, batch);
      extract({noise(8000, 0.1f)}, batch, options);
    });
  };
  EXPECT_EQ(with([](auto& options, auto&) { options.num_mel_bins = 0; }),
            "num_mel_bins is 0; expected 1 to 65536");
  EXPECT_EQ(with([](auto& options, auto&) { options.sampling_rate = 10; }),
            "sampling_rate is 10 Hz; expected at least 42");
  EXPECT_EQ(with([](auto& options, auto&) { options.stride = int64_t{1} << 40; }),
            "stride is 1099511627776; expected 1 to 2147483647");
  EXPECT_EQ(with([](auto&, auto& batch) { batch.max_length = -1; }),
            "max_length is -1; expected 0 to 2147483647");
  EXPECT_EQ(with([](auto&, auto& batch) { batch.pad_to_multiple_of = 0; }),
            "pad_to_multiple_of is 0; expected 1 to 2147483647");
}

TEST(FeatureExtractorTest, AStrideLongerThanTheClipGivesNoRow) {
  FeatureExtractorOptions options;
  options.stride = std::numeric_limits<int32_t>::max();
  const FeatureBatch batch = extract({noise(8000, 0.1f)}, {}, options);
  EXPECT_EQ(batch.time, 0);
  EXPECT_EQ(batch.features.numel(), 0);
}

TEST(FeatureExtractorOptionsTest, MissingKeysHaveTheDefaultsOfTheReference) {
  const auto options = FeatureExtractorOptions::from_json("{}");
  EXPECT_EQ(options.sampling_rate, 16000);
  EXPECT_EQ(options.num_mel_bins, 80);
  EXPECT_EQ(options.feature_size, 80);
  EXPECT_EQ(options.stride, 2);
  EXPECT_EQ(options.padding_side, PaddingSide::kRight);
  EXPECT_EQ(options.padding_value, 0.0);
  EXPECT_TRUE(options.return_attention_mask);
  const auto folder = golden_dir() / "features/batch_padvalue0/preprocessor_config.json";
  EXPECT_EQ(options.to_json(), testing::read_text(folder));
}

TEST(FeatureExtractorOptionsTest, UnknownKeysAndChangesAreWrittenBack) {
  auto options = FeatureExtractorOptions::from_json(
      R"({"padding_value": 1, "processor_class": "Wav2Vec2BertProcessor", "a": [1, null]})");
  options.stride = 3;
  options.padding_side = PaddingSide::kLeft;
  const std::string text = options.to_json();
  const auto written = nlohmann::json::parse(text);
  EXPECT_EQ(written.at("processor_class"), "Wav2Vec2BertProcessor");
  EXPECT_EQ(written.at("a"), nlohmann::json::parse("[1, null]"));
  EXPECT_EQ(written.at("stride"), 3);
  EXPECT_EQ(written.at("padding_side"), "left");
  EXPECT_NE(text.find("\"padding_value\": 1,"), std::string::npos) << text;
  EXPECT_EQ(FeatureExtractorOptions::from_json(text).to_json(), text);
  options.padding_value.reset();
  EXPECT_TRUE(nlohmann::json::parse(options.to_json()).at("padding_value").is_null());
}

TEST(FeatureExtractorOptionsTest, RefusesValuesThatDoNotFit) {
  const auto message = [](const char* text) {
    return refusal([&] { FeatureExtractorOptions::from_json(text); });
  };
  EXPECT_EQ(message("[]"), "preprocessor_config.json holds []; expected an object");
  EXPECT_EQ(message(R"({"stride": 2.5})"),
            "preprocessor_config.json: stride is 2.5; expected an integer of 64 bits");
  EXPECT_EQ(message(R"({"sampling_rate": 18446744073709551615})"),
            "preprocessor_config.json: sampling_rate is 18446744073709551615; expected an integer "
            "of 64 bits");
  EXPECT_EQ(message(R"({"num_mel_bins": null})"),
            "preprocessor_config.json: num_mel_bins is null; expected an integer of 64 bits");
  EXPECT_EQ(message(R"({"padding_value": "0"})"),
            "preprocessor_config.json: padding_value is \"0\"; expected a number or null");
  EXPECT_EQ(message(R"({"return_attention_mask": 1})"),
            "preprocessor_config.json: return_attention_mask is 1; expected true or false");
  EXPECT_EQ(message(R"({"feature_extractor_type": "Wav2Vec2FeatureExtractor"})"),
            "preprocessor_config.json: feature_extractor_type is \"Wav2Vec2FeatureExtractor\"; "
            "expected SeamlessM4TFeatureExtractor");
  EXPECT_NE(message("{"), "nothing was thrown");
}

}  // namespace
}  // namespace w2vbert
