// How long does the self-attention of one encoder layer take between its projections, against the
// same in LibTorch operators as the reference implementation strings them together: an embedding
// gathered to [time, time, head_dim], einsum, softmax and batched products? w2v-BERT 2.0 has 16
// heads of 64 and Shaw positions that reach 64 frames back and 8 ahead; 500 rows are 10 s.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "w2vbert/ops/relative_position_attention.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

constexpr int64_t kHeads = 16;
constexpr int64_t kHeadDim = 64;
constexpr int64_t kHidden = kHeads * kHeadDim;
constexpr int64_t kLeft = 64;
constexpr int64_t kRight = 8;

Tensor random_tensor(const Shape& shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  const Tensor tensor = Tensor::empty(shape, DType::kFloat32);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = normal(generator);
  return tensor;
}

struct Inputs {
  Tensor query;
  Tensor key;
  Tensor value;
  Tensor distance_embedding;
};

Tensor attend(const Inputs& x) {
  ops::RelativePositions positions;
  positions.distance_embedding = x.distance_embedding;
  positions.left = kLeft;
  const Tensor offsets = Tensor::of(std::vector<int64_t>{0, x.query.size(0)});
  return ops::relative_position_attention(x.query, x.key, x.value, offsets, kHeads, Tensor(),
                                          positions, false)
      .output;
}

Tensor attend_libtorch(const Inputs& x) {
  const int64_t time = x.query.size(0);
  const auto split = [&](const Tensor& rows) {
    return aten::transpose(aten::reshape(rows, {1, time, kHeads, kHeadDim}), 1, 2);
  };
  const Tensor query = split(x.query);
  std::vector<int64_t> distances;
  for (int64_t i = 0; i < time; ++i) {
    for (int64_t j = 0; j < time; ++j) {
      distances.push_back(std::clamp(j - i, -kLeft, kRight) + kLeft);
    }
  }
  const Tensor embedding = aten::reshape(
      aten::index_select(x.distance_embedding, 0, Tensor::of(distances)), {time, time, kHeadDim});
  const Tensor by_position = aten::call(
      "aten::einsum", "",
      {{std::string("bhld,lrd->bhlr")}, {aten::TensorList{query, embedding}}, {aten::None{}}});
  const Tensor scores =
      aten::mul(aten::add(aten::matmul(query, aten::transpose(split(x.key), 2, 3)), by_position),
                Tensor::scalar(1.0 / std::sqrt(static_cast<double>(kHeadDim))));
  const Tensor out = aten::matmul(aten::softmax(scores, 3), split(x.value));
  return aten::reshape(aten::transpose(out, 1, 2), {time, kHidden});
}

// Arguments: rows, threads.
void run(benchmark::State& state, Tensor (*attention)(const Inputs&)) {
  const GradMode off(false);
  const int64_t time = state.range(0);
  const auto threads = static_cast<int>(state.range(1));
  set_thread_count(threads);
  set_libtorch_thread_count(threads);
  const Inputs x = {random_tensor({time, kHidden}, 1), random_tensor({time, kHidden}, 2),
                    random_tensor({time, kHidden}, 3),
                    random_tensor({kLeft + kRight + 1, kHeadDim}, 4)};
  const Tensor ours = attend(x);
  const Tensor theirs = aten::contiguous(attend_libtorch(x));
  float difference = 0;
  for (int64_t i = 0; i < ours.numel(); ++i) {
    difference = std::max(difference, std::abs(ours.data<float>()[i] - theirs.data<float>()[i]));
  }
  if (!(difference < 1e-5f)) {
    state.SkipWithError("the outputs differ");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(attention(x));
  // Both products with time x time, not the positions.
  state.counters["flops"] = benchmark::Counter(4.0 * static_cast<double>(time * time * kHidden),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

void settings(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"time", "threads"})->ArgsProduct({{50, 500, 1500}, {1, 2}});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(run, w2vbert, &attend)->Apply(settings);
BENCHMARK_CAPTURE(run, libtorch, &attend_libtorch)->Apply(settings);

}  // namespace
}  // namespace w2vbert
