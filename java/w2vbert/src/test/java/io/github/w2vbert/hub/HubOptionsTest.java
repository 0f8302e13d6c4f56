package io.github.w2vbert.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubOptionsTest {
  @TempDir Path home;

  /** Options of {@code NAME=value} texts; {@code HOME} is /h unless it is given. */
  private static HubOptions options(String... variables) {
    Map<String, String> map = new HashMap<>(Map.of("HOME", "/h"));
    for (String variable : variables) {
      String[] parts = variable.split("=", 2);
      map.put(parts[0], parts[1]);
    }
    return HubOptions.fromEnvironment(map);
  }

  @ParameterizedTest
  @CsvSource({
    "/h/.cache/huggingface/hub, ''",
    "/x/huggingface/hub, XDG_CACHE_HOME=/x",
    "/hf/hub, XDG_CACHE_HOME=/x HF_HOME=/hf",
    "/old, HF_HOME=/hf HUGGINGFACE_HUB_CACHE=/old",
    "/new, HF_HOME=/hf HUGGINGFACE_HUB_CACHE=/old HF_HUB_CACHE=/new",
    "/h/hf/hub, HF_HOME=~/hf",
    "/d/hf/d/$NO, D=/d HF_HUB_CACHE=$D/hf${D}/$NO",
  })
  void cacheIsWherePythonHasIt(Path expected, String variables) {
    assertEquals(expected, options(("A=b " + variables).trim().split(" ")).cache());
  }

  @Test
  void tokenComesFromTheVariableThenFromItsFile() throws IOException {
    String homeVariable = "HF_HOME=" + home;
    assertNull(options(homeVariable).token());
    Files.writeString(home.resolve("token"), "hf_home\n");
    assertEquals("hf_home", options(homeVariable).token());
    Path other = Files.writeString(home.resolve("other"), " hf_path ");
    assertEquals("hf_path", options(homeVariable, "HF_TOKEN_PATH=" + other).token());
    assertEquals("hf_var", options(homeVariable, "HF_TOKEN= hf_var\n").token());
    assertEquals("hf_old", options(homeVariable, "HUGGING_FACE_HUB_TOKEN=hf_old").token());
    assertNull(options(homeVariable, "HF_TOKEN=hf_var", "HF_HUB_DISABLE_IMPLICIT_TOKEN=1").token());
    Files.writeString(home.resolve("token"), "\n");
    assertNull(options(homeVariable).token());
  }

  @Test
  void tokenIsNeverShown() {
    assertFalse(options("HF_TOKEN=hf_secret").toString().contains("hf_secret"));
    Exception error =
        assertThrows(
            IllegalArgumentException.class, () -> options("HF_TOKEN=hf secret\r\nX-Evil: 1"));
    assertFalse(error.getMessage().contains("secret"), error.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "HF_HUB_OFFLINE=1, true",
    "HF_HUB_OFFLINE=True, true",
    "HF_HUB_OFFLINE=on, true",
    "TRANSFORMERS_OFFLINE=yes, true",
    "HF_HUB_OFFLINE=0, false",
    "HF_HUB_OFFLINE=0 TRANSFORMERS_OFFLINE=1, false",
    "HF_HUB_OFFLINE=maybe, false",
    "A=b, false",
  })
  void offline(String variables, boolean expected) {
    assertEquals(expected, options(variables.split(" ")).offline());
  }

  @Test
  void endpointAndTimeouts() {
    assertEquals(URI.create("https://huggingface.co"), options().endpoint());
    assertEquals(
        URI.create("https://mirror/hub/"), options("HF_ENDPOINT=https://mirror/hub/").endpoint());
    assertEquals(Duration.ofSeconds(10), options().downloadTimeout());
    assertEquals(Duration.ofSeconds(33), options("HF_HUB_DOWNLOAD_TIMEOUT=33").downloadTimeout());
    assertEquals(Duration.ofSeconds(7), options("HF_HUB_ETAG_TIMEOUT=7").etagTimeout());
    assertEquals(Duration.ofSeconds(10), options("HF_HUB_ETAG_TIMEOUT=0").etagTimeout());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HF_ENDPOINT=huggingface.co",
        "HF_ENDPOINT=ftp://huggingface.co",
        "HF_ENDPOINT=https://",
        "HF_ENDPOINT=https://user:password@host",
        "HF_ENDPOINT=https://host?x",
        "HF_ENDPOINT=http://a b",
        "HF_HUB_ETAG_TIMEOUT=x",
        "HF_HUB_ETAG_TIMEOUT=-1",
        "HF_HUB_DOWNLOAD_TIMEOUT=99999999999",
      })
  void malformedVariablesAreRefused(String variable) {
    Exception error = assertThrows(IllegalArgumentException.class, () -> options(variable));
    assertTrue(error.getMessage().contains("; expected "), error.getMessage());
  }

  @Test
  void valuesOutOfRangeAreRefused() {
    HubOptions options = options();
    assertThrows(IllegalArgumentException.class, () -> options.withRanges(0, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withRanges(33, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withRanges(1, 0));
    assertThrows(IllegalArgumentException.class, () -> options.withRanges(1, (256 << 20) + 1));
    assertThrows(
        IllegalArgumentException.class, () -> options.withRetries(-1, Duration.ofMillis(1)));
    assertThrows(IllegalArgumentException.class, () -> options.withRetries(1, Duration.ZERO));
    assertThrows(
        IllegalArgumentException.class,
        () -> options.withTimeouts(Duration.ZERO, Duration.ofSeconds(1)));
  }

  @Test
  void systemPropertiesComeFirst() {
    System.setProperty("w2vbert.hub.endpoint", "http://127.0.0.1:9");
    System.setProperty("w2vbert.hub.cache", "/a/cache");
    System.setProperty("w2vbert.hub.offline", "1");
    try {
      HubOptions options = HubOptions.fromEnvironment();
      assertEquals(URI.create("http://127.0.0.1:9"), options.endpoint());
      assertEquals(Path.of("/a/cache"), options.cache());
      assertTrue(options.offline());
    } finally {
      System.clearProperty("w2vbert.hub.endpoint");
      System.clearProperty("w2vbert.hub.cache");
      System.clearProperty("w2vbert.hub.offline");
    }
  }
}
