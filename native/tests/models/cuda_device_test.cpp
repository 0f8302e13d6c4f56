// What only a real device can tell, in the program that has one: it opens the plug-in as an
// application does.
#include <gtest/gtest.h>

#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cuda/device_memory.h"
#include "models/cuda_test.h"
#include "w2vbert/torch/cuda_plugin.h"

namespace w2vbert::testing {
namespace {

// In LibTorch's folder, or where the loader looks.
constexpr const char* kTorchCuda = "libtorch_cuda.so";

class CudaDeviceTest : public CudaTest {
 protected:
  static int64_t free_memory() {
    const std::optional<int64_t> free = free_device_memory(kTorchCuda, kDevice.index);
    if (!free) throw std::runtime_error("the CUDA runtime does not tell how much memory is free");
    return *free;
  }
};

// Logits, or hidden states of a model without a head.
std::vector<double> compute(const RecordedCase& recorded, const NativeModel& model) {
  const OutputPointer output = recorded.forward(model, false);
  const TensorPointer logits = output->logits(-1);
  return numbers(logits != nullptr ? *logits : *output->last_hidden_state(-1));
}

TEST_F(CudaDeviceTest, ThreadsShareModelsOnOneDevice) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 20;
  const RecordedCase ctc(case_folder("models", "ctc_repeats"));
  const RecordedCase base(case_folder("models", "size_h64_l3"));
  const auto ctc_model = ctc.load("cuda:0", DType::kFloat32);
  const auto base_model = base.load("cuda:0", DType::kFloat16);
  const std::vector<double> ctc_alone = compute(ctc, *ctc_model);
  const std::vector<double> base_alone = compute(base, *base_model);
  std::vector<double> worst(kThreads);
  std::vector<std::string> failures(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int call = 0; call < kCalls; ++call) {
          const bool first = (static_cast<int>(t) + call) % 2 == 0;
          const double error = first ? relative_error(ctc_alone, compute(ctc, *ctc_model))
                                     : relative_error(base_alone, compute(base, *base_model));
          if (!(error <= worst[t])) worst[t] = error;  // a NaN stays
        }
      } catch (const std::exception& e) {
        failures[t] = e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) {
    EXPECT_EQ("", failures[t]) << "thread " << t;
    EXPECT_LE(worst[t], 1e-6) << "thread " << t;
  }
}

TEST_F(CudaDeviceTest, ThreadsReplayGraphsInSessions) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 20;
  const RecordedSpeech speech;
  const auto model = speech.load(
      DType::kFloat32, device_json("cuda:0", {speech.frames() / 2, speech.frames() + 5}, 3));
  const int64_t shorter = speech.frames() / 2 - 1;
  const int64_t count = 400 + (2 * shorter - 1) * 160;
  const std::vector<int32_t> expected =
      speech.best_path(*speech.load(DType::kFloat32), count, shorter);
  std::vector<std::string> failures(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int call = 0; call < kCalls; ++call) {
          const bool whole = (static_cast<int>(t) + call) % 2 == 0;
          const bool right = whole ? speech.expected() == speech.best_path(*model)
                                   : expected == speech.best_path(*model, count, shorter);
          if (!right) failures[t] = "call " + std::to_string(call) + " gave other tokens";
        }
      } catch (const std::exception& e) {
        failures[t] = e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) EXPECT_EQ("", failures[t]) << "thread " << t;
  EXPECT_EQ("", device_state(*model)["graphProblem"]);
}

TEST_F(CudaDeviceTest, ExhaustedMemoryLeavesTheModelUsable) {
  const RecordedCase recorded(case_folder("models", "ctc_repeats"));
  const auto model = recorded.load("cuda:0", DType::kFloat32);
  const std::vector<double> before = compute(recorded, *model);
  // The attention weights of a layer would take 4 heads * frames * frames * 4 bytes: 4 TiB.
  constexpr int64_t kFrames = int64_t{1} << 19;
  const Config config = parse_config(recorded.config());
  const Tensor features =
      Tensor::zeros({kFrames, config.feature_projection_input_dim}, DType::kFloat32);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(encode(*model, features, {kFrames}), std::runtime_error);
    EXPECT_LE(relative_error(before, compute(recorded, *model)), 1e-6);
  }
}

// LibTorch keeps the memory of what has been closed, for what comes next. That this happens is seen
// once all models together are larger than what it may take anyway.
TEST_F(CudaDeviceTest, ClosedModelsGiveTheirMemoryBack) {
  constexpr int64_t kBytes = 96 << 20;  // of all models together
  constexpr int64_t kKept = 24 << 20;   // LibTorch takes up to 20 MiB at once
  const RecordedCase recorded(case_folder("models", "size_h64_l3"));
  const auto use = [&] { compute(recorded, *recorded.load("cuda:0", DType::kFloat32)); };
  use();
  const int64_t before = free_memory();
  const auto bytes_of_model = static_cast<int64_t>(
      std::filesystem::file_size(case_folder("models", "size_h64_l3") / "model.safetensors"));
  for (int64_t used = 0; used < kBytes; used += bytes_of_model) use();
  EXPECT_LE(before - free_memory(), kKept);
}

}  // namespace

bool rows_are_independent() { return false; }

std::string device_problem() {
  static const CudaDriver driver = cuda_driver();
  if (driver.problem.empty()) open_cuda_plugin(driver, kTorchCuda, W2VBERT_CUDA_PLUGIN);
  return driver.problem;
}

}  // namespace w2vbert::testing
