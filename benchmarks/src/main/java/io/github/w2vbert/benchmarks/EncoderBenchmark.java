package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Audio;
import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Features;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * How long does it take from samples to logits? The {@code real} shape is that of
 * facebook/w2v-bert-2.0, with random parameters of 2.3 GB; weights that are not float32 are made of
 * a checkpoint, which is written to the temporary folder first.
 */
public class EncoderBenchmark extends Protocol {
  static final int VOCABULARY = 32;

  @Param("small")
  public String shape;

  @Param("float32")
  public String weights;

  @Param({"1", "10"})
  public int seconds;

  private FeatureExtractor extractor;
  private Wav2Vec2BertForCTC model;
  private Audio clip;

  /**
   * Multiplications and additions of the model's products; its norms, activations and the front end
   * are not counted.
   *
   * @param shape as the parameter
   */
  static double flops(String shape, int seconds) {
    EncoderWork work =
        shape.equals("real")
            ? new EncoderWork(24, 1024, 4096, 73, 31, 160, VOCABULARY)
            : new EncoderWork(2, 144, 576, 73, 31, 160, VOCABULARY);
    return work.flops(EncoderWork.time(seconds));
  }

  /** A model for connectionist temporal classification of one of the shapes. */
  static Wav2Vec2BertConfig config(String shape) {
    Wav2Vec2BertConfig.Builder builder = Wav2Vec2BertConfig.builder().vocabSize(VOCABULARY);
    return switch (shape) {
      case "small" ->
          builder
              .numHiddenLayers(2)
              .hiddenSize(144)
              .outputHiddenSize(144)
              .numAttentionHeads(4)
              .intermediateSize(576)
              .build();
      case "real" -> builder.build();
      default ->
          throw new IllegalArgumentException("shape is " + shape + "; expected small or real");
    };
  }

  private static Wav2Vec2BertForCTC model(Wav2Vec2BertConfig config, String weights) {
    WeightType type =
        Arrays.stream(WeightType.values())
            .filter(candidate -> candidate.toString().equals(weights))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "weights is "
                            + weights
                            + "; expected one of "
                            + Arrays.toString(WeightType.values())));
    Wav2Vec2BertForCTC drawn = Wav2Vec2BertForCTC.initialize(config, 1);
    if (type == WeightType.FLOAT32) {
      return drawn;
    }
    try (drawn) {
      Path folder = Files.createTempDirectory("w2vbert");
      try {
        drawn.savePretrained(folder);
        LoadOptions options = LoadOptions.DEFAULT.withWeights(type).withCopiedWeights();
        return Wav2Vec2BertForCTC.fromPretrained(folder, options);
      } finally {
        for (String name : List.of("config.json", "model.safetensors")) {
          Files.deleteIfExists(folder.resolve(name));
        }
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new W2vBertException("the checkpoint could not be written: " + e, e);
    }
  }

  @Setup(Level.Trial)
  public void prepare() {
    extractor = FeatureExtractor.parse("{}");
    clip = Synthetic.audio(seconds);
    model = model(config(shape), weights);
    try (Features padded = extractor.extract(List.of(clip));
        RaggedFeatures ragged = extractor.extractRagged(List.of(clip));
        CtcOutput forward = model.forward(padded);
        CtcOutput encoded = model.encode(ragged).get(0)) {
      Agreement.require(
          "logits of forward",
          forward.logits().toFloatArray(),
          encoded.logits().toFloatArray(),
          1e-4);
    }
  }

  @TearDown(Level.Trial)
  public void release() {
    model.close();
    extractor.close();
  }

  @Benchmark
  public long logits() {
    try (Features features = extractor.extract(List.of(clip));
        CtcOutput output = model.forward(features)) {
      return output.logits().elements();
    }
  }
}
