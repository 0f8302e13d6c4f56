package io.github.w2vbert.training;

import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.decoding.CtcDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;

/** Compares what a model says of a corpus with what it should say. */
final class Judge {
  private static final int MOST_PAIRS = 1_000_000; // of speakers; of more, so many by chance
  private static final double BATCH_SECONDS = 60;

  private final Corpus corpus;
  private final Targets targets;
  private final FeatureExtractor extractor;
  private final CtcDecoder decoder;
  private final List<Judgement> judgements = new ArrayList<>();
  private final List<float[]> embeddings = new ArrayList<>();
  private ErrorCounts errors = ErrorCounts.NONE;
  private ErrorCounts characters = ErrorCounts.NONE;
  private double losses;

  private Judge(Corpus corpus, Targets targets, FeatureExtractor extractor, CtcDecoder decoder) {
    this.corpus = corpus;
    this.targets = targets;
    this.extractor = extractor;
    this.decoder = decoder;
  }

  /**
   * Asks a model about all utterances, without padding.
   *
   * @param decoder finds the texts; null: the best path, or another task than CTC
   * @param progress is told how many are done
   */
  static Evaluation judge(
      Corpus corpus,
      Targets targets,
      FeatureExtractor extractor,
      Scorer scorer,
      CtcDecoder decoder,
      IntConsumer progress) {
    Judge judge = new Judge(corpus, targets, extractor, decoder);
    List<Item> items = corpus.items();
    for (int begin = 0; begin < items.size(); ) {
      int end = begin;
      double room = BATCH_SECONDS * extractor.samplingRate();
      do {
        room -= items.get(end++).length();
      } while (end < items.size() && items.get(end).length() <= room);
      judge.add(items.subList(begin, end), scorer);
      progress.accept(end);
      begin = end;
    }
    return judge.result();
  }

  private void add(List<Item> items, Scorer scorer) {
    List<Scores> scores;
    try (RaggedFeatures features =
        extractor.extractRagged(items.stream().map(corpus::clip).toList())) {
      scores = scorer.score(features);
    }
    for (int i = 0; i < items.size(); i++) {
      add(items.get(i), scores.get(i));
    }
  }

  private void add(Item item, Scores scores) {
    Utterance utterance = item.utterance();
    String expected = "";
    String recognised = "";
    ErrorCounts found = ErrorCounts.NONE;
    switch (targets.task()) {
      case CTC -> {
        expected = targets.text(utterance);
        recognised =
            decoder == null
                ? targets.tokenizer().decode(scores.best())
                : decoder.best(scores.logProbabilities()).text();
        found = ErrorCounts.ofWords(expected, recognised);
        characters = characters.plus(ErrorCounts.ofCharacters(expected, recognised));
        losses += scores.ctc(item.target(), targets.blank());
      }
      case CLASSIFICATION -> {
        int best = scores.best()[0];
        expected = utterance.label();
        recognised = targets.labels().get(best);
        found = new ErrorCounts(best == item.target()[0] ? 0 : 1, 0, 0, 1);
        losses += scores.crossEntropy(item.target());
      }
      case FRAMES -> {
        int[] labels = targets.frameLabels(item, scores.rows(), 1, extractor.samplingRate());
        int[] best = scores.best();
        int wrong = 0;
        for (int t = 0; t < best.length; t++) {
          wrong += best[t] == labels[t] ? 0 : 1;
        }
        found = new ErrorCounts(wrong, 0, 0, best.length);
        losses += scores.crossEntropy(labels);
      }
      case XVECTOR -> embeddings.add(scores.values());
    }
    errors = errors.plus(found);
    judgements.add(new Judgement(utterance, expected, recognised, found));
  }

  private Evaluation result() {
    boolean isVerification = targets.task() == TrainingTask.XVECTOR;
    return new Evaluation(
        targets.task(),
        isVerification ? Double.NaN : losses / judgements.size(),
        errors,
        characters,
        isVerification ? verification() : null,
        corpus.seconds(),
        judgements);
  }

  private EqualErrorRate verification() {
    List<String> speakers =
        judgements.stream()
            .map(judgement -> Targets.label(TrainingTask.XVECTOR, judgement.utterance()))
            .toList();
    int count = speakers.size();
    List<Double> same = new ArrayList<>();
    List<Double> different = new ArrayList<>();
    long pairs = count * (count - 1L) / 2;
    Random random = Seeds.random(count);
    for (int a = 0; a < count; a++) {
      for (int b = a + 1; b < count; b++) {
        if (pairs <= MOST_PAIRS || random.nextDouble() * pairs < MOST_PAIRS) {
          boolean isSame = speakers.get(a).equals(speakers.get(b));
          (isSame ? same : different).add(cosine(embeddings.get(a), embeddings.get(b)));
        }
      }
    }
    if (same.isEmpty() || different.isEmpty()) {
      throw new IllegalArgumentException(
          "the data to evaluate has "
              + same.size()
              + " pairs of one speaker and "
              + different.size()
              + " of two; expected at least one of each");
    }
    return EqualErrorRate.of(
        same.stream().mapToDouble(Double::doubleValue).toArray(),
        different.stream().mapToDouble(Double::doubleValue).toArray());
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      first += (double) a[i] * a[i];
      second += (double) b[i] * b[i];
    }
    return product / Math.max(1e-12, Math.sqrt(first * second));
  }
}
