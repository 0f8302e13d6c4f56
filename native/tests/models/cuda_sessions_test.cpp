// Calls of models on a CUDA device within captured graphs, in a limit of memory, and beside each
// other.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/cuda_test.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert::testing {
namespace {

// Graphs of which lengths the tests use: those of recorded models and utterances are small.
const std::vector<int64_t> kBuckets{24, 48};

class CudaSessionsTest : public CudaTest {};

class CudaGraphTest : public CudaTest,
                      public ::testing::WithParamInterface<std::filesystem::path> {};

INSTANTIATE_TEST_SUITE_P(Golden, CudaGraphTest, ::testing::ValuesIn(chosen_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

void expect_same(const TensorPointer& expected, const TensorPointer& actual,
                 const std::string& what) {
  ASSERT_EQ(expected == nullptr, actual == nullptr) << what;
  if (expected == nullptr) return;
  ASSERT_EQ(shape_of(*expected), shape_of(*actual)) << what;
  // Products of more rows may be summed in another order.
  EXPECT_LE(relative_error(numbers(*expected), numbers(*actual)), 2e-5) << what;
}

void expect_same(const NativeModelOutput& expected, const NativeModelOutput& actual,
                 const std::string& what) {
  expect_same(expected.last_hidden_state(0), actual.last_hidden_state(0), what + ", hidden state");
  expect_same(expected.extract_features(0), actual.extract_features(0), what + ", features");
  expect_same(expected.logits(0), actual.logits(0), what + ", logits");
  expect_same(expected.embeddings(0), actual.embeddings(0), what + ", embeddings");
}

TEST_P(CudaGraphTest, GivesWhatIsComputedWithout) {
  const RecordedCase recorded(GetParam());
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto plain = recorded.load("cuda", DType::kFloat32);
  const auto graphs = recorded.load(device_json("cuda:0", kBuckets, 1), DType::kFloat32);
  // Every graph more than once, with shorter utterances after longer ones, and one beyond.
  for (const int64_t frames : {48, 20, 24, 25, 50}) {
    const Tensor features = RandomParameters(static_cast<uint64_t>(frames))
                                .get("features", {frames, width}, Init::normal(1));
    const OutputPointer expected = encode(*plain, features, {frames}, false);
    const OutputPointer actual = encode(*graphs, features, {frames}, false);
    expect_same(*expected, *actual, std::to_string(frames) + " frames");
  }
  EXPECT_EQ(kBuckets.size(), device_state(*graphs)["graphs"]) << device_state(*graphs);
  EXPECT_EQ("", device_state(*graphs)["graphProblem"]);
}

TEST_F(CudaSessionsTest, GraphsReplayInBothHalfTypes) {
  const RecordedCase recorded(case_folder("models", "adapter_ffn_proj_x2"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const Tensor features = random_features({37}, width);
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    const OutputPointer expected = encode(*recorded.load("cuda", dtype), features, {37}, false);
    const auto graphs = recorded.load(device_json("cuda:0", {40}, 1), dtype);
    for (int call = 0; call < 2; ++call) {
      const OutputPointer actual = encode(*graphs, features, {37}, false);
      const double error = relative_error(numbers(*expected->last_hidden_state(0)),
                                          numbers(*actual->last_hidden_state(0)));
      EXPECT_LE(error, dtype == DType::kFloat16 ? 4e-3 : 3e-2) << dtype_name(dtype);
    }
    EXPECT_EQ(1, device_state(*graphs)["graphs"]) << device_state(*graphs);
  }
}

TEST_F(CudaSessionsTest, ALongerGraphTakesTheWorkspaceOfShorterOnes) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto plain = recorded.load("cuda", DType::kFloat32);
  const auto model = recorded.load(device_json("cuda:0", {16, 48}, 1), DType::kFloat32);
  const auto expect_graphs = [&](int64_t frames, int graphs) {
    const Tensor features = random_features({frames}, width);
    expect_same(*encode(*plain, features, {frames}, false),
                *encode(*model, features, {frames}, false), std::to_string(frames) + " frames");
    EXPECT_EQ(graphs, device_state(*model)["graphs"]) << frames;
  };
  expect_graphs(12, 1);
  expect_graphs(40, 1);  // alone
  expect_graphs(12, 2);
  expect_graphs(40, 2);
}

TEST_F(CudaSessionsTest, OneResultOutlivesTheNext) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto model = recorded.load(device_json("cuda:0", {40}, 1), DType::kFloat32);
  const Tensor features = random_features({30}, width);
  const OutputPointer first = encode(*model, features, {30}, false);
  const std::vector<double> before = numbers(*first->logits(0));
  encode(*model, RandomParameters(3).get("features", {40, width}, Init::normal(1)), {40}, false);
  EXPECT_EQ(before, numbers(*first->logits(0)));
}

TEST_F(CudaSessionsTest, WhatAGraphDoesNotServeIsComputedWithout) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto model = recorded.load(device_json("cuda:0", {40}, 1), DType::kFloat32);
  encode(*model, random_features({17, 12}, width), {17, 12}, false);
  encode(*model, random_features({17}, width), {17}, true);
  EXPECT_EQ(0, device_state(*model)["graphs"]);
}

TEST_F(CudaSessionsTest, AnUtteranceTooShortIsRefusedAsWithoutGraphs) {
  const RecordedCase recorded(case_folder("models", "xvector_weighted"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto model = recorded.load(device_json("cuda:0", {40}, 1), DType::kFloat32);
  EXPECT_THROW(encode(*model, random_features({2}, width), {2}, false), std::runtime_error);
}

TEST_F(CudaSessionsTest, SpeechWithinAGraphHasTheRecordedTokens) {
  const RecordedSpeech speech;
  const auto plain = speech.load(DType::kFloat32);
  const auto graphs = speech.load(
      DType::kFloat32, device_json("cuda:0", {speech.frames() / 2, speech.frames() + 7}, 1));
  EXPECT_EQ(speech.expected(), speech.best_path(*graphs));
  // The first half, in the smaller graph; and with frames left over, which the mean counts.
  for (const int64_t frames : {speech.frames() / 2, speech.frames() / 2 - 3}) {
    for (const int64_t more : {0, 159, 160, 319}) {
      const int64_t count = 400 + (2 * frames - 1) * 160 + more;
      EXPECT_EQ(speech.best_path(*plain, count, frames), speech.best_path(*graphs, count, frames))
          << count << " samples";
    }
  }
  EXPECT_EQ(speech.expected(), speech.best_path(*graphs));
  EXPECT_EQ(2, device_state(*graphs)["graphs"]) << device_state(*graphs);
}

TEST_F(CudaSessionsTest, ClipsTogetherHaveTheTokensOfEach) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32);
  std::vector<int64_t> counts;
  std::vector<int32_t> expected;
  for (const int64_t frames : {20, 31, 7}) {
    counts.push_back(400 + (2 * frames - 1) * 160);
    const std::vector<int32_t> alone = speech.best_path(*model, counts.back(), frames);
    expected.insert(expected.end(), alone.begin(), alone.end());
  }
  EXPECT_EQ(expected, speech.best_paths(*model, counts, static_cast<int64_t>(expected.size())));
}

TEST_F(CudaSessionsTest, AWrongNumberOfFramesIsRefused) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32, device_json("cuda:0", {speech.frames() + 1}, 1));
  const int64_t count = 400 + 39 * 160;  // 20 frames
  EXPECT_NO_THROW(speech.best_path(*model, count, 20));
  EXPECT_THROW(speech.best_path(*model, count, 21), std::runtime_error);
}

