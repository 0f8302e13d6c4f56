#include "w2vbert/ops/composite/causal_depthwise_conv1d.h"

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops::composite {
namespace {

// x [time, channels]
Tensor convolve_utterance(const Tensor& x, const Tensor& weight) {
  const int64_t channels = x.size(1);
  const Tensor rows = aten::reshape(aten::transpose(x, 0, 1), {1, channels, x.size(0)});
  const Tensor padded = aten::pad_last(rows, weight.size(2) - 1, 0);
  const Tensor out = aten::call(
      "aten::conv1d", "",
      {{padded}, {weight}, {aten::None{}}, {Shape{1}}, {Shape{0}}, {Shape{1}}, {channels}});
  return aten::transpose(aten::reshape(out, {channels, x.size(0)}), 0, 1);
}

}  // namespace

Tensor causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  const int64_t* bounds = offsets.data<int64_t>();
  aten::TensorList parts;
  for (int64_t u = 0; u + 1 < offsets.numel(); ++u) {
    const int64_t time = bounds[u + 1] - bounds[u];
    if (time == 0) continue;
    parts.push_back(convolve_utterance(aten::narrow(x, 0, bounds[u], time), weight));
  }
  if (parts.empty()) return Tensor::empty(x.shape(), x.dtype(), x.device());
  return aten::cat(parts, 0);
}

}  // namespace w2vbert::ops::composite
