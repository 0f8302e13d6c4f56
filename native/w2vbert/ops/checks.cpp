#include "w2vbert/ops/checks.h"

#include <stdexcept>

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops {

void refuse(const char* op, const std::string& argument, const std::string& value,
            const std::string& expected) {
  throw std::invalid_argument(std::string(op) + ": " + argument + " is " + value + "; expected " +
                              expected);
}

void check_tensor(const char* op, const char* argument, const Tensor& tensor, DType dtype,
                  const Shape& shape) {
  if (!tensor.defined() || tensor.dtype() != dtype || tensor.shape() != shape || !tensor.is_cpu()) {
    refuse(op, argument, tensor.describe(),
           dtype_name(dtype) + " " + shape_string(shape) + " on the CPU");
  }
}

void check_offsets(const char* op, const Tensor& offsets, int64_t total, const char* what) {
  if (!offsets.defined() || offsets.dtype() != DType::kInt64 || offsets.dim() != 1 ||
      offsets.numel() == 0 || !offsets.is_cpu()) {
    refuse(op, "offsets", offsets.describe(), "int64 [utterances + 1] on the CPU");
  }
  const Tensor packed = aten::contiguous(offsets);
  const int64_t* bounds = packed.data<int64_t>();
  const int64_t utterances = packed.numel() - 1;
  if (bounds[0] != 0) refuse(op, "offsets[0]", std::to_string(bounds[0]), "0");
  for (int64_t u = 0; u < utterances; ++u) {
    if (bounds[u + 1] >= bounds[u]) continue;
    refuse(op, "offsets[" + std::to_string(u + 1) + "]", std::to_string(bounds[u + 1]),
           "at least offsets[" + std::to_string(u) + "] = " + std::to_string(bounds[u]));
  }
  if (bounds[utterances] != total) {
    refuse(op, "offsets[" + std::to_string(utterances) + "]", std::to_string(bounds[utterances]),
           std::string("the number of ") + what + ", " + std::to_string(total));
  }
}

}  // namespace w2vbert::ops
