#include "w2vbert/training/model_training.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>

#include "w2vbert/io/safetensors.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert {
namespace {

constexpr const char* kStateFormat = "w2vbert training state 1";
constexpr const char* kScaleExponent = "loss_scale_exponent";
constexpr const char* kScaleSteps = "loss_scale_steps";

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// Gives a model the tensors of another one.
class SharedParameters : public ParameterSource {
 public:
  explicit SharedParameters(const std::vector<std::pair<std::string, Tensor>>& parameters)
      : parameters_(parameters.begin(), parameters.end()) {}

  Tensor get(const std::string& name, const Shape& shape, const Init&) override {
    const auto found = parameters_.find(name);
    if (found == parameters_.end() || found->second.shape() != shape ||
        found->second.dtype() != DType::kFloat32 || !found->second.is_contiguous()) {
      throw std::invalid_argument(
          "parameter '" + name + "' is " +
          (found == parameters_.end() ? std::string("missing") : found->second.describe()) +
          "; training expects float32 " + shape_string(shape));
    }
    return found->second;
  }
  bool in_place() const override { return true; }

 private:
  std::map<std::string, Tensor> parameters_;
};

// Makes leaves of the tensors that pass through it.
class Leaves : public ParameterSource {
 public:
  Leaves(ParameterSource& source, std::function<bool(const std::string&)> trained)
      : source_(&source), trained_(std::move(trained)) {}

  Tensor get(const std::string& name, const Shape& shape, const Init& init) override {
    Tensor leaf = aten::detach(source_->get(name, shape, init));
    if (trained_(name)) leaf.set_requires_grad(true);
    leaves.emplace_back(name, leaf);
    return leaf;
  }

  bool in_place() const override { return source_->in_place(); }

  std::vector<std::pair<std::string, Tensor>> leaves;

 private:
  ParameterSource* source_;
  std::function<bool(const std::string&)> trained_;
};

void check_class(const std::string& model_class, const Config& config) {
  if (model_class == "Wav2Vec2BertModel") {
    throw std::invalid_argument("Wav2Vec2BertModel has no loss; train a class with a head");
  }
  if (model_class == "Wav2Vec2BertForCTC" && config.ctc_loss_reduction == CtcLossReduction::kNone) {
    throw std::invalid_argument("ctc_loss_reduction is none; training expects sum or mean");
  }
}

// LibTorch counts the devices once in a process, at its first backward pass; those of a library
// that is opened later have none.
void require_backward(const Device& device) {
  if (!device.cuda) return;
  const GradMode mode(true);
  const Tensor leaf = Tensor::zeros({}, DType::kFloat32, device);
  leaf.set_requires_grad(true);
  const Tensor sum = aten::add(leaf, leaf);
  try {
    aten::backward(sum);
  } catch (const std::runtime_error& e) {
    throw std::runtime_error("LibTorch computes no gradients on " + device.name() +
                             " in this process: " + e.what() +
                             "; if a training on the CPU came before CUDA was opened, open a model "
                             "on " +
                             device.name() + " before that, or train in another process");
  }
}

// A float32 tensor of a state file.
const TensorEntry& state_tensor(const SafetensorsFile& file, const std::string& name,
                                const Shape& shape) {
  const TensorEntry& entry = file.tensor(name);
  if (entry.dtype != SafetensorsDType::kF32 || entry.shape != shape) {
    throw std::invalid_argument(file.path() + ": tensor '" + name + "' is " + entry.dtype_name +
                                " " + shape_string(entry.shape) + "; expected F32 " +
                                shape_string(shape));
  }
  return entry;
}

const std::string& state_text(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) {
    throw std::invalid_argument(file.path() + ": has no '" + key +
                                "' in its metadata; expected a " + kStateFormat);
  }
  return found->second;
}

void expect_text(const SafetensorsFile& file, const std::string& key, const std::string& expected) {
  const std::string& text = state_text(file, key);
  if (text != expected) {
    throw std::invalid_argument(file.path() + ": " + key + " is '" + text + "'; expected '" +
                                expected + "'");
  }
}

