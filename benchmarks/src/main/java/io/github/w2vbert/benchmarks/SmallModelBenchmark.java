package io.github.w2vbert.benchmarks;

import io.github.w2vbert.Audio;
import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.Wav2Vec2BertProcessor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * How long does a small model (2 layers of 144) take from samples to text, and where does the time
 * go: the front end, the feature projection ({@code layer0}), the whole model, the best path, the
 * tokenizer? {@code text} is one native call, {@code textByStages} has the caller's objects in
 * between. With {@code -prof gc} also what each leaves on the Java heap.
 */
public class SmallModelBenchmark extends Protocol {
  @Param({"1", "10"})
  public int seconds;

  private FeatureExtractor extractor;
  private Wav2Vec2BertForCTC model;
  private Tokenizer tokenizer;
  private List<Audio> clips;
  private RaggedFeatures features;
  private CtcOutput output;
  private int[] path;
  private Transcriber transcriber;

  @Setup(Level.Trial)
  public void prepare() {
    extractor = FeatureExtractor.parse("{}");
    clips = List.of(Synthetic.audio(seconds));
    model = Wav2Vec2BertForCTC.initialize(EncoderBenchmark.config("small"), 1);
    tokenizer = tokenizer();
    features = extractor.extractRagged(clips);
    output = model.encode(features).get(0);
    path = output.bestPath(0);
    transcriber = Transcriber.of(new Wav2Vec2BertProcessor(extractor, tokenizer), model);
    if (!text().equals(textByStages())) {
      throw new IllegalStateException(
          "the text is '" + text() + "', by stages '" + textByStages() + "'");
    }
  }

  /** With as many tokens as the model has. */
  private static Tokenizer tokenizer() {
    StringBuilder vocabulary = new StringBuilder("{\"<pad>\": 0, \"<unk>\": 1, \"|\": 2");
    for (int i = 3; i < EncoderBenchmark.VOCABULARY; i++) {
      vocabulary.append(", \"").append("abcdefghijklmnopqrstuvwxyz'-.".charAt(i - 3));
      vocabulary.append("\": ").append(i);
    }
    try {
      Path folder = Files.createTempDirectory("w2vbert");
      Path file = folder.resolve("vocab.json");
      Files.writeString(file, vocabulary.append('}'));
      try {
        return Tokenizer.fromPretrained(folder);
      } finally {
        Files.delete(file);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new W2vBertException("the vocabulary could not be written: " + e, e);
    }
  }

  @TearDown(Level.Trial)
  public void release() {
    output.close();
    features.close();
    model.close();
    extractor.close();
  }

  @Benchmark
  public String text() {
    return transcriber.text(clips.get(0));
  }

  @Benchmark
  public String textByStages() {
    try (RaggedFeatures input = extractor.extractRagged(clips);
        OutputList<CtcOutput> outputs = model.encode(input)) {
      return tokenizer.decode(outputs.get(0).bestPath(0));
    }
  }

  @Benchmark
  public long frontEnd() {
    try (RaggedFeatures input = extractor.extractRagged(clips)) {
      return input.frames().elements();
    }
  }

  @Benchmark
  public long layer0() {
    try (OutputList<BaseModelOutput> outputs = model.encode(features, 0)) {
      return outputs.get(0).lastHiddenState().elements();
    }
  }

  @Benchmark
  public long encode() {
    try (OutputList<CtcOutput> outputs = model.encode(features)) {
      return outputs.get(0).logits().elements();
    }
  }

  @Benchmark
  public int[] bestPath() {
    return output.bestPath(0);
  }

  @Benchmark
  public String decode() {
    return tokenizer.decode(path);
  }
}
