#include "w2vbert/modules/training_pass.h"

#include <utility>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert {
namespace {

Tensor leaf_of(const Tensor& x) {
  const Tensor leaf = aten::detach(x);
  leaf.set_requires_grad(true);
  return leaf;
}

}  // namespace

Tensor TrainingPass::dropout(const Tensor& x, double probability) {
  const Tensor factors = dropout_factors(x.shape(), probability);
  return factors.defined() ? aten::mul(x, factors) : x;
}

Tensor TrainingPass::dropout_factors(const Shape& shape, double probability) {
  return probability > 0 ? random_->dropout_factors(shape, probability) : Tensor();
}

bool TrainingPass::drops_layer(double probability) { return random_->uniform() < probability; }

bool TrainingPass::keeps_inputs_only() const {
  return mode_.gradient_checkpointing && GradMode::enabled();
}

Tensor TrainingPass::begin_layers(const Tensor& x) {
  if (!keeps_inputs_only()) return x;
  const Tensor leaf = leaf_of(x);
  steps_back_.emplace_back([x, leaf] {
    const Tensor reached = gradient(leaf);
    if (reached.defined() && requires_grad(x)) aten::backward(x, reached);
  });
  return leaf;
}

Tensor TrainingPass::run_layer(const Tensor& x, const Layer& body) {
  if (!keeps_inputs_only()) return body(x);
  const uint64_t position = random_->position();
  Tensor output;
  {
    const GradMode no_gradients(false);
    output = leaf_of(body(x));
  }
  steps_back_.emplace_back([this, x, body, position, output] {
    const Tensor reached = gradient(output);
    if (!reached.defined()) return;
    const uint64_t position_after = random_->position();
    random_->set_position(position);
    const Tensor again = body(x);
    random_->set_position(position_after);
    aten::backward(again, reached);
  });
  return output;
}

void TrainingPass::backward(const Tensor& loss, double weight) {
  const Tensor seed = Tensor::empty({}, loss.dtype());
  *seed.data<float>() = static_cast<float>(weight);
  aten::backward(loss, seed);
  while (!steps_back_.empty()) {
    const std::function<void()> step = std::move(steps_back_.back());
    steps_back_.pop_back();
    step();
  }
}

}  // namespace w2vbert
