#include "w2vbert/training/adamw.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

// Elements that are worth a thread: about 20 us.
constexpr int64_t kElementsPerTask = int64_t{1} << 14;

void step_on_host(const AdamWParameter& parameter, float scale, double learning_rate,
                  const AdamWOptions& options) {
  const auto steps = static_cast<double>(parameter.moments->steps);
  const auto beta1 = static_cast<float>(options.beta1);
  const auto beta2 = static_cast<float>(options.beta2);
  const auto rest1 = static_cast<float>(1 - options.beta1);
  const auto rest2 = static_cast<float>(1 - options.beta2);
  const auto epsilon = static_cast<float>(options.epsilon);
  const auto kept = static_cast<float>(1 - learning_rate * parameter.weight_decay);
  const auto rate = static_cast<float>(learning_rate / (1 - std::pow(options.beta1, steps)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(options.beta2, steps)));
  float* p = parameter.values.data<float>();
  const float* g = parameter.gradient.data<float>();
  float* m = parameter.moments->first.data<float>();
  float* v = parameter.moments->second.data<float>();
  parallel_for(parameter.values.numel(), kElementsPerTask, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = scale * g[i];
      m[i] = beta1 * m[i] + rest1 * slope;
      v[i] = beta2 * v[i] + rest2 * slope * slope;
      p[i] = kept * p[i] - rate * m[i] / (std::sqrt(v[i]) * root + epsilon);
    }
  });
}

// By LibTorch's kernel for many tensors, one call for those with the same decay.
void step_on_device(const std::vector<AdamWParameter>& parameters, double scale,
                    double learning_rate, const AdamWOptions& options) {
  struct Lists {
    aten::TensorList values, gradients, first, second, steps;
  };
  std::map<double, Lists> by_decay;
  std::map<int64_t, Tensor> counts;
  const Device device = parameters[0].values.device();
  for (const AdamWParameter& parameter : parameters) {
    const Moments& moments = *parameter.moments;
    Tensor& count = counts[moments.steps];
    if (!count.defined()) {
      count = Tensor::of({static_cast<float>(moments.steps)}, {}).to(device);
    }
    Lists& lists = by_decay[parameter.weight_decay];
    lists.values.push_back(parameter.values);
    lists.gradients.push_back(parameter.gradient);
    lists.first.push_back(moments.first);
    lists.second.push_back(moments.second);
    lists.steps.push_back(count);
  }
  // What gradients are divided by.
  const Tensor divisor = Tensor::of({static_cast<float>(1 / scale)}, {}).to(device);
  for (const auto& [decay, lists] : by_decay) {
    aten::call_many("aten::_fused_adamw_", "",
                    {{lists.values},
                     {lists.gradients},
                     {lists.first},
                     {lists.second},
                     {aten::TensorList{}},
                     {lists.steps},
                     {learning_rate},
                     {options.beta1},
                     {options.beta2},
                     {decay},
                     {options.epsilon},
                     {false},
                     {false},
                     {divisor, true},
                     {aten::None{}}},
                    0);
  }
}

double sum_of_squares_on_host(const Tensor& x) {
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

}  // namespace

void adamw_step(const std::vector<AdamWParameter>& parameters, double scale, double learning_rate,
                const AdamWOptions& options) {
  if (parameters.empty()) return;
  for (const AdamWParameter& parameter : parameters) {
    Moments& moments = *parameter.moments;
    if (moments.steps > 0) continue;
    const Tensor& like = parameter.values;
    moments.first = Tensor::zeros(like.shape(), DType::kFloat32, like.device());
    moments.second = Tensor::zeros(like.shape(), DType::kFloat32, like.device());
  }
  for (const AdamWParameter& parameter : parameters) ++parameter.moments->steps;
  if (!parameters[0].values.is_cpu()) {
    step_on_device(parameters, scale, learning_rate, options);
    return;
  }
  for (const AdamWParameter& parameter : parameters) {
    step_on_host(parameter, static_cast<float>(scale), learning_rate, options);
  }
}

double sum_of_squares(const std::vector<Tensor>& tensors) {
  double total = 0;
  aten::TensorList sums;  // on the device, one for each tensor
  for (const Tensor& x : tensors) {
    if (x.is_cpu()) {
      total += sum_of_squares_on_host(x);
    } else {
      const Tensor flat = aten::reshape(x, {-1});
      sums.push_back(aten::reshape(aten::call("aten::dot", "", {{flat}, {flat}}), {1}));
    }
  }
  if (sums.empty()) return total;
  const Tensor on_host = aten::cat(sums, 0).to({});
  const float* sum = on_host.data<float>();
  for (int64_t i = 0; i < on_host.numel(); ++i) total += static_cast<double>(sum[i]);
  return total;
}

void copy_values(const Tensor& to, const Tensor& from) {
  aten::call("aten::copy_", "", {{to}, {from}, {false}});
}

void update_average(const Tensor& average, const Tensor& parameter, double decay) {
  if (!average.is_cpu()) {
    copy_values(average, aten::add(average, aten::add(parameter, average, -1), 1 - decay));
    return;
  }
  const auto rest = static_cast<float>(1 - decay);
  float* a = average.data<float>();
  const float* p = parameter.data<float>();
  parallel_for(parameter.numel(), kElementsPerTask, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) a[i] += rest * (p[i] - a[i]);
  });
}

}  // namespace w2vbert
