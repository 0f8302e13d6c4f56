#include <tuple>
#include <vector>

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

// Which devices have a product of such rows: of x's device, 10 * major + minor, int64 [1] on the
// CPU.
Tensor compute_capability(const Tensor& x) {
  if (!is_cuda(x)) refuse("compute_capability", "x", describe_with_device(x), "on a CUDA device");
  const CudaDevice device(x);
  return Tensor::of(std::vector<int64_t>{w2vbert::cuda::compute_capability()});
}

// float8_e4m3fn like x, and what its rows are to be multiplied by: float32 [rows, 1].
const OperatorRegistration registration{
    "quantize_rows(Tensor x) -> (Tensor, Tensor)",
    kOp,
    {{"CUDA", boxed<&quantize>}, {"AutogradCUDA", boxed<&quantize>}}};

const OperatorRegistration capability_registration{
    "compute_capability(Tensor x) -> Tensor",
    "compute_capability",
    {{"CUDA", boxed<&compute_capability>}, {"AutogradCUDA", boxed<&compute_capability>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
