// What only the emulated device can tell or do.
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/emulated_device.h"
#include "cuda/emulated_libtorch.h"
#include "cuda/emulated_stream.h"
#include "cuda/runtime/cuda_runtime.h"
#include "models/cuda_test.h"
#include "models/recorded_training.h"
#include "w2vbert/io/checkpoint.h"
#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/modules/adapter.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_runtime.h"
#include "w2vbert/torch/cuda_runtime_table.h"
#include "w2vbert/training/model_training.h"

namespace w2vbert::testing {

std::string device_problem() {
  emulated_libtorch::install();
  use_cuda_runtime(&cuda_runtime_table());
  return "";
}

bool rows_are_independent() { return true; }

namespace {

class EmulatedCudaTest : public CudaTest {};

class EmulatedCudaModelTest : public CudaTest,
                              public ::testing::WithParamInterface<std::filesystem::path> {};

INSTANTIATE_TEST_SUITE_P(Golden, EmulatedCudaModelTest, ::testing::ValuesIn(chosen_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

TEST_P(EmulatedCudaModelTest, TheHostDoesNotWaitInAForwardPass) {
  const RecordedCase recorded(GetParam());
  const GradMode mode(false);
  const CheckpointFiles files(GetParam().string());
  const Config config = parse_config(recorded.config());
  const std::vector<int64_t> lengths{17, 40};
  const ModelInput input =
      ragged_input(random_features(lengths, config.feature_projection_input_dim), lengths, config);
  for (const DType dtype : {DType::kFloat32, DType::kFloat8}) {
    CheckpointOptions options;
    options.matrices = dtype;
    options.device = kDevice;
    CheckpointParameters source(files, options);
    const auto model = make_model(recorded.json()["class"], Scope(source, ""), config);
    const ModelInput there = input.to(kDevice, model->base().dtype());
    model->forward(there, {});  // makes what is made once
    const int64_t before = emulated_libtorch::waits();
    const HeadOutput output = model->forward(there, {});
    EXPECT_EQ(before, emulated_libtorch::waits()) << dtype_name(dtype);
    EXPECT_EQ(kDevice, output.base.last_hidden_state.device());
  }
}

TEST_F(EmulatedCudaTest, AnAdapterReadsItsLengthsFromTheDevice) {
  const auto folder = case_folder("models", "adapter_ffn_proj_x2");
  const GradMode mode(false);
  const CheckpointFiles files(folder.string());
  CheckpointOptions options;
  options.device = kDevice;
  CheckpointParameters source(files, options);
  const Config config = parse_config(RecordedCase(folder).config());
  const Adapter adapter(Scope(source, "") / "adapter", config);
  const std::vector<int64_t> lengths{17, 1, 40};
  const Layout layout = Layout::ragged(lengths).to(kDevice);
  Layout most = Layout::ragged({20, 20, 41});
  const Tensor x = random_features({most.total()}, config.hidden_size);
  const Adapter::Output expected =
      adapter(aten::contiguous(aten::narrow(x, 0, 0, layout.total())).to(kDevice), layout, nullptr);
  // As in a recorded pass: more memory than rows, which the device alone knows.
  most.offsets_tensor = layout.offsets_tensor;
  const Adapter::Output actual = adapter(x.to(kDevice), most, nullptr);
  const Tensor offsets = actual.layout.offsets_tensor.to({});
  ASSERT_EQ(
      expected.layout.offsets,
      std::vector<int64_t>(offsets.data<int64_t>(), offsets.data<int64_t>() + offsets.numel()));
  ASSERT_GT(actual.hidden.size(0), expected.hidden.size(0));
  const Tensor wanted = expected.hidden.to({});
  const Tensor found = actual.hidden.to({});
  for (int64_t i = 0; i < wanted.numel(); ++i) {
    ASSERT_NEAR(wanted.data<float>()[i], found.data<float>()[i], 1e-5) << "element " << i;
  }
}

TEST_F(EmulatedCudaTest, OfSpeechOnlyTheTokensAreCopied) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32);
  speech.best_path(*model);  // makes what is made once
  const int64_t before = emulated_libtorch::waits();
  speech.best_path(*model);
  EXPECT_EQ(before + 1, emulated_libtorch::waits());
}

TEST_F(EmulatedCudaTest, SpeechWithinAGraphIsOneLaunchOneWaitAndNoAllocation) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32, device_json("cuda:0", {speech.frames() + 3}, 1));
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  const int64_t waits = emulated_libtorch::waits();
  const int64_t launches = cuda::emulated::graph_launches();
  const int64_t allocations = emulated_libtorch::allocations();
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  EXPECT_EQ(allocations, emulated_libtorch::allocations());
  EXPECT_EQ(waits + 1, emulated_libtorch::waits());
  EXPECT_EQ(launches + 1, cuda::emulated::graph_launches());
}

