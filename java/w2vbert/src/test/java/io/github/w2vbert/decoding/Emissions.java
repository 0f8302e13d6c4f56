package io.github.w2vbert.decoding;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** Scores for the tests of decoders, and CTC as it is defined: by all paths. */
final class Emissions {
  private Emissions() {}

  /** Normal logits, normalised. */
  static LogProbabilities random(Random random, int time, int vocabulary, double spread) {
    float[] logits = new float[time * vocabulary];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (spread * random.nextGaussian());
    }
    return LogProbabilities.ofLogits(logits, time, vocabulary);
  }

  /** Few different values with many ties, zeros of both signs, and impossible tokens. */
  static LogProbabilities coarse(Random random, int time, int vocabulary) {
    float[] choice = {0f, -0f, -1e-30f, -2e-30f, -1, -1, -2, -3e5f, Float.NEGATIVE_INFINITY};
    float[] values = new float[time * vocabulary];
    for (int i = 0; i < values.length; i++) {
      values[i] = choice[random.nextInt(choice.length)];
    }
    for (int t = 0; t < time; t++) { // something is possible
      values[t * vocabulary + random.nextInt(vocabulary)] = -random.nextInt(3);
    }
    return LogProbabilities.of(values, time, vocabulary);
  }

  /** Frames that emit one token each, with that probability; the others share the rest. */
  static LogProbabilities certain(int vocabulary, double probability, int... tokens) {
    float[] values = new float[tokens.length * vocabulary];
    for (int t = 0; t < tokens.length; t++) {
      for (int v = 0; v < vocabulary; v++) {
        double p = v == tokens[t] ? probability : (1 - probability) / (vocabulary - 1);
        values[t * vocabulary + v] = (float) Math.log(p);
      }
    }
    return LogProbabilities.of(values, tokens.length, vocabulary);
  }

  /** Equal neighbours melt, then blanks go. */
  static List<Integer> collapse(int[] path, int blank) {
    List<Integer> tokens = new ArrayList<>();
    for (int t = 0; t < path.length; t++) {
      if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) {
        tokens.add(path[t]);
      }
    }
    return tokens;
  }

  /** What all paths to some tokens have together, and the best of them alone. */
  record Paths(double sum, double best) {}

  /** The probabilities of all that can be said, from every path of {@code vocabulary^time}. */
  static Map<List<Integer>, Paths> enumerate(LogProbabilities scores, int blank) {
    Map<List<Integer>, Paths> found = new HashMap<>();
    int[] path = new int[scores.time()];
    long count = Math.round(Math.pow(scores.vocabulary(), scores.time()));
    for (long code = 0; code < count; code++) {
      long rest = code;
      double probability = 1;
      for (int t = 0; t < path.length; t++) {
        path[t] = (int) (rest % scores.vocabulary());
        rest /= scores.vocabulary();
        probability *= Math.exp(scores.get(t, path[t]));
      }
      if (probability > 0) {
        Paths one = new Paths(probability, probability);
        found.merge(
            collapse(path, blank),
            one,
            (a, b) -> new Paths(a.sum() + b.sum(), Math.max(a.best(), b.best())));
      }
    }
    return found;
  }

  /** An end of a prefix in {@link #search}. */
  private record End(List<Integer> prefix, boolean blank) {}

  /** What a prefix is worth besides its probability, while it is searched for. */
  interface Worth {
    double of(List<Integer> prefix);
  }

  /** Beam search with maps; the log-probabilities of the prefixes that are left. */
  static Map<List<Integer>, Double> search(
      LogProbabilities scores, int blank, int width, double threshold, Worth worth) {
    Map<End, Double> beam = new HashMap<>();
    beam.put(new End(List.of(), true), 0.0);
    for (int frame = 0; frame < scores.time(); frame++) {
      int t = frame;
      Map<End, Double> next = new HashMap<>();
      beam.forEach(
          (end, logProbability) -> {
            for (int token = 0; token < scores.vocabulary(); token++) {
              List<Integer> prefix = end.prefix();
              int last = prefix.isEmpty() ? -1 : prefix.get(prefix.size() - 1);
              if (token != blank && (token != last || end.blank())) {
                prefix = new ArrayList<>(prefix);
                prefix.add(token);
              }
              next.merge(
                  new End(prefix, token == blank),
                  logProbability + scores.get(t, token),
                  (a, b) -> Math.log(Math.exp(a) + Math.exp(b)));
            }
          });
      Map<End, Double> ranks = new HashMap<>();
      next.forEach((end, value) -> ranks.put(end, value + worth.of(end.prefix())));
      double best = ranks.values().stream().mapToDouble(x -> x).max().orElseThrow();
      Set<End> kept = new HashSet<>();
      ranks.entrySet().stream()
          .filter(entry -> entry.getValue() >= best - threshold)
          .sorted((a, b) -> Double.compare(b.getValue(), a.getValue()))
          .limit(width)
          .forEach(entry -> kept.add(entry.getKey()));
      next.keySet().retainAll(kept);
      beam = next;
    }
    Map<List<Integer>, Double> prefixes = new HashMap<>();
    beam.forEach(
        (end, value) ->
            prefixes.merge(end.prefix(), value, (a, b) -> Math.log(Math.exp(a) + Math.exp(b))));
    return prefixes;
  }
}
