#include "w2vbert/torch/tape.h"

#include <algorithm>
#include <utility>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert {
namespace {

thread_local Tape* current = nullptr;

Tensor leaf_of(const Tensor& x) {
  const Tensor leaf = aten::detach(x);
  leaf.set_requires_grad(true);
  return leaf;
}

}  // namespace

Tape::Tape() : before_(std::exchange(current, this)) {}

Tape::~Tape() { current = before_; }

Tape* Tape::recording() { return GradMode::enabled() ? current : nullptr; }

Tensor Tape::leaf(const Tensor& x) {
  if (!x.defined() || !requires_grad(x) || is_leaf(x)) return x;
  Tensor& leaf = cuts_[impl_of(x)];
  if (!leaf.defined()) {
    leaf = leaf_of(x);
    steps_back_.emplace_back([x, leaf = leaf] {
      const Tensor reached = gradient(leaf);
      // What is behind x may have been gone through for another part of its gradient.
      if (reached.defined()) aten::backward(x, reached, true);
    });
  }
  return leaf;
}

std::vector<Tensor> Tape::record(const std::vector<Tensor>& outputs, Backward backward) {
  std::vector<Tensor> leaves;
  for (const Tensor& output : outputs) leaves.push_back(leaf_of(output));
  steps_back_.emplace_back([leaves, backward = std::move(backward)] {
    std::vector<Tensor> gradients;
    for (const Tensor& leaf : leaves) gradients.push_back(gradient(leaf));
    if (std::any_of(gradients.begin(), gradients.end(),
                    [](const Tensor& gradient) { return gradient.defined(); })) {
      const GradMode mode(false);
      backward(gradients);
    }
  });
  return leaves;
}

void Tape::add_gradient(const Tensor& leaf, const Tensor& gradient) {
  if (requires_grad(leaf)) aten::backward(leaf, gradient);
}

void Tape::backward(const Tensor& output, const Tensor& gradient) {
  cuts_.clear();  // steps hold what they need
  aten::backward(output, gradient, true);
  while (!steps_back_.empty()) {
    const std::function<void()> step = std::move(steps_back_.back());
    steps_back_.pop_back();
    step();
  }
}

Tensor differentiate(const std::vector<Tensor>& inputs, const TensorFunction& kernel,
                     const TensorFunction& composite) {
  Tape* const tape = Tape::recording();
  if (tape == nullptr) return composite(inputs);
  std::vector<Tensor> leaves;
  bool any = false;
  for (const Tensor& input : inputs) {
    leaves.push_back(tape->leaf(input));
    any = any || (input.defined() && requires_grad(input));
  }
  Tensor output;
  {
    const GradMode mode(false);
    output = kernel(leaves);
  }
  if (!any) return output;
  return tape->record({output}, [leaves, composite](const std::vector<Tensor>& gradients) {
    const GradMode mode(true);
    Tape inner;
    inner.backward(composite(leaves), gradients[0]);
  })[0];
}

}  // namespace w2vbert