TEST_F(CudaSessionsTest, WarmUpCapturesEveryGraphOfEverySession) {
  const RecordedSpeech speech;
  const auto model =
      speech.load(DType::kFloat32,
                  device_json("cuda:0", {speech.frames() / 2, speech.frames() + 3}, 2, 0, true));
  const Json state = device_state(*model);
  EXPECT_EQ(2, state["sessions"]);
  EXPECT_EQ(2 * 2 * 2, state["graphs"]) << state;  // of features and of samples
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  EXPECT_EQ(state, device_state(*model));
}

TEST_F(CudaSessionsTest, ALimitOfMemoryIsKeptAndNamed) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const int64_t parameters =
      device_state(*recorded.load(device_json("cuda:0"), DType::kFloat32))["memoryBytes"];
  EXPECT_GT(parameters, 0);
  const int64_t limit = parameters + 400'000;
  const auto model = recorded.load(device_json("cuda:0", {}, 1, limit), DType::kFloat32);
  const Tensor features = random_features({20}, width);
  const std::vector<double> before = numbers(*encode(*model, features, {20}, false)->logits(0));
  const Tensor many = random_features({5000}, width);
  try {
    encode(*model, many, {5000}, false);
    FAIL() << "no exception";
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(0u, std::string(e.what()).find("the model's limit of " + std::to_string(limit)))
        << e.what();
  }
  EXPECT_EQ(parameters, device_state(*model)["memoryBytes"]);
  EXPECT_EQ(before, numbers(*encode(*model, features, {20}, false)->logits(0)));
  EXPECT_THROW(recorded.load(device_json("cuda:0", {}, 1, parameters / 2), DType::kFloat32),
               std::runtime_error);
}

TEST_F(CudaSessionsTest, ALimitTooSmallForAGraphLeavesItOut) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto plain = recorded.load(device_json("cuda:0"), DType::kFloat32);
  const int64_t limit = device_state(*plain)["memoryBytes"].get<int64_t>() + 400'000;
  const Tensor features = random_features({20}, width);
  const auto model = recorded.load(device_json("cuda:0", {2000}, 1, limit), DType::kFloat32);
  expect_same(*encode(*plain, features, {20}, false), *encode(*model, features, {20}, false), "20");
  const std::string problem = device_state(*model)["graphProblem"];
  EXPECT_EQ(0u, problem.find("the model's limit of " + std::to_string(limit))) << problem;
}

TEST_F(CudaSessionsTest, TrainingGivesUpGraphs) {
  const std::filesystem::path folder = case_folder("training", "train_ctc_relative_key");
  const Json json = parse_json(read_bytes(folder / "case.json"), "case.json");
  const std::string config = read_bytes(folder / "config.json");
  const auto model = NativeModel::from_pretrained(json["class"], folder.string(), config, true,
                                                  false, 1, true, static_cast<int>(DType::kFloat32),
                                                  device_json("cuda:0", {40}, 1));
  const int64_t width = parse_config(config).feature_projection_input_dim;
  const Tensor features = random_features({30}, width);
  encode(*model, features, {30}, false);
  EXPECT_EQ(1, device_state(*model)["graphs"]);
  const auto training = jni::NativeTraining::create(*model, training_options().dump());
  EXPECT_EQ(0, device_state(*model)["graphs"]);
  encode(*model, features, {30}, false);
  EXPECT_EQ(0, device_state(*model)["graphs"]);
}

}  // namespace
}  // namespace w2vbert::testing
