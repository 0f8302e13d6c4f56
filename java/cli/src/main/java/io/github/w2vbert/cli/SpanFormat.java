package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/** Ways to write the spans of a recording. */
enum SpanFormat {
  /** A line per span: start, end, label. */
  TEXT,
  /** A JSON object per recording. */
  JSON,
  /** Rich Transcription Time Marked, a line per span (NIST, RT-09 evaluation plan, appendix A). */
  RTTM,
  /** Comma-separated values, a line per span. */
  CSV;

  private static final Pattern EXTENSION = Pattern.compile("(?<=.)\\.[^.]*$", Pattern.DOTALL);
  private static final Pattern SPACES =
      Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS); // which end a field of RTTM

  /** Lines before those of all recordings. */
  List<String> header() {
    return this == CSV
        ? List.of(Table.csv(List.of("file", "label", "start", "end", "probability")))
        : List.of();
  }

  /** The lines of one recording, which is so many seconds long. */
  List<String> lines(Path file, double duration, List<Span> spans) {
    return this == JSON
        ? List.of(json(file, duration, spans).toString())
        : spans.stream().map(span -> line(file, span)).toList();
  }

  private String line(Path file, Span span) {
    return switch (this) {
      case RTTM ->
          String.join(
              " ",
              "SPEAKER",
              recording(file),
              "1",
              span.startText(),
              span.lengthText(),
              "<NA> <NA>",
              field(span.label()),
              "<NA> <NA>");
      case CSV ->
          Table.csv(
              List.of(
                  file.toString(),
                  span.label(),
                  span.startText(),
                  span.endText(),
                  span.probabilityText()));
      default -> String.join(" ", span.startText(), span.endText(), span.label());
    };
  }

  private static ObjectNode json(Path file, double duration, List<Span> spans) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("file", file.toString());
    node.put("duration", duration);
    ArrayNode intervals = node.putArray("intervals");
    for (Span span : spans) {
      intervals
          .addObject()
          .put("label", span.label())
          .put("start", span.start())
          .put("end", span.end())
          .put("probability", span.probability());
    }
    return node;
  }

  /** What RTTM calls a recording: the file's name without its folder and ending. */
  static String recording(Path file) {
    String name = Objects.toString(file.getFileName(), file.toString());
    return field(EXTENSION.matcher(name).replaceFirst(""));
  }

  private static String field(String text) {
    return text.isEmpty() ? "<NA>" : SPACES.matcher(text).replaceAll("_");
  }
}
