package io.github.w2vbert.training;

import io.github.w2vbert.Tensor;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/** What a task wants of utterances, as numbers. */
final class Targets {
  /** Where the reference's losses see nothing. */
  static final int IGNORED = -100;

  private final TrainingTask task;
  private final Tokenizer tokenizer; // null unless CTC
  private final TextRule rule;
  private final Map<String, Integer> labels; // empty if CTC
  private final Wav2Vec2BertConfig config;
  private final int stride;
  private final int fewestFrames; // of the input

  private Targets(
      TrainingTask task,
      Tokenizer tokenizer,
      TextRule rule,
      List<String> labels,
      Wav2Vec2BertConfig config,
      int stride,
      int fewestFrames) {
    this.task = task;
    this.tokenizer = tokenizer;
    this.rule = rule;
    this.labels = new LinkedHashMap<>();
    labels.forEach(label -> this.labels.put(label, this.labels.size()));
    this.config = config;
    this.stride = stride;
    this.fewestFrames = fewestFrames;
  }

  /**
   * @param stride mel frames of an input frame
   */
  static Targets ofTexts(
      Tokenizer tokenizer, TextRule rule, Wav2Vec2BertConfig config, int stride) {
    return new Targets(TrainingTask.CTC, tokenizer, rule, List.of(), config, stride, 1);
  }

  /**
   * @param labels of the classes, in order
   */
  static Targets ofLabels(
      TrainingTask task, List<String> labels, Wav2Vec2BertConfig config, int stride) {
    return new Targets(task, null, TextRule.DEFAULT, labels, config, stride, 1);
  }

  /** The same for learning: SpecAugment wants a batch to have at least the frames of a mask. */
  Targets forLearning() {
    boolean masks = config.applySpecAugment() && config.maskTimeProb() > 0;
    int fewest = masks ? Math.max(1, config.maskTimeLength()) : 1;
    return new Targets(task, tokenizer, rule, labels(), config, stride, fewest);
  }

