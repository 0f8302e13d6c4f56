package io.github.w2vbert.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Which stage of the model a native symbol belongs to, by the patterns of {@code stages.txt}. */
final class Stages {
  static final String REST = "rest";

  private record Rule(String stage, Pattern pattern) {}

  private final List<Rule> rules = new ArrayList<>();

  /** Reads the patterns. */
  static Stages read() throws IOException {
    Stages stages = new Stages();
    try (InputStream in = Stages.class.getResourceAsStream("stages.txt")) {
      for (String line : new String(in.readAllBytes(), UTF_8).lines().toList()) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        String[] fields = line.split(":", 2);
        if (fields.length < 2) {
          throw new IllegalArgumentException("'" + line + "' is not 'stage: pattern'");
        }
        stages.rules.add(new Rule(fields[0].strip(), Pattern.compile(fields[1].strip())));
      }
    }
    return stages;
  }

  /**
   * The first stage whose pattern is found, or {@link #REST}.
   *
   * @param symbol library and mangled name
   */
  String of(String symbol) {
    return rules.stream()
        .filter(rule -> rule.pattern.matcher(symbol).find())
        .map(Rule::stage)
        .findFirst()
        .orElse(REST);
  }

  /** Every stage once, in the order of the file, and the rest. */
  Map<String, Double> zeros() {
    Map<String, Double> zeros = new LinkedHashMap<>();
    rules.forEach(rule -> zeros.put(rule.stage, 0.0));
    zeros.put(REST, 0.0);
    return zeros;
  }
}
