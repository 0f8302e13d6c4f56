#include <string>

#include "w2vbert/ops/cuda/causal_depthwise_conv1d.cuh"
#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

constexpr const char* kOp = "causal_depthwise_conv1d";
constexpr const char* kGatedOp = "gated_causal_depthwise_conv1d";

template <bool kGated>
Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& offsets) {
  const char* op = kGated ? kGatedOp : kOp;
  check_rows(op, "x", x);
  const int64_t channels = kGated ? x.size(1) / 2 : x.size(1);
  if (kGated && x.size(1) % 2 != 0) {
    refuse(op, "x", describe_with_device(x), "an even number of columns");
  }
  if (!is_cuda(weight) || weight.dim() != 3 || weight.size(2) == 0) {
    refuse(op, "weight", describe_with_device(weight), "[channels, 1, kernel] on the device of x");
  }
  const CudaDevice device(x);
  const int64_t kernel = weight.size(2);
  check_on(device, op, "weight", weight, x.dtype(), {channels, 1, kernel});
  const Tensor bounds = device_offsets(device, op, offsets, x.size(0));
  const Tensor rows = aten::contiguous(x);
  const Tensor taps = aten::contiguous(weight);
  const Tensor out = device.empty({x.size(0), channels}, x.dtype());
  if (out.numel() == 0 || bounds.numel() == 1) return out;
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::causal_depthwise_conv1d<kGated>(
        w2vbert::cuda::CausalDepthwiseConv1dParams<T>{data<T>(rows), data<T>(taps), data<T>(out),
                                                      data<int64_t>(bounds), bounds.numel() - 1,
                                                      x.size(0), channels, kernel},
        device.stream());
  });
  return out;
}

const KernelRegistrations registrations{
    kOp, {{"CUDA", boxed<&convolve<false>>}, {"AutogradCUDA", boxed<&convolve<false>>}}};

// The same of the first half of each row of x times the sigmoid of its second half: x is
// [total_time, 2 * channels].
const OperatorRegistration gated_registration{
    "gated_causal_depthwise_conv1d(Tensor x, Tensor weight, Tensor offsets) -> Tensor",
    kGatedOp,
    {{"CUDA", boxed<&convolve<true>>}, {"AutogradCUDA", boxed<&convolve<true>>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
