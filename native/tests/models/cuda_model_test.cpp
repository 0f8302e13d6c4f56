// Whole models on a CUDA device, through the surface that Java sees: the recorded cases on the
// emulated device, which leaves only the hardware itself untested.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "audio/golden_audio.h"
#include "cuda/emulated_libtorch.h"
#include "golden_files.h"
#include "temporary_folder.h"
#include "w2vbert/audio/feature_extractor.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/io/json.h"
#include "w2vbert/jni/bindings.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

using jni::NativeFeatureExtractor;
using jni::NativeModel;
using jni::NativeModelOutput;
using jni::NativeTensor;
using TensorPointer = std::shared_ptr<NativeTensor>;
using OutputPointer = std::shared_ptr<NativeModelOutput>;

const Device kDevice{true, 0};

DType dtype_of(SafetensorsDType dtype) {
  switch (dtype) {
    case SafetensorsDType::kF32:
      return DType::kFloat32;
    case SafetensorsDType::kI64:
      return DType::kInt64;
    case SafetensorsDType::kBool:
      return DType::kBool;
    default:
      throw std::runtime_error("the recorded cases have no other type");
  }
}

TensorPointer native(const std::vector<int64_t>& shape, DType dtype, const void* data) {
  const auto tensor =
      NativeTensor::create(shape.data(), static_cast<int>(shape.size()), static_cast<int>(dtype));
  std::memcpy(tensor->data(), data, static_cast<size_t>(tensor->byte_size()));
  return tensor;
}

std::vector<int64_t> shape_of(const NativeTensor& tensor) {
  std::vector<int64_t> shape(static_cast<size_t>(tensor.dimensions()));
  tensor.shape(shape.data());
  return shape;
}

std::vector<double> numbers(const NativeTensor& tensor) {
  EXPECT_EQ(static_cast<int>(DType::kFloat32), tensor.dtype());
  const auto* first = static_cast<const float*>(tensor.data());
  return {first, first + tensor.byte_size() / static_cast<int64_t>(sizeof(float))};
}

std::vector<double> numbers(const TensorEntry& entry) {
  if (entry.dtype == SafetensorsDType::kF64) return testing::values<double>(entry);
  const std::vector<float> values = testing::values<float>(entry);
  return {values.begin(), values.end()};
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The number behind the dot of a name such as "hidden_states.3".
int index_in(const std::string& name) { return std::stoi(name.substr(name.find('.') + 1)); }

class RecordedCase {
 public:
  explicit RecordedCase(const std::filesystem::path& folder)
      : folder_(folder),
        json_(parse_json(read_bytes(folder / "case.json"), folder.string())),
        inputs_((folder / "inputs.safetensors").string()),
        outputs_((folder / "outputs.safetensors").string()) {}

  const Json& json() const { return json_; }
  const SafetensorsFile& outputs() const { return outputs_; }
  std::string config() const { return read_bytes(folder_ / "config.json"); }

  // The result in float64 where it was recorded, else in float32.
  const TensorEntry& output(const std::string& name) const {
    const TensorEntry* precise = outputs_.find(name + "_f64");
    return precise != nullptr ? *precise : outputs_.tensor(name);
  }

  TensorPointer input(const std::string& argument) const {
    const auto name = json_["call"].find(argument);
    if (name == json_["call"].end()) return nullptr;
    const TensorEntry& entry = inputs_.tensor(name->get<std::string>());
    return native(entry.shape, dtype_of(entry.dtype), entry.data);
  }

  std::shared_ptr<NativeModel> load(const std::string& device, DType dtype) const {
    return NativeModel::from_pretrained(json_["class"], folder_.string(), config(), false, false, 0,
                                        false, static_cast<int>(dtype), device);
  }

  OutputPointer forward(const NativeModel& model, bool labels) const {
    const Json& call = json_["call"];
    return model.forward(input("input_features").get(), input("attention_mask").get(),
                         input("mask_time_indices").get(), labels ? input("labels").get() : nullptr,
                         call["output_hidden_states"].get<bool>(),
                         call["output_attentions"].get<bool>(), 30.0, 0.4);
  }

 private:
  std::filesystem::path folder_;
  Json json_;
  SafetensorsFile inputs_;
  SafetensorsFile outputs_;
};

TensorPointer result(const NativeModelOutput& output, const std::string& name) {
  if (name == "last_hidden_state") return output.last_hidden_state(-1);
  if (name == "extract_features") return output.extract_features(-1);
  if (name == "logits") return output.logits(-1);
  if (name == "embeddings") return output.embeddings(-1);
  if (name == "loss") return output.loss();
  if (name.rfind("hidden_states.", 0) == 0) return output.hidden_state(index_in(name), -1);
  if (name.rfind("attentions.", 0) == 0) return output.attention(index_in(name), -1);
  throw std::runtime_error("a recorded output without a test: " + name);
}

void expect_close(const std::string& name, const TensorEntry& expected, const NativeTensor& actual,
                  double tolerance) {
  ASSERT_EQ(expected.shape, shape_of(actual)) << name;
  const std::vector<double> wanted = numbers(expected);
  const std::vector<double> found = numbers(actual);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::isinf(wanted[i])) {
      ASSERT_EQ(wanted[i], found[i]) << name << " at " << i;
    } else {
      ASSERT_NEAR(wanted[i], found[i], tolerance) << name << " at " << i;
    }
  }
}

