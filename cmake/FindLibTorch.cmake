# Finds LibTorch's libraries and defines the target w2vbert::torch, which links them.
#   LIBTORCH_ROOT     a folder with lib/libtorch_cpu.so: an installed LibTorch or Python's torch folder
#   LIBTORCH_LIB_DIRS folders with libtorch_cpu.so, libc10.so and what they need, as unpacked from the
#                     JavaCPP preset; used when LIBTORCH_ROOT is not set
# Only these folders are searched: a system may hold another LibTorch. No headers are needed, see
# native/w2vbert/torch/c_abi.h.
if(LIBTORCH_ROOT)
  set(_libtorch_dirs ${LIBTORCH_ROOT}/lib)
else()
  set(_libtorch_dirs ${LIBTORCH_LIB_DIRS})
endif()
find_library(LIBTORCH_CPU_LIBRARY torch_cpu PATHS ${_libtorch_dirs} NO_DEFAULT_PATH)
find_library(LIBTORCH_C10_LIBRARY c10 PATHS ${_libtorch_dirs} NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LIBTORCH_CPU_LIBRARY LIBTORCH_C10_LIBRARY)
if(LibTorch_FOUND AND NOT TARGET w2vbert::torch)
  add_library(w2vbert::torch INTERFACE IMPORTED)
  set_target_properties(
    w2vbert::torch PROPERTIES INTERFACE_LINK_LIBRARIES "${LIBTORCH_CPU_LIBRARY};${LIBTORCH_C10_LIBRARY}"
                              INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")

  # w2vbert_run_with_libtorch(<target>): for programs in the build tree (tests, benchmarks). The preset's
  # libtorch_cpu.so needs libopenblas.so.0, which lies in another folder than its own run path says;
  # linking it to the program loads it first.
  find_library(LIBTORCH_OPENBLAS_LIBRARY libopenblas.so.0 PATHS ${_libtorch_dirs} NO_DEFAULT_PATH)
  function(w2vbert_run_with_libtorch target)
    set_target_properties(${target} PROPERTIES BUILD_RPATH "${_libtorch_dirs}")
    if(LIBTORCH_OPENBLAS_LIBRARY)
      target_link_libraries(${target} PRIVATE -Wl,--no-as-needed ${LIBTORCH_OPENBLAS_LIBRARY})
    endif()
  endfunction()
endif()
