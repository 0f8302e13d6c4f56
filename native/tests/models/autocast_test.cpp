// Training in mixed precision, on the CPU and on a CUDA device: gradients as near to the true ones
// as those of the reference, and losses that are scaled.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "models/recorded_training.h"
#include "temporary_folder.h"

namespace w2vbert::testing {
namespace {

constexpr double kRate = 1e-3;

// Of losses whose gradients are to be small enough for the first scale.
constexpr double kWeight = 1.0 / 64;

Json options_of(const std::string& autocast) {
  Json options = training_options();
  options["autocast"] = autocast;
  return options;
}

struct Step {
  bool applied;
  double norm;
  double scale;
};

Step step(NativeTraining& training, double rate) {
  Step result{};
  result.applied = training.step(rate, &result.norm, &result.scale);
  return result;
}

// The relative errors (Euclidean norm of all gradients together) of transformers 5.18 on PyTorch
// 2.13 under torch.autocast on the CPU, to the recorded gradients in float64. Ours are to be at
// most twice as large, for either rounds at places of its own.
double reference_error(const std::string& name, const std::string& type) {
  static const std::map<std::string, std::pair<double, double>> errors{
      // bfloat16, float16
      {"train_ctc_adapter", {3.8e-2, 9.8e-3}},     {"train_ctc_none", {1.5e-2, 1.9e-3}},
      {"train_ctc_relative", {2.2e-2, 2.9e-3}},    {"train_ctc_relative_key", {1.9e-2, 1.8e-3}},
      {"train_ctc_rotary", {2.0e-2, 2.5e-3}},      {"train_ctc_zero_infinity", {2.2e-2, 3.6e-3}},
      {"train_frame", {2.7e-2, 2.6e-3}},           {"train_seqcls", {1.7e-2, 2.3e-3}},
      {"train_seqcls_weighted", {1.5e-2, 1.6e-3}}, {"train_xvector", {2.9e-2, 4.1e-3}},
  };
  const auto& [bfloat16, float16] = errors.at(name);
  return type == "BFLOAT16" ? bfloat16 : float16;
}

// Losses are sums over few frames, whose errors hardly average out: the largest of the reference's
// is 4.9e-3 and 1.7e-4.
double loss_tolerance(const std::string& type) { return type == "BFLOAT16" ? 1e-2 : 5e-4; }

// Of the gradients of weight * loss of all parameters that have a recorded one.
double gradient_error(const RecordedTraining& recorded, const NativeTraining& training,
                      double weight) {
  const std::set<std::string> noise = recorded.json()["zero_gradient_parameters"];
  double errors = 0;
  double squares = 0;
  for (const std::string& name : recorded.names("grad_f64.")) {
    if (noise.count(name) > 0) continue;
    const std::vector<double> truth = numbers(recorded.outputs().tensor("grad_f64." + name));
    const TensorPointer gradient = training.gradient(name);
    if (gradient == nullptr) throw std::runtime_error("no gradient has reached " + name);
    const std::vector<double> found = numbers(*gradient);
    for (size_t i = 0; i < truth.size(); ++i) {
      const double error = found[i] / weight - truth[i];
      errors += error * error;
      squares += truth[i] * truth[i];
    }
  }
  return std::sqrt(errors / squares);
}

using Parameters = std::map<std::string, std::vector<double>>;

Parameters parameters(const NativeTraining& training) {
  Parameters all;
  for (const std::string& name : parameter_names(training)) all[name] = parameter(training, name);
  return all;
}

// Steps that change nothing, until no gradient of the batch is too large for the scale.
void find_scale(const RecordedTraining& recorded, NativeTraining& training) {
  for (int i = 0; i < 20; ++i) {
    recorded.accumulate(training);
    if (step(training, 0).applied) return;
  }
  throw std::runtime_error("gradients are not finite at any scale");
}

// With a device and a type of products.
class AutocastTest : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    // In any case: LibTorch counts the devices for its backward passes before the first one.
    const std::string problem = device_problem();
    if (device() != "cpu" && !problem.empty()) GTEST_SKIP() << problem;
  }

  std::string device() const { return std::get<0>(GetParam()); }
  std::string type() const { return std::get<1>(GetParam()); }

  RecordedTraining recorded{case_folder("training", "train_ctc_relative_key")};
};

std::string parameter_name(const ::testing::TestParamInfo<AutocastTest::ParamType>& test) {
  return std::get<0>(test.param).substr(0, 4) + "_" + std::get<1>(test.param);
}

INSTANTIATE_TEST_SUITE_P(Devices, AutocastTest,
                         ::testing::Combine(::testing::Values("cpu", "cuda:0"),
                                            ::testing::Values("BFLOAT16", "FLOAT16")),
                         parameter_name);

