#include <tuple>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/quantize_rows.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

constexpr const char* kOp = "quantize_rows";

std::tuple<Tensor, Tensor> quantize(const Tensor& x) {
  check_rows(kOp, "x", x);
  const CudaDevice device(x);
  const Tensor out = device.empty(x.shape(), DType::kFloat8);
  const Tensor scales = device.empty({x.size(0), 1}, DType::kFloat32);
  const Tensor rows = aten::contiguous(x);
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::quantize_rows(
        w2vbert::cuda::QuantizeRowsParams<T>{data<T>(rows), data<w2vbert::cuda::Float8>(out),
                                             data<float>(scales), x.size(0), x.size(1)},
        device.stream());
  });
  return {out, scales};
}

// float8_e4m3fn like x, and what its rows are to be multiplied by: float32 [rows, 1].
const OperatorRegistration registration{
    "quantize_rows(Tensor x) -> (Tensor, Tensor)",
    kOp,
    {{"CUDA", boxed<&quantize>}, {"AutogradCUDA", boxed<&quantize>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