TEST_F(EmulatedCudaTest, WhatCannotBeCapturedIsComputedWithout) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32, device_json("cuda:0", {speech.frames() + 3}, 1));
  const int64_t launches = cuda::emulated::graph_launches();
  cuda::emulated::set_capture_limit(0);
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  cuda::emulated::set_capture_limit(-1);
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  EXPECT_EQ(launches, cuda::emulated::graph_launches());
  EXPECT_EQ(0, device_state(*model)["graphs"]);
  EXPECT_EQ("cudaStreamBeginCapture: operation not permitted while a stream is captured",
            device_state(*model)["graphProblem"]);
}

TEST_F(EmulatedCudaTest, ACaptureThatFailsHalfwayIsTriedAgain) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32, device_json("cuda:0", {speech.frames()}, 1));
  cuda::emulated::set_capture_limit(5);
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
  cuda::emulated::set_capture_limit(-1);
  EXPECT_NE("", device_state(*model)["graphProblem"]);
  for (int call = 0; call < 64; ++call) speech.best_path(*model, 400 + 160, 1);
  EXPECT_EQ(1, device_state(*model)["graphs"]);
  EXPECT_EQ(speech.expected(), speech.best_path(*model));
}

TEST_F(EmulatedCudaTest, AGraphOfFloatsTakesNoMemoryButItsWorkspace) {
  const RecordedSpeech speech;
  const auto model = speech.load(DType::kFloat32, device_json("cuda:0", {speech.frames() + 3}, 1));
  const int64_t before = emulated_libtorch::allocations_in_captures();
  speech.best_path(*model);
  EXPECT_EQ(1, device_state(*model)["graphs"]);
  EXPECT_EQ(before, emulated_libtorch::allocations_in_captures());
}

TEST_F(EmulatedCudaTest, ACallersStreamGetsTheWorkOfCallsAndNoCapture) {
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaSuccess, cudaStreamCreateWithFlags(&stream, 0));
  const RecordedSpeech speech;
  const auto model = speech.load(
      DType::kFloat32,
      device_json("cuda:0", {speech.frames() + 3}, 1, 0, false, reinterpret_cast<int64_t>(stream)));
  EXPECT_EQ(0, cuda::emulated::work_in(stream));
  for (int call = 0; call < 2; ++call) {
    const int64_t before = cuda::emulated::work_in(stream);
    EXPECT_EQ(speech.expected(), speech.best_path(*model));
    EXPECT_EQ(before + 3, cuda::emulated::work_in(stream));  // copy, graph, copy
  }
}

TEST_F(EmulatedCudaTest, ExhaustedMemoryLeavesTheModelUsable) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
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

TEST_F(EmulatedCudaTest, Float8IsRefusedWhereTheDeviceHasNoProductOfIt) {
  const RecordedCase recorded(case_folder("models", "model_none_mask"));
  const struct Restore {
    ~Restore() { cuda::emulated::set_compute_capability(90); }
  } restore;
  const std::map<int, std::string> refusals{
      {80, "argument: weights of float8 need compute capability 8.9 or more; cuda:0 has 8.0"},
      {86, "argument: weights of float8 need compute capability 8.9 or more; cuda:0 has 8.6"},
      {89,
       "LibTorch does not multiply float8 on cuda:0, of compute capability 8.9: it has no code for "
       "it"},
      {90, ""},
      {103, ""},
      {120,
       "LibTorch does not multiply float8 on cuda:0, of compute capability 12.0: aten::_scaled_mm "
       "failed for ("}};
  for (const auto& [capability, refusal] : refusals) {
    cuda::emulated::set_compute_capability(capability);
    std::string found;
    try {
      recorded.load("cuda", DType::kFloat8);
    } catch (const std::runtime_error& e) {
      found = e.what();
    }
    EXPECT_EQ(refusal, found.substr(0, refusal.size())) << capability;
    EXPECT_EQ(refusal.empty(), found.empty()) << found;
    EXPECT_NO_THROW(recorded.load("cuda", DType::kBFloat16));
  }
}

