#include "w2vbert/ops/relative_position_attention_backward.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert::ops {
namespace {

// Scores that are worth a thread: about 30 us.
constexpr int64_t kScoresPerTask = int64_t{1} << 14;

// [time, heads * head_dim] of one utterance to [heads, time, head_dim], contiguous: products of
// transposed heads would take three times as long.
Tensor split_heads(const Tensor& rows, int64_t first, int64_t time, int64_t heads) {
  const Tensor utterance = aten::narrow(rows, 0, first, time);
  return aten::contiguous(aten::transpose(aten::reshape(utterance, {time, heads, -1}), 0, 1));
}

// The other way round.
Tensor join_heads(const Tensor& x) {
  return aten::reshape(aten::transpose(x, 0, 1), {x.size(1), x.size(0) * x.size(2)});
}

Tensor transposed(const Tensor& x) { return aten::transpose(x, -2, -1); }

float sum_of(const float* values, int64_t count) {
  float sums[8] = {};  // side by side, which one sum would not allow
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += values[i + lane];
  }
  for (; i < count; ++i) sums[0] += values[i];
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

// Which column of the distance embedding counts for a query and a key.
struct Distances {
  std::vector<int64_t> keys;  // positions of the valid ones, rising
  int64_t left;
  int64_t right;

  int64_t columns() const { return left + right + 1; }

  // Calls clipped(begin, end, column) for keys that share a column, and shifted(begin, end, column)
  // for a run of keys whose columns rise one by one from `column`.
  template <typename Clipped, typename Shifted>
  void for_keys(int64_t query, const Clipped& clipped, const Shifted& shifted) const {
    const auto count = static_cast<int64_t>(keys.size());
    const auto position = [&](int64_t from) {  // of the first key at `from` or later
      return std::lower_bound(keys.begin(), keys.end(), from) - keys.begin();
    };
    const int64_t near = position(query - left);
    const int64_t far = position(query + right + 1);
    clipped(0, near, 0);
    for (int64_t begin = near; begin < far;) {
      const int64_t first = keys[static_cast<size_t>(begin)];
      int64_t end = begin + 1;
      while (end < far && keys[static_cast<size_t>(end)] == first + end - begin) ++end;
      shifted(begin, end, first - query + left);
      begin = end;
    }
    clipped(far, count, columns() - 1);
  }
};

// Calls body(query, row of `scores`, row of `by_distance`) for every head and query.
template <typename Body>
void for_rows(const Tensor& scores, const Tensor& by_distance, const Body& body) {
  const int64_t time = scores.size(1);
  const int64_t keys = scores.size(2);
  const int64_t columns = by_distance.size(2);
  float* const score = scores.data<float>();
  float* const distance = by_distance.data<float>();
  parallel_for(scores.size(0) * time, 1 + kScoresPerTask / keys, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      body(row % time, score + row * keys, distance + row * columns);
    }
  });
}

}  // namespace

