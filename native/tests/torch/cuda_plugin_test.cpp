#include "w2vbert/torch/cuda_plugin.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/cuda_runtime.h"
#include "w2vbert/torch/library.h"

namespace w2vbert {
namespace {

std::string failure(const CudaDriver& driver, const std::string& torch_cuda,
                    const std::string& plugin) {
  try {
    open_cuda_plugin(driver, torch_cuda, plugin);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "opened";
}

TEST(CudaPluginTest, WithoutADriverOneSentenceSaysSo) {
  const CudaDriver driver = cuda_driver("libno_such_driver.so.1");
  EXPECT_EQ(driver.version, 0);
  EXPECT_TRUE(driver.devices.empty());
  EXPECT_EQ(driver.problem,
            "no NVIDIA driver was found: libno_such_driver.so.1: cannot open shared object file: "
            "No such file or directory");
  EXPECT_EQ(failure(driver, "", ""), "CUDA cannot be used: " + driver.problem);
}

TEST(CudaPluginTest, ADriverThatIsTooOldIsNamedWithWhatIsNeeded) {
  const CudaDriver driver = cuda_driver(W2VBERT_FAKE_OLD_DRIVER);
  EXPECT_EQ(driver.version, 12080);
  EXPECT_EQ(driver.problem,
            "the NVIDIA driver is too old: it supports CUDA 12.8, and CUDA 13.0 is needed");
}

TEST(CudaPluginTest, ALibraryThatIsNoDriverIsRefused) {
  EXPECT_EQ(cuda_driver("libm.so.6").problem,
            "the NVIDIA driver's library has no cuDriverGetVersion");
}

TEST(CudaPluginTest, DevicesAreListed) {
  const CudaDriver driver = cuda_driver(W2VBERT_FAKE_DRIVER);
  EXPECT_EQ(driver.problem, "");
  EXPECT_EQ(cuda_version_string(driver.version), "13.1");
  ASSERT_EQ(driver.devices.size(), 2u);
  EXPECT_EQ(driver.devices[1].name, "Fake GPU 1");
  EXPECT_EQ(driver.devices[1].capability_major, 9);
  EXPECT_EQ(driver.devices[1].capability_minor, 0);
  EXPECT_EQ(driver.devices[1].memory, int64_t{80} << 30);
}

TEST(CudaPluginTest, WhatIsMissingIsNamed) {
  const CudaDriver driver = cuda_driver(W2VBERT_FAKE_DRIVER);
  EXPECT_EQ(failure(driver, "/no/libtorch_cuda.so", "/no/plugin.so"),
            "LibTorch's CUDA library cannot be opened: /no/libtorch_cuda.so: cannot open shared "
            "object file: No such file or directory");
  EXPECT_EQ(
      failure(driver, "libm.so.6", "/no/plugin.so"),
      "the CUDA plug-in of w2vbert cannot be opened: /no/plugin.so: cannot open shared object "
      "file: No such file or directory");
  EXPECT_EQ(failure(driver, "libm.so.6", "libm.so.6"),
            "libm.so.6 is not the CUDA plug-in of w2vbert");
}

TEST(CudaPluginTest, AnotherVersionOfItsInterfaceIsRefused) {
  CudaRuntimeTable table{};
  table.version = CudaRuntimeTable::kVersion + 1;
  try {
    use_cuda_runtime(&table);
    FAIL() << "no exception";
  } catch (const std::runtime_error& e) {
    EXPECT_EQ("the CUDA plug-in of w2vbert has version " + std::to_string(table.version) +
                  " of its interface; expected " + std::to_string(CudaRuntimeTable::kVersion),
              std::string(e.what()));
  }
}

#ifdef W2VBERT_CUDA_PLUGIN
TEST(CudaPluginTest, RegistersItsOperatorsAndRefusesTensorsOfTheCpu) {
  const CudaDriver driver = cuda_driver(W2VBERT_FAKE_DRIVER);
  open_cuda_plugin(driver, W2VBERT_TORCH_CUDA, W2VBERT_CUDA_PLUGIN);
  open_cuda_plugin(driver, W2VBERT_TORCH_CUDA, W2VBERT_CUDA_PLUGIN);
  // There are no kernels of these on the CPU.
  const Tensor x = Tensor::zeros({2, 4}, DType::kFloat32);
  EXPECT_THROW(aten::call("w2vbert::log_softmax", "", {{x}}), std::runtime_error);
  // Those of the CPU are what they were.
  const GradMode off(false);
  const Tensor weight = Tensor::zeros({4, 1, 3}, DType::kFloat32);
  const Tensor offsets = Tensor::of({int64_t{0}, int64_t{2}});
  EXPECT_EQ(aten::call("w2vbert::causal_depthwise_conv1d", "", {{x}, {weight}, {offsets}}).shape(),
            (Shape{2, 4}));
}
#endif

}  // namespace
}  // namespace w2vbert
