package io.github.w2vbert;

import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.NativeLibrary;
import java.util.Map;

/** Facts about the library in this process. */
public final class W2vBert {
  private W2vBert() {}

  /**
   * Loads the native libraries now rather than with the first object that needs them.
   *
   * @throws W2vBertException if they cannot be loaded, with the reason and the way out
   */
  public static void load() {
    NativeLibrary.load();
  }

  /** The number of native objects that are not freed. */
  public static long liveObjects() {
    return NativeHandle.live();
  }

  /** Processors that computation uses, by {@code w2vbert.threads}. */
  public static int threads() {
    return ComputeThreads.threads();
  }

  /** Calls that compute at the same time, by {@code w2vbert.concurrency}. */
  public static int concurrency() {
    return ComputeThreads.concurrency();
  }

  /**
   * The instruction set that the kernels use: {@code portable}, {@code avx2}, {@code avx512} or
   * {@code avx512vnni}.
   */
  public static String simdLevel() {
    return NativeHandle.create(Native::simd_level);
  }

  /** The version of the LibTorch that computes, such as {@code 2.10.0}. */
  public static String libTorchVersion() {
    return NativeHandle.create(Native::libtorch_version);
  }

  /** Where the native libraries are loaded from. */
  public static String nativeSource() {
    return NativeLibrary.describeSource();
  }

  /**
   * Empty, or why LibTorch refused to register this library's operators, which then cannot be
   * called from other languages in this process. Models are not affected.
   */
  public static String registrationFailure() {
    return NativeHandle.create(Native::registration_failure);
  }

  /** What this machine's NVIDIA driver says of itself, whether or not a model computes with it. */
  public static CudaDriver cudaDriver() {
    return CudaDriver.query(CudaDriver.LIBRARY);
  }

  /**
   * By its file name, where each library that CUDA needs would be loaded from: a folder, a jar,
   * {@code missing} or {@code left to the dynamic linker}. Empty if LibTorch computes on the CPU
   * only.
   *
   * @throws W2vBertException if {@code w2vbert.cuda.path} names something that is no folder
   */
  public static Map<String, String> cudaLibraries() {
    return NativeLibrary.describeCudaLibraries();
  }

  /**
   * Empty if the CUDA plug-in could be opened, which this tries; otherwise one sentence that says
   * why not: no driver, one that is too old, or the library that is missing.
   */
  public static String cudaProblem() {
    String problem = cudaDriver().problem();
    if (!problem.isEmpty()) {
      return problem;
    }
    try {
      return NativeHandle.create(
          () -> {
            NativeLibrary.openCudaPlugin();
            return "";
          });
    } catch (W2vBertException e) {
      return e.getMessage();
    }
  }
}
