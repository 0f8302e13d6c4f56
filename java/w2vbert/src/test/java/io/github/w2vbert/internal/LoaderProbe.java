package io.github.w2vbert.internal;

import io.github.w2vbert.Tensor;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import java.util.List;

/**
 * Loads the library in a process of its own and tells what came of it; see {@link
 * NativeLibraryTest}.
 */
public final class LoaderProbe {
  private LoaderProbe() {}

  /**
   * Prints "loaded" or "refused: message".
   *
   * @param args "preset" to use the PyTorch preset's classes too, "small" to load on a thread with
   *     hardly any stack, "cuda" to open the CUDA plug-in and say where its libraries are
   */
  public static void main(String[] args) throws InterruptedException {
    List<String> arguments = List.of(args);
    try {
      if (arguments.contains("small")) {
        Thread small = new Thread(null, W2vBert::load, "small", 1);
        small.start();
        small.join();
      }
      W2vBert.load();
      try (Tensor tensor = Tensor.of(new float[] {1, 2, 4}, 3)) {
        if (arguments.contains("preset")) {
          try (org.bytedeco.pytorch.Tensor shared = tensor.asLibTorch();
              org.bytedeco.pytorch.Tensor sum = shared.sum()) {
            System.out.println("sum " + sum.item_float());
          }
        }
      }
      if (arguments.contains("cuda")) {
        System.out.println(W2vBert.nativeSource());
        W2vBert.cudaLibraries().forEach((name, place) -> System.out.println(name + " " + place));
        String problem = W2vBert.cudaProblem();
        System.out.println(problem.isEmpty() ? "plug-in opened" : problem);
      }
      System.out.println("loaded " + W2vBert.simdLevel());
    } catch (W2vBertException e) {
      System.out.println("refused: " + e.getMessage());
    }
  }
}
