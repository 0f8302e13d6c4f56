package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1234, 1234",
    "20KB, 20000",
    "500 MB, 500000000",
    "2GB, 2000000000",
    "2gb, 2000000000",
    "8G, 8000000000",
    "3TB, 3000000000000",
    "1KiB, 1024",
    "1MiB, 1048576",
    "2GiB, 2147483648",
    "9223372TB, 9223372000000000000",
  })
  void readsUnits(String text, long bytes) {
    assertEquals(bytes, new ByteSize().convert(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-1",
        "GB",
        "1.5GB",
        "2XB",
        "2 B",
        "9223373TB",
        "99999999999999999999",
        "\u0663"
      })
  void refusesOtherText(String text) {
    var error = assertThrows(TypeConversionException.class, () -> new ByteSize().convert(text));
    assertTrue(error.getMessage().startsWith("'" + text + "' is not a size"), error.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0.0 kB",
    "999949, 999.9 kB",
    "1000000, 1.0 MB",
    "1160000000, 1.16 GB",
  })
  void writesUnits(long bytes, String text) {
    assertEquals(text, ByteSize.text(bytes));
  }
}
