#include "w2vbert/modules/tdnn.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {

Tdnn::Tdnn(const Scope& scope, const Config& config) {
  for (size_t i = 0; i < config.tdnn_dim.size(); ++i) {
    const int64_t in = config.tdnn_dim[i == 0 ? 0 : i - 1];
    layers_.push_back(
        {Linear(scope / "tdnn" / std::to_string(i) / "kernel", in * config.tdnn_kernel[i],
                config.tdnn_dim[i], Init::normal(config.initializer_range)),
         config.tdnn_kernel[i], config.tdnn_dilation[i]});
  }
}

int64_t Tdnn::context() const {
  int64_t rows = 0;
  for (const Layer& layer : layers_) rows += (layer.width - 1) * layer.dilation;
  return rows;
}

Tdnn::Output Tdnn::operator()(const Tensor& x, const Layout& layout) const {
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    if (layout.length(u) <= context()) {
      throw std::invalid_argument(
          "utterance " + std::to_string(u) + " has " + std::to_string(layout.length(u)) +
          " frames; the kernels of the TDNN alone need " + std::to_string(context() + 1));
    }
  }
  Output output{x, layout};
  const bool on_device = ops::has_cuda_operators(x);
  for (const Layer& layer : layers_) {
    const Layout& before = output.layout;
    std::vector<int64_t> lengths;
    for (int64_t u = 0; u < layout.utterances(); ++u) {
      lengths.push_back(before.length(u) - (layer.width - 1) * layer.dilation);
    }
    Layout shorter = Layout::ragged(lengths);
    Tensor windows = output.hidden;
    const ops::cuda_operators::Conv conv{layer.width, 1, layer.dilation, 0};
    if (on_device) {
      shorter.offsets_tensor = ops::cuda_operators::conv_offsets(before.offsets_tensor, conv);
      if (layer.width > 1) {
        windows = ops::cuda_operators::conv_windows(
            windows, before.offsets_tensor, shorter.offsets_tensor, shorter.total(), conv, false);
      }
    } else if (layer.width > 1) {
      const Tensor rows = window_rows(before, shorter, conv).to(x.device());
      windows = aten::reshape(aten::index_select(windows, 0, rows),
                              {shorter.total(), layer.width * windows.size(1)});
    }
    output.layout = std::move(shorter);
    output.hidden = ops::linear({windows}, layer.kernel, {Activation::kRelu});
  }
  return output;
}

}  // namespace w2vbert
