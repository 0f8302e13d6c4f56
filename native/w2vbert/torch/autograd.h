// Leaves of a backward pass (aten::backward) and their gradients.
//
// The C ABI marks tensors for gradients but cannot read them. What is missing are two functions of
// c10::TensorImpl that libc10 exports under the same names in every LibTorch from 2.0 on; only
// autograd.cpp knows them.
#pragma once

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// Whether gradients are recorded for `tensor`: it is a leaf that was marked, or computed from one.
bool requires_grad(const Tensor& tensor);

// Whether `tensor` was not computed from tensors that take gradients.
bool is_leaf(const Tensor& tensor);

// The address that all references to one tensor share.
void* impl_of(const Tensor& tensor);

// What backward passes have added up for a marked leaf, in its own memory; undefined if none
// reached it. A leaf must not be read and written by several threads at once.
Tensor gradient(const Tensor& leaf);

// Forgets the gradient.
void clear_gradient(const Tensor& leaf);

}  // namespace w2vbert
