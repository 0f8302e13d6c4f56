#include "w2vbert/modules/self_attention.h"

#include <cmath>

#include "w2vbert/ops/relative_position_attention.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_runtime.h"

namespace w2vbert {

Tensor relative_position_table(int64_t longest, int64_t size) {
  const int64_t rows = longest > 0 ? 2 * longest - 1 : 0;
  Tensor table = Tensor::empty({rows, size}, DType::kFloat32);
  float* out = table.data<float>();
  for (int64_t column = 0; column < size; column += 2) {
    const float rate = std::exp(static_cast<float>(column) *
                                static_cast<float>(-std::log(10000.0) / static_cast<double>(size)));
    for (int64_t row = 0; row < rows; ++row) {
      const float angle = static_cast<float>(longest - 1 - row) * rate;
      out[row * size + column] = std::sin(angle);
      if (column + 1 < size) out[row * size + column + 1] = std::cos(angle);
    }
  }
  return table;
}

Tensor RelativePositionTables::get(int64_t longest, int64_t size, const Device& device,
                                   DType dtype) {
  const auto make = [&](int64_t length) {
    return aten::to(relative_position_table(length, size).to(device), dtype);
  };
  if (longest > kLongest) return make(longest);
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t length = tables_.empty() ? 0 : (tables_.back().size(0) + 1) / 2;
  if (length < longest) {
    for (length = 64; length < longest;) length *= 2;
    const Tensor table = make(length);
    if (device.cuda) wait_for(device);  // other streams read it, too
    tables_.push_back(table);
  }
  return aten::narrow(tables_.back(), 0, length - longest, 2 * longest - 1);
}

SelfAttention::SelfAttention(const Scope& scope, const Config& config, int64_t size,
                             PositionEmbeddings positions, double dropout_of_output)
    // Attention averages what differs between frames: the errors of values, which are the same in
    // all of them, remain, and grow beside what is left.
    : linear_q(scope / "linear_q", size, size, Init::normal(config.initializer_range)),
      linear_k(scope / "linear_k", size, size, Init::normal(config.initializer_range)),
      linear_v(scope.sensitive() / "linear_v", size, size, Init::normal(config.initializer_range)),
      linear_out(scope.sensitive() / "linear_out", size, size,
                 Init::normal(config.initializer_range)),
      position_embeddings(positions),
      heads(config.num_attention_heads),
      rotary_base(config.rotary_embedding_base),
      left(config.left_max_position_embeddings),
      weight_dropout(config.attention_dropout),
      output_dropout(dropout_of_output) {
  const int64_t head_dim = size / heads;
  // A source that records failures gives undefined tensors.
  const bool complete = linear_q.weight.defined() && linear_q.bias.defined() &&
                        linear_k.weight.defined() && linear_k.bias.defined() &&
                        linear_v.weight.defined() && linear_v.bias.defined();
  if (complete && !linear_q.weight.is_cpu() && !scope.in_place()) {
    const bool values_apart = position_embeddings == PositionEmbeddings::kRotary ||
                              linear_v.weight.dtype() != linear_q.weight.dtype();
    stacked = values_apart ? ops::stack({&linear_q, &linear_k})
                           : ops::stack({&linear_q, &linear_k, &linear_v});
  }
  if (position_embeddings == PositionEmbeddings::kRelativeKey) {
    const int64_t distances = left + config.right_max_position_embeddings + 1;
    distance_embedding =
        (scope / "distance_embedding").get("weight", {distances, head_dim}, Init::normal(1.0));
  } else if (position_embeddings == PositionEmbeddings::kRelative) {
    linear_pos = Linear::without_bias(scope / "linear_pos", size, size,
                                      Init::normal(config.initializer_range));
    pos_bias_u = scope.get("pos_bias_u", {heads, head_dim}, Init::xavier(heads, head_dim));
    pos_bias_v = scope.get("pos_bias_v", {heads, head_dim}, Init::xavier(heads, head_dim));
  }
}

std::vector<Tensor> SelfAttention::project(const ops::LinearInput& x, const Tensor& offsets) const {
  const auto all = [this](const ops::LinearInput& input,
                          std::initializer_list<const ops::LinearParameters*> layers) {
    if (!stacked.weight.defined()) return ops::linears(input, layers);
    const Tensor outputs = ops::linear(input, stacked);
    const int64_t size = linear_q.weight.size(0);
    std::vector<Tensor> rows;
    for (int64_t begin = 0; begin < outputs.size(1); begin += size) {
      rows.push_back(aten::narrow(outputs, 1, begin, size));
    }
    return rows;
  };
  const bool rotates = position_embeddings == PositionEmbeddings::kRotary;
  const bool values_apart =
      stacked.weight.defined() && stacked.weight.size(0) == 2 * linear_q.weight.size(0);
  if (!rotates && !values_apart) return all(x, {&linear_q, &linear_k, &linear_v});
  // Rotation comes before the projections of queries and keys, as in the reference; values are made
  // from the rows as they are.
  const Tensor normed = ops::normalize(x);
  const Tensor turned =
      rotates ? ops::rotary_embedding(normed, offsets, heads, static_cast<double>(rotary_base))
              : normed;
  std::vector<Tensor> rows = all({turned}, {&linear_q, &linear_k});
  rows.push_back(linear_v(normed));
  return rows;
}

SelfAttention::Output SelfAttention::operator()(const ops::LinearInput& x, const Layout& layout,
                                                const Tensor& positions, bool return_weights,
                                                const Tensor& residual, ops::LinearInput reader,
                                                TrainingPass* training) const {
  // Composites of training read the layout on the host.
  const Tensor offsets = training == nullptr ? layout.offsets_tensor : Tensor::of(layout.offsets);
  std::vector<Tensor> rows = project(x, offsets);
  ops::RelativePositions relative;
  if (position_embeddings == PositionEmbeddings::kRelativeKey) {
    relative.distance_embedding = distance_embedding;
    relative.left = left;
  } else if (position_embeddings == PositionEmbeddings::kRelative) {
    relative.position_projection = (*linear_pos)(positions);
    relative.bias_u = pos_bias_u;
    relative.bias_v = pos_bias_v;
  }
  Tensor factors;  // of the weights
  if (training != nullptr) {
    factors =
        training->dropout_factors({heads * layout.squares()}, weight_dropout, rows[0].device());
  }
  const ops::AttentionOutput attention = ops::relative_position_attention(
      rows[0], rows[1], rows[2], return_weights ? Tensor::of(layout.offsets) : offsets, heads,
      training == nullptr ? layout.valid : layout.valid_on_host, relative, return_weights, factors,
      layout.longest());
  rows.clear();  // the largest of a layer's tensors
  if (training == nullptr) {
    return {ops::linear({attention.output}, linear_out, {std::nullopt, residual}, reader),
            attention.weights};
  }
  const Tensor projected = training->dropout(linear_out(attention.output), output_dropout);
  reader.x = ops::finish(projected, {std::nullopt, residual});
  return {reader, attention.weights};
}

}  // namespace w2vbert
