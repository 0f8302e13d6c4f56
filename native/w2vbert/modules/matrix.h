// The weights of a linear layer as they are stored: float32, or fewer bits.
#pragma once

#include <functional>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// [out, ...]. Absent (both undefined) where a source recorded a failure.
struct Matrix {
  Tensor values;  // float32, float16, bfloat16, int8, int16 or float8
  // Of integers and float8: float32 [out]; row r stands for scales[r] * values[r].
  Tensor scales = Tensor();
};

// Writes the elements of a row as float32. Called from several threads.
using RowReader = std::function<void(int64_t row, float* to)>;

// A matrix of the given shape and dtype: rounded to the nearest float16 or bfloat16, or to integers
// with the largest magnitude of a row at 127 (int8) or 1023 (int16). A float32 matrix holds the
// elements as they are.
Matrix store_matrix(const Shape& shape, DType dtype, const RowReader& read);
Matrix store_matrix(const Tensor& float32, DType dtype);

// What a matrix on the CPU stands for: itself if it is float32.
Tensor to_float32(const Matrix& matrix);

}  // namespace w2vbert