template <typename Integer>
Integer state_number(const SafetensorsFile& file, const std::string& key,
                     Integer least = std::numeric_limits<Integer>::min(),
                     Integer largest = std::numeric_limits<Integer>::max()) {
  const std::string& text = state_text(file, key);
  Integer number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || last != end || number < least || number > largest) {
    throw std::invalid_argument(file.path() + ": " + key + " is '" + text +
                                "'; expected a number from " + std::to_string(least) + " to " +
                                std::to_string(largest));
  }
  return number;
}

// The first one after a training that scaled no losses.
LossScale state_scale(const SafetensorsFile& file) {
  LossScale scale;
  if (file.metadata().count(kScaleExponent) == 0) return scale;
  scale.exponent = state_number<int>(file, kScaleExponent, LossScale::kLeastExponent,
                                     LossScale::kLargestExponent);
  scale.steps = state_number<int64_t>(file, kScaleSteps, 0, LossScale::kStepsToGrow - 1);
  return scale;
}

}  // namespace

ModelTraining::ModelTraining(const std::string& model_class, const Config& config,
                             const std::vector<std::pair<std::string, Tensor>>& parameters,
                             const TrainingOptions& options)
    : options_(options), model_class_(model_class), random_(options.seed) {
  check_class(model_class, config);
  SharedParameters shared(parameters);
  Leaves source(shared, [&](const std::string& name) {
    return !(options.mode.freeze_base && starts_with(name, "wav2vec2_bert.")) &&
           !(options.freeze_feature_projection &&
             starts_with(name, "wav2vec2_bert.feature_projection."));
  });
  model_ = make_model(model_class, Scope(source, ""), config);
  require_backward(model_->base().device());
  for (const auto& [name, leaf] : source.leaves) {
    const bool spared = contains(name, "bias") || contains(name, "layer_norm.");
    const bool trained = requires_grad(leaf);
    parameters_.push_back(
        {name, leaf, trained,
         spared && !options.decay_biases_and_norms ? 0.0 : options.weight_decay, Moments(),
         trained && options.average_decay > 0 ? aten::clone(aten::detach(leaf)) : Tensor()});
  }
}

ModelTraining ModelTraining::worker() const {
  std::vector<std::pair<std::string, Tensor>> parameters;
  for (const Parameter& parameter : parameters_) {
    parameters.emplace_back(parameter.name, aten::detach(parameter.leaf));
  }
  TrainingOptions options = options_;
  options.average_decay = 0;
  ModelTraining worker(model_class_, model_->base().config(), parameters, options);
  worker.scale_ = scale_;
  return worker;
}

void ModelTraining::require_own_weights(const char* what) const {
  if (average_in_use_) {
    throw std::logic_error(std::string("the averaged weights are in use; end that before ") + what);
  }
}

double ModelTraining::accumulate(const Tensor& features, const Tensor& attention_mask,
                                 const Tensor& labels, double weight) {
  require_own_weights("training goes on");
  if (!std::isfinite(weight)) {
    throw std::invalid_argument("weight is " + std::to_string(weight) +
                                "; expected a finite number");
  }
  rescale_gradients();
  TrainingPass pass(random_, options_.mode);
  ModelInput input = padded_input(features, attention_mask, Tensor(), model_->base().config());
  input.training = &pass;
  HeadOutput output = model_->forward(input, {});
  output.logits = aten::to(output.logits, DType::kFloat32);
  const Tensor loss = model_->loss(output, labels, options_.loss);
  const double value = static_cast<double>(*aten::detach(loss).to({}).data<float>());
  if (std::isfinite(value)) pass.backward(loss, weight * gradient_scale_);
  return value;
}

