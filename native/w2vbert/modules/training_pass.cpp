#include "w2vbert/modules/training_pass.h"

#include "w2vbert/torch/aten.h"

namespace w2vbert {

Tensor TrainingPass::dropout(const Tensor& x, double probability) {
  const Tensor factors = dropout_factors(x.shape(), probability, x.device());
  return factors.defined() ? aten::to(aten::mul(x, factors), x.dtype()) : x;
}

Tensor TrainingPass::dropout_factors(const Shape& shape, double probability, const Device& device) {
  // Drawn on the host: the same numbers on every device.
  return probability > 0 ? random_->dropout_factors(shape, probability).to(device) : Tensor();
}

bool TrainingPass::drops_layer(double probability) { return random_->uniform() < probability; }

Tensor TrainingPass::run_layer(const Tensor& x, const Layer& body) {
  if (!mode_.gradient_checkpointing || Tape::recording() == nullptr) return body(x);
  const Tensor input = tape_.leaf(x);
  const uint64_t position = random_->position();
  Tensor output;
  {
    const GradMode mode(false);
    output = body(input);
  }
  return tape_.record({output},
                      [this, input, body, position](const std::vector<Tensor>& gradients) {
                        const GradMode mode(true);
                        Tape inner;
                        const uint64_t position_after = random_->position();
                        random_->set_position(position);
                        const Tensor again = body(input);
                        random_->set_position(position_after);
                        inner.backward(again, gradients[0]);
                      })[0];
}

void TrainingPass::backward(const Tensor& loss, double weight) {
  const Tensor seed = Tensor::empty({}, loss.dtype());
  *seed.data<float>() = static_cast<float>(weight);
  tape_.backward(loss, seed.to(loss.device()));
}

}  // namespace w2vbert
