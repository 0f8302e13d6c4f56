package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.Tensor;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read of recordings, and what the model should say of them. */
class CorpusTest {
  private static final int RATE = 16_000;
  private static final Wav2Vec2BertConfig CONFIG = Tones.config();

  @TempDir private Path folder;

  private Path clip(String name, int samples, int channels, int rate) throws IOException {
    float[] values = new float[samples * channels];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i / channels) / (float) samples;
    }
    Path file = folder.resolve(name);
    Audio.ofInterleaved(values, channels, rate).writeWav(file);
    return file;
  }

  private static Utterance part(Path file, double start, double end, List<LabelSpan> labels) {
    return new Utterance(file, start, end, "ab", null, labels, null, "list:1");
  }

  private static Targets labels(String... names) {
    return Targets.ofLabels(TrainingTask.FRAMES, List.of(names), CONFIG, 2);
  }

  private static Targets texts() {
    return Targets.ofTexts(
        CharacterVocabulary.of(List.of("ab c")), new TextRule(Casing.LOWER, ""), CONFIG, 2);
  }

  private static Corpus read(Targets targets, BadAudio policy, Utterance... utterances) {
    return Corpus.read(List.of(utterances), targets, RATE, 2, policy, done -> {});
  }

  @Test
  void partsAreCutAtTheModelsRate() throws IOException {
    Path file = clip("a.wav", 8000, 2, 8000); // a second, stereo
    Corpus corpus =
        read(
            texts(),
            BadAudio.FAIL,
            Utterance.ofText(file, "ab"),
            part(file, 0.25, 0.75, List.of()),
            part(file, 0.5, 1.05, List.of())); // manifests round

    assertEquals(List.of(16_000, 8000, 8000), corpus.items().stream().map(Item::length).toList());
    float[] all = corpus.clip(corpus.items().get(0)).samples();
    float[] middle = corpus.clip(corpus.items().get(1)).samples();
    for (int i = 0; i < middle.length; i++) {
      assertEquals(all[4000 + i], middle[i]);
    }
    assertEquals(2, corpus.seconds());
  }

  private String obstacle(Targets targets, Utterance utterance) {
    return assertThrows(
            IllegalArgumentException.class, () -> read(targets, BadAudio.FAIL, utterance))
        .getMessage();
  }

  @Test
  void whatCannotBeUsedSaysWhy() throws IOException {
    Path second = clip("second.wav", 16_000, 1, RATE);
    assertTrue(
        obstacle(texts(), part(second, 1.5, 2, List.of()))
            .endsWith("the recording lasts 1.0 s, less than the part that is meant"));
    assertTrue(
        obstacle(texts(), part(second, 0.5, 1.5, List.of()))
            .endsWith("the recording lasts 1.0 s, less than the part that is meant"));
    assertTrue(
        obstacle(texts(), Utterance.ofText(clip("short.wav", 559, 1, RATE), "a"))
            .contains("it has 559 samples, which are 0 input frames"));
    assertTrue(
        obstacle(texts(), Utterance.ofText(clip("long.wav", 32_001, 1, RATE), "a"))
            .contains("expected at most 2.0 s"));
    // 0.1 s are 9 mel frames and 4 of the model: "abba" needs 5, with a blank between equals.
    Path tenth = clip("tenth.wav", 1680, 1, RATE);
    assertEquals(1, read(texts(), BadAudio.FAIL, Utterance.ofText(tenth, "abab")).items().size());
    assertTrue(
        obstacle(texts(), Utterance.ofText(tenth, "abba"))
            .endsWith(
                "it has 1680 samples, for which the model has 4 frames; expected at least 5 for a"
                    + " text of 4 tokens"));
  }

  @Test
  void utterancesWithoutTargetAlwaysFail() throws IOException {
    Path file = clip("a.wav", 16_000, 1, RATE);
    for (BadAudio policy : BadAudio.values()) {
      assertThrows(
          IllegalArgumentException.class,
          () -> read(texts(), policy, Utterance.ofLabel(file, "x")));
      assertThrows(
          IllegalArgumentException.class,
          () -> read(labels("y"), policy, Utterance.ofLabel(file, "x")));
    }
  }

  @Test
  void allBadIsNoCorpus() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> read(texts(), BadAudio.SKIP, Utterance.ofText(folder.resolve("none"), "a")))
            .getMessage();
    assertTrue(message.startsWith("none of 1 recordings can be used; the first is "), message);
  }

  @Test
  void speakersNeedTheFramesOfTheTdnn() {
    Targets targets = Targets.ofLabels(TrainingTask.XVECTOR, List.of("a"), CONFIG, 2);
    int samples = 400 + 160 * 29; // 30 mel frames, 15 of the model: 1 + 4 + 2 * 2 + 3 * 2
    assertNull(targets.obstacle(new int[] {0}, samples));
    assertNotNull(targets.obstacle(new int[] {0}, samples - 1));
  }

  @Test
  void specAugmentNeedsTheFramesOfAMask() {
    Wav2Vec2BertConfig masked =
        CONFIG.toBuilder().applySpecAugment(true).maskTimeProb(0.1).maskTimeLength(10).build();
    Targets targets = Targets.ofLabels(TrainingTask.CLASSIFICATION, List.of("a"), masked, 2);
    int samples = 400 + 160 * 18; // 19 mel frames
    assertNull(targets.obstacle(new int[] {0}, samples));
    assertNotNull(targets.forLearning().obstacle(new int[] {0}, samples));
    assertNull(targets.forLearning().obstacle(new int[] {0}, samples + 160));
  }

  /** Frame t of the model is made of 560 samples from 320 t on: its middle is 320 t + 280. */
  @Test
  void framesHaveTheLabelOfTheFirstPartAroundTheirMiddle() throws IOException {
    Path file = clip("a.wav", 16_000, 1, RATE);
    Utterance utterance =
        part(
            file,
            0.25, // 4000 samples
            0.5,
            List.of(
                new LabelSpan("b", (4000 + 320 + 280) / 16_000.0, (4000 + 960 + 280) / 16_000.0),
                new LabelSpan("a", 0, 0.3)));
    Targets targets = labels("none", "a", "b");
    Item item = read(targets, BadAudio.FAIL, utterance).items().get(0);
    // 0.3 s are 4800 samples, 800 into the part: the middles 280, 600 and so on.
    assertArrayEquals(
        new int[] {1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0}, targets.frameLabels(item, 11, 1, RATE));
    // Twice as fast the middles are at 560 and 1200.
    assertArrayEquals(new int[] {1, 2, 0, 0, 0}, targets.frameLabels(item, 5, 2, RATE));
  }

  @Test
  void labelTensorsIgnorePadding() throws IOException {
    Path file = clip("a.wav", 16_000, 1, RATE);
    Corpus texts =
        read(
            texts(),
            BadAudio.FAIL,
            Utterance.ofText(file, "ab a"),
            Utterance.ofText(file, ""),
            Utterance.ofText(file, "c"));
    try (Tensor tensor =
        texts().tensor(texts.items(), new double[] {1, 1, 1}, new int[3], 50, RATE)) {
      assertArrayEquals(new long[] {3, 4}, tensor.shape());
      assertArrayEquals(
          new long[] {1, 2, 0, 1, -100, -100, -100, -100, 3, -100, -100, -100},
          tensor.toLongArray());
    }
    Targets targets = labels("none", "x");
    Corpus frames =
        read(
            targets,
            BadAudio.FAIL,
            new Utterance(file, 0, 0.1, null, "x", List.of(), null, "1"),
            new Utterance(file, 0, 0.08, null, "x", List.of(), null, "2"));
    try (Tensor tensor =
        targets.tensor(frames.items(), new double[] {1, 1}, new int[] {1600, 1280}, 5, RATE)) {
      assertArrayEquals(new long[] {1, 1, 1, 1, -100, 1, 1, 1, -100, -100}, tensor.toLongArray());
    }
    Targets classes = Targets.ofLabels(TrainingTask.CLASSIFICATION, List.of("x", "y"), CONFIG, 2);
    Corpus labelled =
        read(classes, BadAudio.FAIL, Utterance.ofLabel(file, "y"), Utterance.ofLabel(file, "x"));
    try (Tensor tensor =
        classes.tensor(labelled.items(), new double[] {1, 1}, new int[2], 50, RATE)) {
      assertArrayEquals(new long[] {1, 0}, tensor.toLongArray());
    }
  }
}
