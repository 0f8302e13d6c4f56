// Checks that several operators make. All throw std::invalid_argument:
// "<op>: <argument> is <value>; expected <expected>".
#pragma once

#include <string>

#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops {

[[noreturn]] void refuse(const char* op, const std::string& argument, const std::string& value,
                         const std::string& expected);

// `tensor` must have this dtype and shape, on the CPU.
void check_tensor(const char* op, const char* argument, const Tensor& tensor, DType dtype,
                  const Shape& shape);

// `offsets` must be int64 [utterances + 1] on the CPU, rising from 0 to `total`, the number of
// `what`.
void check_offsets(const char* op, const Tensor& offsets, int64_t total, const char* what = "rows");

}  // namespace w2vbert::ops
