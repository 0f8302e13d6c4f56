#include "w2vbert/ops/relative_position_attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "w2vbert/ops/checks.h"
#include "w2vbert/ops/composite/relative_position_attention.h"
#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"
#include "w2vbert/ops/cpu/rotary_embedding_kernel.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/relative_position_attention_backward.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autocast.h"
#include "w2vbert/torch/autograd.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/parallel.h"
#include "w2vbert/torch/tape.h"

namespace w2vbert::ops {
namespace {

// About 100 us of a head of 64.
constexpr int64_t kScoresPerThread = 32768;

// Each call packs keys, so that it is to get many items, but threads are to end at the same time: a
// call gets this part of a thread's share of what is left.
constexpr int64_t kPartOfShare = 3;

constexpr const char* kAttention = "relative_position_attention";
constexpr const char* kRotary = "rotary_embedding";

// Rows that are worth a thread: about 20 us.
constexpr int64_t kRotaryRowsPerTask = 32;

// `x` must be [total_time, heads * head_dim] with whole, not empty heads.
void check_rows(const char* op, const char* argument, const Tensor& x, int64_t heads) {
  if (!x.defined() || x.dim() != 2 || !x.is_cpu() ||
      (x.dtype() != DType::kFloat32 && x.dtype() != DType::kFloat64)) {
    refuse(op, argument, x.describe(),
           "float32 or float64 [total_time, heads * head_dim] on the CPU");
  }
  if (heads < 1) refuse(op, "heads", std::to_string(heads), "at least 1");
  if (x.size(1) == 0 || x.size(1) % heads != 0) {
    refuse(op, "the width of " + std::string(argument), std::to_string(x.size(1)),
           "a positive multiple of heads, " + std::to_string(heads));
  }
}

int64_t longest_utterance(const Tensor& offsets) {
  const Tensor packed = aten::contiguous(offsets);
  const int64_t* bounds = packed.data<int64_t>();
  int64_t longest = 0;
  for (int64_t u = 0; u + 1 < packed.numel(); ++u) {
    longest = std::max(longest, bounds[u + 1] - bounds[u]);
  }
  return longest;
}

int64_t sum_of_squares(const Tensor& offsets) {
  const Tensor packed = aten::contiguous(offsets);
  const int64_t* bounds = packed.data<int64_t>();
  int64_t sum = 0;
  for (int64_t u = 0; u + 1 < packed.numel(); ++u) {
    sum += (bounds[u + 1] - bounds[u]) * (bounds[u + 1] - bounds[u]);
  }
  return sum;
}

void check_positions(const RelativePositions& positions, DType dtype, int64_t heads,
                     int64_t head_dim, int64_t longest) {
  const Tensor& embedding = positions.distance_embedding;
  const Tensor& projection = positions.position_projection;
  if (embedding.defined()) {
    if (projection.defined()) {
      refuse(kAttention, "position_projection", projection.describe(),
             "undefined, since distance_embedding is given");
    }
    const int64_t rows = embedding.dim() == 2 ? embedding.size(0) : 0;
    check_tensor(kAttention, "distance_embedding", embedding, dtype,
                 {std::max<int64_t>(rows, 1), head_dim});
    if (positions.left < 0 || positions.left >= rows) {
      refuse(kAttention, "left", std::to_string(positions.left),
             "at least 0 and below the rows of distance_embedding, " + std::to_string(rows));
    }
  }
  if (projection.defined()) {
    const int64_t rows = projection.dim() == 2 ? projection.size(0) : 0;
    if (rows % 2 == 0 || rows < 2 * longest - 1) {
      refuse(kAttention, "position_projection", projection.describe(),
             "an odd number of rows, at least 2 * (longest utterance) - 1 = " +
                 std::to_string(2 * std::max<int64_t>(longest, 1) - 1));
    }
    check_tensor(kAttention, "position_projection", projection, dtype, {rows, heads * head_dim});
    check_tensor(kAttention, "bias_u", positions.bias_u, dtype, {heads, head_dim});
    check_tensor(kAttention, "bias_v", positions.bias_v, dtype, {heads, head_dim});
  }
}

// The rows may be views into wider ones; within a row the elements must be neighbours.
Tensor dense_rows(const Tensor& x) { return x.stride(1) == 1 ? x : aten::contiguous(x); }

// float32 only.
AttentionOutput run_kernel(const Tensor& query, const Tensor& key, const Tensor& value,
                           const Tensor& offsets, int64_t heads, const Tensor& key_mask,
                           const RelativePositions& positions, bool return_weights) {
  const auto dense = [](const Tensor& x) { return x.defined() ? aten::contiguous(x) : x; };
  const auto data = [](const Tensor& x) { return x.defined() ? x.data<float>() : nullptr; };
  const Tensor q = dense_rows(query);
  const Tensor k = dense_rows(key);
  const Tensor v = dense_rows(value);
  const Tensor bounds = dense(offsets);
  const Tensor mask = dense(key_mask);
  const Tensor embedding = dense(positions.distance_embedding);
  const Tensor projection = dense(positions.position_projection);
  const Tensor bias_u = dense(positions.bias_u);
  const Tensor bias_v = dense(positions.bias_v);

  cpu::RelativePositionAttentionParams params{};
  params.query = q.data<float>();
  params.key = k.data<float>();
  params.value = v.data<float>();
  params.query_stride = q.stride(0);
  params.key_stride = k.stride(0);
  params.value_stride = v.stride(0);
  params.offsets = bounds.data<int64_t>();
  params.utterances = bounds.numel() - 1;
  params.key_mask = mask.defined() ? mask.data<bool>() : nullptr;
  params.heads = heads;
  params.head_dim = q.size(1) / heads;
  params.position = cpu::AttentionPosition::kNone;
  if (embedding.defined()) {
    params.position = cpu::AttentionPosition::kRelativeKey;
    params.distance_embedding = data(embedding);
    params.left = positions.left;
    params.right = embedding.size(0) - 1 - positions.left;
  } else if (projection.defined()) {
    params.position = cpu::AttentionPosition::kRelative;
    params.position_projection = data(projection);
    params.table = (projection.size(0) + 1) / 2;
    params.bias_u = data(bias_u);
    params.bias_v = data(bias_v);
  }

  AttentionOutput result;
  result.output = Tensor::empty(query.shape(), DType::kFloat32);
  params.output = data(result.output);
  int64_t scores = 0;
  for (int64_t u = 0; u < params.utterances; ++u) {
    const int64_t time = params.offsets[u + 1] - params.offsets[u];
    scores += heads * time * time;
  }
  if (return_weights) {
    result.weights = Tensor::empty({scores}, DType::kFloat32);
    params.weights = data(result.weights);
  }

  // Little work is not worth waking a thread for.
  const cpu::SimdLevel level = cpu::simd_level();
  const int64_t items = cpu::relative_position_attention_items(params);
  if (items == 0) return result;
  const int64_t floats = cpu::relative_position_attention_scratch(params);
  const int64_t threads = std::min<int64_t>({thread_count(), items, 1 + scores / kScoresPerThread});
  std::atomic<int64_t> next{0};
  parallel_for(threads, 1, [&](int64_t, int64_t) {
    const std::unique_ptr<float[]> scratch(new float[static_cast<size_t>(floats)]);
    int64_t begin = next;
    while (begin < items) {
      const int64_t left = items - begin;
      const int64_t end =
          threads == 1 ? items : begin + std::max<int64_t>(1, left / (threads * kPartOfShare));
      if (!next.compare_exchange_weak(begin, end)) continue;
      cpu::relative_position_attention(level, params, begin, end, scratch.get());
      begin = next;
    }
  });
  return result;
}

bool every_utterance_has_a_key(const Tensor& bounds, const Tensor& key_mask) {
  if (!key_mask.defined()) return true;
  const Tensor mask = aten::contiguous(key_mask);
  const bool* valid = mask.data<bool>();
  const int64_t* offsets = bounds.data<int64_t>();
  for (int64_t u = 0; u + 1 < bounds.numel(); ++u) {
    const bool* const end = valid + offsets[u + 1];
    if (offsets[u] < offsets[u + 1] && std::find(valid + offsets[u], end, true) == end)
      return false;
  }
  return true;
}

// float32, where a tape records: the weights are not kept, but computed again on the way back.
Tensor record(Tape& tape, const Tensor& query, const Tensor& key, const Tensor& value,
              const Tensor& bounds, int64_t heads, const Tensor& key_mask,
              const RelativePositions& positions, const Tensor& weight_factors) {
  const auto forward = [=](const std::vector<Tensor>& in, bool composed) {
    const RelativePositions given{in[3], positions.left, in[4], in[5], in[6]};
    return composed || weight_factors.defined()
               ? composite::relative_position_attention(in[0], in[1], in[2], bounds, heads,
                                                        key_mask, given, false, weight_factors)
                     .output
               : run_kernel(in[0], in[1], in[2], bounds, heads, key_mask, given, false).output;
  };
  const std::vector<Tensor> inputs{query,
                                   key,
                                   value,
                                   positions.distance_embedding,
                                   positions.position_projection,
                                   positions.bias_u,
                                   positions.bias_v};
  if (positions.position_projection.defined() || !every_utterance_has_a_key(bounds, key_mask)) {
    return differentiate(
        inputs, [&](const std::vector<Tensor>& in) { return forward(in, false); },
        [forward](const std::vector<Tensor>& in) { return forward(in, true); });
  }
  std::vector<Tensor> leaves;
  bool any = false;
  for (const Tensor& input : inputs) {
    leaves.push_back(tape.leaf(input));
    any = any || (input.defined() && requires_grad(input));
  }
  Tensor output;
  {
    const GradMode mode(false);
    output = forward(inputs, false);
  }
  if (!any) return output;
  const auto backward = [=](const std::vector<Tensor>& gradients) {
    const AttentionGradients back = relative_position_attention_backward(
        gradients[0], leaves[0], leaves[1], leaves[2], bounds, heads, key_mask,
        {leaves[3], positions.left, Tensor(), Tensor(), Tensor()}, weight_factors);
    Tape::add_gradient(leaves[0], back.query);
    Tape::add_gradient(leaves[1], back.key);
    Tape::add_gradient(leaves[2], back.value);
    if (back.distance_embedding.defined()) {
      Tape::add_gradient(leaves[3], back.distance_embedding);
    }
  };
  return tape.record({output}, backward)[0];
}

// Positions in the type of the queries.
RelativePositions positions_as(const RelativePositions& positions, DType dtype) {
  const auto as = [dtype](const Tensor& x) { return x.defined() ? aten::to(x, dtype) : x; };
  return {as(positions.distance_embedding), positions.left, as(positions.position_projection),
          as(positions.bias_u), as(positions.bias_v)};
}

// As record, on a CUDA device or in the type of Autocast, without a tape, too; `offsets` and
// `key_mask` are on the CPU.
Tensor record_composed(const Tensor& query, const Tensor& key, const Tensor& value,
                       const Tensor& offsets, int64_t heads, const Tensor& key_mask,
                       const RelativePositions& positions, const Tensor& weight_factors,
                       int64_t longest) {
  const Tensor bounds = aten::contiguous(offsets);
  const auto given = [left = positions.left](const std::vector<Tensor>& in) {
    return RelativePositions{in[3], left, in[4], in[5], in[6]};
  };
  const auto composed = [=](const std::vector<Tensor>& in) {
    return composite::relative_position_attention(in[0], in[1], in[2], bounds, heads, key_mask,
                                                  given(in), false, weight_factors)
        .output;
  };
  return differentiate(
      {query, key, value, positions.distance_embedding, positions.position_projection,
       positions.bias_u, positions.bias_v},
      [&](const std::vector<Tensor>& in) {
        if (weight_factors.defined() || query.is_cpu()) return composed(in);
        return cuda_operators::relative_position_attention(
                   in[0], in[1], in[2], bounds.to(query.device()), heads,
                   key_mask.to(query.device()), given(in), false, longest)
            .output;
      },
      composed);
}

std::vector<float> rotary_frequencies(int64_t head_dim, double base) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < head_dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(head_dim);
    frequencies.push_back(1.0f / static_cast<float>(std::pow(base, static_cast<double>(exponent))));
  }
  return frequencies;
}