TEST_P(AutocastTest, GradientsOfAWorkerKeepTheirSizeWhenTheScaleChanges) {
  if (type() != "FLOAT16") return;  // only these losses are scaled
  const TrainingPointer alone = recorded.open(device(), options_of(type()));
  recorded.accumulate(*alone, kWeight);
  const TrainingPointer main = recorded.open(device(), options_of(type()));
  const TrainingPointer worker = main->worker();
  recorded.accumulate(*worker, kWeight);
  recorded.accumulate(*main, 1e30);  // too much for any scale
  const Step skipped = step(*main, kRate);
  EXPECT_FALSE(skipped.applied);
  EXPECT_EQ(32768, skipped.scale);
  main->take_gradients(worker.get());
  for (const std::string& name : recorded.names("grad_f64.")) {
    const std::vector<double> expected = numbers(*alone->gradient(name));
    const std::vector<double> found = numbers(*main->gradient(name));
    for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(expected[i], found[i]) << name;
  }
}

TEST_P(AutocastTest, GradientsAreAsNearToTheTrueOnesAsThoseOfTheReference) {
  for (const std::filesystem::path& folder : training_cases()) {
    const RecordedTraining one(folder);
    const std::string name = folder.filename().string();
    const TrainingPointer training = one.open(device(), options_of(type()));
    const double truth = numbers(one.outputs().tensor("losses_f64"))[0];
    EXPECT_NEAR(truth, one.accumulate(*training, kWeight),
                loss_tolerance(type()) * std::max(1.0, std::abs(truth)))
        << name;
    const double error = gradient_error(one, *training, kWeight);
    EXPECT_LE(error, 2 * reference_error(name, type())) << name;
    // Products did round.
    EXPECT_GE(error, reference_error(name, type()) / 10) << name;
  }
}

TEST_P(AutocastTest, LayersThatAreComputedAgainGiveTheSame) {
  Json options = options_of(type());
  const TrainingPointer kept = recorded.open(device(), options, true);
  options["gradientCheckpointing"] = true;
  const TrainingPointer again = recorded.open(device(), options, true);
  const double loss = recorded.accumulate(*kept, kWeight);
  ASSERT_NEAR(loss, recorded.accumulate(*again, kWeight), loss_tolerance(type()) / 5 * loss);
  double errors = 0;
  double squares = 0;
  for (const std::string& name : parameter_names(*kept)) {
    const TensorPointer gradient = kept->gradient(name);
    ASSERT_EQ(gradient == nullptr, again->gradient(name) == nullptr) << name;
    if (gradient == nullptr) continue;
    const std::vector<double> values = numbers(*gradient);
    const std::vector<double> others = numbers(*again->gradient(name));
    for (size_t i = 0; i < values.size(); ++i) {
      errors += (values[i] - others[i]) * (values[i] - others[i]);
      squares += values[i] * values[i];
    }
  }
  // Not to the last bit: without gradients other kernels compute between the products.
  EXPECT_LE(std::sqrt(errors / squares), reference_error("train_ctc_relative_key", type()));
}

TEST_P(AutocastTest, ModelsLearn) {
  const TrainingPointer training = recorded.open(device(), options_of(type()));
  const double first = recorded.accumulate(*training);
  double last = first;
  for (int i = 0; i < 12; ++i) {
    step(*training, 3e-3);
    last = recorded.accumulate(*training);
  }
  EXPECT_LE(last, 0.7 * first);
}

TEST_P(AutocastTest, NormsAreThoseOfTheLossesThemselves) {
  const TrainingPointer exact = recorded.open(device(), options_of("FLOAT32"));
  const TrainingPointer training = recorded.open(device(), options_of(type()));
  find_scale(recorded, *training);
  recorded.accumulate(*exact);
  recorded.accumulate(*training);
  const Step expected = step(*exact, 0);
  EXPECT_EQ(1, expected.scale);
  EXPECT_NEAR(expected.norm, step(*training, 0).norm, 0.03 * expected.norm);
}

TEST_P(AutocastTest, AFrozenBaseComputesInTheTypeToo) {
  Json options = options_of(type());
  options["freezeBase"] = true;
  const TrainingPointer training = recorded.open(device(), options);
  options["autocast"] = "FLOAT32";
  const TrainingPointer exact = recorded.open(device(), options);
  const Parameters before = parameters(*training);
  find_scale(recorded, *training);
  const double truth = recorded.accumulate(*exact);
  EXPECT_NEAR(truth, recorded.accumulate(*training), loss_tolerance(type()) * truth);
  // Far more than what a head alone would round.
  const std::string head = "lm_head.weight";
  const double error =
      relative_error(numbers(*exact->gradient(head)), numbers(*training->gradient(head)));
  EXPECT_LE(error, reference_error("train_ctc_relative_key", type()));
  EXPECT_GE(error, reference_error("train_ctc_relative_key", type()) / 10);
  ASSERT_TRUE(step(*training, kRate).applied);
  for (const auto& [name, values] : before) {
    EXPECT_EQ(name.rfind("wav2vec2_bert.", 0) == 0, values == parameter(*training, name)) << name;
  }
}