ModelTraining::Step ModelTraining::step(double learning_rate) {
  require_own_weights("a step");
  if (!std::isfinite(learning_rate) || learning_rate < 0) {
    throw std::invalid_argument("learning_rate is " + std::to_string(learning_rate) +
                                "; expected a finite number, at least 0");
  }
  std::vector<AdamWParameter> reached;
  std::vector<Tensor> gradients;
  for (Parameter& parameter : parameters_) {
    if (!parameter.trained) continue;
    const Tensor gradient = w2vbert::gradient(parameter.leaf);
    if (!gradient.defined()) continue;
    gradients.push_back(aten::contiguous(aten::detach(gradient)));
    reached.push_back({aten::detach(parameter.leaf), gradients.back(), parameter.weight_decay,
                       &parameter.moments});
  }
  const GradMode mode(false);
  const double scale = gradient_scale_;
  const double norm = std::sqrt(sum_of_squares(gradients)) / scale;
  const bool finite = std::isfinite(norm);
  if (reached.empty() || !finite) {
    if (scales_losses() && !finite) scale_->update(false);
    zero_gradients();
    return {norm, false, loss_scale()};
  }
  // The reference's clip_grad_norm_ has this small number, too.
  const double clipped = options_.max_gradient_norm > 0
                             ? std::min(1.0, options_.max_gradient_norm / (norm + 1e-6))
                             : 1.0;
  adamw_step(reached, clipped / scale, learning_rate, options_.adamw);
  for (const Parameter& parameter : parameters_) {
    if (parameter.average.defined()) {
      update_average(parameter.average, aten::detach(parameter.leaf), options_.average_decay);
    }
  }
  if (scales_losses()) scale_->update(true);
  zero_gradients();
  return {norm, true, loss_scale()};
}

void ModelTraining::take_gradients(ModelTraining& worker) {
  require_own_weights("taking gradients");
  if (&worker == this || worker.scale_ != scale_) {
    throw std::invalid_argument("gradients of another training, of a " + worker.model_class_ +
                                "; expected those of a worker of this one, of a " + model_class_);
  }
  rescale_gradients();
  worker.rescale_gradients();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& from = worker.parameters_[i];
    if (!from.trained) continue;
    const Tensor gradient = w2vbert::gradient(from.leaf);
    if (gradient.defined()) Tape::add_gradient(parameters_[i].leaf, aten::detach(gradient));
  }
  worker.zero_gradients();
}

void ModelTraining::rescale_gradients() {
  const double factor = loss_scale() / gradient_scale_;
  gradient_scale_ = loss_scale();
  if (factor == 1) return;
  const GradMode mode(false);
  for (const Parameter& parameter : parameters_) {
    const Tensor gradient = parameter.trained ? w2vbert::gradient(parameter.leaf) : Tensor();
    if (!gradient.defined()) continue;
    const Tensor values = aten::detach(gradient);
    copy_values(values, aten::mul(values, Tensor::scalar(factor)));
  }
}

void ModelTraining::zero_gradients() {
  for (const Parameter& parameter : parameters_) {
    if (parameter.trained) clear_gradient(parameter.leaf);
  }
}

Tensor ModelTraining::gradient(const std::string& name) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name != name) continue;
    const Tensor gradient = parameter.trained ? w2vbert::gradient(parameter.leaf) : Tensor();
    return gradient.defined() ? aten::div(aten::detach(gradient), Tensor::scalar(gradient_scale_))
                              : gradient;
  }
  throw std::invalid_argument("there is no parameter '" + name + "' in this model");
}

void ModelTraining::use_average(bool on) {
  if (on && !(options_.average_decay > 0)) {
    throw std::logic_error("this training keeps no average of its weights; set an average decay");
  }
  if (on == average_in_use_) return;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.average.defined()) continue;
    const Tensor own = aten::detach(parameter.leaf);
    const Tensor before = aten::clone(own);
    copy_values(own, parameter.average);
    copy_values(parameter.average, before);
  }
  average_in_use_ = on;
}

