package io.github.w2vbert.transcript;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** A transcript as a JSON object. */
final class TranscriptJson {
  private static final ObjectWriter WRITER =
      new ObjectMapper()
          .writer(
              new DefaultPrettyPrinter(
                      Separators.createDefaultInstance()
                          .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                          .withArrayEmptySeparator(""))
                  .withObjectIndenter(new DefaultIndenter("  ", "\n"))
                  .withArrayIndenter(new DefaultIndenter("  ", "\n")));

  private final double duration;

  private TranscriptJson(Transcript transcript) {
    duration = rounded(transcript.duration(), 1e3);
  }

  static String json(Transcript transcript) {
    ObjectNode object = new TranscriptJson(transcript).object(transcript);
    try {
      return WRITER.writeValueAsString(object) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree of texts and numbers can be written", e);
    }
  }

  private ObjectNode object(Transcript transcript) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("text", Timeline.oneLine(transcript.text()));
    object.put("duration", duration);
    ArrayNode segments = object.putArray("segments");
    for (Segment segment : transcript.segments()) {
      ObjectNode node = segments.addObject().put("id", segments.size() - 1);
      putTimes(node, segment.start(), segment.end());
      node.put("text", Timeline.oneLine(segment.text()));
      node.put("confidence", rounded(segment.confidence(), 1e6));
      putWords(node, segment.words());
    }
    putWords(object, transcript.words());
    return object;
  }

  private void putWords(ObjectNode parent, List<Word> words) {
    ArrayNode array = parent.putArray("words");
    for (Word word : words) {
      ObjectNode node = array.addObject().put("word", word.text());
      putTimes(node, word.start(), word.end());
      node.put("confidence", rounded(word.confidence(), 1e6));
    }
  }

  private void putTimes(ObjectNode node, double start, double end) {
    node.put("start", Math.min(duration, rounded(start, 1e3)));
    node.put("end", Math.min(duration, rounded(end, 1e3)));
  }

  private static double rounded(double value, double unit) {
    return Math.round(value * unit) / unit;
  }
}
