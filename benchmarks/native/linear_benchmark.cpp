// How long does a linear layer take on the CPU, against aten::linear on the same tensors? The
// layers of w2v-BERT 2.0 map 1024 to 1024, 1024 to 4096 and 4096 to 1024; 50 rows are 1 s, 500 rows
// 10 s.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(generator);
  return tensor;
}

Tensor linear_of(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return ops::linear({x}, {weight, bias});
}

// Arguments: rows, in, out, threads.
void linear(benchmark::State& state, Tensor (*layer)(const Tensor&, const Tensor&, const Tensor&)) {
  const GradMode off(false);
  const int64_t rows = state.range(0);
  const int64_t in = state.range(1);
  const int64_t out = state.range(2);
  const auto threads = static_cast<int>(state.range(3));
  set_thread_count(threads);
  set_libtorch_thread_count(threads);
  const Tensor x = random_tensor({rows, in}, 1);
  const Tensor weight = random_tensor({out, in}, 2);
  const Tensor bias = random_tensor({out}, 3);
  const Tensor ours = linear_of(x, weight, bias);
  const Tensor theirs = aten::linear(x, weight, bias);
  float difference = 0;
  for (int64_t i = 0; i < ours.numel(); ++i) {
    difference = std::max(difference, std::abs(ours.data<float>()[i] - theirs.data<float>()[i]));
  }
  if (!(difference < 1e-3f)) {
    state.SkipWithError("the outputs differ");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(layer(x, weight, bias));
  state.counters["flops"] = benchmark::Counter(2.0 * static_cast<double>(rows * in * out),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "in", "out", "threads"});
  for (const int64_t threads : {1, 2}) {
    for (const int64_t rows : {1, 8, 25, 50, 250, 500, 1500}) {
      benchmark->Args({rows, 1024, 1024, threads});
      benchmark->Args({rows, 1024, 4096, threads});
      benchmark->Args({rows, 4096, 1024, threads});
    }
  }
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(linear, w2vbert, &linear_of)->Apply(settings);
BENCHMARK_CAPTURE(linear, libtorch, &aten::linear)->Apply(settings);

}  // namespace
}  // namespace w2vbert