void ModelTraining::save_state(const std::string& path) const {
  require_own_weights("saving the state");
  const Tensor steps = Tensor::empty({static_cast<int64_t>(parameters_.size())}, DType::kInt64);
  std::vector<Tensor> on_host;
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (parameter.trained && w2vbert::gradient(parameter.leaf).defined()) {
      throw std::logic_error(
          "there are gradients that no step has used, which a saved state does not hold; make a "
          "step or forget them first");
    }
    const auto add = [&](const char* kind, const Tensor& tensor) {
      if (!tensor.defined()) return;
      on_host.push_back(aten::detach(tensor).to({}));
      tensors.push_back({std::string(kind) + parameter.name, SafetensorsDType::kF32, tensor.shape(),
                         on_host.back().raw_data()});
    };
    add("parameter.", parameter.leaf);
    add("first_moment.", parameter.moments.first);
    add("second_moment.", parameter.moments.second);
    add("average.", parameter.average);
    steps.data<int64_t>()[i] = parameter.moments.steps;
  }
  tensors.push_back({"steps", SafetensorsDType::kI64, steps.shape(), steps.raw_data()});
  std::map<std::string, std::string> texts{{"format", kStateFormat},
                                           {"model_class", model_class_},
                                           {"random_seed", std::to_string(random_.seed())},
                                           {"random_position", std::to_string(random_.position())}};
  if (scales_losses()) {
    texts[kScaleExponent] = std::to_string(scale_->exponent);
    texts[kScaleSteps] = std::to_string(scale_->steps);
  }
  write_safetensors(path, tensors, texts);
}

void ModelTraining::load_state(const std::string& path) {
  require_own_weights("loading a state");
  const SafetensorsFile file(path);
  expect_text(file, "format", kStateFormat);
  expect_text(file, "model_class", model_class_);
  RandomStream random(state_number<uint64_t>(file, "random_seed"));
  random.set_position(state_number<uint64_t>(file, "random_position"));
  const LossScale scale = state_scale(file);
  const TensorEntry& counts = file.tensor("steps");
  const Shape expected{static_cast<int64_t>(parameters_.size())};
  if (counts.dtype != SafetensorsDType::kI64 || counts.shape != expected) {
    throw std::invalid_argument(file.path() + ": tensor 'steps' is " + counts.dtype_name + " " +
                                shape_string(counts.shape) + "; expected I64 " +
                                shape_string(expected));
  }
  std::vector<int64_t> steps(parameters_.size());
  std::memcpy(steps.data(), counts.data, steps.size() * sizeof(int64_t));

  // Everything is found before anything changes.
  std::vector<std::pair<Tensor, const TensorEntry*>> copies;
  std::vector<Moments> moments(parameters_.size());
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    const Shape shape = parameter.leaf.shape();
    const auto find = [&](const char* kind, const Tensor& to) {
      copies.emplace_back(to, &state_tensor(file, kind + parameter.name, shape));
    };
    if (steps[i] < 0) {
      throw std::invalid_argument(file.path() + ": the steps of '" + parameter.name + "' are " +
                                  std::to_string(steps[i]) + "; expected at least 0");
    }
    find("parameter.", parameter.leaf);
    if (steps[i] > 0) {
      const Device device = parameter.leaf.device();
      moments[i] = {Tensor::empty(shape, DType::kFloat32, device),
                    Tensor::empty(shape, DType::kFloat32, device), steps[i]};
      find("first_moment.", moments[i].first);
      find("second_moment.", moments[i].second);
    }
    if (parameter.average.defined()) find("average.", parameter.average);
  }
  for (const auto& [to, from] : copies) {
    const Tensor values = Tensor::empty(to.shape(), DType::kFloat32);
    if (from->byte_size() > 0) std::memcpy(values.raw_data(), from->data, from->byte_size());
    copy_values(aten::detach(to), values);
  }
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].moments = moments[i];
  random_ = random;
  *scale_ = scale;
  zero_gradients();
}

}  // namespace w2vbert
