package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JudgeTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("w2vbert.golden")).resolve("e2e/ctc_plain");

  /** For recordings of a quarter of a second. */
  private static final Wav2Vec2BertConfig SPEAKERS =
      Tones.config().toBuilder()
          .tdnnDim(List.of(16, 16))
          .tdnnKernel(List.of(3, 1))
          .tdnnDilation(List.of(1, 1))
          .build();

  @TempDir private Path folder;

  /** Says what it was told to say. */
  private record Parrot(Iterator<Scores> answers) implements Scorer {
    @Override
    public List<Scores> score(RaggedFeatures features) {
      List<Scores> scores = new ArrayList<>();
      for (int i = 0; i < features.utterances(); i++) {
        scores.add(answers.next());
      }
      return scores;
    }

    @Override
    public void close() {}
  }

  private static Evaluation judge(Targets targets, List<Utterance> utterances, Scores... answers) {
    try (FeatureExtractor extractor = FeatureExtractor.parse("{}")) {
      Corpus corpus = Corpus.read(utterances, targets, Tones.RATE, 60, BadAudio.FAIL, done -> {});
      return Judge.judge(
          corpus,
          targets,
          extractor,
          new Parrot(Arrays.asList(answers).iterator()),
          null,
          done -> assertTrue(done <= utterances.size()));
    }
  }

  /** Frames that say one token each, with certainty. */
  private static Scores says(int columns, int... tokens) {
    float[] values = new float[tokens.length * columns];
    for (int t = 0; t < tokens.length; t++) {
      values[t * columns + tokens[t]] = 20;
    }
    return new Scores(values, tokens.length, columns);
  }

  @Test
  void textsAreComparedByWordsAndCharacters() throws IOException {
    List<Path> files = Tones.write(folder, 2, 1).stream().map(Utterance::audio).toList();
    List<Utterance> utterances =
        List.of(Utterance.ofText(files.get(0), "B A"), Utterance.ofText(files.get(1), "a"));
    Targets targets =
        Targets.ofTexts(
            CharacterVocabulary.of(List.of("a b")),
            new TextRule(Casing.LOWER, ""),
            Tones.config(),
            2);
    int blank = targets.blank(); // | a b [UNK] [PAD] <s> </s>

    Evaluation evaluation =
        judge(targets, utterances, says(7, 2, 2, blank, 2, 0, 1), says(7, blank, 1, blank));

    assertEquals(new ErrorCounts(1, 0, 0, 3), evaluation.errors());
    assertEquals(new ErrorCounts(0, 0, 1, 4), evaluation.characters());
    assertEquals(1 / 3.0, evaluation.error());
    Judgement first = evaluation.judgements().get(0);
    assertEquals("b a", first.expected());
    assertEquals("bb a", first.recognised());
    assertTrue(evaluation.loss() > 1, "the first text is improbable");
  }

  @Test
  void framesAreCounted() throws IOException {
    Path file = Tones.write(folder, 1, 1).get(0).audio();
    Utterance utterance =
        new Utterance(file, 0, 0.1, null, "x", List.of(), null, "list:1"); // 4 frames
    Targets targets =
        Targets.ofLabels(TrainingTask.FRAMES, List.of("none", "x"), Tones.config(), 2);
    Evaluation evaluation = judge(targets, List.of(utterance), says(2, 1, 0, 1, 1));
    assertEquals(0.25, evaluation.error());
    assertEquals(20 / 4.0, evaluation.loss(), 1e-6);
  }

  @Test
  void speakersAreComparedInPairs() throws IOException {
    List<Path> files = Tones.write(folder, 4, 1).stream().map(Utterance::audio).toList();
    List<Utterance> utterances = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      utterances.add(Utterance.ofLabel(files.get(i), i < 2 ? "anna" : "ben"));
    }
    Targets targets = Targets.ofLabels(TrainingTask.XVECTOR, List.of(), SPEAKERS, 2);
    Scores[] apart = {
      new Scores(new float[] {1, 0}, 1, 2), new Scores(new float[] {5, 1}, 1, 2),
      new Scores(new float[] {0, 1}, 1, 2), new Scores(new float[] {-1, 3}, 1, 2)
    };
    assertEquals(0, judge(targets, utterances, apart).error());
    Scores[] mixed = {apart[0], apart[2], apart[1], apart[3]};
    assertTrue(judge(targets, utterances, mixed).error() > 0.4);

    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> judge(targets, utterances.subList(0, 2), apart))
            .getMessage();
    assertEquals(
        "the data to evaluate has 1 pairs of one speaker and 0 of two; expected at least one of"
            + " each",
        message);
  }

  @Test
  void aModelsTextsAreThoseOfTheTranscriber() throws IOException {
    Path audio = GOLDEN.resolve("audio_0.wav");
    String text;
    try (Transcriber transcriber = Transcriber.fromPretrained(GOLDEN)) {
      text = transcriber.transcribe(Audio.read(audio)).text();
    }
    try (Evaluator evaluator =
        Evaluator.fromPretrained(TrainingTask.CTC, GOLDEN, LoadOptions.DEFAULT)) {
      Evaluation evaluation =
          evaluator.evaluate(
              List.of(Utterance.ofText(audio, text), Utterance.ofText(audio, "other words")),
              TextRule.DEFAULT,
              BadAudio.FAIL,
              TrainingListener.NONE);
      assertEquals(text, evaluation.judgements().get(0).recognised());
      assertEquals(text, evaluation.judgements().get(1).recognised());
      assertEquals(0, evaluation.judgements().get(0).errors().errors());
      assertTrue(evaluation.error() > 0);
    }
  }

  @Test
  void modelsOfSpeakersAreJudgedByTheirEmbeddings() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    try (Wav2Vec2BertForXVector fresh = Wav2Vec2BertForXVector.initialize(SPEAKERS, 1);
        FeatureExtractor extractor = FeatureExtractor.parse("{}")) {
      fresh.savePretrained(model);
      extractor.savePretrained(model);
    }
    List<Utterance> tones = Tones.write(folder, 9, 1);
    try (Evaluator evaluator =
        Evaluator.fromPretrained(TrainingTask.XVECTOR, model, LoadOptions.DEFAULT)) {
      Evaluation evaluation =
          evaluator.evaluate(tones, TextRule.DEFAULT, BadAudio.FAIL, TrainingListener.NONE);
      assertTrue(evaluation.error() >= 0 && evaluation.error() <= 1);
      assertEquals(9, evaluation.judgements().size());
    }
  }
}
