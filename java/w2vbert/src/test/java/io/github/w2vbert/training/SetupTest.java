package io.github.w2vbert.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SetupTest {
  private static final Path GOLDEN =
      Path.of(System.getProperty("w2vbert.golden")).resolve("e2e/ctc_plain");
  private static final Path AUDIO = Path.of("a.wav");
  private static final List<Utterance> TEXTS =
      List.of(Utterance.ofText(AUDIO, "Go Forward"), Utterance.ofText(AUDIO, "stop!"));

  @TempDir private Path folder;

  private static Setup of(
      TrainingTask task, Path model, Wav2Vec2BertConfig config, List<Utterance> utterances) {
    return Setup.of(
        task,
        model,
        config,
        null,
        UnaryOperator.identity(),
        utterances,
        TrainerOptions.DEFAULT.withTextRule(TextRule.DEFAULT.withIgnored("!")));
  }

  private static Setup labelled(Path model, Wav2Vec2BertConfig config, String... labels) {
    return of(
        TrainingTask.CLASSIFICATION,
        model,
        config,
        List.of(labels).stream().map(label -> Utterance.ofLabel(AUDIO, label)).toList());
  }

  @Test
  void withoutVocabularyOneIsMadeOfTheTexts() {
    try (Setup setup = of(TrainingTask.CTC, null, Tones.config(), TEXTS)) {
      Tokenizer tokenizer = setup.training().tokenizer();
      assertEquals("go forward", tokenizer.decode(tokenizer.encode("go forward")));
      assertFalse(tokenizer.vocabulary().containsKey("!"));
      assertEquals(tokenizer.vocabularySize(), setup.config().vocabSize());
      assertEquals(tokenizer.padTokenId(), setup.config().padTokenId());
      assertEquals("mean", setup.config().ctcLossReduction());
      assertTrue(setup.newHead());
      setup.save(folder);
    }
    assertTrue(Files.exists(folder.resolve("vocab.json")));
    assertTrue(Files.exists(folder.resolve("preprocessor_config.json")));
  }

  @Test
  void aModelForTheTaskKeepsItsVocabularyAndConfiguration() {
    try (Setup setup = of(TrainingTask.CTC, GOLDEN, null, TEXTS)) {
      assertEquals(
          Tokenizer.fromPretrained(GOLDEN).vocabulary(), setup.training().tokenizer().vocabulary());
      assertEquals(Wav2Vec2BertConfig.fromPretrained(GOLDEN), setup.config());
      assertFalse(setup.newHead());
    }
  }

  @Test
  void theVocabularyCanBeReplaced() {
    try (Setup setup =
        Setup.of(
            TrainingTask.CTC,
            GOLDEN,
            null,
            null,
            UnaryOperator.identity(),
            TEXTS,
            TrainerOptions.DEFAULT.withNewVocabulary(true))) {
      assertTrue(setup.newHead());
      assertTrue(setup.training().tokenizer().vocabulary().containsKey("!"));
      assertEquals(setup.training().tokenizer().vocabularySize(), setup.config().vocabSize());
    }
  }

  @Test
  void theLastWordAboutTheConfigurationIsTheCallers() {
    try (Setup setup =
        Setup.of(
            TrainingTask.CTC,
            null,
            Tones.config(),
            null,
            config -> config.toBuilder().ctcLossReduction("sum").build(),
            TEXTS,
            TrainerOptions.DEFAULT)) {
      assertEquals("sum", setup.config().ctcLossReduction());
    }
  }

  @Test
  void labelsAreThoseOfTheDataInOrder() {
    try (Setup setup = labelled(null, Tones.config(), "yes", "no", "yes")) {
      assertEquals(List.of("no", "yes"), setup.training().labels());
      assertEquals(2, setup.config().numLabels());
      assertTrue(setup.newHead());
    }
    assertThrows(
        IllegalArgumentException.class, () -> labelled(null, Tones.config(), "yes", "yes"));
  }

  @Test
  void aClassifierKeepsItsLabelsIfTheyAreEnough() throws Exception {
    String json = Tones.config().toBuilder().labels(List.of("yes", "no", "other")).build().toJson();
    Files.writeString(
        folder.resolve("config.json"),
        json.replaceFirst(
            "\\{", "{\"architectures\": [\"Wav2Vec2BertForSequenceClassification\"],"));
    try (Setup setup = labelled(folder, null, "no", "yes")) {
      assertEquals(List.of("yes", "no", "other"), setup.training().labels());
      assertFalse(setup.newHead());
    }
    try (Setup setup = labelled(folder, null, "no", "maybe")) {
      assertEquals(List.of("maybe", "no"), setup.training().labels());
      assertTrue(setup.newHead());
    }
  }

  @Test
  void framesWithoutLabelHaveTheFirst() {
    Utterance utterance =
        new Utterance(AUDIO, 0, 1, null, null, List.of(new LabelSpan("a", 0, 1)), null, "list:1");
    try (Setup setup = of(TrainingTask.FRAMES, null, Tones.config(), List.of(utterance))) {
      assertEquals(List.of("none", "a"), setup.training().labels());
    }
  }

  @Test
  void speakersToJudgeMayBeOthers() {
    List<Utterance> speakers =
        List.of(Utterance.ofLabel(AUDIO, "anna"), Utterance.ofLabel(AUDIO, "ben"));
    try (Setup setup = of(TrainingTask.XVECTOR, null, Tones.config(), speakers)) {
      assertEquals(1, setup.training().of(speakers.get(1))[0]);
      Utterance other = Utterance.ofLabel(AUDIO, "carl");
      assertThrows(IllegalArgumentException.class, () -> setup.training().of(other));
      assertEquals(Targets.IGNORED, setup.evaluation().of(other)[0]);
    }
  }

  @Test
  void whatDoesNotFitIsNamed() {
    Wav2Vec2BertConfig narrow = Tones.config().toBuilder().featureProjectionInputDim(80).build();
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> of(TrainingTask.CTC, null, narrow, TEXTS))
            .getMessage();
    assertTrue(message.startsWith("feature_projection_input_dim is 80, but "), message);
    message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    of(
                        TrainingTask.CTC,
                        null,
                        Tones.config(),
                        List.of(Utterance.ofLabel(AUDIO, "x"))))
            .getMessage();
    assertEquals("a.wav: a.wav has no text; the task CTC needs it", message);
  }
}
