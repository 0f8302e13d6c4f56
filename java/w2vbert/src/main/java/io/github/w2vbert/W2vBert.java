package io.github.w2vbert;

import io.github.w2vbert.internal.Native;
import io.github.w2vbert.internal.NativeLibrary;

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
}
