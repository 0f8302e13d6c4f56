package io.github.w2vbert.decoding;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** A back-off model as one map from n-grams to numbers, looked up as the definition says. */
final class ArpaTwin {
  /** Probability and back-off (log10) of every n-gram. */
  final Map<List<String>, double[]> ngrams = new LinkedHashMap<>();

  final int order;

  ArpaTwin(int order) {
    this.order = order;
  }

  /** Random n-grams; some are there without their beginning or end. */
  static ArpaTwin random(Random random, int order, List<String> vocabulary) {
    ArpaTwin twin = new ArpaTwin(order);
    for (String word : vocabulary) {
      twin.put(random, List.of(word));
    }
    for (int n = 2; n <= order; n++) {
      int count = random.nextInt(4 * vocabulary.size());
      for (int i = 0; i < count; i++) {
        List<String> ngram = new ArrayList<>();
        for (int k = 0; k < n; k++) {
          ngram.add(vocabulary.get(random.nextInt(vocabulary.size())));
        }
        twin.put(random, ngram);
      }
    }
    return twin;
  }

  private void put(Random random, List<String> ngram) {
    double backoff =
        ngram.size() == order || random.nextInt(3) == 0 ? 0 : 0.3 - 2 * random.nextDouble();
    ngrams.put(ngram, new double[] {(float) (-3 * random.nextDouble()), (float) backoff});
  }

  String text() {
    StringBuilder text = new StringBuilder("\\data\\\n");
    for (int n = 1; n <= order; n++) {
      int length = n;
      long count = ngrams.keySet().stream().filter(ngram -> ngram.size() == length).count();
      text.append("ngram ").append(n).append('=').append(count).append('\n');
    }
    for (int n = 1; n <= order; n++) {
      text.append("\n\\").append(n).append("-grams:\n");
      for (Map.Entry<List<String>, double[]> entry : ngrams.entrySet()) {
        if (entry.getKey().size() == n) {
          text.append(String.format(Locale.ROOT, "%s\t", (float) entry.getValue()[0]));
          text.append(String.join(" ", entry.getKey()));
          if (n < order) {
            text.append('\t').append((float) entry.getValue()[1]);
          }
          text.append('\n');
        }
      }
    }
    return text.append("\n\\end\\\n").toString();
  }

  NgramModel model() {
    return read(text());
  }

  static NgramModel read(String text) {
    try {
      return NgramModel.read(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** log10 of the probability of a word after all the words before it. */
  double log10(List<String> before, String word) {
    String known = ngrams.containsKey(List.of(word)) ? word : "<unk>";
    List<String> context =
        before.subList(Math.max(0, before.size() - (order - 1)), before.size()).stream()
            .map(w -> ngrams.containsKey(List.of(w)) ? w : "<unk>")
            .toList();
    return backedOff(context, known);
  }

  private double backedOff(List<String> context, String word) {
    List<String> ngram = new ArrayList<>(context);
    ngram.add(word);
    if (ngrams.containsKey(ngram)) {
      return ngrams.get(ngram)[0];
    }
    if (context.isEmpty()) {
      return -100; // only <unk> is not among the 1-grams
    }
    double backoff = ngrams.containsKey(context) ? ngrams.get(context)[1] : 0;
    return backoff + backedOff(context.subList(1, context.size()), word);
  }
}
