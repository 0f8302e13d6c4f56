package io.github.w2vbert.benchmarks;

import io.github.w2vbert.decoding.BeamOptions;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.CtcVocabulary;
import io.github.w2vbert.decoding.GreedyDecoder;
import io.github.w2vbert.decoding.HotWords;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.decoding.NgramModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * How long does it take to decode 500 frames (10 s) of 32 tokens with a beam of 100, alone and with
 * an n-gram model, and what do hot words add to that? Words of random letters are emitted with
 * blanks between; some letters are in doubt, as they are in speech. Half of the hot words occur in
 * the model.
 */
public class BeamSearchBenchmark extends Protocol {
  private static final int FRAMES = 500;
  private static final int TOKENS = 32; // blank, delimiter, letters
  private static final int LISTED_WORDS = 20_000;
  private static final int BIGRAMS = 100_000;

  @Param({"0", "100", "1000", "10000"})
  public int hotWords;

  private LogProbabilities emissions;
  private BeamSearchDecoder decoder;
  private BeamSearchDecoder decoderWithModel;

  @Setup(Level.Trial)
  public void prepare() throws IOException {
    Random random = new Random(3);
    List<String> words = words(random);
    List<String> tokens = new ArrayList<>(List.of("<pad>", "|"));
    for (char letter = 'a'; tokens.size() < TOKENS; letter++) {
      tokens.add(String.valueOf(letter));
    }
    CtcVocabulary vocabulary = new CtcVocabulary(tokens, 0, 1, Set.of());
    emissions = emissions(random, words, tokens);
    List<String> hot = new ArrayList<>(words.subList(0, hotWords / 2));
    for (String word : words.subList(hotWords / 2, hotWords)) {
      hot.add(word + "x");
    }
    decoder = BeamSearchDecoder.of(vocabulary).withHotWords(HotWords.of(hot));
    decoderWithModel = decoder.withModel(model(random, words));

    String best = GreedyDecoder.of(vocabulary).best(emissions).text();
    BeamOptions narrow = BeamOptions.DEFAULT.withBeamWidth(1);
    String followed =
        BeamSearchDecoder.of(vocabulary).withOptions(narrow).decode(emissions).get(0).text();
    if (!followed.equals(best)) {
      throw new IllegalStateException("a beam of 1 gives " + followed + " against " + best);
    }
  }

  private static List<String> words(Random random) {
    Set<String> words = new LinkedHashSet<>();
    while (words.size() < LISTED_WORDS) {
      StringBuilder word = new StringBuilder();
      int length = 3 + random.nextInt(6);
      for (int i = 0; i < length; i++) {
        // Some letters are rare, as in any language.
        word.append((char) ('a' + (int) (26 * Math.pow(random.nextDouble(), 1.7))));
      }
      words.add(word.toString());
    }
    return new ArrayList<>(words);
  }

  private static LogProbabilities emissions(
      Random random, List<String> words, List<String> tokens) {
    float[] logits = new float[FRAMES * TOKENS];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) random.nextGaussian();
    }
    int t = 0;
    while (t < FRAMES) {
      for (char letter : (words.get(random.nextInt(words.size())) + "|").toCharArray()) {
        int blanks = 1 + random.nextInt(4);
        for (int i = 0; i < blanks && t < FRAMES; i++) {
          logits[t++ * TOKENS] += 11;
        }
        if (t < FRAMES) {
          int doubt = random.nextInt(4);
          logits[t * TOKENS + tokens.indexOf(String.valueOf(letter))] += 9;
          logits[t * TOKENS + 1 + random.nextInt(TOKENS - 1)] += doubt == 0 ? 8 : 4;
          logits[t++ * TOKENS] += doubt == 1 ? 8 : 3;
        }
      }
    }
    return LogProbabilities.ofLogits(logits, FRAMES, TOKENS);
  }

  private static NgramModel model(Random random, List<String> words) throws IOException {
    Set<String> pairs = new LinkedHashSet<>();
    while (pairs.size() < BIGRAMS) {
      pairs.add(
          words.get(random.nextInt(words.size())) + " " + words.get(random.nextInt(words.size())));
    }
    StringBuilder arpa = new StringBuilder("\\data\\\nngram 1=" + (words.size() + 3));
    arpa.append("\nngram 2=").append(pairs.size());
    arpa.append("\n\\1-grams:\n-5 <unk>\n-99 <s> -0.5\n-2 </s>\n");
    for (String word : words) {
      arpa.append(-2 - 3 * random.nextFloat()).append(' ').append(word).append(" -0.4\n");
    }
    arpa.append("\\2-grams:\n");
    for (String pair : pairs) {
      arpa.append(-2 * random.nextFloat()).append(' ').append(pair).append('\n');
    }
    arpa.append("\\end\\\n");
    return NgramModel.read(
        new ByteArrayInputStream(arpa.toString().getBytes(StandardCharsets.UTF_8)));
  }

  @Benchmark
  public Hypothesis decode() {
    return decoder.decode(emissions).get(0);
  }

  @Benchmark
  public Hypothesis decodeWithModel() {
    return decoderWithModel.decode(emissions).get(0);
  }
}
