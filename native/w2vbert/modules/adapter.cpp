#include "w2vbert/modules/adapter.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

// bool [total_time]: the first lengths[u] rows of every utterance.
Tensor first_rows(const Layout& layout, const std::vector<int64_t>& lengths) {
  Tensor mask = Tensor::empty({layout.total()}, DType::kBool);
  bool* out = mask.data<bool>();
  for (size_t u = 0; u < lengths.size(); ++u) {
    for (int64_t row = layout.offsets[u]; row < layout.offsets[u + 1]; ++row) {
      out[row] = row - layout.offsets[u] < lengths[u];
    }
  }
  return mask;
}

}  // namespace

GatedConv1d::GatedConv1d(const Scope& scope, const Config& config, int64_t size)
    : weight(scope.get("weight", {2 * size, size, config.adapter_kernel_size},
                       Init::kaiming(size * config.adapter_kernel_size))),
      bias(scope.get("bias", {2 * size}, Init::fan_in_uniform(size * config.adapter_kernel_size))) {
}

Tensor GatedConv1d::operator()(const Tensor& x, const ConvWindows& windows) const {
  const int64_t size = weight.size(1);
  const int64_t kernel = weight.size(2);
  const ops::LinearParameters product{aten::reshape(weight, {2 * size, size * kernel}), bias};
  if (!windows.rows.defined()) {
    return ops::gated_linear(
        {ops::cuda_operators::conv_windows(x, windows.offsets, windows.output_offsets,
                                           windows.output_rows, windows.conv, true)},
        product);
  }
  const int64_t total = windows.output_rows;
  const Tensor extended = aten::cat({x, Tensor::zeros({1, size}, x.dtype(), x.device())}, 0);
  const Tensor rows =
      aten::reshape(aten::index_select(extended, 0, windows.rows), {total, kernel, size});
  const Tensor by_channel = aten::reshape(aten::transpose(rows, 1, 2), {total, size * kernel});
  return aten::glu(ops::linear({by_channel}, product), -1);
}

AdapterLayer::AdapterLayer(const Scope& scope, const Config& config)
    : residual_layer_norm(scope / "residual_layer_norm", config.output_hidden_size,
                          config.layer_norm_eps),
      residual_conv(scope / "residual_conv", config, config.output_hidden_size),
      self_attn_layer_norm(scope / "self_attn_layer_norm", config.output_hidden_size,
                           config.layer_norm_eps),
      self_attn_conv(scope / "self_attn_conv", config, config.output_hidden_size),
      self_attn(scope / "self_attn", config, config.output_hidden_size, PositionEmbeddings::kNone,
                config.conformer_conv_dropout),
      ffn_layer_norm(scope / "ffn_layer_norm", config.output_hidden_size, config.layer_norm_eps),
      ffn(scope / "ffn", config, config.output_hidden_size, config.adapter_act) {}

Tensor AdapterLayer::operator()(const Tensor& x, const ConvWindows& windows, const Layout& output,
                                TrainingPass* training) const {
  const Tensor residual = residual_conv(residual_layer_norm(x), windows);
  const Tensor shortened = self_attn_conv(self_attn_layer_norm(x), windows);
  const ops::LinearInput hidden = self_attn({shortened}, output, Tensor(), false, residual,
                                            {Tensor(), &ffn_layer_norm}, training)
                                      .hidden;
  return ffn(hidden, {std::nullopt, hidden.x}, training);
}

Adapter::Adapter(const Scope& scope, const Config& configuration) : config(configuration) {
  if (config.output_hidden_size != config.hidden_size) {
    proj.emplace(scope / "proj", config.hidden_size, config.output_hidden_size,
                 Init::normal(config.initializer_range));
    proj_layer_norm.emplace(scope / "proj_layer_norm", config.output_hidden_size,
                            config.layer_norm_eps);
  }
  for (int64_t i = 0; i < config.num_adapter_layers; ++i) {
    layers.emplace_back(scope / "layers" / std::to_string(i), config);
  }
}

Adapter::Output Adapter::operator()(const Tensor& x, const Layout& layout,
                                    TrainingPass* training) const {
  Output output{proj ? (*proj_layer_norm)((*proj)(x)) : x, layout};
  std::vector<int64_t> valid = layout.valid_lengths();
  const int64_t stride = config.adapter_stride;
  const ops::cuda_operators::Conv conv{config.adapter_kernel_size, stride, 1, stride / 2};
  int64_t layers_so_far = 0;
  for (const AdapterLayer& layer : layers) {
    ++layers_so_far;
    for (int64_t& n : valid) n = config.adapter_layer_output_length(n);
    if (training != nullptr && training->drops_layer(config.layerdrop)) continue;
    std::vector<int64_t> lengths;
    for (int64_t u = 0; u < layout.utterances(); ++u) {
      const int64_t length = output.layout.length(u);
      lengths.push_back(config.conv_layer_output_length(length));
      if (lengths.back() < 1) {
        throw std::invalid_argument("utterance " + std::to_string(u) + " has " +
                                    std::to_string(length) +
                                    " frames, too few for the adapter's kernel of " +
                                    std::to_string(config.adapter_kernel_size));
      }
    }
    Layout shorter = Layout::ragged(lengths);
    if (layout.valid.defined()) {
      shorter.set_valid(first_rows(shorter, valid));
    }
    ConvWindows windows{Tensor(), output.layout.offsets_tensor, Tensor(), shorter.total(), conv};
    if (training == nullptr && ops::has_cuda_operators(x)) {
      shorter.offsets_tensor = ops::cuda_operators::conv_offsets(windows.offsets, conv);
      if (layout.valid.defined()) {
        shorter.valid = ops::cuda_operators::adapter_valid(layout.valid, layout.offsets_tensor,
                                                           shorter.offsets_tensor, shorter.total(),
                                                           conv, layers_so_far);
      }
    } else {
      windows.rows = window_rows(output.layout, shorter, conv).to(x.device());
      shorter = shorter.to(x.device());
    }
    windows.output_offsets = shorter.offsets_tensor;
    output.layout = std::move(shorter);
    output.hidden = layer(output.hidden, windows, output.layout, training);
  }
  return output;
}

}  // namespace w2vbert
