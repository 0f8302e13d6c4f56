// An owning handle of one LibTorch tensor, through the stable C ABI.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct AtenTensorOpaque;

namespace w2vbert {

// Element types; the numbers are those of LibTorch's ScalarType.
enum class DType : int32_t {
  kUInt8 = 0,
  kInt8 = 1,
  kInt16 = 2,
  kInt32 = 3,
  kInt64 = 4,
  kFloat16 = 5,
  kFloat32 = 6,
  kFloat64 = 7,
  kBool = 11,
  kBFloat16 = 15,
  kFloat8 = 24,  // float8_e4m3fn
};

// "float32", "int64", ...
std::string dtype_name(DType dtype);
int64_t dtype_size(DType dtype);

using Shape = std::vector<int64_t>;

// "[2, 100, 160]"
std::string shape_string(const Shape& shape);

// Where a tensor's memory is.
struct Device {
  bool cuda = false;
  int32_t index = 0;  // among the CUDA devices

  // "cpu", "cuda" (the first device) or "cuda:1". Throws std::invalid_argument for another name.
  static Device parse(const std::string& name);
  // "cpu" or "cuda:0"
  std::string name() const;
};
inline bool operator==(const Device& a, const Device& b) {
  return a.cuda == b.cuda && a.index == b.index;
}
inline bool operator!=(const Device& a, const Device& b) { return !(a == b); }

// A reference to a tensor: copying shares the data. Default-constructed it is undefined, which
// stands for an absent optional argument. Safe to read from several threads; a Tensor object itself
// is not to be assigned while another thread uses it.
class Tensor {
 public:
  Tensor() = default;

  // Uninitialised memory; on a device from what serves this thread (torch/device_memory.h).
  static Tensor empty(const Shape& shape, DType dtype, const Device& device = {});
  static Tensor zeros(const Shape& shape, DType dtype, const Device& device = {});
  // What follows is on the CPU. A scalar; with a tensor of one or more dimensions it does not
  // change the other's type.
  static Tensor scalar(double value);
  // A copy of the values.
  static Tensor of(const std::vector<int64_t>& values);
  static Tensor of(const std::vector<float>& values, const Shape& shape);
  // Uses `data` in place; `owner` is held as long as any copy of the returned object lives. Tensors
  // that ATen derives from it (views) do not hold `owner`.
  static Tensor from_blob(void* data, const Shape& shape, DType dtype,
                          std::shared_ptr<const void> owner);
  // Takes over a handle that the C ABI returned.
  static Tensor adopt(AtenTensorOpaque* handle);
  // The same, and holds `holder` as long as any copy of the returned object lives.
  static Tensor hold(AtenTensorOpaque* handle, std::shared_ptr<const void> holder);
  // Uninitialised memory from LibTorch, whoever serves this thread.
  static Tensor allocate(const Shape& shape, DType dtype, const Device& device);
  // A new reference to the tensor of a handle that stays its owner's.
  static Tensor share(AtenTensorOpaque* handle);

  bool defined() const { return handle_ != nullptr; }
  AtenTensorOpaque* handle() const { return handle_.get(); }
  // A new reference, for a callee that takes over the handle it is given.
  AtenTensorOpaque* new_handle() const;

  Shape shape() const;
  int64_t dim() const;
  // Negative axes count from the end.
  int64_t size(int64_t axis) const;
  int64_t stride(int64_t axis) const;
  int64_t numel() const;
  DType dtype() const;
  bool is_cpu() const;
  // Throws std::logic_error for a device that is neither the CPU nor CUDA.
  Device device() const;
  // The same values there, contiguous if that takes a copy; the tensor itself if they are there.
  // The host waits for copies to the CPU only.
  Tensor to(const Device& device) const;
  bool is_contiguous() const;
  // "float32 [2, 100, 160]", "float16 [10, 160] on cuda:0" or "undefined"
  std::string describe() const;

  void* raw_data() const;
  // The first element. Throws std::invalid_argument unless the dtype is that of T and the memory
  // the host's.
  template <typename T>
  T* data() const;

  void set_requires_grad(bool requires_grad) const;

  // From now on this object and its copies refer to what `other` refers to.
  void assign(const Tensor& other) const;

 private:
  std::shared_ptr<AtenTensorOpaque> handle_;
};

// Gradients are not recorded on this thread while one of these lives (or are, if `enabled`).
class GradMode {
 public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;
  static bool enabled();

 private:
  bool before_;
};

}  // namespace w2vbert
