#include "w2vbert/ops/linear.h"

#include <algorithm>
#include <memory>
#include <string>

#include "w2vbert/ops/checks.h"
#include "w2vbert/ops/cpu/linear_kernel.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert::ops {
namespace {

constexpr const char* kOp = "linear";

// Multiplications that are worth a thread: about 25 us.
constexpr int64_t kMultiplicationsPerTask = int64_t{1} << 20;

// float32 on the CPU.
Tensor run_kernel(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const bool dense_rows = x.dim() == 2 && x.stride(1) == 1;
  const Tensor rows = dense_rows ? x : aten::contiguous(x);
  const Tensor weights = aten::contiguous(weight);
  const Tensor biases = bias.defined() ? aten::contiguous(bias) : bias;
  Shape shape = x.shape();
  shape.back() = weight.size(0);
  const Tensor out = Tensor::empty(shape, DType::kFloat32);
  const cpu::LinearParams params{rows.data<float>(),
                                 weights.data<float>(),
                                 biases.defined() ? biases.data<float>() : nullptr,
                                 out.data<float>(),
                                 dense_rows ? x.stride(0) : x.size(-1),
                                 x.numel() / x.size(-1),
                                 x.size(-1),
                                 weight.size(0)};
  const cpu::SimdLevel level = cpu::simd_level();
  const int64_t grain = std::max<int64_t>(
      1, kMultiplicationsPerTask / std::max<int64_t>(1, cpu::linear_item_size(params)));
  parallel_for(cpu::linear_items(params), grain, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<float[]> scratch(
        new float[static_cast<size_t>(cpu::linear_scratch(params))]);
    cpu::linear(level, params, begin, end, scratch.get());
  });
  return out;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!x.defined() || x.dim() == 0 || x.size(-1) == 0) {
    refuse(kOp, "x", x.describe(), "[..., in] with in at least 1");
  }
  const bool pointwise = weight.defined() && weight.dim() == 3 && weight.size(2) == 1;
  if (!weight.defined() || weight.dtype() != x.dtype() || (weight.dim() != 2 && !pointwise) ||
      weight.size(1) != x.size(-1)) {
    const std::string in = std::to_string(x.size(-1));
    refuse(kOp, "weight", weight.describe(),
           dtype_name(x.dtype()) + " [out, " + in + "] or [out, " + in + ", 1]");
  }
  if (bias.defined() && (bias.dtype() != x.dtype() || bias.shape() != Shape{weight.size(0)})) {
    refuse(kOp, "bias", bias.describe(),
           "undefined or " + dtype_name(x.dtype()) + " " + shape_string({weight.size(0)}));
  }
  if (!GradMode::enabled() && x.dtype() == DType::kFloat32 && x.is_cpu() && weight.is_cpu() &&
      (!bias.defined() || bias.is_cpu())) {
    return run_kernel(x, weight, bias);
  }
  return aten::linear(
      x, pointwise ? aten::reshape(weight, {weight.size(0), weight.size(1)}) : weight, bias);
}

}  // namespace w2vbert::ops