// The root of the mean square of the differences, over that of what is expected.
double relative_error(const std::vector<double>& expected, const std::vector<double>& actual) {
  double error = 0;
  double power = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    power += expected[i] * expected[i];
  }
  return std::sqrt(error / power);
}

std::vector<std::filesystem::path> model_cases() {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(golden_group("models"))) {
    folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::filesystem::path case_folder(const std::string& group, const std::string& name) {
  return golden_dir() / group / name;
}

class CudaModelTest : public ::testing::TestWithParam<std::filesystem::path> {};

INSTANTIATE_TEST_SUITE_P(Golden, CudaModelTest, ::testing::ValuesIn(model_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

TEST_P(CudaModelTest, GivesTheRecordedResults) {
  const RecordedCase recorded(GetParam());
  const auto model = recorded.load("cuda", DType::kFloat32);
  EXPECT_EQ("cuda:0", model->device());
  const OutputPointer output = recorded.forward(*model, true);
  for (const TensorEntry& entry : recorded.outputs().entries()) {
    const std::string name =
        ends_with(entry.name, "_f64") ? entry.name.substr(0, entry.name.size() - 4) : entry.name;
    if (name == "loss_per_row" || name == "feature_vector_attention_mask") continue;
    const TensorPointer actual = result(*output, name);
    ASSERT_NE(nullptr, actual) << name;
    expect_close(name, recorded.output(name), *actual,
                 recorded.json()["suggested_atol"][name].get<double>());
  }
}

// Every kind of positions, every head, every adapter's part.
std::vector<std::filesystem::path> chosen_cases() {
  std::vector<std::filesystem::path> folders;
  for (const char* name :
       {"model_none_mask", "model_relative_key_mask", "model_relative_exceeds_max",
        "model_rotary_mask", "adapter_ffn_proj_x2", "ctc_sum", "seqcls_weighted_mask",
        "frame_weighted", "xvector_weighted"}) {
    folders.push_back(case_folder("models", name));
  }
  return folders;
}

class ChosenCudaModelTest : public CudaModelTest {};

INSTANTIATE_TEST_SUITE_P(Golden, ChosenCudaModelTest, ::testing::ValuesIn(chosen_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

TEST_P(ChosenCudaModelTest, HalfTypesGiveNearlyTheRecordedResults) {
  // A number is rounded to 2^-12 (float16) or 2^-9 (bfloat16) of itself at most wherever it is
  // stored, of which there are some twenty places in a layer; attention, sharp in the recorded
  // models, magnifies the errors of queries and keys.
  const std::map<DType, double> tolerances{{DType::kFloat16, 4e-3}, {DType::kBFloat16, 3e-2}};
  const RecordedCase recorded(GetParam());
  const std::string name =
      recorded.outputs().find("logits") != nullptr ? "logits" : "last_hidden_state";
  for (const auto& [dtype, tolerance] : tolerances) {
    const auto model = recorded.load("cuda:0", dtype);
    const OutputPointer output = recorded.forward(*model, false);
    const double error =
        relative_error(numbers(recorded.output(name)), numbers(*result(*output, name)));
    EXPECT_LE(error, tolerance) << dtype_name(dtype);
  }
}

// Features of utterances of the given lengths, one after the other.
Tensor random_features(const std::vector<int64_t>& lengths, int64_t width) {
  int64_t total = 0;
  for (const int64_t length : lengths) total += length;
  return RandomParameters(7).get("features", {total, width}, Init::normal(1));
}

OutputPointer encode(const NativeModel& model, const Tensor& features,
                     const std::vector<int64_t>& lengths) {
  const auto input = native(features.shape(), DType::kFloat32, features.raw_data());
  return model.encode(input.get(), lengths.data(), static_cast<int>(lengths.size()), -1, true,
                      true);
}

TEST_P(ChosenCudaModelTest, RaggedUtterancesAreAsAlone) {
  const RecordedCase recorded(GetParam());
  const Config config = parse_config(recorded.config());
  const std::vector<int64_t> lengths{17, 40, 23};
  const Tensor features = random_features(lengths, config.feature_projection_input_dim);
  const auto model = recorded.load("cuda", DType::kFloat32);
  const OutputPointer together = encode(*model, features, lengths);
  const auto host = recorded.load("cpu", DType::kFloat32);
  const OutputPointer on_host = encode(*host, features, lengths);
  int64_t begin = 0;
  for (size_t u = 0; u < lengths.size(); ++u) {
    const auto number = static_cast<int>(u);
    const OutputPointer alone = encode(
        *model, aten::contiguous(aten::narrow(features, 0, begin, lengths[u])), {lengths[u]});
    begin += lengths[u];
    const auto expect_same = [&](const TensorPointer& expected, const TensorPointer& actual,
                                 const std::string& what) {
      ASSERT_EQ(expected == nullptr, actual == nullptr) << what;
      if (expected == nullptr) return;
      ASSERT_EQ(shape_of(*expected), shape_of(*actual)) << what;
      EXPECT_LE(relative_error(numbers(*expected), numbers(*actual)), 1e-5) << what;
    };
    for (const auto* const other : {&alone, &on_host}) {
      const int there = other == &alone ? 0 : number;
      const std::string what = other == &alone ? " alone" : " on the CPU";
      expect_same((*other)->last_hidden_state(there), together->last_hidden_state(number),
                  "last_hidden_state" + what);
      expect_same((*other)->logits(there), together->logits(number), "logits" + what);
      expect_same((*other)->embeddings(there), together->embeddings(number), "embeddings" + what);
      for (int layer = 0; layer < together->attention_count(); ++layer) {
        expect_same((*other)->hidden_state(layer, there), together->hidden_state(layer, number),
                    "hidden state" + what);
        expect_same((*other)->attention(layer, there), together->attention(layer, number),
                    "attention" + what);
      }
    }
  }
}

TEST_P(ChosenCudaModelTest, TheHostDoesNotWaitInAForwardPass) {
  const RecordedCase recorded(GetParam());
  const GradMode mode(false);
  const CheckpointFiles files(GetParam().string());
  CheckpointOptions options;
  options.device = kDevice;
  CheckpointParameters source(files, options);
  const Config config = parse_config(recorded.config());
  const auto model = make_model(recorded.json()["class"], Scope(source, ""), config);
  const std::vector<int64_t> lengths{17, 40};
  const ModelInput input =
      ragged_input(random_features(lengths, config.feature_projection_input_dim), lengths, config)
          .to(kDevice, DType::kFloat32);
  const int64_t before = emulated_libtorch::waits();
  const HeadOutput output = model->forward(input, {});
  EXPECT_EQ(before, emulated_libtorch::waits());
  EXPECT_EQ(kDevice, output.base.last_hidden_state.device());
}

TEST(CudaEndToEndTest, SamplesBecomeTheRecordedTokens) {
  const auto folder = case_folder("e2e", "ctc_plain");
  const Json json = parse_json(read_bytes(folder / "case.json"), "case.json");
  const auto extractor =
      NativeFeatureExtractor::create(read_bytes(folder / "preprocessor_config.json"));
  const std::vector<float> samples = testing::read_golden_wav(folder / "audio_0.wav");
  const std::vector<int32_t> expected = json["predicted_ids"][0];
  for (const DType dtype : {DType::kFloat32, DType::kFloat16}) {
    const auto model = NativeModel::from_pretrained(
        json["class"], folder.string(), read_bytes(folder / "config.json"), false, false, 0, false,
        static_cast<int>(dtype), "cuda:0");
    std::vector<int32_t> path(expected.size());
    const int64_t before = emulated_libtorch::waits();
    jni::best_path(*extractor, *model, samples.data(), static_cast<int64_t>(samples.size()),
                   path.data(), static_cast<int64_t>(path.size()));
    EXPECT_EQ(expected, path) << dtype_name(dtype);
    EXPECT_EQ(before + 1, emulated_libtorch::waits()) << "only the tokens are copied";
  }
}

TEST(CudaEndToEndTest, FeaturesAreThoseOfTheCpu) {
  const GradMode mode(false);
  for (const auto& folder : testing::feature_cases()) {
    const auto clips = testing::read_clips(folder);
    const FeatureExtractorOptions options =
        FeatureExtractorOptions::from_json(read_bytes(folder / "preprocessor_config.json"));
    const FeatureExtractor extractor(options);
    std::vector<float> samples;
    std::vector<int64_t> counts;
    std::vector<Clip> on_host;
    bool long_enough = true;
    for (const auto& clip : clips) {
      samples.insert(samples.end(), clip.begin(), clip.end());
      counts.push_back(static_cast<int64_t>(clip.size()));
      on_host.push_back({clip.data(), counts.back()});
      long_enough = long_enough && counts.back() >= 560;
    }
    const Json json = parse_json(read_bytes(folder / "case.json"), "case.json");
    // The noise of constant signals depends on the order of the sums.
    if (!long_enough || json.value("noise_dominated", false)) continue;
    const PackedFeatures expected = extractor.extract_packed(on_host);
    const PackedFeatures actual = extractor.extract_packed(
        Tensor::of(samples, {static_cast<int64_t>(samples.size())}).to(kDevice), counts,
        DType::kFloat32);
    ASSERT_EQ(expected.offsets, actual.offsets) << folder;
    ASSERT_EQ(expected.features.shape(), actual.features.shape()) << folder;
    const Tensor values = actual.features.to({});
    for (int64_t i = 0; i < values.numel(); ++i) {
      ASSERT_NEAR(expected.features.data<float>()[i], values.data<float>()[i], 5e-4)
          << folder << " at " << i;
    }
  }
}

class CudaLoadTest : public ::testing::Test {
 protected:
  RecordedCase recorded{case_folder("models", "ctc_repeats")};

  void expect_refused(const std::string& device, DType dtype, const std::string& message) {
    try {
      recorded.load(device, dtype);
      FAIL() << "nothing was refused; expected: " << message;
    } catch (const std::runtime_error& e) {
      EXPECT_EQ("argument: " + message, std::string(e.what()));
    }
  }
};

TEST_F(CudaLoadTest, RefusesWhatIsNoDevice) {
  for (const std::string name : {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda:128",
                                 "cuda:99999999999", "cuda 0", "cpu:0"}) {
    expect_refused(
        name, DType::kFloat32,
        "the device is '" + name + "'; expected 'cpu', 'cuda', or 'cuda:0' to 'cuda:127'");
  }
}

TEST_F(CudaLoadTest, RefusesIntegers) {
  expect_refused("cuda:0", DType::kInt8,
                 "weights of int8 are for the CPU; on cuda:0 a model has weights of float32, "
                 "float16 or bfloat16");
}

TEST_F(CudaLoadTest, RefusesToTrain) {
  const auto model = recorded.load("cuda", DType::kFloat32);
  try {
    jni::NativeTraining::create(*model, "{}");
    FAIL() << "nothing was refused";
  } catch (const std::runtime_error& e) {
    EXPECT_EQ("argument: the model is on cuda:0; training expects a model on the CPU",
              std::string(e.what()));
  }
}

TEST_F(CudaLoadTest, ParametersAreThoseOfTheFileInTheTypeOfTheModel) {
  const auto host = recorded.load("cpu", DType::kFloat32);
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    const auto model = recorded.load("cuda", dtype);
    const Json parameters = parse_json(model->parameters_json(), "parameters");
    EXPECT_EQ(parse_json(host->parameters_json(), "parameters").size(), parameters.size());
    for (const Json& parameter : parameters) {
      EXPECT_EQ(dtype_name(dtype), parameter["dtype"].get<std::string>());
      EXPECT_FALSE(parameter["mapped"].get<bool>());
      const std::string name = parameter["name"];
      const std::vector<double> expected = numbers(*host->parameter(name));
      const std::vector<double> actual = numbers(*model->parameter(name));
      const double part = dtype == DType::kFloat32   ? 0
                          : dtype == DType::kFloat16 ? std::pow(2, -11)
                                                     : std::pow(2, -8);
      ASSERT_EQ(expected.size(), actual.size()) << name;
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(expected[i], actual[i], part * std::abs(expected[i]) + 1e-7 * (part > 0))
            << name << " at " << i;
      }
    }
  }
}

TEST_F(CudaLoadTest, SavesWhatItHolds) {
  const TemporaryFolder folder;
  const auto model = recorded.load("cuda", DType::kFloat32);
  model->save(folder.path().string(), recorded.config(), "F32", 0);
  const SafetensorsFile saved((folder.path() / "model.safetensors").string());
  const auto host = recorded.load("cpu", DType::kFloat32);
  for (const TensorEntry& entry : saved.entries()) {
    EXPECT_EQ(numbers(*host->parameter(entry.name)), numbers(entry)) << entry.name;
  }
  EXPECT_EQ(parse_json(host->parameters_json(), "parameters").size(), saved.entries().size());
}

TEST_F(CudaLoadTest, MemoryThatIsExhaustedLeavesTheModelUsable) {
  const auto model = recorded.load("cuda", DType::kFloat32);
  const std::vector<double> before = numbers(*recorded.forward(*model, false)->logits(-1));
  for (const int64_t bytes : {0, 2000}) {
    emulated_libtorch::set_largest_allocation(bytes);
    EXPECT_THROW(recorded.forward(*model, false), std::runtime_error) << bytes;
    EXPECT_THROW(recorded.load("cuda", DType::kFloat32), std::runtime_error) << bytes;
    emulated_libtorch::set_largest_allocation(-1);
    EXPECT_EQ(before, numbers(*recorded.forward(*model, false)->logits(-1))) << bytes;
  }
}

// Bytes that are allocated and not given back, all of the device's among them.
int64_t bytes_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST_F(CudaLoadTest, AClosedModelGivesItsMemoryBack) {
  const auto use = [&] {
    const auto model = recorded.load("cuda", DType::kFloat32);
    const OutputPointer output = recorded.forward(*model, true);
    return bytes_in_use();
  };
  use();  // what the process makes once
  const int64_t before = bytes_in_use();
  const int64_t within = use();
  const int64_t after = bytes_in_use();
  int64_t size = 0;
  for (const Json& parameter :
       parse_json(recorded.load("cpu", DType::kFloat32)->parameters_json(), "parameters")) {
    int64_t elements = 1;
    for (const int64_t axis : parameter["shape"]) elements *= axis;
    size += elements * dtype_size(DType::kFloat32);
  }
  EXPECT_GT(within - before, size);
  EXPECT_LT(after - before, size / 20);
}

}  // namespace
}  // namespace w2vbert

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  w2vbert::emulated_libtorch::install();
  return RUN_ALL_TESTS();
}
