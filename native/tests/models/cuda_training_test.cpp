// Training on a CUDA device: the recorded steps, and those of the CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "models/recorded_training.h"
#include "temporary_folder.h"

namespace w2vbert::testing {
namespace {

constexpr double kRate = 1e-3;

// Of the way that the largest steps go. AdamW divides gradients by their size, so that an element
// whose gradient is but rounding noise may go anywhere; few are such.
constexpr double kTolerance = 2e-2;

class CudaTrainingTest : public CudaTest,
                         public ::testing::WithParamInterface<std::filesystem::path> {
 protected:
  void expect_recorded_steps(bool checkpointing) {
    const RecordedTraining recorded(GetParam());
    Json options = training_options();
    options["gradientCheckpointing"] = checkpointing;
    const TrainingPointer training = recorded.open("cuda:0", options);
    const std::set<std::string> noise = recorded.json()["zero_gradient_parameters"];
    const std::vector<double> losses = numbers(recorded.outputs().tensor("losses_f64"));
    for (size_t step = 0; step < losses.size(); ++step) {
      ASSERT_NEAR(losses[step], recorded.accumulate(*training),
                  1e-5 * std::max(1.0, std::abs(losses[step])))
          << "before step " << step + 1;
      if (step == 0) expect_gradients(recorded, noise, *training);
      if (step + 1 == losses.size()) break;
      double norm = 0;
      double scale = 0;
      ASSERT_TRUE(training->step(kRate, &norm, &scale));
    }
    for (const std::string& name : recorded.names("final.")) {
      if (noise.count(name) > 0) continue;
      const std::vector<double> single = numbers(recorded.outputs().tensor("final." + name));
      const TensorEntry* precise = recorded.outputs().find("final_f64." + name);
      const std::vector<double> truth = precise == nullptr ? single : numbers(*precise);
      EXPECT_LE(difference(truth, parameter(*training, name)),
                kTolerance * 5 * kRate + 2 * difference(truth, single))
          << name;
    }
  }

 private:
  static void expect_gradients(const RecordedTraining& recorded, const std::set<std::string>& noise,
                               const NativeTraining& training) {
    for (const std::string& name : recorded.names("grad_f64.")) {
      if (noise.count(name) > 0) continue;
      const std::vector<double> truth = numbers(recorded.outputs().tensor("grad_f64." + name));
      const TensorPointer gradient = training.gradient(name);
      ASSERT_NE(nullptr, gradient) << name;
      const std::vector<double> found = numbers(*gradient);
      ASSERT_EQ(truth.size(), found.size()) << name;
      double largest = 0;
      for (const double value : truth) largest = std::max(largest, std::abs(value));
      for (size_t i = 0; i < truth.size(); ++i) {
        ASSERT_NEAR(truth[i], found[i], 1e-4 * largest) << name << " at " << i;
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Golden, CudaTrainingTest, ::testing::ValuesIn(training_cases()),
                         [](const auto& test) { return test.param.filename().string(); });

TEST_P(CudaTrainingTest, FiveStepsAreTheRecordedOnes) { expect_recorded_steps(false); }

TEST_P(CudaTrainingTest, LayersThatAreComputedAgainGiveTheSame) { expect_recorded_steps(true); }

TEST_P(CudaTrainingTest, DrawsAndStepsAreThoseOfTheCpu) {
  const RecordedTraining recorded(GetParam());
  Json options = training_options();
  options["decayBiasesAndNorms"] = false;
  options["maxGradNorm"] = 0.1;
  options["averageDecay"] = 0.5;
  const TrainingPointer host = recorded.open("cpu", options, true);
  const TrainingPointer device = recorded.open("cuda:0", options, true);
  const auto expect_same_parameters = [&](const std::string& what) {
    for (const std::string& name : parameter_names(*host)) {
      // The true gradient of these is zero: AdamW divides rounding errors by each other.
      if (name.find("linear_k.bias") != std::string::npos) continue;
      EXPECT_LE(difference(parameter(*host, name), parameter(*device, name)),
                kTolerance * 3 * kRate)
          << name << " " << what;
    }
  };
  for (int step = 0; step < 3; ++step) {
    double norm_on_host = 0;
    double norm_on_device = 0;
    for (const double weight : {0.25, 0.75}) {
      const double loss = recorded.accumulate(*host, weight);
      ASSERT_NEAR(loss, recorded.accumulate(*device, weight), 1e-4 * std::max(1.0, loss));
    }
    double scale = 0;
    ASSERT_TRUE(host->step(kRate, &norm_on_host, &scale));
    ASSERT_TRUE(device->step(kRate, &norm_on_device, &scale));
    ASSERT_NEAR(norm_on_host, norm_on_device, 1e-3 * norm_on_host);
  }
  expect_same_parameters("after the steps");
  host->use_average(true);
  device->use_average(true);
  expect_same_parameters("averaged");
  host->use_average(false);
  device->use_average(false);
  expect_same_parameters("as before");
}

class CudaTrainingStateTest : public CudaTest {
 protected:
  RecordedTraining recorded{case_folder("training", "train_ctc_relative_key")};
  TemporaryFolder folder;
  std::string path = (folder.path() / "state.safetensors").string();

  void step(NativeTraining& training) const {
    recorded.accumulate(training);
    double norm = 0;
    double scale = 0;
    ASSERT_TRUE(training.step(kRate, &norm, &scale));
  }
};

TEST_F(CudaTrainingStateTest, GoesOnWhereItWasSavedOnTheCpuAndOnTheDevice) {
  Json options = training_options();
  options["averageDecay"] = 0.9;
  const TrainingPointer saved = recorded.open("cuda:0", options, true);
  step(*saved);
  step(*saved);
  saved->save_state(path);
  step(*saved);
  for (const char* name : {"cpu", "cuda:0"}) {
    const TrainingPointer loaded = recorded.open(name, options, true);
    loaded->load_state(path);
    step(*loaded);
    for (const std::string& parameter_name : parameter_names(*saved)) {
      if (parameter_name.find("linear_k.bias") != std::string::npos) continue;
      EXPECT_LE(difference(parameter(*saved, parameter_name), parameter(*loaded, parameter_name)),
                kTolerance * kRate)
          << parameter_name << " on " << name;
    }
  }
}

TEST_F(CudaTrainingStateTest, WorkersGiveTheirGradients) {
  const TrainingPointer alone = recorded.open("cuda:0", training_options());
  recorded.accumulate(*alone, 1);
  recorded.accumulate(*alone, 2);
  const auto model = alone->model();
  const TrainingPointer main = recorded.open("cuda:0", training_options());
  const TrainingPointer worker = main->worker();
  recorded.accumulate(*main, 1);
  recorded.accumulate(*worker, 2);
  main->take_gradients(worker.get());
  const std::string name = "lm_head.weight";
  EXPECT_EQ(nullptr, worker->gradient(name));
  EXPECT_LE(relative_error(numbers(*alone->gradient(name)), numbers(*main->gradient(name))), 1e-6);
}

TEST_F(CudaTrainingStateTest, FreshParametersAreThoseOfTheCpu) {
  const std::string config = recorded.config();
  const auto draw = [&](const std::string& device) {
    return NativeModel::initialize("Wav2Vec2BertForCTC", config, 3, device_json(device));
  };
  const auto host = draw("cpu");
  const auto device = draw("cuda:0");
  EXPECT_EQ("cuda:0", device->device());
  const TrainingPointer on_host = NativeTraining::create(*host, training_options().dump());
  const TrainingPointer on_device = NativeTraining::create(*device, training_options().dump());
  for (const std::string& name : parameter_names(*on_host)) {
    EXPECT_EQ(parameter(*on_host, name), parameter(*on_device, name)) << name;
  }
  const double loss = recorded.accumulate(*on_host);
  EXPECT_NEAR(loss, recorded.accumulate(*on_device), 1e-4 * loss);
}

TEST_F(CudaTrainingStateTest, FrozenParametersStay) {
  Json options = training_options();
  options["freezeBase"] = true;
  const TrainingPointer training = recorded.open("cuda:0", options, true);
  const std::string frozen = "wav2vec2_bert.encoder.layers.0.ffn1.output_dense.weight";
  const std::vector<double> before = parameter(*training, frozen);
  const std::vector<double> head = parameter(*training, "lm_head.weight");
  step(*training);
  EXPECT_EQ(before, parameter(*training, frozen));
  EXPECT_NE(head, parameter(*training, "lm_head.weight"));
}

TEST_F(CudaTrainingStateTest, HalfWeightsAreRefused) {
  const RecordedCase ctc(case_folder("models", "ctc_repeats"));
  try {
    NativeTraining::create(*ctc.load("cuda:0", DType::kFloat16), training_options().dump());
    FAIL() << "nothing was refused";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string::npos, std::string(e.what()).find("training expects float32"))
        << e.what();
  }
}

}  // namespace
}  // namespace w2vbert::testing
