// AdamW (Loshchilov and Hutter 2019): Adam with decay of the weights apart from their gradients.
#pragma once

#include <cstdint>
#include <vector>

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

// A parameter in a step. Tensors are float32 and contiguous.
struct AdamWParameter {
  Tensor values;
  Tensor gradient;  // its content may have changed afterwards
  double weight_decay;
  Moments* moments;  // those of the first step are allocated
};

// One step of parameters that are all on the CPU or all on one CUDA device, in place; gradients are
// multiplied by `scale`, which is positive, first.
void adamw_step(const std::vector<AdamWParameter>& parameters, double scale, double learning_rate,
                const AdamWOptions& options);

// The sum of the squares of all elements of contiguous float32 tensors: on the CPU the same for any
// number of threads; of a device the host waits once.
double sum_of_squares(const std::vector<Tensor>& tensors);

// Copies the values of a tensor into another one's memory, between devices, too.
void copy_values(const Tensor& to, const Tensor& from);

// average = decay * average + (1 - decay) * parameter, in place.
void update_average(const Tensor& average, const Tensor& parameter, double decay);

}  // namespace w2vbert
