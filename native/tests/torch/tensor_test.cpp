#include "w2vbert/torch/tensor.h"

#include <gtest/gtest.h>

#include "w2vbert/torch/c_abi.h"

extern "C" {
int32_t aoti_torch_dtype_uint8();
int32_t aoti_torch_dtype_int32();
int32_t aoti_torch_dtype_int64();
int32_t aoti_torch_dtype_float16();
int32_t aoti_torch_dtype_float32();
int32_t aoti_torch_dtype_float64();
int32_t aoti_torch_dtype_bool();
int32_t aoti_torch_dtype_bfloat16();
int32_t aoti_torch_dtype_float8_e4m3fn();
int32_t aoti_torch_device_type_meta();
}

namespace w2vbert {
namespace {

TEST(TensorTest, DTypeNumbersAreThoseOfLibTorch) {
  EXPECT_EQ(static_cast<int32_t>(DType::kUInt8), aoti_torch_dtype_uint8());
  EXPECT_EQ(static_cast<int32_t>(DType::kInt32), aoti_torch_dtype_int32());
  EXPECT_EQ(static_cast<int32_t>(DType::kInt64), aoti_torch_dtype_int64());
  EXPECT_EQ(static_cast<int32_t>(DType::kFloat16), aoti_torch_dtype_float16());
  EXPECT_EQ(static_cast<int32_t>(DType::kFloat32), aoti_torch_dtype_float32());
  EXPECT_EQ(static_cast<int32_t>(DType::kFloat64), aoti_torch_dtype_float64());
  EXPECT_EQ(static_cast<int32_t>(DType::kBool), aoti_torch_dtype_bool());
  EXPECT_EQ(static_cast<int32_t>(DType::kBFloat16), aoti_torch_dtype_bfloat16());
  EXPECT_EQ(static_cast<int32_t>(DType::kFloat8), aoti_torch_dtype_float8_e4m3fn());
}

TEST(TensorTest, TellsItsProperties) {
  const Tensor tensor = Tensor::empty({2, 3, 4}, DType::kFloat32);
  EXPECT_EQ(tensor.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(tensor.dim(), 3);
  EXPECT_EQ(tensor.numel(), 24);
  EXPECT_EQ(tensor.size(-1), 4);
  EXPECT_EQ(tensor.stride(0), 12);
  EXPECT_TRUE(tensor.is_contiguous());
  EXPECT_TRUE(tensor.is_cpu());
  EXPECT_EQ(tensor.describe(), "float32 [2, 3, 4]");
  EXPECT_EQ(Tensor().describe(), "undefined");
}

// Callers from Python may have any.
TEST(TensorTest, DescribesATensorOfADeviceThatIsNotKnown) {
  const int64_t size = 2;
  const int64_t stride = 1;
  AtenTensorHandle handle = nullptr;
  ASSERT_EQ(0, aoti_torch_empty_strided(1, &size, &stride, static_cast<int32_t>(DType::kFloat32),
                                        aoti_torch_device_type_meta(), -1, &handle));
  const Tensor tensor = Tensor::adopt(handle);
  EXPECT_EQ(tensor.describe(), "float32 [2] on another device");
  EXPECT_THROW(tensor.device(), std::logic_error);
}

TEST(TensorTest, RefusesTheWrongElementType) {
  const Tensor tensor = Tensor::zeros({2}, DType::kInt64);
  EXPECT_EQ(tensor.data<int64_t>()[1], 0);
  EXPECT_THROW(tensor.data<float>(), std::invalid_argument);
  EXPECT_THROW(tensor.size(1), std::invalid_argument);
}

TEST(TensorTest, FromBlobUsesTheMemoryAndHoldsItsOwner) {
  const auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  Tensor tensor = Tensor::from_blob(owner->data(), {2, 2}, DType::kFloat32, owner);
  EXPECT_EQ(tensor.raw_data(), owner->data());
  const Tensor copy = tensor;
  EXPECT_EQ(owner.use_count(), 2);
  tensor = Tensor();
  EXPECT_EQ(owner.use_count(), 2);
}

TEST(TensorTest, GradModeIsRestored) {
  const bool before = GradMode::enabled();
  {
    const GradMode off(false);
    EXPECT_FALSE(GradMode::enabled());
    const GradMode on(true);
    EXPECT_TRUE(GradMode::enabled());
  }
  EXPECT_EQ(GradMode::enabled(), before);
}

TEST(DeviceTest, HasTheNameThatItIsParsedFrom) {
  for (const std::string name : {"cpu", "cuda:0", "cuda:1", "cuda:127"}) {
    EXPECT_EQ(name, Device::parse(name).name());
  }
  EXPECT_EQ("cuda:0", Device::parse("cuda").name());
  EXPECT_NE(Device::parse("cuda:1"), Device::parse("cuda"));
  EXPECT_EQ(Device::parse("cpu"), Tensor::empty({1}, DType::kFloat32).device());
}

TEST(DeviceTest, RefusesOtherNames) {
  for (const std::string name : {"", "cuda:", "cuda:-1", "cuda:+1", "cuda:1 ", "cuda:128", "CPU",
                                 "cuda:4294967296", "xpu"}) {
    try {
      Device::parse(name);
      FAIL() << "'" << name << "' was not refused";
    } catch (const std::invalid_argument& e) {
      EXPECT_EQ("the device is '" + name + "'; expected 'cpu', 'cuda', or 'cuda:0' to 'cuda:127'",
                std::string(e.what()));
    }
  }
}

TEST(TensorTest, IsItselfWhereItIs) {
  const Tensor tensor = Tensor::zeros({2}, DType::kFloat32);
  EXPECT_EQ(tensor.raw_data(), tensor.to({}).raw_data());
  EXPECT_FALSE(Tensor().to({}).defined());
}

TEST(TensorTest, AssignmentReachesCopies) {
  const Tensor tensor = Tensor::zeros({2}, DType::kFloat32);
  const Tensor copy = tensor;
  const Tensor other = Tensor::zeros({3}, DType::kInt64);
  tensor.assign(other);
  EXPECT_EQ((Shape{3}), copy.shape());
  EXPECT_EQ(other.raw_data(), copy.raw_data());
}

}  // namespace
}  // namespace w2vbert
