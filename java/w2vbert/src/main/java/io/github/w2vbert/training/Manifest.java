package io.github.w2vbert.training;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.github.w2vbert.W2vBertException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Lists of recordings with what is said in them. Three forms are read:
 *
 * <ul>
 *   <li>JSON lines: one object per line with {@code audio} (a path) and, as far as the task needs
 *       them, {@code text}, {@code label}, {@code labels} (for frames: a list of objects with
 *       {@code label}, {@code start}, {@code end}), {@code speaker}, and {@code start} and {@code
 *       end} if only a part of the recording is meant. Times are seconds from the beginning of the
 *       recording. Other keys are ignored.
 *   <li>TSV: a header line with the same names (without {@code labels}), then one line of fields
 *       per utterance, divided by tabs; there are no quotes, and an empty field is an absent one.
 *   <li>A folder, with all below it: audio files whose texts stand in files of the same name that
 *       end in {@code .txt}, or in lines "name text" of a file {@code transcripts.txt}, {@code
 *       trans.txt} or {@code *.trans.txt} beside them, as in LibriSpeech.
 * </ul>
 *
 * <p>Paths are relative to the manifest. Files are UTF-8. That audio exists is not checked here.
 */
public final class Manifest {
  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

  private static final Set<String> COLUMNS =
      Set.of("audio", "text", "label", "start", "end", "speaker");

  private Manifest() {}

