// Products of rows with weight matrices, and what surrounds them in a conformer block.
//
// Without gradients, float32 on the CPU runs in kernels of our own, which read and write memory
// once per product, use the weights where they lie, and whose rows depend neither on the rows
// around them nor on the number of threads, to the last bit; on a CUDA device float32, float16 and
// bfloat16 run through ATen's products and the operators of ops/cuda around them. The same computes
// where a tape records (torch/tape.h), which keeps inputs only: norms and activations are computed
// again on the way back. Elsewhere (gradients without a tape, other dtypes) all is composed of
// ATen's operators. Weights may have fewer bits than x where the CPU's kernels compute, and be
// float8 beside bfloat16 rows on a CUDA device, which are rounded to float8 before the product. All
// throw std::invalid_argument when a shape or dtype does not fit.
//
// Under Autocast (torch/autocast.h) parameters are float32, and x is float32 or what a product
// gave. Products round their operands to the type of Autocast and give it; norms give float32, and
// so do sums with a residual.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "w2vbert/ops/activation.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops {

struct LinearParameters {
  Tensor weight;  // [out, in] or [out, in, 1]; dtype of x; for float32 any of store_matrix
  Tensor bias;    // [out] or undefined
  // Of integers and float8: float32 [out], what the rows are multiplied by.
  Tensor scales = Tensor();
};

struct NormParameters {
  Tensor weight;  // [size]
  Tensor bias;    // [size]
  double eps = 0.0;
};

// Rows to compute with: activation(layer_norm(x)), zeros where they are not valid.
struct LinearInput {
  Tensor x;  // [..., in]
  const NormParameters* norm = nullptr;
  std::optional<Activation> activation = std::nullopt;
  Tensor valid = Tensor();  // bool [rows], or undefined: all are
  Tensor rows = Tensor();   // the rows themselves, where they were computed along with x
};

// What becomes of a product y: residual + scale * activation(y).
struct LinearOutput {
  std::optional<Activation> activation = std::nullopt;
  Tensor residual = Tensor();  // like the result, or undefined for none: scale is not used then
  double scale = 1.0;
};

// x @ weight^T + bias over the last axis: [..., out].
Tensor linear(const LinearInput& input, const LinearParameters& layer,
              const LinearOutput& output = {});

// The same for a reader of the result, which says what it makes of it (its x and rows are ignored):
// the reader's input. On a CUDA device it is computed in the pass that ends the product.
LinearInput linear(const LinearInput& input, const LinearParameters& layer,
                   const LinearOutput& output, LinearInput reader);

// Whether a weight of this shape can be float8: ATen's product takes multiples of sixteen.
bool fits_float8(const Shape& weight);

// Why products of float8 on the device of a tensor cannot be a part of a captured graph; empty if
// they can. Where cuBLAS (from 12.9 on) has no product with scales of rows, LibTorch 2.10 has one
// that takes memory of its own for a moment: a graph would use it when it is another's.
std::string float8_capture_problem(const Tensor& on_device);

// Makes one layer of several of one input and type: their outputs side by side. They stay what they
// were, but lie in its memory from now on, and so do all copies of their tensors.
LinearParameters stack(std::initializer_list<const LinearParameters*> layers);

// Several layers of one input with equally many outputs.
std::vector<Tensor> linears(const LinearInput& input,
                            std::initializer_list<const LinearParameters*> layers);

// The first half of the layer's outputs times the sigmoid of the second: [..., out / 2].
Tensor gated_linear(const LinearInput& input, const LinearParameters& layer);

// Two layers with an activation between them, which is never held for more than some hundred rows.
Tensor feed_forward(const LinearInput& input, const LinearParameters& up, Activation activation,
                    const LinearParameters& down, const LinearOutput& output = {});

// The same for a reader, see linear.
LinearInput feed_forward(const LinearInput& input, const LinearParameters& up,
                         Activation activation, const LinearParameters& down,
                         const LinearOutput& output, LinearInput reader);

// What becomes of a product, as the functions above do it: like y.
Tensor finish(const Tensor& y, const LinearOutput& output);

// The rows themselves: like input.x.
Tensor normalize(const LinearInput& input);

}  // namespace w2vbert::ops
