// ATen operators by name. All of them dispatch, so that they are differentiable where gradients are
// enabled. A failing call throws std::runtime_error with the operator's name and its arguments.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "w2vbert/torch/tensor.h"

namespace w2vbert::aten {

struct None {};
using TensorList = std::vector<Tensor>;
using Argument =
    std::variant<None, Tensor, int64_t, double, bool, DType, Shape, TensorList, std::string>;

// One argument of an operator. `optional` wraps a value for a parameter whose schema says `T?`.
struct Boxable {
  Argument value;
  bool optional = false;
};

// Calls `op` (for example "aten::linear") and returns its only result. For composites and tests;
// the functions below are the ones that models use.
Tensor call(const char* op, const char* overload, std::initializer_list<Boxable> arguments);
// The same for an operator with `results` results.
std::vector<Tensor> call_many(const char* op, const char* overload,
                              std::initializer_list<Boxable> arguments, size_t results);

// x @ weight^T + bias; an undefined bias is none.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
// The same of a matrix x, into the memory of `out`. Without gradients.
void linear_out(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& out);
// a @ b * a_scales * b_scales + bias into `out`, which is bfloat16: a float8 [rows, in] with
// a_scales [rows, 1], b float8 [in, outputs], the transpose of a contiguous tensor, with b_scales
// [1, outputs]; scales are float32, an undefined bias is none.
void scaled_mm_out(const Tensor& a, const Tensor& b, const Tensor& a_scales, const Tensor& b_scales,
                   const Tensor& bias, const Tensor& out);
// Over the last axis.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
Tensor matmul(const Tensor& a, const Tensor& b);
// a + alpha * b
Tensor add(const Tensor& a, const Tensor& b, double alpha = 1.0);
Tensor mul(const Tensor& a, const Tensor& b);
// a / b
Tensor div(const Tensor& a, const Tensor& b);
// The larger of both, element by element.
Tensor maximum(const Tensor& a, const Tensor& b);
// Over one axis, which disappears unless it is kept with size 1.
Tensor sum(const Tensor& x, int64_t axis, bool keep = false);
Tensor mean(const Tensor& x, int64_t axis);
// Standard deviation with n - 1 in the denominator: NaN for one element.
Tensor unbiased_std(const Tensor& x, int64_t axis);
Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);
// Mean negative log-probability of the targets (int64 [rows], -100 ignored) under the softmax of
// logits [rows, classes].
Tensor cross_entropy(const Tensor& logits, const Tensor& targets);
// First half of `axis` times the sigmoid of the second half.
Tensor glu(const Tensor& x, int64_t axis);
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1);
Tensor contiguous(const Tensor& x);
// The same memory, cut off from what it was computed from.
Tensor detach(const Tensor& x);
// Gives `to` the values of `from`, which has its shape.
void copy(const Tensor& to, const Tensor& from);
// A copy of its own memory, contiguous.
Tensor clone(const Tensor& x);
// The same bytes as elements of another type.
Tensor view_as(const Tensor& x, DType dtype);
Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length);
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index);
Tensor cat(const TensorList& parts, int64_t axis);
// Where `mask` (bool) is true, `value` (a scalar tensor), elsewhere x.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
// Where `condition` is true a, elsewhere b; all three broadcast.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor to(const Tensor& x, DType dtype);
// Zeros before and after, along the last axis.
Tensor pad_last(const Tensor& x, int64_t before, int64_t after);
// `op` is an elementwise ATen operator of one argument: "aten::relu", "aten::silu", "aten::exp",
// ...
Tensor unary(const char* op, const Tensor& x);
// approximate: "none" or "tanh"
Tensor gelu(const Tensor& x, const std::string& approximate);
// Adds the gradients of the sum of output * gradient to those of the leaves that `output` was
// computed from (see torch/autograd.h). A scalar needs no gradient: it counts as 1. What was kept
// for it is given back, so that there is no second pass, unless `keep`.
void backward(const Tensor& output, const Tensor& gradient = Tensor(), bool keep = false);

}  // namespace w2vbert::aten
