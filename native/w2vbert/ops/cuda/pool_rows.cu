#include <string>

#include "w2vbert/ops/cuda/checks.h"
#include "w2vbert/ops/cuda/dispatch.cuh"
#include "w2vbert/ops/cuda/pool_rows.cuh"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/library.h"

namespace w2vbert::ops::cuda {
namespace {

constexpr const char* kOp = "pool_rows";

// Blocks for every 32 columns along y of a grid.
constexpr int64_t kMostPooledColumns = int64_t{65535} * 32;

Tensor pool(const Tensor& x, const Tensor& offsets, const OptionalTensor& counts, bool deviations) {
  check_rows(kOp, "x", x);
  if (x.size(1) > kMostPooledColumns) {
    refuse(kOp, "the number of columns", std::to_string(x.size(1)),
           "at most " + std::to_string(kMostPooledColumns));
  }
  const CudaDevice device(x);
  const Tensor bounds = device_offsets(device, kOp, offsets, x.size(0));
  const int64_t utterances = bounds.numel() - 1;
  if (counts) check_on(device, kOp, "counts", *counts, DType::kInt64, {utterances});
  const Tensor most = counts ? aten::contiguous(*counts) : Tensor();
  const Tensor out = device.empty({utterances, deviations ? 2 * x.size(1) : x.size(1)}, x.dtype());
  const Tensor rows = aten::contiguous(x);
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    w2vbert::cuda::pool_rows(
        w2vbert::cuda::PoolRowsParams<T>{data<T>(rows), x.size(0), x.size(1), data<int64_t>(bounds),
                                         data<int64_t>(most), utterances, deviations, data<T>(out)},
        device.stream());
  });
  return out;
}

// Of the first counts[u] rows of utterance u, without counts of all: means [utterances, columns of
// x]; with deviations, the unbiased standard deviations beside them.
const OperatorRegistration registration{
    "pool_rows(Tensor x, Tensor offsets, Tensor? counts, bool deviations) -> Tensor",
    kOp,
    {{"CUDA", boxed<&pool>}, {"AutogradCUDA", boxed<&pool>}}};

}  // namespace
}  // namespace w2vbert::ops::cuda
