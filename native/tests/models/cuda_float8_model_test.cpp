// Models whose matrices are float8 on a CUDA device.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/cuda_test.h"
#include "temporary_folder.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert::testing {
namespace {

// Those of the recorded cases that have matrices to round: widths are multiples of 16.
std::vector<std::filesystem::path> float8_cases() {
  std::vector<std::filesystem::path> folders;
  for (const char* name : {"model_none_mask", "model_relative_key_mask",
                           "model_relative_exceeds_max", "model_rotary_mask", "size_h64_l3"}) {
    folders.push_back(case_folder("models", name));
  }
  return folders;
}

class CudaFloat8ModelTest : public CudaFloat8Test,
                            public ::testing::WithParamInterface<std::filesystem::path> {};

INSTANTIATE_TEST_SUITE_P(Golden, CudaFloat8ModelTest, ::testing::ValuesIn(float8_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

TEST_P(CudaFloat8ModelTest, GivesNearlyTheRecordedResults) {
  // A number is rounded to 2^-4 of itself at most, 2.6 % in the mean: weights and rows together
  // make 3.7 % of a product. Attention, sharp in the recorded models, magnifies that of queries and
  // keys. In float64 but for those roundings the largest is 0.089, here 0.110.
  const RecordedCase recorded(GetParam());
  const auto model = recorded.load("cuda", DType::kFloat8);
  const OutputPointer output = recorded.forward(*model, false);
  EXPECT_LE(relative_error(numbers(recorded.output("last_hidden_state")),
                           numbers(*output->last_hidden_state(-1))),
            0.15);
}

// Where sums depend on how many rows there are, a number of a row may be rounded to the next
// float8, 2^-3 away.
double other_rows() { return rows_are_independent() ? 0 : 5e-2; }

TEST_P(CudaFloat8ModelTest, UtterancesDependNeitherOnOthersNorOnPadding) {
  const RecordedCase recorded(GetParam());
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto model = recorded.load("cuda", DType::kFloat8);
  const std::vector<int64_t> lengths{17, 40, 23};
  const int64_t longest = 40;
  const Tensor features = random_features(lengths, width);
  const OutputPointer together = encode(*model, features, lengths);
  // What lies in padding does not matter: large numbers, which would take the others' precision.
  std::vector<float> padded(static_cast<size_t>(3 * longest * width), 1000.0f);
  std::vector<int64_t> mask(static_cast<size_t>(3 * longest), 0);
  int64_t begin = 0;
  for (int64_t u = 0; u < 3; ++u) {
    const auto count = static_cast<size_t>(lengths[static_cast<size_t>(u)]);
    std::copy_n(features.data<float>() + begin * width, count * static_cast<size_t>(width),
                padded.begin() + u * longest * width);
    std::fill_n(mask.begin() + u * longest, count, 1);
    begin += lengths[static_cast<size_t>(u)];
  }
  const OutputPointer with_padding =
      model->forward(native({3, longest, width}, DType::kFloat32, padded.data()).get(),
                     native({3, longest}, DType::kInt64, mask.data()).get(), nullptr, nullptr,
                     false, false, 30.0, 0.4);
  begin = 0;
  for (size_t u = 0; u < lengths.size(); ++u) {
    const auto number = static_cast<int>(u);
    const OutputPointer alone = encode(
        *model, aten::contiguous(aten::narrow(features, 0, begin, lengths[u])), {lengths[u]});
    begin += lengths[u];
    const std::vector<double> expected = numbers(*alone->last_hidden_state(0));
    EXPECT_LE(relative_error(expected, numbers(*together->last_hidden_state(number))), other_rows())
        << u;
    std::vector<double> valid = numbers(*with_padding->last_hidden_state(number));
    valid.resize(expected.size());
    EXPECT_LE(relative_error(expected, valid), other_rows()) << u;
  }
}

TEST_P(CudaFloat8ModelTest, GraphsGiveWhatIsComputedWithout) {
  const RecordedCase recorded(GetParam());
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const auto plain = recorded.load("cuda", DType::kFloat8);
  const auto graphs = recorded.load(device_json("cuda:0", {24, 48}, 1), DType::kFloat8);
  for (const int64_t frames : {48, 20, 24}) {
    const Tensor features = random_features({frames}, width);
    EXPECT_LE(
        relative_error(numbers(*encode(*plain, features, {frames}, false)->last_hidden_state(0)),
                       numbers(*encode(*graphs, features, {frames}, false)->last_hidden_state(0))),
        other_rows())
        << frames;
  }
  const GradMode mode(false);
  const bool captured =
      ops::cuda_operators::compute_capability(Tensor::zeros({1}, DType::kFloat32, kDevice)) == 90;
  EXPECT_EQ(captured ? 2 : 0, device_state(*graphs)["graphs"]) << device_state(*graphs);
  EXPECT_EQ(captured, device_state(*graphs)["graphProblem"] == "");
}

// Weights that lose most by rounding stay in bfloat16, as all that are no matrices of the encoder.
bool is_float8(const std::string& name) {
  static const std::regex matrices(
      "encoder\\.layers\\.[0-9]+\\.(ffn[12]\\.(intermediate|output)_dense|self_attn\\.linear_(q|k|"
      "pos)|"
      "conv_module\\.pointwise_conv1)\\.weight");
  return std::regex_match(name, matrices);
}

TEST_P(CudaFloat8ModelTest, MatricesAreThoseOfTheFileToHalfAStep) {
  const RecordedCase recorded(GetParam());
  const auto model = recorded.load("cuda", DType::kFloat8);
  const auto host = recorded.load("cpu", DType::kFloat32);
  int matrices = 0;
  for (const Json& parameter : parse_json(model->parameters_json(), "parameters")) {
    const std::string name = parameter["name"];
    const std::vector<double> expected = numbers(*host->parameter(name));
    const std::vector<double> actual = numbers(*model->parameter(name));
    ASSERT_EQ(expected.size(), actual.size()) << name;
    if (!is_float8(name)) {
      ASSERT_EQ("bfloat16", parameter["dtype"].get<std::string>()) << name;
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(expected[i], actual[i], std::ldexp(std::abs(expected[i]), -8) + 1e-30) << name;
      }
      continue;
    }
    ++matrices;
    ASSERT_EQ("float8", parameter["dtype"].get<std::string>()) << name;
    const auto rows = parameter["shape"][0].get<size_t>();
    const size_t columns = expected.size() / rows;
    for (size_t row = 0; row < rows; ++row) {
      const auto first = expected.begin() + static_cast<int64_t>(row * columns);
      double largest = 0;
      std::for_each(first, first + static_cast<int64_t>(columns),
                    [&](double x) { largest = std::max(largest, std::abs(x)); });
      for (size_t i = row * columns; i < (row + 1) * columns; ++i) {
        const double step = std::max(std::abs(expected[i]), largest / 448 / 64);
        ASSERT_NEAR(expected[i], actual[i], 0x1.00001p-4 * step) << name << " at " << i;
      }
    }
  }
  EXPECT_GT(matrices, 0);
}

TEST_F(CudaFloat8Test, SpeechGivesMostOfTheRecordedTokens) {
  // Of the recorded model's random logits the two largest are often near to each other: 46 of 49
  // tokens are the same.
  const RecordedSpeech speech;
  const std::vector<int32_t> expected = speech.expected();
  const std::vector<int32_t> path = speech.best_path(*speech.load(DType::kFloat8));
  size_t same = 0;
  for (size_t i = 0; i < expected.size(); ++i) same += expected[i] == path[i] ? 1 : 0;
  EXPECT_GE(same, expected.size() * 4 / 5);
}

TEST_F(CudaFloat8Test, MatricesOfOtherShapesAreBFloat16) {
  const RecordedCase recorded(case_folder("models", "ctc_sum"));  // 24 wide
  const auto model = recorded.load("cuda", DType::kFloat8);
  for (const Json& parameter : parse_json(model->parameters_json(), "parameters")) {
    EXPECT_EQ("bfloat16", parameter["dtype"].get<std::string>()) << parameter["name"];
  }
  EXPECT_LE(relative_error(numbers(recorded.output("logits")),
                           numbers(*recorded.forward(*model, false)->logits(-1))),
            3e-2);  // as all models in bfloat16
}

std::string failure(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST_F(CudaFloat8Test, ModelsOnTheCpuAreRefused) {
  const RecordedCase recorded(case_folder("models", "model_none_mask"));
  EXPECT_EQ(
      "argument: weights of float8 are for a CUDA device; on the CPU a model has weights of "
      "float32, "
      "float16, bfloat16 or int8",
      failure([&] { recorded.load("cpu", DType::kFloat8); }));
}

TEST_F(CudaFloat8Test, ModelsAreNotSaved) {
  const RecordedCase recorded(case_folder("models", "model_none_mask"));
  const auto model = recorded.load("cuda", DType::kFloat8);
  const TemporaryFolder folder;
  const std::string message =
      failure([&] { model->save(folder.path().string(), recorded.config(), "F32", 0); });
  EXPECT_NE(std::string::npos, message.find("is stored as float8")) << message;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace w2vbert::testing