AttentionGradients relative_position_attention_backward(const Tensor& gradient, const Tensor& query,
                                                        const Tensor& key, const Tensor& value,
                                                        const Tensor& offsets, int64_t heads,
                                                        const Tensor& key_mask,
                                                        const RelativePositions& positions,
                                                        const Tensor& weight_factors) {
  const int64_t* bounds = offsets.data<int64_t>();
  const Tensor mask = key_mask.defined() ? aten::contiguous(key_mask) : key_mask;
  const bool* valid = mask.defined() ? mask.data<bool>() : nullptr;
  const Tensor& embedding = positions.distance_embedding;
  const int64_t head_dim = query.size(1) / heads;
  const Tensor scale = Tensor::scalar(1.0 / std::sqrt(static_cast<double>(head_dim)));
  AttentionGradients result;
  aten::TensorList query_parts;
  aten::TensorList key_parts;
  aten::TensorList value_parts;
  int64_t squares = 0;  // of the utterances before
  for (int64_t u = 0; u + 1 < offsets.numel(); ++u) {
    const int64_t first = bounds[u];
    const int64_t time = bounds[u + 1] - first;
    if (time == 0) continue;
    Distances distances{{}, positions.left, 0};
    if (embedding.defined()) distances.right = embedding.size(0) - 1 - positions.left;
    for (int64_t j = 0; j < time; ++j) {
      if (valid == nullptr || valid[first + j]) distances.keys.push_back(j);
    }
    const auto count = static_cast<int64_t>(distances.keys.size());
    const Tensor chosen = Tensor::of(distances.keys);
    const auto choose = [&](const Tensor& x, int64_t axis) {
      return count < time ? aten::index_select(x, axis, chosen) : x;
    };
    // Rows of keys back to rows of all frames.
    const auto spread = [&](const Tensor& rows) {
      if (count == time) return rows;
      return aten::call(
          "aten::index_copy", "",
          {{Tensor::zeros({time, rows.size(1)}, rows.dtype())}, {int64_t{0}}, {chosen}, {rows}});
    };
    const Tensor queries = aten::mul(split_heads(query, first, time, heads), scale);
    const Tensor keys = choose(split_heads(key, first, time, heads), 1);
    const Tensor values = choose(split_heads(value, first, time, heads), 1);
    const Tensor slope = split_heads(gradient, first, time, heads);

    const Tensor scores = aten::contiguous(aten::matmul(queries, transposed(keys)));
    if (embedding.defined()) {
      const Tensor by_distance = aten::contiguous(aten::matmul(queries, transposed(embedding)));
      for_rows(scores, by_distance, [&](int64_t i, float* score, const float* distance) {
        distances.for_keys(
            i,
            [=](int64_t begin, int64_t end, int64_t column) {
              for (int64_t n = begin; n < end; ++n) score[n] += distance[column];
            },
            [=](int64_t begin, int64_t end, int64_t column) {
              for (int64_t n = begin; n < end; ++n) score[n] += distance[column + n - begin];
            });
      });
    }
    const Tensor weights = aten::softmax(scores, 2);
    Tensor weights_slope = aten::matmul(slope, transposed(values));
    Tensor kept = weights;
    if (weight_factors.defined()) {
      const Tensor factors = choose(
          aten::reshape(aten::narrow(weight_factors, 0, heads * squares, heads * time * time),
                        {heads, time, time}),
          2);
      kept = aten::mul(weights, factors);
      weights_slope = aten::mul(weights_slope, factors);
    }
    squares += time * time;
    value_parts.push_back(spread(join_heads(aten::matmul(transposed(kept), slope))));
    const Tensor scores_slope =
        aten::contiguous(aten::call("aten::_softmax_backward_data", "",
                                    {{weights_slope}, {weights}, {int64_t{2}}, {DType::kFloat32}}));
    key_parts.push_back(spread(join_heads(aten::matmul(transposed(scores_slope), queries))));
    Tensor queries_slope = aten::matmul(scores_slope, keys);
    if (embedding.defined()) {
      const Tensor by_distance = Tensor::zeros({heads, time, distances.columns()}, DType::kFloat32);
      for_rows(scores_slope, by_distance, [&](int64_t i, const float* score, float* distance) {
        distances.for_keys(
            i,
            [=](int64_t begin, int64_t end, int64_t column) {
              distance[column] += sum_of(score + begin, end - begin);
            },
            [=](int64_t begin, int64_t end, int64_t column) {
              for (int64_t n = begin; n < end; ++n) distance[column + n - begin] += score[n];
            });
      });
      queries_slope = aten::add(queries_slope, aten::matmul(by_distance, embedding));
      const Tensor part =
          aten::matmul(transposed(aten::reshape(by_distance, {heads * time, distances.columns()})),
                       aten::reshape(queries, {heads * time, head_dim}));
      result.distance_embedding =
          result.distance_embedding.defined() ? aten::add(result.distance_embedding, part) : part;
    }
    query_parts.push_back(join_heads(aten::mul(queries_slope, scale)));
  }
  const auto join = [&](const aten::TensorList& parts) {
    return parts.empty() ? Tensor::zeros(query.shape(), query.dtype()) : aten::cat(parts, 0);
  };
  result.query = join(query_parts);
  result.key = join(key_parts);
  result.value = join(value_parts);
  return result;
}

}  // namespace w2vbert::ops
