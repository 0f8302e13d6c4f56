#include "w2vbert/modules/tdnn.h"

#include <stdexcept>
#include <string>

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
  for (const Layer& layer : layers_) {
    std::vector<int64_t> lengths;
    std::vector<int64_t> rows;  // that each output row reads
    for (int64_t u = 0; u < layout.utterances(); ++u) {
      lengths.push_back(output.layout.length(u) - (layer.width - 1) * layer.dilation);
      const int64_t begin = output.layout.offsets[static_cast<size_t>(u)];
      for (int64_t t = 0; t < lengths.back(); ++t) {
        for (int64_t k = 0; k < layer.width; ++k) rows.push_back(begin + t + k * layer.dilation);
      }
    }
    output.layout = Layout::ragged(lengths);
    Tensor windows = output.hidden;
    if (layer.width > 1) {
      windows = aten::reshape(aten::index_select(windows, 0, Tensor::of(rows).to(x.device())),
                              {output.layout.total(), layer.width * windows.size(1)});
    }
    output.hidden = ops::linear({windows}, layer.kernel, {Activation::kRelu});
  }
  return output;
}

}  // namespace w2vbert
