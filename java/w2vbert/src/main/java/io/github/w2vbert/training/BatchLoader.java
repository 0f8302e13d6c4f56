package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import io.github.w2vbert.ExtractOptions;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.Features;
import io.github.w2vbert.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Makes batches of a corpus, a few ahead on a thread of its own while the model learns. */
final class BatchLoader implements AutoCloseable {
  /**
   * What a model learns from at once. Closing it closes its tensors.
   *
   * @param seconds of audio, without padding
   */
  record Batch(List<Item> items, Features features, Tensor labels, double seconds)
      implements AutoCloseable {
    List<String> names() {
      return items.stream().map(Item::name).toList();
    }

    @Override
    public void close() {
      features.close();
      labels.close();
    }
  }

  private final Corpus corpus;
  private final Targets targets;
  private final FeatureExtractor extractor;
  private final Augmenter augmenter;
  private final TrainerOptions options;
  private final long maxFrames;
  private final ExecutorService worker;

  private List<int[]> plan = List.of();
  private int epoch;
  private final int mostAhead;
  private final Deque<Future<Batch>> ahead = new ArrayDeque<>(); // those before `next`
  private int next; // of the plan

  BatchLoader(
      Corpus corpus,
      Targets targets,
      FeatureExtractor extractor,
      TrainerOptions options,
      int mostAhead) {
    this.corpus = corpus;
    this.targets = targets;
    this.extractor = extractor;
    this.options = options;
    this.mostAhead = mostAhead;
    augmenter = new Augmenter(options.augment(), options.seed(), extractor.samplingRate());
    maxFrames = Frames.of(options.batchSeconds(), extractor.samplingRate());
    worker =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "w2vbert-batches");
              thread.setDaemon(true);
              return thread;
            });
  }

  /** The batches of an epoch, as indices. */
  List<int[]> plan(int ofEpoch) {
    int[] frames = new int[corpus.items().size()];
    Arrays.setAll(frames, i -> Frames.of(length(ofEpoch, i)));
    return BatchPlan.of(frames, maxFrames, options.batchUtterances(), options.seed(), ofEpoch);
  }

  /** That of the augmentation, or 1 if the utterance would no longer fit. */
  private double speed(int ofEpoch, int index) {
    Item item = corpus.items().get(index);
    double speed = augmenter.speed(ofEpoch, index);
    int length = augmenter.length(item.length(), speed);
    boolean fits =
        Frames.of(length) <= maxFrames && targets.obstacle(item.target(), length) == null;
    return fits ? speed : 1;
  }

  private int length(int ofEpoch, int index) {
    return augmenter.length(corpus.items().get(index).length(), speed(ofEpoch, index));
  }

  /** Begins an epoch with one of its batches. */
  void begin(int ofEpoch, int batch) {
    plan = plan(ofEpoch);
    epoch = ofEpoch;
    next = batch;
    request();
  }

  /** Batches of the epoch. */
  int batches() {
    return plan.size();
  }

  private void request() {
    while (next < plan.size() && ahead.size() < mostAhead) {
      int[] indices = plan.get(next++);
      int ofEpoch = epoch;
      ahead.add(worker.submit(() -> load(ofEpoch, indices)));
    }
  }

  /**
   * The next batch of the epoch, to be closed by the caller.
   *
   * @throws NoSuchElementException after the last
   */
  Batch next() {
    Future<Batch> made = ahead.element();
    try {
      Batch batch = made.get();
      ahead.remove();
      request();
      return batch;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while it waited for a batch", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException("a batch could not be made", e.getCause());
    }
  }

  private Batch load(int ofEpoch, int[] indices) {
    List<Item> items = new ArrayList<>();
    List<Audio> clips = new ArrayList<>();
    double[] speeds = new double[indices.length];
    int[] lengths = new int[indices.length];
    for (int i = 0; i < indices.length; i++) {
      Item item = corpus.items().get(indices[i]);
      items.add(item);
      speeds[i] = speed(ofEpoch, indices[i]);
      clips.add(augmenter.apply(corpus.clip(item), speeds[i], ofEpoch, indices[i]));
      lengths[i] = clips.get(i).length();
    }
    ExtractOptions masked = ExtractOptions.DEFAULT.withAttentionMask(true);
    Features features = extractor.extract(clips, masked);
    try {
      int time = Math.toIntExact(features.inputFeatures().size(1));
      int rate = extractor.samplingRate();
      Tensor labels = targets.tensor(items, speeds, lengths, time, rate);
      return new Batch(items, features, labels, (double) Arrays.stream(lengths).sum() / rate);
    } catch (RuntimeException e) {
      features.close();
      throw e;
    }
  }

  /** Waits for the batches that are being made and drops them. */
  void drop() {
    while (!ahead.isEmpty()) {
      try {
        Uninterruptibly.get(ahead.remove()).close();
      } catch (ExecutionException e) {
        continue; // it could not be made, and nobody wants it
      }
    }
  }

  /** Ends the thread; what it made is dropped. */
  @Override
  public void close() {
    worker.shutdown();
    drop();
  }
}
