#include "w2vbert/ops/causal_depthwise_conv1d.h"

#include <algorithm>
#include <string>
#include <vector>

#include "w2vbert/ops/checks.h"
#include "w2vbert/ops/composite/causal_depthwise_conv1d.h"
#include "w2vbert/ops/cpu/causal_depthwise_conv1d_kernel.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/parallel.h"
#include "w2vbert/torch/tape.h"

namespace w2vbert::ops {
namespace {

constexpr const char* kOp = "causal_depthwise_conv1d";

// Rows of a work item that are worth a thread: about 15 us with 31 taps.
constexpr int64_t kRowsPerTask = 256;

// float32; `offsets` is contiguous.
Tensor run_kernel(const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  const Tensor rows = aten::contiguous(x);
  const Tensor taps = aten::contiguous(weight);
  const Tensor out = Tensor::empty(x.shape(), DType::kFloat32);
  const cpu::CausalDepthwiseConv1dParams<float> params{
      rows.data<float>(),  taps.data<float>(), out.data<float>(), offsets.data<int64_t>(),
      offsets.numel() - 1, x.size(1),          weight.size(2)};
  const cpu::SimdLevel level = cpu::simd_level();
  const int64_t grain =
      std::max<int64_t>(1, kRowsPerTask * params.utterances / std::max<int64_t>(1, x.size(0)));
  parallel_for(cpu::causal_depthwise_conv1d_items(params), grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(cpu::causal_depthwise_conv1d_scratch(params.kernel));
    cpu::causal_depthwise_conv1d(level, params, begin, end, scratch.data());
  });
  return out;
}

const OperatorRegistration registration{
    "causal_depthwise_conv1d(Tensor x, Tensor weight, Tensor offsets) -> Tensor",
    kOp,
    {{"CPU", boxed<&causal_depthwise_conv1d>}, {"Autograd", boxed<&causal_depthwise_conv1d>}}};

}  // namespace

Tensor causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  if (!x.defined() || x.dim() != 2 || x.size(1) == 0 || !x.is_cpu() ||
      (x.dtype() != DType::kFloat32 && x.dtype() != DType::kFloat64)) {
    refuse(kOp, "x", x.describe(), "float32 or float64 [total_time, channels] on the CPU");
  }
  if (!weight.defined() || weight.dtype() != x.dtype() || !weight.is_cpu() || weight.dim() != 3 ||
      weight.size(0) != x.size(1) || weight.size(1) != 1 || weight.size(2) % 2 == 0) {
    refuse(kOp, "weight", weight.describe(),
           dtype_name(x.dtype()) + " [" + std::to_string(x.size(1)) +
               ", 1, kernel] on the CPU with an odd kernel");
  }
  check_offsets(kOp, offsets, x.size(0));
  const Tensor bounds = aten::contiguous(offsets);
  if (x.dtype() == DType::kFloat64) return composite::causal_depthwise_conv1d(x, weight, bounds);
  if (!GradMode::enabled()) return run_kernel(x, weight, bounds);
  return differentiate(
      {x, weight},
      [&](const std::vector<Tensor>& inputs) { return run_kernel(inputs[0], inputs[1], bounds); },
      [bounds](const std::vector<Tensor>& inputs) {
        return composite::causal_depthwise_conv1d(inputs[0], inputs[1], bounds);
      });
}

Tensor gated_causal_depthwise_conv1d(const LinearInput& input, const LinearParameters& layer,
                                     const Tensor& weight, const Tensor& offsets) {
  if (has_cuda_operators(input.x)) {
    return cuda_operators::gated_causal_depthwise_conv1d(
        aten::to(linear(input, layer), weight.dtype()), weight, offsets.to(input.x.device()));
  }
  const Tensor gated = aten::to(gated_linear(input, layer), weight.dtype());
  if (!input.x.is_cpu()) {
    return composite::causal_depthwise_conv1d(gated, weight, aten::contiguous(offsets));
  }
  return causal_depthwise_conv1d(gated, weight, offsets);
}

}  // namespace w2vbert::ops
