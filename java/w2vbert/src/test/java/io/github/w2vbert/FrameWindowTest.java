package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** The division of long utterances. */
class FrameWindowTest {
  private static Wav2Vec2BertConfig config(int layers, int kernel, int stride) {
    Wav2Vec2BertConfig.Builder builder = Checkpoints.smallConfig();
    return layers == 0
        ? builder.build()
        : builder
            .addAdapter(true)
            .numAdapterLayers(layers)
            .adapterKernelSize(kernel)
            .adapterStride(stride)
            .build();
  }

  @Property(tries = 500)
  void windowsKeepEveryFrameOnce(
      @ForAll @IntRange(min = 1, max = 5000) int frames,
      @ForAll @IntRange(min = 100, max = 700) int length,
      @ForAll @DoubleRange(min = 0, max = 0.3) double share,
      @ForAll @IntRange(max = 2) int layers,
      @ForAll @IntRange(min = 1, max = 5) int kernel,
      @ForAll @IntRange(min = 1, max = 3) int stride) {
    Wav2Vec2BertConfig config = config(layers, kernel, stride);
    double context = share * length;
    long unit = config.outputStride();
    List<FrameWindow> windows = FrameWindow.plan(frames, length, context, config);
    long kept = 0;
    for (FrameWindow window : windows) {
      assertEquals(kept, window.keepBegin());
      assertEquals(window.begin(), window.offset() * unit);
      assertTrue(window.begin() >= 0 && window.end() <= frames, window.toString());
      long size = window.end() - window.begin();
      assertTrue(size < length + unit, window.toString());
      // What is kept is there.
      assertTrue(window.keepBegin() >= window.offset(), window.toString());
      assertTrue(
          window.keepEnd() <= window.offset() + config.outputLength(size), window.toString());
      if (window.begin() > 0) {
        assertTrue(window.keepBegin() * unit - window.begin() >= context, window.toString());
      }
      if (window.end() < frames) {
        assertTrue(window.end() - window.keepEnd() * unit >= context, window.toString());
        assertTrue(window.keepEnd() > window.keepBegin(), window.toString());
      }
      kept = window.keepEnd();
    }
    assertEquals(config.outputLength(frames), kept);
    assertTrue(windows.size() == 1 || frames > length - unit);
  }

  /** As the model counts: the numbers of frames of real results. */
  @Property(tries = 60)
  void lengthsAreThoseOfTheModel(
      @ForAll @IntRange(max = 40) int frames,
      @ForAll @IntRange(min = 1, max = 8) int kernel,
      @ForAll @IntRange(min = 1, max = 8) int stride,
      @ForAll @IntRange(min = 1, max = 2) int layers) {
    Wav2Vec2BertConfig config = config(layers, kernel, stride);
    long expected = config.outputLength(frames);
    if (expected == 0 || frames == 0) {
      assertEquals(0, expected);
    }
    try (Wav2Vec2BertModel model = Wav2Vec2BertModel.initialize(config, 1);
        RaggedFeatures features =
            new RaggedFeatures(
                Tensor.zeros(DType.FLOAT32, frames, Checkpoints.WIDTH), new long[] {frames})) {
      try (OutputList<BaseModelOutput> outputs = model.encode(features)) {
        assertEquals(expected, outputs.get(0).lastHiddenState().size(0));
      } catch (IllegalArgumentException e) {
        assertEquals(0, expected, e.getMessage());
      }
    }
  }

  @Test
  void windowsThatKeepNothingAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> FrameWindow.plan(1000, 10, 5, config(0, 3, 2)));
    assertThrows(
        IllegalArgumentException.class, () -> FrameWindow.plan(1000, 1, 0, config(1, 3, 2)));
    assertThrows(IllegalArgumentException.class, () -> new WindowOptions(30, 15));
    assertThrows(IllegalArgumentException.class, () -> new WindowOptions(Double.NaN, 0));
    assertThrows(IllegalArgumentException.class, () -> WindowOptions.DEFAULT.withContext(-1));
  }
}