  TrainingTask task() {
    return task;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  List<String> labels() {
    return List.copyOf(labels.keySet());
  }

  /** Names of the classes of a model; those that the file does not name are numbered. */
  static List<String> labels(Wav2Vec2BertConfig config) {
    Map<Integer, String> named = config.id2label();
    return IntStream.range(0, config.numLabels())
        .mapToObj(label -> named.getOrDefault(label, "LABEL_" + label))
        .toList();
  }

  /** The text of an utterance that a model for CTC should write. */
  String text(Utterance utterance) {
    return rule.apply(utterance.text());
  }

  /** The label or, of speakers, what names the speaker. */
  static String label(TrainingTask task, Utterance utterance) {
    return task == TrainingTask.XVECTOR && utterance.speaker() != null
        ? utterance.speaker()
        : utterance.label();
  }

  /**
   * Refuses an utterance without what the task needs.
   *
   * @throws IllegalArgumentException naming the line of the manifest
   */
  static void require(TrainingTask task, Utterance utterance) {
    String missing =
        switch (task) {
          case CTC -> utterance.text() == null ? "text" : null;
          case CLASSIFICATION -> utterance.label() == null ? "label" : null;
          case FRAMES ->
              utterance.label() == null && utterance.labels().isEmpty() ? "label or labels" : null;
          case XVECTOR -> label(task, utterance) == null ? "speaker or label" : null;
        };
    if (missing != null) {
      throw new IllegalArgumentException(
          utterance.source()
              + ": "
              + utterance.name()
              + " has no "
              + missing
              + "; the task "
              + task
              + " needs it");
    }
  }

  /**
   * The target of an utterance; see {@link Item}.
   *
   * @throws IllegalArgumentException if it has none, or a label that is not known
   */
  int[] of(Utterance utterance) {
    require(task, utterance);
    return switch (task) {
      case CTC -> tokens(utterance);
      case CLASSIFICATION -> new int[] {number(utterance.label(), utterance.source())};
      case XVECTOR -> // speakers to tell apart need not be those of the training
          new int[] {
            labels.isEmpty() ? IGNORED : number(label(task, utterance), utterance.source())
          };
      case FRAMES -> {
        utterance.labels().forEach(span -> number(span.label(), utterance.source()));
        if (utterance.label() != null) {
          number(utterance.label(), utterance.source());
        }
        yield new int[0];
      }
    };
  }

  private int[] tokens(Utterance utterance) {
    try {
      return tokenizer.encode(text(utterance));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(utterance.source() + ": " + e.getMessage(), e);
    }
  }

  private int number(String label, String source) {
    Integer number = labels.get(label);
    if (number == null) {
      throw new IllegalArgumentException(
          source
              + ": the label '"
              + label
              + "' is none of "
              + Manifest.shown(String.join(", ", labels.keySet())));
    }
    return number;
  }

  /** Input frames of so many samples at least: what fills no frame is dropped. */
  int inputFrames(int samples) {
    return Frames.of(samples) / stride;
  }

  /** Frames of the model's output for so many samples at least. */
  int outputFrames(int samples) {
    return Math.toIntExact(config.outputLength(inputFrames(samples)));
  }

  /** Why the target does not go with so many samples; null if it does. */
  String obstacle(int[] target, int samples) {
    if (samples < Frames.FEWEST_SAMPLES || inputFrames(samples) < fewestFrames) {
      return "it has "
          + samples
          + " samples, which are "
          + inputFrames(samples)
          + " input frames; expected at least "
          + Frames.FEWEST_SAMPLES
          + " samples and "
          + fewestFrames
          + " frames"
          + (fewestFrames > 1 ? " (mask_time_length)" : "");
    }
    int frames = outputFrames(samples);
    int needed =
        switch (task) {
          case CTC -> Math.max(1, alignedFrames(target));
          case CLASSIFICATION, FRAMES -> 1;
          case XVECTOR -> tdnnFrames();
        };
    return frames >= needed
        ? null
        : "it has "
            + samples
            + " samples, for which the model has "
            + frames
            + " frames; expected at least "
            + needed
            + (task == TrainingTask.CTC ? " for a text of " + target.length + " tokens" : "");
  }

  /** The frames that the first output of the last layer sees. */
  private int tdnnFrames() {
    return 1
        + IntStream.range(0, config.tdnnDim().size())
            .map(i -> config.tdnnDilation().get(i) * (config.tdnnKernel().get(i) - 1))
            .sum();
  }

  /** A frame for each token, and a blank between equal neighbours. */
  private static int alignedFrames(int[] tokens) {
    return tokens.length
        + (int) IntStream.range(1, tokens.length).filter(i -> tokens[i] == tokens[i - 1]).count();
  }

  /**
   * The label of every output frame: that of the first part in which its middle lies.
   *
   * @param speed at which the utterance is heard
   */
  int[] frameLabels(Item item, int frames, double speed, int rate) {
    Utterance utterance = item.utterance();
    int[] numbers = new int[frames];
    if (utterance.label() != null) {
      Arrays.fill(numbers, labels.get(utterance.label()));
    }
    for (int t = 0; t < frames; t++) {
      double middle =
          Frames.middle(t, stride * Math.toIntExact(config.outputStride())) * speed / rate
              + utterance.start();
      for (LabelSpan span : utterance.labels()) {
        if (span.start() <= middle && middle < span.end()) {
          numbers[t] = labels.get(span.label());
          break;
        }
      }
    }
    return numbers;
  }

  /**
   * The targets of a batch as the losses take them, to be closed by the caller.
   *
   * @param speeds at which the utterances are heard
   * @param lengths in samples, as they are heard
   * @param time input frames of the batch with its padding
   */
  Tensor tensor(List<Item> items, double[] speeds, int[] lengths, int time, int rate) {
    if (task == TrainingTask.CLASSIFICATION || task == TrainingTask.XVECTOR) {
      return Tensor.of(items.stream().mapToLong(item -> item.target()[0]).toArray(), items.size());
    }
    int[][] rows = new int[items.size()][];
    int width = task == TrainingTask.FRAMES ? Math.toIntExact(config.outputLength(time)) : 1;
    for (int i = 0; i < rows.length; i++) {
      Item item = items.get(i);
      rows[i] =
          task == TrainingTask.FRAMES
              ? frameLabels(item, outputFrames(lengths[i]), speeds[i], rate)
              : item.target();
      width = Math.max(width, rows[i].length);
    }
    long[] numbers = new long[rows.length * width];
    Arrays.fill(numbers, IGNORED);
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows[i].length; j++) {
        numbers[i * width + j] = rows[i][j];
      }
    }
    return Tensor.of(numbers, rows.length, width);
  }

  /** The blank of CTC. */
  int blank() {
    return Objects.requireNonNull(tokenizer, "a model for CTC has a tokenizer").padTokenId();
  }
}
