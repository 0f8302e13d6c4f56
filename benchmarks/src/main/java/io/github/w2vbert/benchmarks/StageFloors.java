package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Wav2Vec2BertConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The least time that each stage needs: its operations at the machine's rate, or the bytes that it
 * must move at the machine's bandwidth, whichever takes longer. Activations between linear layers,
 * norms and activation functions may stay in cache, so only weights count as their bytes.
 */
final class StageFloors {
  // Operations of one element, counted in vectorised code; an exponential takes about 10.
  private static final double NORM = 8; // mean, variance, scale and shift
  private static final double SIGMOID = 16; // SiLU, GLU
  private static final double EXPONENTIAL = 12; // one score of a softmax, with maximum and sum
  private static final double LOGARITHM = 20;

  private static final int FRAME = 400; // samples of one mel frame
  private static final int TRANSFORM = 512;
  private static final int BINS = 257;
  private static final int MELS = 80;

  private final Wav2Vec2BertConfig config;
  private final EncoderWork work;
  private final double flops; // float32 operations a second
  private final double bandwidth; // bytes a second

  StageFloors(Wav2Vec2BertConfig config, double flops, double bandwidth) {
    this.config = config;
    this.work = EncoderWork.of(config);
    this.flops = flops;
    this.bandwidth = bandwidth;
  }

  /** Seconds of each stage of {@code stages.txt} that has work to do. */
  Map<String, Double> seconds(int audioSeconds) {
    double time = EncoderWork.time(audioSeconds);
    double frames = 2 * time;
    double hidden = config.hiddenSize();
    double layers = config.numHiddenLayers();
    double scores = layers * config.numAttentionHeads() * time * time;
    double rows = Float.BYTES * layers * time * hidden; // bytes of one activation in all layers
    Map<String, Double> floors = new LinkedHashMap<>();
    double transform = 2.5 * TRANSFORM * (Math.log(TRANSFORM) / Math.log(2)); // of real numbers
    double frame = 5.0 * FRAME + transform + 3.0 * BINS + 4.0 * BINS + LOGARITHM * MELS;
    floors.put(
        "front end", // in float64: half the rate
        least(2 * frames * frame, Float.BYTES * 16_000.0 * audioSeconds));
    floors.put("convolution", least(work.convolution((long) time), 2 * rows));
    floors.put("attention", least(work.attention((long) time) + EXPONENTIAL * scores, 4 * rows));
    double norms = 6 * NORM * hidden;
    double activations = SIGMOID * (2.0 * config.intermediateSize() + 2 * hidden);
    double residuals = 4 * 2 * hidden;
    floors.put(
        "norms and activations", least(layers * time * (norms + activations + residuals), 0));
    double weights = work.projectionWeights() + hidden * config.vocabSize();
    floors.put(
        "projections",
        least(work.projections((long) time) + work.head((long) time), Float.BYTES * weights));
    return floors;
  }

  private double least(double operations, double bytes) {
    return Math.max(operations / flops, bytes / bandwidth);
  }
}
