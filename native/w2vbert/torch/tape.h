// Backward passes that mix LibTorch's operators with ours.
//
// The C ABI has no autograd::Function. So an operator of ours computes without gradients, cuts the
// graph - its inputs and outputs become leaves - and tells the tape how to go back from the
// gradients of its outputs to those of its inputs. A backward pass goes through the graph behind
// the loss, and then back along the tape, where each cut hands on what has reached its leaf.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

class Tape {
 public:
  // Operators that run on this thread while gradients are enabled use the new tape from now on,
  // until it is destroyed.
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // The tape to use; nullptr if there is none or gradients are not enabled.
  static Tape* recording();

  // `x` itself if it takes no gradients (or is undefined) or is a leaf. Otherwise a leaf with its
  // values, always the same one, whose gradient goes on to what `x` was computed from.
  Tensor leaf(const Tensor& x);

  // `outputs`, computed without gradients, as leaves. `backward` gets their gradients, which are
  // undefined where none has arrived, at least one is there; gradients are not enabled then.
  using Backward = std::function<void(const std::vector<Tensor>& gradients)>;
  std::vector<Tensor> record(const std::vector<Tensor>& outputs, Backward backward);

  // Adds a gradient to that of a leaf, unless the leaf takes none.
  static void add_gradient(const Tensor& leaf, const Tensor& gradient);

  // Adds the gradients of the sum of output * gradient to those of all leaves. Once.
  void backward(const Tensor& output, const Tensor& gradient);

 private:
  Tape* before_;
  std::map<void*, Tensor> cuts_;  // by the tensor that was cut, which steps_back_ keeps alive
  std::vector<std::function<void()>> steps_back_;  // last one first
};

// The result of `kernel` without gradients; its gradients come from `composite`, which is
// differentiable by LibTorch, computed again when they are needed. Both get the same tensors:
// `inputs`, or leaves with their values. Without a tape it is just composite(inputs).
using TensorFunction = std::function<Tensor(const std::vector<Tensor>& inputs)>;
Tensor differentiate(const std::vector<Tensor>& inputs, const TensorFunction& kernel,
                     const TensorFunction& composite);

}  // namespace w2vbert