  /**
   * Reads a manifest.
   *
   * @return at least one utterance, in the order of the file, of a folder in that of the names
   * @throws IllegalArgumentException if it is not there, empty, or not as described; the message
   *     has file, line and value
   * @throws W2vBertException if it cannot be read
   */
  public static List<Utterance> read(Path manifest) {
    try {
      List<Utterance> utterances =
          Files.isDirectory(manifest) ? TextFolder.read(manifest) : readFile(manifest);
      if (utterances.isEmpty()) {
        throw new IllegalArgumentException(
            manifest + " has no utterances; expected " + expectedIn(manifest));
      }
      return utterances;
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("there is no " + e.getFile(), e);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(manifest + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new W2vBertException("cannot read " + manifest + ": " + e, e);
    }
  }

  private static String expectedIn(Path manifest) {
    return Files.isDirectory(manifest) ? "audio files with texts" : "at least one line";
  }

  private static List<Utterance> readFile(Path file) throws IOException {
    List<Utterance> utterances = new ArrayList<>();
    List<String> header = null; // of a TSV file
    boolean isJson = false;
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      int number = 0;
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        Line at = new Line(file, ++number);
        line = number == 1 && line.startsWith("\uFEFF") ? line.substring(1) : line;
        if (line.isBlank()) {
          continue;
        }
        if (header == null && !isJson) {
          isJson = line.stripLeading().startsWith("{");
          header = isJson ? null : at.header(line);
          if (!isJson) {
            continue;
          }
        }
        utterances.add(isJson ? at.json(line) : at.fields(header, line));
      }
    }
    return utterances;
  }

  /** A line of a file, for messages. */
  private record Line(Path file, int number) {
    IllegalArgumentException wrong(String what) {
      return new IllegalArgumentException(file + ":" + number + ": " + what);
    }

    List<String> header(String line) {
      List<String> names = Arrays.asList(line.split("\t", -1));
      if (!names.contains("audio")) {
        throw wrong(
            "'"
                + shown(line)
                + "' is neither a JSON object nor a TSV header; expected column names, among them"
                + " audio");
      }
      for (String name : names) {
        if (COLUMNS.contains(name) && names.indexOf(name) != names.lastIndexOf(name)) {
          throw wrong("the column " + name + " is there twice");
        }
      }
      return names;
    }

    Utterance fields(List<String> header, String line) {
      String[] fields = line.split("\t", -1);
      if (fields.length != header.size()) {
        throw wrong(
            fields.length + " fields; expected " + header.size() + ", as many as column names");
      }
      ObjectNode node = JSON.createObjectNode();
      for (int i = 0; i < fields.length; i++) {
        String name = header.get(i);
        if (!COLUMNS.contains(name) || fields[i].isEmpty()) {
          continue;
        }
        if (name.equals("start") || name.equals("end")) {
          node.put(name, seconds(name, fields[i]));
        } else {
          node.put(name, fields[i]);
        }
      }
      return utterance(node);
    }

    private double seconds(String name, String field) {
      try {
        return Double.parseDouble(field);
      } catch (NumberFormatException e) {
        throw wrong(name + " is '" + shown(field) + "'; expected seconds");
      }
    }

    Utterance json(String line) {
      JsonNode node;
      try {
        node = JSON.readTree(line);
      } catch (JsonProcessingException e) {
        throw wrong(
            "not JSON: "
                + e.getOriginalMessage().lines().findFirst().orElse("")
                + " (column "
                + e.getLocation().getColumnNr()
                + ")");
      }
      if (!(node instanceof ObjectNode object)) {
        throw wrong(shown(node.toString()) + " is no object; expected {\"audio\": ...}");
      }
      return utterance(object);
    }

    private Utterance utterance(ObjectNode node) {
      String audio = text(node, "audio");
      if (audio == null || audio.isBlank()) {
        throw wrong("there is no audio; expected the path of a recording");
      }
      try {
        return new Utterance(
            file.toAbsolutePath().getParent().resolve(audio).normalize(),
            number(node, "start", 0),
            number(node, "end", Double.POSITIVE_INFINITY),
            text(node, "text"),
            label(node),
            spans(node.path("labels")),
            text(node, "speaker"),
            file + ":" + number);
      } catch (InvalidPathException e) {
        throw wrong("audio is '" + shown(audio) + "'; expected a path: " + e.getReason());
      }
    }

    private String text(ObjectNode node, String key) {
      JsonNode value = given(node, key);
      if (value.isMissingNode()) {
        return null;
      }
      if (!value.isTextual()) {
        throw wrong(key + " is " + shown(value.toString()) + "; expected text");
      }
      return value.textValue();
    }

    /** A name, or a number as a name. */
    private String label(ObjectNode node) {
      JsonNode value = given(node, "label");
      if (value.isIntegralNumber()) {
        value = TextNode.valueOf(value.asText());
      }
      if (value.isMissingNode() || (value.isTextual() && !value.textValue().isBlank())) {
        return value.textValue();
      }
      throw wrong("label is " + shown(value.toString()) + "; expected a name or a number");
    }

    private List<LabelSpan> spans(JsonNode value) {
      if (value.isMissingNode() || value.isNull()) {
        return List.of();
      }
      if (!value.isArray()) {
        throw wrong("labels is " + shown(value.toString()) + "; expected a list");
      }
      List<LabelSpan> spans = new ArrayList<>(value.size());
      for (JsonNode item : value) {
        if (!(item instanceof ObjectNode span) || label(span) == null) {
          throw wrong(
              "labels has "
                  + shown(item.toString())
                  + "; expected {\"label\": ..., \"start\": ..., \"end\": ...}");
        }
        try {
          spans.add(
              new LabelSpan(
                  label(span), number(span, "start", Double.NaN), number(span, "end", Double.NaN)));
        } catch (IllegalArgumentException e) {
          throw e.getMessage().startsWith(file + ":") ? e : wrong(e.getMessage());
        }
      }
      return spans;
    }

    private double number(ObjectNode node, String key, double fallback) {
      JsonNode value = given(node, key);
      if (value.isMissingNode()) {
        return fallback;
      }
      if (!value.isNumber()) {
        throw wrong(key + " is " + shown(value.toString()) + "; expected seconds");
      }
      return value.doubleValue();
    }

    private static JsonNode given(ObjectNode node, String key) {
      JsonNode value = node.path(key);
      return value.isNull() ? MissingNode.getInstance() : value;
    }
  }

  /** At most the beginning of a value. */
  static String shown(String value) {
    return value.length() <= 80 ? value : value.substring(0, 80) + " ...";
  }
}