// With the flat argument list of the registered operator.
std::tuple<Tensor, Tensor> attention_operator(
    const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& offsets,
    int64_t heads, const OptionalTensor& key_mask, const OptionalTensor& distance_embedding,
    int64_t left, const OptionalTensor& position_projection, const OptionalTensor& bias_u,
    const OptionalTensor& bias_v, bool return_weights) {
  const auto or_undefined = [](const OptionalTensor& x) { return x.value_or(Tensor()); };
  const RelativePositions positions{or_undefined(distance_embedding), left,
                                    or_undefined(position_projection), or_undefined(bias_u),
                                    or_undefined(bias_v)};
  const AttentionOutput result = relative_position_attention(
      query, key, value, offsets, heads, or_undefined(key_mask), positions, return_weights);
  return {result.output, return_weights ? result.weights : Tensor::empty({0}, query.dtype())};
}

const OperatorRegistration attention_registration{
    "relative_position_attention(Tensor query, Tensor key, Tensor value, Tensor offsets, int "
    "heads, "
    "Tensor? key_mask, Tensor? distance_embedding, int left, Tensor? position_projection, "
    "Tensor? bias_u, Tensor? bias_v, bool return_weights) -> (Tensor, Tensor)",
    kAttention,
    {{"CPU", boxed<&attention_operator>}, {"Autograd", boxed<&attention_operator>}}};

