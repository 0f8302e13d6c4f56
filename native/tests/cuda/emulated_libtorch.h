// LibTorch's CUDA backend for tests on the CPU. A tensor on cuda:0 is one whose memory is the
// host's, but which LibTorch takes for one on the device: it dispatches to the operators of the
// CUDA key, which are those of ops/cuda on the emulated device (emulated_device.h) and ATen's,
// computed by its operators for the CPU. Autograd's engine has a thread for the device, as on a
// GPU, and an operator that gets a tensor of the other side fails.
#pragma once

#include <cstdint>

namespace w2vbert::emulated_libtorch {

// To be called before the first tensor on the device. Again does nothing. Throws std::runtime_error
// if this LibTorch cannot be told to take memory of the host for a device's.
void install();

// Times that the host had to wait for the device: copies from it, and for a stream.
int64_t waits();

// Allocations on the device, and operators that may make some.
int64_t allocations();
// Those made while a stream was captured: a graph that uses such memory must hold it.
int64_t allocations_in_captures();

// From now on allocations of more bytes fail as where memory is exhausted; -1: none does.
void set_largest_allocation(int64_t bytes);

}  // namespace w2vbert::emulated_libtorch
