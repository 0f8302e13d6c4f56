# The CUDA plug-in, where there is a CUDA toolkit: libw2vbert_cuda.so, which nothing else links. Only
# nvcc is needed, neither a GPU nor LibTorch's CUDA libraries. Defines W2VBERT_CUDA_FOUND.
#   W2VBERT_CUDA                AUTO (where nvcc is found), ON or OFF
#   W2VBERT_CUDA_ARCHITECTURES  as CMAKE_CUDA_ARCHITECTURES: one without -real also as PTX, for later
#                               GPUs
#   W2VBERT_CUDA_DIR            where the plug-in goes
# What each kernel uses of a GPU (registers, spills) is written to cuda_resources/ in the build folder.
set(W2VBERT_CUDA
    AUTO
    CACHE STRING "build the CUDA plug-in: AUTO, ON or OFF")
set(W2VBERT_CUDA_ARCHITECTURES
    "80-real;90"
    CACHE STRING "compute capabilities of the CUDA plug-in")
set(W2VBERT_CUDA_DIR
    ${CMAKE_CURRENT_BINARY_DIR}
    CACHE PATH "where the CUDA plug-in goes")

set(W2VBERT_CUDA_FOUND OFF)
if(NOT W2VBERT_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  set(CMAKE_CUDA_ARCHITECTURES ${W2VBERT_CUDA_ARCHITECTURES}) # else the first one that nvcc knows
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(W2VBERT_CUDA_FOUND ON)
  elseif(W2VBERT_CUDA STREQUAL "AUTO")
    message(STATUS "No nvcc: without the CUDA plug-in")
  else()
    message(FATAL_ERROR "W2VBERT_CUDA is ${W2VBERT_CUDA}, but there is no nvcc")
  endif()
endif()

if(W2VBERT_CUDA_FOUND)
  # The plug-in must say that it needs libtorch_cuda.so: a JVM opens libraries for themselves only.
  # To link it, a library of that name with the functions that are used is enough.
  add_library(torch_cuda SHARED w2vbert/torch/cuda_link_stub.cpp)
  set_target_properties(
    torch_cuda PROPERTIES CXX_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY
                                                        ${CMAKE_CURRENT_BINARY_DIR}/cuda_link_stub)

  add_library(
    w2vbert_cuda SHARED
    w2vbert/ops/checks.cpp
    w2vbert/ops/cpu/fbank_plan.cpp
    w2vbert/ops/cuda/causal_depthwise_conv1d.cu
    w2vbert/ops/cuda/conv_windows.cu
    w2vbert/ops/cuda/ctc_greedy.cu
    w2vbert/ops/cuda/fbank.cu
    w2vbert/ops/cuda/finish_rows.cu
    w2vbert/ops/cuda/plugin.cpp
    w2vbert/ops/cuda/pool_rows.cu
    w2vbert/ops/cuda/quantize_rows.cu
    w2vbert/ops/cuda/relative_position_attention.cu
    w2vbert/ops/cuda/rotary_embedding.cu
    w2vbert/torch/aten.cpp
    w2vbert/torch/cuda.cpp
    w2vbert/torch/cuda_runtime_table.cpp
    w2vbert/torch/device_memory.cpp
    w2vbert/torch/library.cpp
    w2vbert/torch/tensor.cpp)
  target_include_directories(w2vbert_cuda PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_include_directories(w2vbert_cuda SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  target_link_libraries(w2vbert_cuda PRIVATE w2vbert::torch -Wl,--no-as-needed torch_cuda
                                             -Wl,--as-needed)
  w2vbert_warnings(w2vbert_cuda)
  target_compile_options(
    w2vbert_cuda
    PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v;-Xcompiler=-Wall,-Wextra;-Werror=all-warnings>)
  set_target_properties(
    w2vbert_cuda
    PROPERTIES
      CUDA_STANDARD 17
      CUDA_STANDARD_REQUIRED ON
      CUDA_VISIBILITY_PRESET hidden
      CUDA_RUNTIME_LIBRARY Static
      CUDA_COMPILER_LAUNCHER
      "${CMAKE_CURRENT_LIST_DIR}/cuda-resources.sh;${CMAKE_CURRENT_BINARY_DIR}/cuda_resources"
      LIBRARY_OUTPUT_DIRECTORY ${W2VBERT_CUDA_DIR}
      SKIP_BUILD_RPATH ON)
  # The runtime inside is the plug-in's own, LibTorch's registry refers to the plug-in for good.
  target_link_options(w2vbert_cuda PRIVATE -Wl,--exclude-libs,ALL -Wl,-z,nodelete)
endif()
