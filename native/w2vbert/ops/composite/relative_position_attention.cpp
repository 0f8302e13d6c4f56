#include "w2vbert/ops/composite/relative_position_attention.h"

#include <algorithm>
#include <cmath>

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops::composite {
namespace {

// [time, heads * head_dim] of one utterance to [heads, time, head_dim].
Tensor split_heads(const Tensor& rows, int64_t first, int64_t time, int64_t heads) {
  const Tensor utterance = aten::narrow(rows, 0, first, time);
  return aten::transpose(aten::reshape(utterance, {time, heads, -1}), 0, 1);
}

// x [heads, time, offsets] to [heads, time, keys.size()]: of row i the columns column(keys[n] - i).
template <typename Column>
Tensor gather_offsets(const Tensor& x, const std::vector<int64_t>& keys, const Column& column) {
  const int64_t time = x.size(1);
  const int64_t count = static_cast<int64_t>(keys.size());
  const Tensor index = Tensor::empty({1, time, count}, DType::kInt64);
  int64_t* next = index.data<int64_t>();
  for (int64_t i = 0; i < time; ++i) {
    for (const int64_t j : keys) *next++ = column(j - i);
  }
  const Tensor expanded = aten::call(
      "aten::expand", "", {{index.to(x.device())}, {Shape{x.size(0), time, count}}, {false}});
  return aten::call("aten::gather", "", {{x}, {int64_t{2}}, {expanded}, {false}});
}

// What sums and the softmax of products in a type compute in.
DType wide_type(DType dtype) { return dtype_size(dtype) == 2 ? DType::kFloat32 : dtype; }

// [heads, time, keys.size()], in the wide type.
Tensor scores(const Tensor& query, const Tensor& key, const std::vector<int64_t>& keys,
              int64_t heads, const RelativePositions& positions) {
  const int64_t time = query.size(1);
  const int64_t head_dim = query.size(2);
  const Tensor scale = Tensor::scalar(1.0 / std::sqrt(static_cast<double>(head_dim)));
  // In half types the scale comes first: products may be too large for them.
  const auto product = [&](const Tensor& a, const Tensor& b) {
    const DType wide = wide_type(a.dtype());
    const Tensor queries = wide == a.dtype() ? a : aten::mul(a, scale);
    return aten::to(aten::matmul(queries, aten::transpose(b, -2, -1)), wide);
  };
  Tensor sum;
  if (positions.distance_embedding.defined()) {
    const int64_t left = positions.left;
    const int64_t right = positions.distance_embedding.size(0) - 1 - left;
    sum = aten::add(product(query, key),
                    gather_offsets(product(query, positions.distance_embedding), keys,
                                   [=](int64_t d) { return std::clamp(d, -left, right) + left; }));
  } else if (positions.position_projection.defined()) {
    const auto biased = [&](const Tensor& bias) {
      return aten::add(query, aten::reshape(bias, {heads, 1, head_dim}));
    };
    const int64_t table = (positions.position_projection.size(0) + 1) / 2;
    const Tensor projection =
        split_heads(positions.position_projection, table - time, 2 * time - 1, heads);
    sum = aten::add(product(biased(positions.bias_u), key),
                    gather_offsets(product(biased(positions.bias_v), projection), keys,
                                   [=](int64_t d) { return time - 1 + d; }));
  } else {
    sum = product(query, key);
  }
  return sum.dtype() == query.dtype() ? aten::mul(sum, scale) : sum;
}

}  // namespace

AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& positions, bool return_weights,
                                            const Tensor& weight_factors) {
  const int64_t* bounds = offsets.data<int64_t>();
  const Tensor mask = key_mask.defined() ? aten::contiguous(key_mask) : key_mask;
  const DType wide = wide_type(query.dtype());
  aten::TensorList outputs;
  aten::TensorList all_weights;
  int64_t squares = 0;  // of the utterances before
  for (int64_t u = 0; u + 1 < offsets.numel(); ++u) {
    const int64_t first = bounds[u];
    const int64_t time = bounds[u + 1] - first;
    if (time == 0) continue;
    const Shape square = {heads, time, time};
    // Excluded keys are left out instead of given the weight 0, which does not silence a NaN.
    std::vector<int64_t> keys;
    for (int64_t j = 0; j < time; ++j) {
      if (!mask.defined() || mask.data<bool>()[first + j]) keys.push_back(j);
    }
    const int64_t count = static_cast<int64_t>(keys.size());
    const Tensor chosen = count < time ? Tensor::of(keys).to(query.device()) : Tensor();
    Tensor values = split_heads(value, first, time, heads);
    Tensor weights;
    if (count == 0) {
      weights = aten::softmax(Tensor::zeros(square, wide, query.device()), 2);
    } else {
      const Tensor queries = split_heads(query, first, time, heads);
      Tensor valid_keys = split_heads(key, first, time, heads);
      if (count < time) {
        valid_keys = aten::index_select(valid_keys, 1, chosen);
        values = aten::index_select(values, 1, chosen);
      }
      weights = aten::softmax(scores(queries, valid_keys, keys, heads, positions), 2);
    }
    if (weight_factors.defined()) {
      Tensor factors = aten::reshape(
          aten::narrow(weight_factors, 0, heads * squares, heads * time * time), square);
      if (0 < count && count < time) factors = aten::index_select(factors, 2, chosen);
      weights = aten::mul(weights, factors);
    }
    squares += time * time;
    const Tensor heads_out = aten::matmul(aten::to(weights, values.dtype()), values);
    outputs.push_back(aten::reshape(aten::transpose(heads_out, 0, 1), {time, query.size(1)}));
    if (!return_weights) continue;
    if (0 < count && count < time) {
      weights = aten::call(
          "aten::index_copy", "",
          {{Tensor::zeros(square, wide, query.device())}, {int64_t{2}}, {chosen}, {weights}});
    }
    all_weights.push_back(aten::reshape(weights, {-1}));
  }
  AttentionOutput result;
  result.output = outputs.empty() ? Tensor::empty(query.shape(), query.dtype(), query.device())
                                  : aten::cat(outputs, 0);
  if (return_weights) {
    result.weights =
        all_weights.empty() ? Tensor::empty({0}, wide, query.device()) : aten::cat(all_weights, 0);
  }
  return result;
}

Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads,
                        const std::vector<float>& frequencies) {
  const int64_t total_time = x.size(0);
  const int64_t half = static_cast<int64_t>(frequencies.size());
  if (total_time == 0) return Tensor::empty(x.shape(), x.dtype(), x.device());
  const int64_t* bounds = offsets.data<int64_t>();
  const Tensor positions = Tensor::empty({total_time, 1, 1}, DType::kInt64);
  for (int64_t u = 0; u + 1 < offsets.numel(); ++u) {
    for (int64_t t = bounds[u]; t < bounds[u + 1]; ++t) {
      positions.data<int64_t>()[t] = t - bounds[u];
    }
  }
  const Tensor rates = Tensor::of(frequencies, {1, 1, half});
  const Tensor angles =
      aten::mul(aten::to(positions, x.dtype()), aten::to(rates, x.dtype())).to(x.device());
  const Tensor cosine = aten::unary("aten::cos", angles);
  const Tensor sine = aten::unary("aten::sin", angles);
  const Tensor rows = aten::reshape(x, {total_time, heads, 2 * half});
  const Tensor low = aten::narrow(rows, 2, 0, half);
  const Tensor high = aten::narrow(rows, 2, half, half);
  const Tensor rotated = aten::cat({aten::add(aten::mul(low, cosine), aten::mul(high, sine), -1.0),
                                    aten::add(aten::mul(high, cosine), aten::mul(low, sine))},
                                   2);
  return aten::reshape(rotated, {total_time, x.size(1)});
}

}  // namespace w2vbert::ops::composite
