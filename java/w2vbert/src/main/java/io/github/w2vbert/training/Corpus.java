package io.github.w2vbert.training;

import io.github.w2vbert.Audio;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/** Utterances that can be used, and their recordings. One thread at a time. */
final class Corpus {
  private static final long CACHED_SAMPLES = 64L << 20; // 256 MiB: an hour at 16 kHz

  private final List<Item> items = new ArrayList<>();
  private final List<SkippedUtterance> skipped = new ArrayList<>();
  private final ClipCache clips;
  private final int rate;

  private Corpus(int rate) {
    this.rate = rate;
    clips = new ClipCache(rate, CACHED_SAMPLES);
  }

  /**
   * Reads every recording once, to know its length and that it can be read.
   *
   * @param maxSeconds of an utterance
   * @param progress is told how many are done
   * @throws IllegalArgumentException if a recording cannot be used and that is to fail, if an
   *     utterance has no target, or if none is left
   */
  static Corpus read(
      List<Utterance> utterances,
      Targets targets,
      int rate,
      double maxSeconds,
      BadAudio policy,
      IntConsumer progress) {
    Corpus corpus = new Corpus(rate);
    for (int i = 0; i < utterances.size(); i++) {
      corpus.add(utterances.get(i), targets, maxSeconds, policy);
      progress.accept(i + 1);
    }
    if (corpus.items.isEmpty()) {
      SkippedUtterance first = corpus.skipped.get(0);
      throw new IllegalArgumentException(
          "none of "
              + utterances.size()
              + " recordings can be used; the first is "
              + first.name()
              + ": "
              + first.reason());
    }
    return corpus;
  }

  private void add(Utterance utterance, Targets targets, double maxSeconds, BadAudio policy) {
    int[] target = targets.of(utterance); // what is wrong with it is not the recording's fault
    try {
      Item item = item(utterance, target);
      String obstacle = targets.obstacle(target, item.length());
      if (item.length() > maxSeconds * rate) {
        obstacle =
            "it lasts "
                + (float) item.length() / rate
                + " s; expected at most "
                + maxSeconds
                + " s";
      }
      if (obstacle != null) {
        throw new IllegalArgumentException(obstacle);
      }
      items.add(item);
    } catch (IOException | IllegalArgumentException e) {
      String reason = e instanceof IOException ? e.toString() : e.getMessage();
      if (policy == BadAudio.FAIL) {
        throw new IllegalArgumentException(
            utterance.source() + ": " + utterance.name() + " cannot be used: " + reason, e);
      }
      skipped.add(new SkippedUtterance(utterance.name(), utterance.source(), reason));
    }
  }

  private Item item(Utterance utterance, int[] target) throws IOException {
    Audio clip = clips.read(utterance.audio());
    double seconds = (double) clip.length() / rate;
    double end = Math.min(utterance.end(), seconds);
    boolean isBeyond =
        utterance.end() != Double.POSITIVE_INFINITY && utterance.end() > seconds + 0.1;
    if (utterance.start() >= seconds || isBeyond) { // manifests round
      throw new IllegalArgumentException(
          "the recording lasts " + seconds + " s, less than the part that is meant");
    }
    int begin = (int) Math.round(utterance.start() * rate);
    int length = Math.min(clip.length(), (int) Math.round(end * rate)) - begin;
    return new Item(utterance, begin, length, target);
  }

  List<Item> items() {
    return items;
  }

  List<SkippedUtterance> skipped() {
    return skipped;
  }

  double seconds() {
    return items.stream().mapToDouble(Item::length).sum() / rate;
  }

  /**
   * The recording of an utterance, mono and at the model's rate.
   *
   * @throws W2vBertException if it can no longer be read
   */
  Audio clip(Item item) {
    try {
      Audio clip = clips.read(item.utterance().audio());
      return clip.slice(item.begin(), item.begin() + item.length());
    } catch (IOException | IllegalArgumentException e) {
      throw new W2vBertException(item.name() + " could be read before, but not again: " + e, e);
    }
  }
}
