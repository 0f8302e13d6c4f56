// The functions of LibTorch's stable C ABI that this library calls, declared here because no Maven
// artifact carries LibTorch's headers. The ABI is documented upstream in torch/csrc/stable/c/shim.h
// and torch/csrc/inductor/aoti_torch/c/shim.h; it is the same for LibTorch 2.10 and later, from the
// JavaCPP preset or from a Python installation. Only native/w2vbert/torch includes this file.
#pragma once

#include <cstdint>

extern "C" {

// The address of an at::Tensor.
struct AtenTensorOpaque;
using AtenTensorHandle = AtenTensorOpaque*;
struct TorchLibraryOpaque;
struct TorchStringOpaque;
struct TorchListOpaque;

using AOTITorchError = int32_t;  // 0: success
// One boxed argument or result: the bits of an integer, double or bool, a tensor handle, or, for an
// optional, 0 or the address of a heap-allocated StableIValue.
using StableIValue = uint64_t;

AOTITorchError aoti_torch_new_tensor_handle(AtenTensorHandle tensor, AtenTensorHandle* result);
AOTITorchError aoti_torch_delete_tensor_object(AtenTensorHandle tensor);
AOTITorchError aoti_torch_empty_strided(int64_t dim, const int64_t* sizes, const int64_t* strides,
                                        int32_t dtype, int32_t device_type, int32_t device_index,
                                        AtenTensorHandle* result);
AOTITorchError aoti_torch_create_tensor_from_blob(void* data, int64_t dim, const int64_t* sizes,
                                                  const int64_t* strides, int64_t storage_offset,
                                                  int32_t dtype, int32_t device_type,
                                                  int32_t device_index, AtenTensorHandle* result);
AOTITorchError aoti_torch_get_data_ptr(AtenTensorHandle tensor, void** result);
AOTITorchError aoti_torch_get_dim(AtenTensorHandle tensor, int64_t* result);
AOTITorchError aoti_torch_get_numel(AtenTensorHandle tensor, int64_t* result);
AOTITorchError aoti_torch_get_sizes(AtenTensorHandle tensor, int64_t** result);
AOTITorchError aoti_torch_get_strides(AtenTensorHandle tensor, int64_t** result);
AOTITorchError aoti_torch_get_dtype(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_get_device_type(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_get_device_index(AtenTensorHandle tensor, int32_t* result);
AOTITorchError aoti_torch_is_contiguous(AtenTensorHandle tensor, bool* result);
AOTITorchError aoti_torch_is_defined(AtenTensorHandle tensor, bool* result);
AOTITorchError aoti_torch_new_uninitialized_tensor(AtenTensorHandle* result);
// *to = *from: to refers to the same tensor, or to none.
AOTITorchError aoti_torch_assign_tensors(AtenTensorHandle from, AtenTensorHandle to);
AOTITorchError aoti_torch_zero_(AtenTensorHandle tensor);
AOTITorchError aoti_torch_copy_(AtenTensorHandle to, AtenTensorHandle from, int32_t non_blocking);
AOTITorchError torch_set_requires_grad(AtenTensorHandle tensor, bool requires_grad);
int32_t aoti_torch_device_type_cpu();
int32_t aoti_torch_device_type_cuda();
uint64_t aoti_torch_abi_version();

bool aoti_torch_grad_mode_is_enabled();
void aoti_torch_grad_mode_set_enabled(bool enabled);

AOTITorchError torch_call_dispatcher(const char* op, const char* overload, StableIValue* stack,
                                     uint64_t abi_version);
// Differentiable: dispatches like at::subtract.
AOTITorchError aoti_torch_aten_subtract_Tensor(AtenTensorHandle self, AtenTensorHandle other,
                                               double alpha, AtenTensorHandle* result);
AOTITorchError torch_new_string_handle(const char* data, uint64_t length,
                                       TorchStringOpaque** result);
AOTITorchError torch_new_list_reserve_size(uint64_t size, TorchListOpaque** result);
AOTITorchError torch_list_push_back(TorchListOpaque* list, StableIValue element);

AOTITorchError aoti_torch_library_init_fragment(const char* name_space, const char* file,
                                                uint32_t line, TorchLibraryOpaque** result);
AOTITorchError aoti_torch_library_init_impl(const char* name_space, const char* key,
                                            const char* file, uint32_t line,
                                            TorchLibraryOpaque** result);
AOTITorchError aoti_torch_library_def(TorchLibraryOpaque* library, const char* schema);
AOTITorchError torch_library_impl(TorchLibraryOpaque* library, const char* op,
                                  void (*kernel)(StableIValue* stack, uint64_t arguments,
                                                 uint64_t results),
                                  uint64_t abi_version);

AOTITorchError torch_get_num_threads(uint32_t* result);

}  // extern "C"

namespace w2vbert {

// The LibTorch version whose conventions the boxed calls follow: 2.10.0.
constexpr uint64_t kTorchAbiVersion = uint64_t{0x020a000000000000};

}  // namespace w2vbert
