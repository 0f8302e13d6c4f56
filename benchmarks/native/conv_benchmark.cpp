// How long does the causal depthwise convolution of one encoder layer take, against LibTorch's
// grouped conv1d of the same rows? w2v-BERT 2.0 has 1024 channels and 31 taps; 500 rows are 10 s.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "w2vbert/ops/causal_depthwise_conv1d.h"
#include "w2vbert/ops/composite/causal_depthwise_conv1d.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

constexpr int64_t kChannels = 1024;
constexpr int64_t kKernel = 31;

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(generator);
  return tensor;
}

using Convolution = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);

// Arguments: rows, threads.
void causal_depthwise_conv1d(benchmark::State& state, Convolution convolution) {
  const GradMode off(false);
  const int64_t time = state.range(0);
  const auto threads = static_cast<int>(state.range(1));
  set_thread_count(threads);
  set_libtorch_thread_count(threads);
  const Tensor x = random_tensor({time, kChannels}, 1);
  const Tensor weight = random_tensor({kChannels, 1, kKernel}, 2);
  const Tensor offsets = Tensor::of(std::vector<int64_t>{0, time});
  const Tensor ours = ops::causal_depthwise_conv1d(x, weight, offsets);
  const Tensor theirs = ops::composite::causal_depthwise_conv1d(x, weight, offsets);
  float difference = 0;
  for (int64_t t = 0; t < time; ++t) {
    for (int64_t c = 0; c < kChannels; ++c) {
      const float a = ours.data<float>()[t * kChannels + c];
      const float b = theirs.data<float>()[t * theirs.stride(0) + c * theirs.stride(1)];
      difference = std::max(difference, std::abs(a - b));
    }
  }
  if (!(difference < 1e-4f)) {
    state.SkipWithError("the outputs differ");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(convolution(x, weight, offsets));
  state.counters["flops"] =
      benchmark::Counter(2.0 * static_cast<double>(time * kChannels * kKernel),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"time", "threads"})->ArgsProduct({{50, 500, 1500}, {1, 2}});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(causal_depthwise_conv1d, w2vbert, &ops::causal_depthwise_conv1d)->Apply(settings);
BENCHMARK_CAPTURE(causal_depthwise_conv1d, libtorch, &ops::composite::causal_depthwise_conv1d)
    ->Apply(settings);

}  // namespace
}  // namespace w2vbert
