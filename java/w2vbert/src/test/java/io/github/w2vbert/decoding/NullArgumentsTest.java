package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.w2vbert.Tokenizer;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Where null has no meaning, it is refused by the name of the argument. */
class NullArgumentsTest {
  private static final CtcVocabulary VOCABULARY =
      new CtcVocabulary(List.of("<pad>", "a"), 0, -1, Set.of());
  private static final LogProbabilities FRAMES = LogProbabilities.of(new float[2], 1, 2);

  @Test
  void vocabulariesAndScores() {
    assertNamed("tokens", () -> new CtcVocabulary(null, 0, -1, Set.of()));
    assertNamed("special", () -> new CtcVocabulary(List.of("a"), 0, -1, null));
    assertNamed(
        "a special id", () -> new CtcVocabulary(List.of("a"), 0, -1, Collections.singleton(null)));
    assertNamed("tokenizer", () -> CtcVocabulary.of(null, 1));
    assertNamed("logits", () -> LogProbabilities.ofLogits(null, 1, 1));
    assertNamed("values", () -> LogProbabilities.of(null, 1, 1));
  }

  @Test
  void decoders() {
    GreedyDecoder greedy = GreedyDecoder.of(VOCABULARY);
    assertNamed("vocabulary", () -> GreedyDecoder.of(null));
    assertNamed("tokenizer", () -> GreedyDecoder.of((Tokenizer) null, 1));
    assertNamed("scores", () -> greedy.best(null));
    assertNamed("batch", () -> greedy.decodeBatch(null));
    BeamSearchDecoder beam = BeamSearchDecoder.of(VOCABULARY);
    assertNamed("vocabulary", () -> BeamSearchDecoder.of((CtcVocabulary) null));
    assertNamed("tokenizer", () -> BeamSearchDecoder.of(null, 1));
    assertNamed("scores", () -> beam.best(null));
    assertNamed("scores", () -> beam.decode(null));
    assertNamed("batch", () -> beam.decodeBatch(null));
    assertNamed("options", () -> beam.withOptions(null));
    assertNamed("hotWords", () -> beam.withHotWords(null));
  }

  @Test
  void hotWordsAndModels() {
    assertNamed("phrases", () -> new HotWords(null));
    assertNamed("phrases", () -> HotWords.of(null));
    assertNamed("a hot word", () -> HotWords.of(Collections.singletonList(null)));
    assertNamed("a weight", () -> new HotWords(Collections.singletonMap("a", null)));
    assertNamed("file", () -> NgramModel.read((Path) null));
    assertNamed("in", () -> NgramModel.read((InputStream) null));
    NgramModel model = ArpaTwin.read("\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n\\end\\\n");
    assertNamed("word", () -> model.contains(null));
    assertNamed("word", () -> model.wordId(null));
    assertNamed("sentence", () -> model.score(null));
  }

  @Test
  void aligners() {
    ForcedAligner aligner = ForcedAligner.of(VOCABULARY);
    assertNamed("vocabulary", () -> ForcedAligner.of(null));
    assertNamed("tokenizer", () -> ForcedAligner.of(null, 1));
    assertNamed("frames", () -> aligner.align(null, "a"));
    assertNamed("text", () -> aligner.align(FRAMES, (String) null));
    assertNamed("options", () -> aligner.align(FRAMES, "a", null));
    assertNamed("frames", () -> aligner.align(null, new int[] {1}));
    assertNamed("tokens", () -> aligner.align(FRAMES, (int[]) null));
    assertNamed("options", () -> aligner.align(FRAMES, new int[] {1}, null));
  }

  @Test
  void results() {
    assertNamed("text", () -> new HypothesisToken(1, null, 0, 1, 1));
    assertNamed("text", () -> new HypothesisWord(null, 0, 1, 1, List.of()));
    assertNamed("tokens", () -> new HypothesisWord("a", 0, 1, 1, null));
    assertNamed("text", () -> new Hypothesis(null, 0, 0, 0, 0, List.of(), List.of()));
    assertNamed("tokens", () -> new Hypothesis("a", 0, 0, 0, 0, null, List.of()));
    assertNamed("words", () -> new Hypothesis("a", 0, 0, 0, 0, List.of(), null));
    assertNamed("text", () -> new AlignedToken(1, null, 0, 1, 0));
    assertNamed("text", () -> new AlignedWord(null, List.of(new AlignedToken(1, "a", 0, 1, 0))));
    assertNamed("tokens", () -> new AlignedWord("a", null));
    assertNamed("tokens", () -> new Alignment(null, List.of(), 1, 0));
    assertNamed("words", () -> new Alignment(List.of(), null, 1, 0));
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }
}
