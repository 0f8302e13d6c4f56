#include "w2vbert/ops/cuda_operators.h"

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops {
namespace {

aten::Boxable optional(const Tensor& tensor) {
  if (!tensor.defined()) return {aten::None{}};
  return {tensor, true};
}

// As the operators take it: -1 is none.
aten::Boxable number(const std::optional<Activation>& activation) {
  return {activation ? static_cast<int64_t>(*activation) : int64_t{-1}};
}

// Of LinearOutput: not used without a residual.
aten::Boxable scale(const LinearOutput& output) {
  return {output.residual.defined() ? output.scale : 1.0};
}

}  // namespace

bool has_cuda_operators(const Tensor& x) {
  return x.defined() && !x.is_cpu() && !GradMode::enabled();
}

namespace cuda_operators {

Tensor finish(const Tensor& y, const Tensor& bias, const LinearOutput& output) {
  return aten::call(
      "w2vbert::finish", "",
      {{y}, optional(bias), optional(output.residual), scale(output), number(output.activation)});
}

LinearInput finish_and_normalize(const Tensor& y, const Tensor& bias, const LinearOutput& output,
                                 LinearInput reader) {
  const std::vector<Tensor> both = aten::call_many("w2vbert::finish_and_normalize", "",
                                                   {{y},
                                                    optional(bias),
                                                    optional(output.residual),
                                                    scale(output),
                                                    number(output.activation),
                                                    {reader.norm->weight},
                                                    {reader.norm->bias},
                                                    {reader.norm->eps},
                                                    number(reader.activation),
                                                    optional(reader.valid)},
                                                   2);
  reader.x = both[0];
  reader.rows = both[1];
  return reader;
}

Tensor normalize(const LinearInput& input) {
  return aten::call("w2vbert::normalize", "",
                    {{input.x},
                     {input.norm->weight},
                     {input.norm->bias},
                     {input.norm->eps},
                     number(input.activation),
                     optional(input.valid)});
}

Tensor gate(const Tensor& y, const Tensor& bias) {
  return aten::call("w2vbert::gate", "", {{y}, optional(bias)});
}

QuantizedRows quantize_rows(const Tensor& x) {
  const std::vector<Tensor> both = aten::call_many("w2vbert::quantize_rows", "", {{x}}, 2);
  return {both[0], both[1]};
}

int64_t compute_capability(const Tensor& x) {
  return *aten::call("w2vbert::compute_capability", "", {{x}}).data<int64_t>();
}

Tensor gated_causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  return aten::call("w2vbert::gated_causal_depthwise_conv1d", "", {{x}, {weight}, {offsets}});
}

AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& positions, bool return_weights,
                                            int64_t longest) {
  const auto call = [&](const char* op, const aten::Boxable& last, size_t results) {
    return aten::call_many(op, "",
                           {{query},
                            {key},
                            {value},
                            {offsets},
                            {heads},
                            optional(key_mask),
                            optional(positions.distance_embedding),
                            {positions.left},
                            optional(positions.position_projection),
                            optional(positions.bias_u),
                            optional(positions.bias_v),
                            last},
                           results);
  };
  if (!return_weights) {
    return {call("w2vbert::relative_position_attention_up_to", {longest}, 1)[0], Tensor()};
  }
  const std::vector<Tensor> both = call("w2vbert::relative_position_attention", {true}, 2);
  return {both[0], both[1]};
}

Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads, double base) {
  return aten::call("w2vbert::rotary_embedding", "", {{x}, {offsets}, {heads}, {base}});
}

Tensor fbank_features(const Tensor& samples, const FbankClips& clips, int64_t num_mel_bins,
                      int64_t sampling_rate, DType dtype) {
  return aten::call("w2vbert::fbank_features", "",
                    {{samples},
                     {clips.table},
                     {clips.frames},
                     {clips.longest},
                     {clips.rows},
                     {num_mel_bins},
                     {sampling_rate},
                     {true},
                     {0.0},
                     {static_cast<int64_t>(dtype)}});
}

Tensor best_tokens(const Tensor& logits) {
  return aten::call("w2vbert::best_tokens", "", {{logits}});
}

Tensor conv_offsets(const Tensor& offsets, const Conv& conv) {
  return aten::call("w2vbert::conv_offsets", "",
                    {{offsets}, {conv.kernel}, {conv.stride}, {conv.dilation}, {conv.padding}});
}

Tensor conv_windows(const Tensor& x, const Tensor& offsets, const Tensor& output_offsets,
                    int64_t rows, const Conv& conv, bool channels_first) {
  return aten::call("w2vbert::conv_windows", "",
                    {{x},
                     {offsets},
                     {output_offsets},
                     {rows},
                     {conv.kernel},
                     {conv.stride},
                     {conv.dilation},
                     {conv.padding},
                     {channels_first}});
}

Tensor adapter_valid(const Tensor& valid, const Tensor& offsets, const Tensor& output_offsets,
                     int64_t rows, const Conv& conv, int64_t layers) {
  return aten::call(
      "w2vbert::adapter_valid", "",
      {{valid}, {offsets}, {output_offsets}, {rows}, {conv.kernel}, {conv.stride}, {layers}});
}

Tensor pool_rows(const Tensor& x, const Tensor& offsets, const Tensor& counts, bool deviations) {
  return aten::call("w2vbert::pool_rows", "", {{x}, {offsets}, optional(counts), {deviations}});
}

}  // namespace cuda_operators
}  // namespace w2vbert::ops
