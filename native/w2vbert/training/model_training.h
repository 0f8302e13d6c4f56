// A model that learns: the same definition as in inference, with gradients for its parameters,
// AdamW and a state that can be saved.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "w2vbert/models/pretrained_model.h"
#include "w2vbert/modules/training_pass.h"
#include "w2vbert/training/adamw.h"
#include "w2vbert/training/loss_scale.h"

namespace w2vbert {

struct TrainingOptions {
  AdamWOptions adamw;
  double weight_decay = 0.01;
  // Whether biases and the weights of norms decay, too; the reference's trainer spares them.
  bool decay_biases_and_norms = false;
  double max_gradient_norm = 1.0;  // of all parameters together; 0: gradients are not clipped
  double average_decay = 0.0;      // of the running average of the parameters; 0: there is none
  TrainingMode mode;
  bool freeze_feature_projection = false;
  LossOptions loss;
  uint64_t seed = 0;
};

// Not for several threads at once. Functions that compute want gradients enabled. Several trainings
// of the same parameters may accumulate gradients at the same time, each on a thread of its own,
// while none of them changes the parameters.
class ModelTraining {
 public:
  // `parameters` are all that the class asks for, float32 and contiguous, on one device, in
  // memory that may be written: they are trained in place, so that whoever shares them sees each
  // step. Throws std::invalid_argument if a model of this class and configuration has no loss to
  // train, std::runtime_error if LibTorch computes no gradients on the device.
  ModelTraining(const std::string& model_class, const Config& config,
                const std::vector<std::pair<std::string, Tensor>>& parameters,
                const TrainingOptions& options);

  // A place of its own for gradients of the same parameters, which take_gradients collects. It
  // draws as this one did at its beginning, and keeps no average.
  ModelTraining worker() const;

  // A forward pass in training mode on padded input (see padded_input) and a backward pass: adds
  // the gradients of weight * loss to those there are. Returns the loss; if it is not finite,
  // nothing was added. Throws std::invalid_argument if input or labels do not fit.
  double accumulate(const Tensor& features, const Tensor& attention_mask, const Tensor& labels,
                    double weight);

  struct Step {
    double gradient_norm;  // of all gradients, before they were clipped
    bool applied;          // false if there was no gradient, or the norm is not finite
    double loss_scale;     // of the next gradients
  };
  // One step of AdamW for the parameters that have gradients; the others stay as they are, without
  // decay. Afterwards no parameter has gradients.
  Step step(double learning_rate);

  // Adds the gradients of a worker to these; afterwards it has none. Throws std::invalid_argument
  // if it is one of another training.
  void take_gradients(ModelTraining& worker);

  // Draws from now on as a training with this seed does from its beginning.
  void reseed(uint64_t seed) { random_ = RandomStream(seed); }

  void zero_gradients();
  // Undefined if none has reached the parameter. Throws std::invalid_argument if there is no
  // parameter of this name.
  Tensor gradient(const std::string& name) const;

  // What losses are multiplied by before their gradients are computed, 1 unless products are
  // float16. Norms and gradients that are told are those of the losses themselves.
  double loss_scale() const { return scales_losses() ? scale_->value() : 1.0; }

  // Exchanges the parameters for their running average, or back. Meanwhile nothing else is
  // possible: std::logic_error.
  void use_average(bool on);

  // Parameters, moments, average, random state and loss scale in one safetensors file, complete or
  // not at all. Training that goes on from it does so to the last bit. Throws std::logic_error if
  // there are gradients, which a state does not hold.
  void save_state(const std::string& path) const;
  // Throws std::invalid_argument, leaving everything as it was, if the file does not fit.
  void load_state(const std::string& path);

 private:
  struct Parameter {
    std::string name;
    Tensor leaf;
    bool trained;
    double weight_decay;
    Moments moments;
    Tensor average;  // undefined if there is none
  };

  void require_own_weights(const char* what) const;
  // From now on the gradients that there are belong to the loss scale of now.
  void rescale_gradients();
  bool scales_losses() const { return options_.mode.autocast == DType::kFloat16; }

  TrainingOptions options_;
  std::string model_class_;
  RandomStream random_;
  std::shared_ptr<LossScale> scale_ = std::make_shared<LossScale>();  // that of all workers
  double gradient_scale_ = 1;  // what the gradients that there are were computed with
  std::unique_ptr<PretrainedModel> model_;
  std::vector<Parameter> parameters_;
  bool average_in_use_ = false;
};

}  // namespace w2vbert
