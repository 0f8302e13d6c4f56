package io.github.w2vbert.benchmarks;

import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertModel;
import java.nio.file.Path;
import java.util.Locale;

/** How long does a checkpoint take for long audio, and how much memory? */
public final class LongAudio {
  private static final int FRAMES_PER_SECOND = 50;

  private LongAudio() {}

  /** Arguments: the checkpoint folder; seconds of audio, 120 if absent. */
  public static void main(String[] arguments) {
    if (arguments.length < 1 || arguments.length > 2) {
      throw new IllegalArgumentException("expected a checkpoint folder and perhaps seconds");
    }
    int seconds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 120;
    int time = seconds * FRAMES_PER_SECOND;
    long start = System.nanoTime();
    W2vBert.load();
    print("libraries", since(start));
    start = System.nanoTime();
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.fromPretrained(Path.of(arguments[0]))) {
      print("checkpoint", since(start));
      int width = model.config().featureProjectionInputDim();
      float[] values = Synthetic.normal(Math.multiplyExact(time, width));
      try (RaggedFeatures features =
          new RaggedFeatures(Tensor.of(values, time, width), new long[] {time})) {
        for (String pass : new String[] {"first pass", "second pass"}) {
          start = System.nanoTime();
          try (BaseModelOutput output = model.encode(features).get(0)) {
            print(pass, since(start));
            requireFinite(output.lastHiddenState());
          }
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%d s of audio, %d threads, %s%n",
        seconds,
        W2vBert.threads(),
        W2vBert.simdLevel());
  }

  private static double since(long start) {
    return (System.nanoTime() - start) * 1e-9;
  }

  private static void requireFinite(Tensor tensor) {
    for (float value : tensor.toFloatArray()) {
      if (!Float.isFinite(value)) {
        throw new IllegalStateException("the output has " + value + "; expected finite numbers");
      }
    }
  }

  private static void print(String what, double seconds) {
    System.out.printf(
        Locale.ROOT,
        "%-12s %8.3f s  VmHWM %8.1f MB  RssAnon %8.1f MB  RssFile %8.1f MB%n",
        what,
        seconds,
        ProcessMemory.megabytes("VmHWM"),
        ProcessMemory.megabytes("RssAnon"),
        ProcessMemory.megabytes("RssFile"));
  }
}
