#include "w2vbert/training/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

// Elements that are worth a thread: about 20 us.
constexpr int64_t kElementsPerTask = int64_t{1} << 14;

}  // namespace

void adamw_step(const Tensor& parameter, const Tensor& gradient, float scale, double learning_rate,
                double weight_decay, const AdamWOptions& options, Moments& moments) {
  if (moments.steps == 0) {
    moments.first = Tensor::zeros(parameter.shape(), DType::kFloat32);
    moments.second = Tensor::zeros(parameter.shape(), DType::kFloat32);
  }
  const auto steps = static_cast<double>(++moments.steps);
  const auto beta1 = static_cast<float>(options.beta1);
  const auto beta2 = static_cast<float>(options.beta2);
  const auto rest1 = static_cast<float>(1 - options.beta1);
  const auto rest2 = static_cast<float>(1 - options.beta2);
  const auto epsilon = static_cast<float>(options.epsilon);
  const auto kept = static_cast<float>(1 - learning_rate * weight_decay);
  const auto rate = static_cast<float>(learning_rate / (1 - std::pow(options.beta1, steps)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(options.beta2, steps)));
  float* p = parameter.data<float>();
  const float* g = gradient.data<float>();
  float* m = moments.first.data<float>();
  float* v = moments.second.data<float>();
  parallel_for(parameter.numel(), kElementsPerTask, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = scale * g[i];
      m[i] = beta1 * m[i] + rest1 * slope;
      v[i] = beta2 * v[i] + rest2 * slope * slope;
      p[i] = kept * p[i] - rate * m[i] / (std::sqrt(v[i]) * root + epsilon);
    }
  });
}

double sum_of_squares(const Tensor& x) {
  const int64_t count = x.numel();
  const float* values = x.data<float>();
  const int64_t parts = (count + kElementsPerTask - 1) / kElementsPerTask;
  std::vector<double> sums(static_cast<size_t>(parts));
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      double sum = 0;
      const int64_t last = std::min(count, (part + 1) * kElementsPerTask);
      for (int64_t i = part * kElementsPerTask; i < last; ++i) {
        sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
      }
      sums[static_cast<size_t>(part)] = sum;
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

void update_average(const Tensor& average, const Tensor& parameter, double decay) {
  const auto rest = static_cast<float>(1 - decay);
  float* a = average.data<float>();
  const float* p = parameter.data<float>();
  parallel_for(parameter.numel(), kElementsPerTask, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) a[i] += rest * (p[i] - a[i]);
  });
}

}  // namespace w2vbert
