// What a forward pass does in training besides computing: drop out, skip layers, and remember how
// to go back. Modules take a pointer to it, which is null in inference.
#pragma once

#include <functional>
#include <optional>

#include "w2vbert/modules/random_stream.h"
#include "w2vbert/torch/autocast.h"
#include "w2vbert/torch/tape.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {

struct TrainingMode {
  // Only the inputs of encoder layers are kept; a backward pass computes each layer again.
  bool gradient_checkpointing = false;
  // The base model computes in training mode, but records no gradients.
  bool freeze_base = false;
  // What products of layers compute in, float16 or bfloat16, with float32 parameters; none:
  // float32.
  std::optional<DType> autocast;
};

// One forward and one backward pass. Gradients are enabled on the thread that uses it.
class TrainingPass {
 public:
  TrainingPass(RandomStream& random, const TrainingMode& mode)
      : random_(&random), mode_(mode), autocast_(mode.autocast) {}
  TrainingPass(const TrainingPass&) = delete;
  TrainingPass& operator=(const TrainingPass&) = delete;

  const TrainingMode& mode() const { return mode_; }
  RandomStream& random() { return *random_; }

  // Elements become 0 with the given probability, the others are scaled up (Srivastava et al.
  // 2014).
  Tensor dropout(const Tensor& x, double probability);
  // The factors of dropout on a device; undefined if nothing is dropped.
  Tensor dropout_factors(const Shape& shape, double probability, const Device& device);
  // Whether a layer is left out (Fan et al. 2019).
  bool drops_layer(double probability);

  // body(x), for a layer whose result depends on `x`, its parameters and random() only. `body` may
  // be called again in backward(): what it refers to must live as long.
  using Layer = std::function<Tensor(const Tensor& x)>;
  Tensor run_layer(const Tensor& x, const Layer& body);

  // Adds the gradients of weight * loss to those of all parameters. `loss` is a scalar. Once.
  void backward(const Tensor& loss, double weight);

 private:
  RandomStream* random_;
  TrainingMode mode_;
  Autocast autocast_;
  Tape tape_;
};

inline Tensor dropout(TrainingPass* training, const Tensor& x, double probability) {
  return training == nullptr ? x : training->dropout(x, probability);
}

}  // namespace w2vbert
