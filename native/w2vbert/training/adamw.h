// AdamW (Loshchilov and Hutter 2019): Adam with decay of the weights apart from their gradients.
#pragma once

#include <cstdint>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// What AdamW remembers of a parameter that has been stepped.
struct Moments {
  Tensor first;   // running mean of the gradients, like the parameter
  Tensor second;  // of their squares
  int64_t steps = 0;
};

// One step, in place; `gradient` is multiplied by `scale` first. All tensors are float32 and
// contiguous; the moments of the first step are allocated here.
void adamw_step(const Tensor& parameter, const Tensor& gradient, float scale, double learning_rate,
                double weight_decay, const AdamWOptions& options, Moments& moments);

// The sum of the squares of a contiguous float32 tensor, the same for any number of threads.
double sum_of_squares(const Tensor& x);

// average = decay * average + (1 - decay) * parameter, in place.
void update_average(const Tensor& average, const Tensor& parameter, double decay);

}  // namespace w2vbert