TEST_F(EmulatedCudaTest, Float8IsCapturedWhereItsProductTakesNoMemoryOfItsOwn) {
  const RecordedCase recorded(case_folder("models", "model_none_mask"));
  const int64_t width = parse_config(recorded.config()).feature_projection_input_dim;
  const Tensor features = random_features({20}, width);
  const struct Restore {
    ~Restore() { cuda::emulated::set_compute_capability(90); }
  } restore;
  std::vector<double> expected;
  for (const int capability : {90, 100, 103}) {
    cuda::emulated::set_compute_capability(capability);
    const auto model = recorded.load(device_json("cuda:0", {24}, 1), DType::kFloat8);
    const std::vector<double> found =
        numbers(*encode(*model, features, {20}, false)->last_hidden_state(0));
    if (expected.empty()) expected = found;
    EXPECT_EQ(expected, found) << capability;
    const Json state = device_state(*model);
    EXPECT_EQ(capability == 90 ? 1 : 0, state["graphs"]);
    EXPECT_EQ(capability == 90 ? ""
                               : "products of float8 cannot be captured on compute capability " +
                                     std::to_string(capability / 10) + "." +
                                     std::to_string(capability % 10) + ", only on 9.0",
              state["graphProblem"]);
  }
}

TEST_F(EmulatedCudaTest, AStepOfTrainingCopiesTwoNumbers) {
  const std::filesystem::path folder = case_folder("training", "train_ctc_relative_key");
  const GradMode mode(true);
  const CheckpointFiles files(folder.string());
  CheckpointOptions options;
  options.device = kDevice;
  CheckpointParameters source(files, options);
  const Config config = parse_config(read_bytes(folder / "config.json"));
  std::vector<std::pair<std::string, Tensor>> parameters;
  const SafetensorsFile model((folder / "model.safetensors").string());
  for (const TensorEntry& entry : model.entries()) {
    parameters.emplace_back(entry.name, source.get(entry.name, entry.shape, Init::zeros()));
  }
  const SafetensorsFile inputs((folder / "inputs.safetensors").string());
  const auto input = [&](const char* name) {
    const TensorEntry& entry = inputs.tensor(name);
    const Tensor tensor = Tensor::empty(entry.shape, dtype_of(entry.dtype));
    std::memcpy(tensor.raw_data(), entry.data, entry.byte_size());
    return tensor;
  };
  for (const std::optional<DType> autocast :
       {std::optional<DType>(), std::optional(DType::kBFloat16), std::optional(DType::kFloat16)}) {
    TrainingOptions how;
    how.average_decay = 0.5;
    how.mode.autocast = autocast;
    ModelTraining training("Wav2Vec2BertForCTC", config, parameters, how);
    const int64_t before = emulated_libtorch::waits();
    training.accumulate(input("input_features"), input("attention_mask"), input("labels"), 1e-3);
    EXPECT_EQ(before + 1, emulated_libtorch::waits());  // the loss
    EXPECT_TRUE(training.step(1e-3).applied);
    EXPECT_EQ(before + 2, emulated_libtorch::waits());  // the norms of the gradients
  }
}

// In a process of its own.
TEST(EmulatedCudaDeathTest, ADeviceThatIsOpenedAfterATrainingOnTheCpuIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto train_too_late = [] {
    const RecordedTraining recorded(case_folder("training", "train_ctc_relative_key"));
    recorded.accumulate(*recorded.open("cpu", training_options()));
    device_problem();  // opens the device
    try {
      recorded.open("cuda:0", training_options());
    } catch (const std::runtime_error& e) {
      std::fputs(e.what(), stderr);
      std::_Exit(0);
    }
    std::_Exit(1);
  };
  EXPECT_EXIT(train_too_late(), ::testing::ExitedWithCode(0),
              "computes no gradients on cuda:0 in this process");
}

// Bytes that are allocated and not given back, all of the device's among them.
int64_t bytes_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST_F(EmulatedCudaTest, AClosedModelGivesItsMemoryBack) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
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

TEST_F(EmulatedCudaTest, AThreadOfASmallStackIsRefused) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const auto model = recorded.load("cuda", DType::kFloat32);
  struct Call {
    const RecordedCase& recorded;
    const jni::NativeModel& model;
    std::string message;
  } call{recorded, *model, ""};
  pthread_attr_t attributes;
  ASSERT_EQ(0, pthread_attr_init(&attributes));
  ASSERT_EQ(0, pthread_attr_setstacksize(&attributes, 448 * 1024));
  pthread_t thread;
  ASSERT_EQ(0, pthread_create(
                   &thread, &attributes,
                   [](void* pointer) -> void* {
                     Call& made = *static_cast<Call*>(pointer);
                     try {
                       made.recorded.forward(made.model, false);
                     } catch (const std::runtime_error& e) {
                       made.message = e.what();
                     }
                     return nullptr;
                   },
                   &call));
  ASSERT_EQ(0, pthread_join(thread, nullptr));
  pthread_attr_destroy(&attributes);
  EXPECT_NE(std::string::npos, call.message.find("bytes of stack left; expected at least 524288"))
      << call.message;
}

}  // namespace
}  // namespace w2vbert::testing
