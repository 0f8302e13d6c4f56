package io.github.w2vbert.decoding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The language model that a checkpoint folder brings. */
class LanguageModelFilesTest {
  private static final String ARPA =
      """
      \\data\\
      ngram 1=4

      \\1-grams:
      -2.0\t<unk>
      -99\t<s>
      -0.9\t</s>
      -0.3\tab

      \\end\\
      """;

  @TempDir Path folder;
  private Path files;
  private Tokenizer tokenizer;

  @BeforeEach
  void write() throws IOException {
    Files.writeString(
        folder.resolve("vocab.json"), "{\"<pad>\": 0, \"|\": 1, \"a\": 2, \"b\": 3, \"<unk>\": 4}");
    tokenizer = Tokenizer.fromPretrained(folder);
    files = Files.createDirectory(folder.resolve("language_model"));
  }

  private BeamSearchDecoder read() throws IOException {
    return BeamSearchDecoder.fromPretrained(folder, tokenizer, 5);
  }

  @Test
  void theModelComesWithItsWeights() throws IOException {
    Files.writeString(
        files.resolve("attrs.json"),
        "{\"alpha\": 0.7, \"beta\": 2, \"unk_score_offset\": -4.5, \"score_boundary\": true}");
    assertFalse(read().hasModel());
    Files.writeString(files.resolve("unigrams.txt"), "ab\n");
    Files.writeString(files.resolve("5gram.bin"), "what KenLM makes of it");
    assertFalse(read().hasModel());
    assertEquals(BeamOptions.DEFAULT, read().options());

    Files.writeString(files.resolve("1gram.arpa"), ARPA);
    BeamSearchDecoder decoder = read();
    assertTrue(decoder.hasModel());
    double unknown = Math.log(10) * 0.7 * -4.5;
    assertEquals(
        BeamOptions.DEFAULT.withModelWeight(0.7).withWordBonus(2).withUnknownWordScore(unknown),
        decoder.options());
    float[] likeAb = new float[2 * 5];
    likeAb[2] = 9;
    likeAb[5 + 3] = 9;
    Hypothesis best = decoder.best(LogProbabilities.ofLogits(likeAb, 2, 5));
    assertEquals("ab", best.text());
    assertEquals(Math.log(10) * (-0.3 - 0.9), best.languageScore(), 1e-6);
  }

  @Test
  void weightsThatAreNotGivenAreTheDefaults() throws IOException {
    Files.writeString(files.resolve("1gram.arpa"), ARPA);
    assertEquals(BeamOptions.DEFAULT, read().options());
    Files.writeString(files.resolve("attrs.json"), "{\"beta\": 0}");
    assertEquals(BeamOptions.DEFAULT.withWordBonus(0), read().options());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{\"alpha\": -1}; attrs.json: alpha: modelWeight is -1.0, expected finite and at least 0",
        "{\"beta\": \"2\"}; attrs.json: beta is \"2\", expected a number",
        "{\"unk_score_offset\": 3}; attrs.json: unk_score_offset: unknownWordScore is 3.4",
        "{\"score_boundary\": false}; attrs.json: score_boundary is false, expected true",
        "[1]; attrs.json holds no object",
        "{; attrs.json is no JSON",
      })
  void wrongWeightsAreNamed(String attributes, String message) throws IOException {
    Files.writeString(files.resolve("1gram.arpa"), ARPA);
    Files.writeString(files.resolve("attrs.json"), attributes);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, this::read);
    assertTrue(e.getMessage().startsWith(files + "/" + message), e.getMessage());
  }

  @Test
  void oneModelIsExpected() throws IOException {
    Files.writeString(files.resolve("1gram.arpa"), ARPA);
    Files.writeString(files.resolve("2gram.arpa.gz"), ARPA);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, this::read);
    assertEquals(
        files + " has 2 language models (1gram.arpa, 2gram.arpa.gz); expected one ARPA file",
        e.getMessage());
  }
}
