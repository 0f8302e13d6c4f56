#include "w2vbert/modules/matrix.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "w2vbert/io/half.h"
#include "w2vbert/ops/cpu/linear_kernel.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

constexpr int64_t kElementsPerTask = int64_t{1} << 16;

// Numbers times the scales of their rows.
template <typename Number>
void multiply_rows(const Matrix& matrix, float* to) {
  const auto* from = static_cast<const Number*>(matrix.values.raw_data());
  const float* scales = matrix.scales.data<float>();
  const int64_t count = matrix.values.numel();
  const int64_t columns = count / std::max<int64_t>(1, matrix.values.size(0));
  for (int64_t i = 0; i < count; ++i) to[i] = scales[i / columns] * static_cast<float>(from[i]);
}

}  // namespace

Matrix store_matrix(const Shape& shape, DType dtype, const RowReader& read) {
  Matrix matrix{Tensor::empty(shape, dtype)};
  const int64_t rows = shape.at(0);
  const int64_t columns = matrix.values.numel() / std::max<int64_t>(1, rows);
  auto* const values = static_cast<std::byte*>(matrix.values.raw_data());
  float* scales = nullptr;
  if (dtype == DType::kInt8 || dtype == DType::kInt16) {
    matrix.scales = Tensor::empty({rows}, DType::kFloat32);
    scales = matrix.scales.data<float>();
  }
  const cpu::SimdLevel level = cpu::simd_level();
  const int64_t row_bytes = columns * dtype_size(dtype);
  const int64_t grain = 1 + kElementsPerTask / std::max<int64_t>(1, columns);
  parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    const auto count = static_cast<size_t>(columns);
    std::vector<float> elements(count);
    for (int64_t row = begin; row < end; ++row) {
      void* to = values + row * row_bytes;
      read(row, elements.data());
      switch (dtype) {
        case DType::kFloat32:
          std::memcpy(to, elements.data(), count * sizeof(float));
          break;
        case DType::kFloat16:
          float_to_half(elements.data(), static_cast<uint16_t*>(to), count);
          break;
        case DType::kBFloat16:
          float_to_bfloat16(elements.data(), static_cast<uint16_t*>(to), count);
          break;
        case DType::kInt8:
        case DType::kInt16:
          scales[row] = cpu::round_weights(
              level, dtype == DType::kInt8 ? cpu::WeightType::kInt8 : cpu::WeightType::kInt16,
              elements.data(), columns, to);
          break;
        default:
          throw std::logic_error("no matrix is stored as " + dtype_name(dtype));
      }
    }
  });
  return matrix;
}

Matrix store_matrix(const Tensor& float32, DType dtype) {
  if (dtype == DType::kFloat32) return {float32};
  const float* elements = float32.data<float>();
  const int64_t columns = float32.numel() / std::max<int64_t>(1, float32.size(0));
  return store_matrix(float32.shape(), dtype, [&](int64_t row, float* to) {
    std::copy_n(elements + row * columns, columns, to);
  });
}

Tensor to_float32(const Matrix& matrix) {
  const Tensor& values = matrix.values;
  if (values.dtype() == DType::kFloat32) return values;
  const Tensor floats = Tensor::empty(values.shape(), DType::kFloat32);
  const auto count = static_cast<size_t>(values.numel());
  float* to = floats.data<float>();
  switch (values.dtype()) {
    case DType::kFloat16:
      half_to_float(values.raw_data(), to, count);
      break;
    case DType::kBFloat16:
      bfloat16_to_float(values.raw_data(), to, count);
      break;
    case DType::kInt8:
      multiply_rows<int8_t>(matrix, to);
      break;
    case DType::kInt16:
      multiply_rows<int16_t>(matrix, to);
      break;
    case DType::kFloat8:
      multiply_rows<float>({aten::to(values, DType::kFloat32), matrix.scales}, to);
      break;
    default:
      throw std::logic_error("no matrix is stored as " + dtype_name(values.dtype()));
  }
  return floats;
}

}  // namespace w2vbert