const OperatorRegistration rotary_registration{
    "rotary_embedding(Tensor x, Tensor offsets, int heads, float base) -> Tensor",
    kRotary,
    {{"CPU", boxed<&rotary_embedding>}, {"Autograd", boxed<&rotary_embedding>}}};

}  // namespace

AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& given, bool return_weights,
                                            const Tensor& weight_factors, int64_t longest) {
  const bool autocast = query.defined() && Autocast::dtype() == query.dtype();
  const RelativePositions positions = autocast ? positions_as(given, query.dtype()) : given;
  if (has_cuda_operators(query) && !weight_factors.defined()) {
    return cuda_operators::relative_position_attention(
        query, key, value, return_weights ? offsets : offsets.to(query.device()), heads,
        key_mask.to(query.device()), positions, return_weights, longest);
  }
  if (autocast || (query.defined() && !query.is_cpu())) {
    return {record_composed(query, key, value, offsets, heads, key_mask, positions, weight_factors,
                            longest),
            Tensor()};
  }
  check_rows(kAttention, "query", query, heads);
  check_tensor(kAttention, "key", key, query.dtype(), query.shape());
  check_tensor(kAttention, "value", value, query.dtype(), query.shape());
  check_offsets(kAttention, offsets, query.size(0));
  if (key_mask.defined()) {
    check_tensor(kAttention, "key_mask", key_mask, DType::kBool, {query.size(0)});
  }
  check_positions(positions, query.dtype(), heads, query.size(1) / heads,
                  longest_utterance(offsets));
  if (weight_factors.defined()) {
    check_tensor(kAttention, "weight_factors", weight_factors, query.dtype(),
                 {heads * sum_of_squares(offsets)});
  }
  Tape* const tape = query.dtype() == DType::kFloat32 ? Tape::recording() : nullptr;
  if (tape != nullptr && !return_weights) {
    const Tensor bounds = aten::contiguous(offsets);
    return {record(*tape, query, key, value, bounds, heads, key_mask, positions, weight_factors),
            Tensor()};
  }
  if (GradMode::enabled() || query.dtype() == DType::kFloat64 || weight_factors.defined()) {
    return composite::relative_position_attention(query, key, value, aten::contiguous(offsets),
                                                  heads, key_mask, positions, return_weights,
                                                  weight_factors);
  }
  return run_kernel(query, key, value, offsets, heads, key_mask, positions, return_weights);
}

Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads, double base) {
  if (has_cuda_operators(x)) {
    return cuda_operators::rotary_embedding(x, offsets.to(x.device()), heads, base);
  }
  if (x.defined() && !x.is_cpu()) {
    return composite::rotary_embedding(x, aten::contiguous(offsets), heads,
                                       rotary_frequencies(x.size(1) / heads, base));
  }
  check_rows(kRotary, "x", x, heads);
  const int64_t head_dim = x.size(1) / heads;
  if (head_dim % 2 != 0) {
    refuse(kRotary, "the head_dim of x", std::to_string(head_dim), "an even number");
  }
  check_offsets(kRotary, offsets, x.size(0));
  if (!(base > 0.0) || std::isinf(base)) {
    refuse(kRotary, "base", std::to_string(base), "a positive number");
  }
  const std::vector<float> frequencies = rotary_frequencies(head_dim, base);
  const Tensor bounds = aten::contiguous(offsets);
  if (GradMode::enabled() || x.dtype() == DType::kFloat64) {
    return composite::rotary_embedding(x, bounds, heads, frequencies);
  }
  const Tensor rows = dense_rows(x);
  const Tensor out = Tensor::empty(x.shape(), DType::kFloat32);
  const cpu::RotaryEmbeddingParams params{
      rows.data<float>(), rows.stride(0), out.data<float>(), bounds.data<int64_t>(),
      bounds.numel() - 1, heads,          head_dim,          frequencies.data()};
  parallel_for(x.size(0), kRotaryRowsPerTask, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(head_dim));
    cpu::rotary_embedding(params, begin, end, scratch.data());
  });
  return out;
}

}  // namespace w2vbert::ops
