package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** From a WAV file to text, as recorded. */
class GoldenEndToEndTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private interface Body {
    void run(Path folder, JsonNode recorded, List<Audio> clips) throws IOException;
  }

  private static Stream<DynamicTest> tests(Body body) {
    return Golden.cases("e2e").stream()
        .map(
            folder ->
                dynamicTest(
                    folder.getFileName().toString(),
                    () -> {
                      JsonNode recorded = Golden.json(folder.resolve("case.json"));
                      assertEquals("Wav2Vec2BertForCTC", recorded.get("class").textValue());
                      List<Audio> clips = new ArrayList<>();
                      for (int i = 0; i < recorded.get("audio_from").size(); i++) {
                        clips.add(Audio.read(folder.resolve("audio_" + i + ".wav")));
                      }
                      body.run(folder, recorded, clips);
                    }));
  }

  @TestFactory
  Stream<DynamicTest> paddedBatchesGiveTheRecordedTexts() {
    return tests(
        (folder, recorded, clips) -> {
          var inputs = SafetensorsReader.read(folder.resolve("inputs.safetensors"));
          var outputs = SafetensorsReader.read(folder.resolve("outputs.safetensors"));
          JsonNode tolerances = recorded.get("suggested_atol");
          try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(folder);
              Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder);
              Features features = processor.extract(clips, ExtractOptions.DEFAULT);
              CtcOutput output = model.forward(features)) {
            Compare.assertClose(
                "input_features",
                inputs.get("input_features").floats(),
                features.inputFeatures().toFloatArray(),
                tolerances.get("input_features").doubleValue());
            assertArrayEquals(
                inputs.get("attention_mask").longs(), features.attentionMask().toLongArray());
            SafetensorsReader.Entry logits = outputs.get("logits_f64");
            assertArrayEquals(logits.shape(), output.logits().shape());
            Compare.assertClose(
                "logits",
                logits.doubles(),
                output.logits().toFloatArray(),
                tolerances.get("logits").doubleValue());
            assertEquals(
                recorded.get("output_lengths").toString(),
                output.base().lengths().toString().replace(" ", ""));

            int[][] ids = everyFrame(output.logits());
            assertEquals(recorded.get("predicted_ids").toString(), json(ids));
            assertText(recorded, processor.tokenizer(), ids);
            int[][] valid = new int[clips.size()][];
            Arrays.setAll(valid, output::bestPath);
            assertEquals(
                recorded.get("text_of_valid_frames_only").toString(),
                json(processor.batchDecode(valid)));
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> recordedFeaturesGiveTheRecordedLogits() {
    return tests(
        (folder, recorded, clips) -> {
          var inputs = SafetensorsReader.read(folder.resolve("inputs.safetensors"));
          var outputs = SafetensorsReader.read(folder.resolve("outputs.safetensors"));
          try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder);
              Features features =
                  new Features(
                      inputs.get("input_features").tensor(),
                      inputs.get("attention_mask").tensor());
              CtcOutput output = model.forward(features)) {
            Compare.assertClose(
                "logits",
                outputs.get("logits_f64").doubles(),
                output.logits().toFloatArray(),
                recorded.get("suggested_atol").get("logits_given_inputs").doubleValue());
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> unpaddedUtterancesGiveTheTextOfTheirValidFrames() {
    return tests(
        (folder, recorded, clips) -> {
          JsonNode predicted = recorded.get("predicted_ids");
          try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(folder);
              Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder);
              RaggedFeatures features = processor.extractRagged(clips)) {
            List<CtcOutput> outputs = model.encode(features);
            assertEquals(clips.size(), outputs.size());
            for (int u = 0; u < outputs.size(); u++) {
              try (CtcOutput output = outputs.get(u)) {
                int[] ids = output.bestPath(0);
                assertEquals(recorded.get("output_lengths").get(u).intValue(), ids.length);
                for (int t = 0; t < ids.length; t++) {
                  assertEquals(predicted.get(u).get(t).intValue(), ids[t], "frame " + t);
                }
                assertEquals(
                    recorded.get("text_of_valid_frames_only").get(u).textValue(),
                    processor.tokenizer().decodeWithOffsets(ids).text());
              }
            }
          }
        });
  }

  /** The most probable token of every frame, padded ones included. */
  private static int[][] everyFrame(Tensor logits) {
    int time = (int) logits.size(1);
    int vocabulary = (int) logits.size(2);
    float[] scores = logits.toFloatArray();
    int[][] ids = new int[(int) logits.size(0)][time];
    for (int row = 0; row < ids.length * time; row++) {
      int best = 0;
      for (int token = 1; token < vocabulary; token++) {
        if (scores[row * vocabulary + token] > scores[row * vocabulary + best]) {
          best = token;
        }
      }
      ids[row / time][row % time] = best;
    }
    return ids;
  }

  private static void assertText(JsonNode recorded, Tokenizer tokenizer, int[][] ids) {
    double secondsPerFrame = recorded.get("second_per_frame").doubleValue();
    JsonNode offsets = recorded.get("with_offsets");
    assertEquals(recorded.get("text").toString(), json(tokenizer.batchDecode(ids)));
    for (int u = 0; u < ids.length; u++) {
      DecodedText decoded = tokenizer.decodeWithOffsets(ids[u]);
      assertEquals(offsets.get("text").get(u).textValue(), decoded.text());
      assertEquals(
          offsets.get("char_offsets").get(u).toString(),
          json(
              decoded.charOffsets().stream()
                  .map(o -> offset("char", o.character(), o.startOffset(), o.endOffset()))
                  .toList()));
      assertEquals(
          offsets.get("word_offsets").get(u).toString(),
          json(
              decoded.wordOffsets().stream()
                  .map(o -> offset("word", o.word(), o.startOffset(), o.endOffset()))
                  .toList()));
      JsonNode times = recorded.get("word_time_stamps").get(u);
      assertEquals(times.size(), decoded.wordOffsets().size());
      for (int w = 0; w < times.size(); w++) {
        WordOffset word = decoded.wordOffsets().get(w);
        assertEquals(times.get(w).get("word").textValue(), word.word());
        // Recorded to two places, a multiple of every step that occurs.
        assertEquals(
            times.get(w).get("start_time").doubleValue(),
            word.startOffset() * secondsPerFrame,
            1e-9);
        assertEquals(
            times.get(w).get("end_time").doubleValue(), word.endOffset() * secondsPerFrame, 1e-9);
      }
    }
  }

  private static Map<String, Object> offset(String kind, String text, int start, int end) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(kind, text);
    map.put("start_offset", start);
    map.put("end_offset", end);
    return map;
  }

  private static String json(Object value) {
    return JSON.valueToTree(value).toString();
  }
}
