package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CardFileTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "---;license: mit;---;;# A model;# Another | A model | mit",
        "---;tags:;- a;license: \"cc-by-sa-3.0\";---;text | `` | cc-by-sa-3.0",
        "---;license: 'mit';---;# A | A | mit",
        "# A model;;license: mit | A model | ``",
        "---;license: mit;# no end of the fields | no end of the fields | ``",
        "---;# a comment;---;license: mit | `` | ``",
        "`` | `` | ``",
      })
  void readsTitleAndLicence(String text, String title, String licence) throws IOException {
    Files.writeString(folder.resolve("README.md"), text.replace(';', '\n'));

    assertEquals(new CardFile(title, licence), CardFile.of(folder));
  }

  @Test
  void noCardSaysNothing() throws IOException {
    assertEquals(new CardFile("", ""), CardFile.of(folder));
  }
}
