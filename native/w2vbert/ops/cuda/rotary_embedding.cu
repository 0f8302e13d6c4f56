#include <cmath>
#include <string>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/rotary_embedding.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

constexpr const char* kOp = "rotary_embedding";

Tensor rotate(const Tensor& x, const Tensor& offsets, int64_t heads, double base) {
  check_rows(kOp, "x", x);
  if (heads < 1) refuse(kOp, "heads", std::to_string(heads), "at least 1");
  if (x.size(1) % heads != 0) {
    refuse(kOp, "the width of x", std::to_string(x.size(1)),
           "a positive multiple of heads, " + std::to_string(heads));
  }
  const int64_t head_dim = x.size(1) / heads;
  if (head_dim % 2 != 0) {
    refuse(kOp, "the head_dim of x", std::to_string(head_dim), "an even number");
  }
  if (!(base > 0.0) || std::isinf(base)) {
    refuse(kOp, "base", std::to_string(base), "a positive number");
  }
  const CudaDevice device(x);
  const Tensor bounds = device_offsets(device, kOp, offsets, x.size(0));
  const Tensor out = device.empty(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  const Tensor rows = x.stride(1) == 1 ? x : aten::contiguous(x);
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::rotary_embedding(
        w2vbert::cuda::RotaryEmbeddingParams<T>{data<T>(rows), rows.stride(0), data<T>(out),
                                                data<int64_t>(bounds), bounds.numel() - 1,
                                                x.size(0), heads, head_dim, base},
        device.stream());
  });
  return out;
}

const KernelRegistrations registrations{
    kOp, {{"CUDA", boxed<&rotate>}, {"AutogradCUDA", boxed<&rotate>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
