// Takes the place of libtorch_cuda.so where the plug-in is linked, and in tests of opening it: the
// functions that the plug-in uses, all of which fail.
#include <cstdint>

extern "C" {
int32_t aoti_torch_create_cuda_guard(int32_t, void**) { return 1; }
int32_t aoti_torch_delete_cuda_guard(void*) { return 1; }
int32_t aoti_torch_get_current_cuda_stream(int32_t, void**) { return 1; }
int32_t aoti_torch_create_cuda_stream_guard(void*, int32_t, void**) { return 1; }
int32_t aoti_torch_delete_cuda_stream_guard(void*) { return 1; }
}