// Gradients that are not finite in float16.
class LossScaleTest : public AutocastTest {
 protected:
  void overflow(NativeTraining& training) const { recorded.accumulate(training, 1e9); }
};

INSTANTIATE_TEST_SUITE_P(Devices, LossScaleTest,
                         ::testing::Combine(::testing::Values("cpu", "cuda:0"),
                                            ::testing::Values("FLOAT16")),
                         parameter_name);

TEST_P(LossScaleTest, AnOverflowHalvesTheScaleAndChangesNothingElse) {
  Json options = options_of(type());
  options["averageDecay"] = 0.5;
  const TrainingPointer training = recorded.open(device(), options);
  const Parameters before = parameters(*training);
  for (const double scale : {32768.0, 16384.0}) {
    overflow(*training);
    const Step made = step(*training, kRate);
    EXPECT_FALSE(made.applied);
    EXPECT_FALSE(std::isfinite(made.norm));
    EXPECT_EQ(scale, made.scale);
  }
  EXPECT_EQ(before, parameters(*training));
  training->use_average(true);
  EXPECT_EQ(before, parameters(*training));
  training->use_average(false);
  EXPECT_EQ(nullptr, training->gradient("lm_head.weight"));
  // Without gradients there is nothing to learn about the scale.
  EXPECT_EQ(16384.0, step(*training, kRate).scale);
}

TEST_P(LossScaleTest, TheScaleIsPartOfTheState) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "state.safetensors").string();
  const TrainingPointer saved = recorded.open(device(), options_of(type()), true);
  for (int i = 0; i < 3; ++i) {
    overflow(*saved);
    step(*saved, kRate);
  }
  saved->save_state(path);
  recorded.accumulate(*saved);
  const Step expected = step(*saved, kRate);
  for (int i = 0; i < 2; ++i) {
    const TrainingPointer loaded = recorded.open(device(), options_of(type()), true);
    if (i == 1) overflow(*loaded);  // what loading forgets
    loaded->load_state(path);
    recorded.accumulate(*loaded);
    const Step made = step(*loaded, kRate);
    EXPECT_EQ(expected.applied, made.applied);
    EXPECT_EQ(expected.scale, made.scale);
    EXPECT_LE(made.scale, 8192);
    if (device() == "cpu") {  // to the last bit; sums of a GPU have no fixed order
      EXPECT_EQ(expected.norm, made.norm);
      EXPECT_EQ(parameters(*saved), parameters(*loaded));
    }
  }
}

TEST_P(LossScaleTest, AStateOfATrainingWithoutScaleBeginsWithTheFirst) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "state.safetensors").string();
  recorded.open(device(), options_of("FLOAT32"))->save_state(path);
  const TrainingPointer training = recorded.open(device(), options_of(type()));
  overflow(*training);
  step(*training, kRate);
  training->load_state(path);
  EXPECT_EQ(65536, step(*training, kRate).scale);
}

TEST_P(LossScaleTest, WorkersFollowTheScale) {
  const TrainingPointer alone = recorded.open(device(), options_of(type()));
  const TrainingPointer main = recorded.open(device(), options_of(type()));
  const auto worker = main->worker();
  for (const TrainingPointer& training : {alone, main}) find_scale(recorded, *training);
  recorded.accumulate(*alone, 0.5);
  recorded.accumulate(*alone, 0.25);
  recorded.accumulate(*main, 0.5);
  recorded.accumulate(*worker, 0.25);
  main->take_gradients(worker.get());
  const std::string name = "lm_head.weight";
  EXPECT_LE(relative_error(numbers(*alone->gradient(name)), numbers(*main->gradient(name))), 1e-3);
  EXPECT_EQ(step(*alone, kRate).scale, step(*main, kRate).scale);
}

TEST_P(LossScaleTest, GradientsOfAnotherTrainingAreRefused) {
  const TrainingPointer main = recorded.open(device(), options_of(type()));
  const auto other = NativeTraining::create(*main->model(), options_of(type()).dump());
  recorded.accumulate(*other);
  EXPECT_THROW(main->take_gradients(other.get()), std::runtime_error);
  EXPECT_THROW(main->take_gradients(main.get()), std::runtime_error);
}

}  // namespace
}  // namespace w2vbert::testing
