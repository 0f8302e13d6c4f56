package io.github.w2vbert.internal;

import io.github.w2vbert.Tensor;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;

/**
 * Loads the library in a process of its own and tells what came of it; see {@link
 * NativeLibraryTest}.
 */
public final class LoaderProbe {
  private LoaderProbe() {}

  /**
   * Prints "loaded" or "refused: message".
   *
   * @param args "preset" to use the PyTorch preset's classes too
   */
  public static void main(String[] args) {
    try {
      W2vBert.load();
      try (Tensor tensor = Tensor.of(new float[] {1, 2, 4}, 3)) {
        if (args.length > 0) {
          try (org.bytedeco.pytorch.Tensor shared = tensor.asLibTorch();
              org.bytedeco.pytorch.Tensor sum = shared.sum()) {
            System.out.println("sum " + sum.item_float());
          }
        }
      }
      System.out.println("loaded " + W2vBert.simdLevel());
    } catch (W2vBertException e) {
      System.out.println("refused: " + e.getMessage());
    }
  }
}
