package io.github.w2vbert.hub;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The hub's variables, read as Python's library reads them. */
final class Environment {
  /** System properties, and the variables that they stand for. */
  private static final Map<String, String> PROPERTIES =
      Map.of(
          "w2vbert.hub.endpoint", "HF_ENDPOINT",
          "w2vbert.hub.cache", "HF_HUB_CACHE",
          "w2vbert.hub.offline", "HF_HUB_OFFLINE");

  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final Pattern VARIABLE =
      Pattern.compile("\\$(?:([A-Za-z0-9_]+)|\\{([A-Za-z0-9_]+)\\})");
  private static final int MOST_SECONDS = 86_400;

  private final Map<String, String> variables;

  Environment(Map<String, String> variables) {
    this.variables = variables;
  }

  /** The variables of this process, overridden by system properties. */
  static Environment ofProcess() {
    Map<String, String> variables = new HashMap<>(System.getenv());
    PROPERTIES.forEach(
        (property, variable) -> {
          String value = System.getProperty(property);
          if (value != null) {
            variables.put(variable, value);
          }
        });
    return new Environment(variables);
  }

  /** A variable; null if it is not set or empty. */
  String text(String name) {
    String value = variables.get(name);
    return value == null || value.isBlank() ? null : value;
  }

  boolean isTrue(String name) {
    String value = text(name);
    return value != null && TRUE.contains(value.trim().toUpperCase(Locale.ROOT));
  }

  Duration seconds(String name, Duration fallback) {
    String value = text(name);
    if (value == null) {
      return fallback;
    }
    try {
      int seconds = Integer.parseInt(value.trim());
      if (seconds >= 0 && seconds <= MOST_SECONDS) {
        return seconds == 0 ? fallback : Duration.ofSeconds(seconds);
      }
    } catch (NumberFormatException e) {
      // the message below says it
    }
    throw new IllegalArgumentException(
        name + " is '" + value + "'; expected whole seconds, at most " + MOST_SECONDS);
  }

  Path cache() {
    Path legacy = path("HUGGINGFACE_HUB_CACHE", home().resolve("hub"));
    return path("HF_HUB_CACHE", legacy);
  }

  /** The token to send; null for none. */
  String token() {
    if (isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      return null;
    }
    for (String name : new String[] {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
      if (text(name) != null) {
        return text(name).strip();
      }
    }
    Path file = path("HF_TOKEN_PATH", home().resolve("token"));
    if (!Files.isRegularFile(file)) {
      return null;
    }
    try {
      String token = Files.readString(file, StandardCharsets.UTF_8).strip();
      return token.isEmpty() ? null : token;
    } catch (IOException e) {
      throw new W2vBertException(
          "the token in " + file + " cannot be read as text: " + e + "; see HF_TOKEN_PATH", e);
    }
  }

  private Path home() {
    Path caches = path("XDG_CACHE_HOME", Path.of(userHome(), ".cache"));
    return path("HF_HOME", caches.resolve("huggingface"));
  }

  private String userHome() {
    String home = text("HOME");
    return home == null ? System.getProperty("user.home") : home;
  }

  private Path path(String name, Path fallback) {
    String value = text(name);
    if (value == null) {
      return fallback;
    }
    if (value.equals("~") || value.startsWith("~/")) {
      value = userHome() + value.substring(1);
    }
    String expanded =
        VARIABLE
            .matcher(value)
            .replaceAll(
                match -> {
                  String variable = match.group(1) == null ? match.group(2) : match.group(1);
                  return Matcher.quoteReplacement(
                      variables.getOrDefault(variable, match.group())); // as Python: left as it is
                });
    try {
      return Path.of(expanded);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(
          name + " is '" + value + "'; expected a path: " + e.getReason(), e);
    }
  }
}
