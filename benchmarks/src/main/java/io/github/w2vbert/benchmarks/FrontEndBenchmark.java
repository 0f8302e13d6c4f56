package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Features;
import io.github.w2vbert.Tensor;
import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * How long does it take to turn audio into features, and how much of that is the filter bank? The
 * peer begins with the samples in a tensor already; this library copies them from the Java array.
 */
public class FrontEndBenchmark extends Protocol {
  @Param({"1", "10", "60"})
  public int seconds;

  private FeatureExtractor extractor;
  private Audio clip;
  private LibTorchFrontEnd peer;
  private org.bytedeco.pytorch.Tensor samples;

  @Setup(Level.Trial)
  public void prepare() {
    extractor = FeatureExtractor.parse("{}");
    clip = Synthetic.audio(seconds);
    LibTorch.useEqualThreads();
    peer = new LibTorchFrontEnd();
    float[] values = clip.samples();
    samples = torch.empty(values.length);
    samples.data_ptr_float().put(values);
    try (Tensor mels = extractor.fbank(clip);
        Features features = extractor.extract(List.of(clip))) {
      Agreement.require(
          "log-mel", mels.toFloatArray(), LibTorch.values(() -> peer.fbank(samples)), 1e-4);
      Agreement.require(
          "features",
          features.inputFeatures().toFloatArray(),
          LibTorch.values(() -> peer.extract(samples)),
          5e-4);
    }
  }

  @TearDown(Level.Trial)
  public void release() {
    extractor.close();
  }

  @Benchmark
  public long fbank() {
    try (Tensor mels = extractor.fbank(clip)) {
      return mels.elements();
    }
  }

  @Benchmark
  public long fbankLibTorch() {
    return LibTorch.run(() -> peer.fbank(samples));
  }

  @Benchmark
  public long extract() {
    try (Features features = extractor.extract(List.of(clip))) {
      return features.inputFeatures().elements();
    }
  }

  @Benchmark
  public long extractLibTorch() {
    return LibTorch.run(() -> peer.extract(samples));
  }
}
