package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.AnyModel.Result;
import io.github.w2vbert.AnyModel.Values;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every recorded call of every model. */
class GoldenModelTest {
  private static final double RAGGED_TOLERANCE = 1e-5;
  private static final OutputOptions EVERYTHING = new OutputOptions(true, true);

  private static double largestNeighbourEffect;

  /** A recorded case; the tensors are closed with it. */
  private record Case(
      Path folder,
      JsonNode json,
      Map<String, SafetensorsReader.Entry> inputs,
      Map<String, SafetensorsReader.Entry> outputs) {

    static Case read(Path folder) {
      return new Case(
          folder,
          Golden.json(folder.resolve("case.json")),
          SafetensorsReader.read(folder.resolve("inputs.safetensors")),
          SafetensorsReader.read(folder.resolve("outputs.safetensors")));
    }

    AnyModel load(LoadOptions options) {
      return AnyModel.load(json.get("class").textValue(), folder, options);
    }

    /** The argument of the recorded call, or null. */
    SafetensorsReader.Entry input(String argument) {
      JsonNode name = json.get("call").get(argument);
      return name == null ? null : inputs.get(name.textValue());
    }

    Tensor tensor(String argument) {
      SafetensorsReader.Entry entry = input(argument);
      return entry == null ? null : entry.tensor();
    }

    OutputOptions options() {
      JsonNode call = json.get("call");
      return new OutputOptions(
          call.get("output_hidden_states").booleanValue(),
          call.get("output_attentions").booleanValue());
    }

    /** The result in float64 where it was recorded, else in float32. */
    SafetensorsReader.Entry output(String name) {
      return outputs.getOrDefault(name + "_f64", outputs.get(name));
    }

    double tolerance(String name) {
      return json.get("suggested_atol").get(name).doubleValue();
    }

    Result forward(AnyModel model) {
      try (Features features = new Features(tensor("input_features"), tensor("attention_mask"));
          Tensor maskTime = tensor("mask_time_indices");
          Tensor labels = tensor("labels")) {
        return model.forward(features, maskTime, labels, options());
      }
    }
  }

  private static Stream<DynamicTest> tests(Predicate<JsonNode> concerned, Consumer<Case> body) {
    List<Path> folders =
        Golden.cases("models").stream()
            .filter(folder -> concerned.test(Golden.json(folder.resolve("case.json"))))
            .toList();
    assertFalse(folders.isEmpty());
    return folders.stream()
        .map(
            folder ->
                dynamicTest(folder.getFileName().toString(), () -> body.accept(Case.read(folder))));
  }

  @TestFactory
  Stream<DynamicTest> paddedCallsGiveTheRecordedResults() {
    return tests(
        json -> true,
        recorded -> {
          assertEquals("eval", recorded.json.get("mode").textValue());
          for (String argument : fieldNames(recorded.json.get("call"))) {
            assertFalse(
                !List.of("output_hidden_states", "output_attentions").contains(argument)
                    && recorded.input(argument) == null,
                "an argument without a test: " + argument);
          }
          try (AnyModel model = recorded.load(LoadOptions.DEFAULT)) {
            assertResult(recorded, recorded.forward(model));
          }
        });
  }

  private static void assertResult(Case recorded, Result result) {
    for (String recordedName : recorded.outputs.keySet()) {
      String name = recordedName.replaceFirst("_f64$", "");
      switch (name) {
        case "feature_vector_attention_mask" ->
            assertEquals(rowSums(recorded.outputs.get(name)), result.lengths(), name);
        case "loss_per_row" -> {} // lossesOfRowsAreTheRecordedOnes
        default -> {
          Values actual = result.values().get(name);
          assertNotNull(actual, "a recorded output without a test: " + name);
          SafetensorsReader.Entry expected = recorded.output(name);
          assertArrayEquals(expected.shape(), actual.shape(), name);
          Compare.assertClose(name, expected.doubles(), actual.numbers(), recorded.tolerance(name));
        }
      }
    }
    OutputOptions options = recorded.options();
    assertEquals(
        options.hiddenStates(), result.values().containsKey("hidden_states.0"), "hidden states");
    assertEquals(options.attentions(), result.values().containsKey("attentions.0"), "attentions");
    assertEquals(recorded.input("labels") != null, result.values().containsKey("loss"), "loss");
  }

  private static List<Long> rowSums(SafetensorsReader.Entry mask) {
    int time = (int) mask.shape()[1];
    long[] values = mask.longs();
    List<Long> sums = new ArrayList<>();
    for (int row = 0; row < mask.shape()[0]; row++) {
      sums.add(Arrays.stream(values, row * time, (row + 1) * time).sum());
    }
    return sums;
  }

  @TestFactory
  Stream<DynamicTest> lossesOfRowsAreTheRecordedOnes() {
    return tests(
        json -> json.get("outputs").has("loss_per_row_f64"),
        recorded -> {
          Wav2Vec2BertConfig config =
              Wav2Vec2BertConfig.fromPretrained(recorded.folder).toBuilder()
                  .ctcLossReduction("none")
                  .build();
          SafetensorsReader.Entry expected = recorded.outputs.get("loss_per_row_f64");
          try (AnyModel model = recorded.load(LoadOptions.DEFAULT.withConfig(config))) {
            Values losses = recorded.forward(model).values().get("loss");
            assertArrayEquals(expected.shape(), losses.shape());
            Compare.assertClose(
                "loss of every row",
                expected.doubles(),
                losses.numbers(),
                // That of the sum: a mean divides the error too.
                Math.max(recorded.tolerance("loss"), 5e-4));
          }
        });
  }

  /** The frames of one utterance that are not padding. */
  private record Span(int utterance, int begin, int end) {
    int length() {
      return end - begin;
    }
  }

  /** Valid frames of every utterance that has any; null if a mask has a hole. */
  private static List<Span> spans(Case recorded) {
    long[] shape = recorded.input("input_features").shape();
    int time = (int) shape[1];
    SafetensorsReader.Entry given = recorded.input("attention_mask");
    long[] mask = given == null ? null : given.longs();
    List<Span> spans = new ArrayList<>();
    for (int row = 0; row < shape[0]; row++) {
      int begin = 0;
      while (begin < time && mask != null && mask[row * time + begin] == 0) {
        begin++;
      }
      int end = begin;
      while (end < time && (mask == null || mask[row * time + end] != 0)) {
        end++;
      }
      for (int t = end; t < time; t++) {
        if (mask[row * time + t] != 0) {
          return null;
        }
      }
      if (end > begin) {
        spans.add(new Span(row, begin, end));
      }
    }
    return spans;
  }

  private static RaggedFeatures ragged(SafetensorsReader.Entry padded, List<Span> spans) {
    int time = (int) padded.shape()[1];
    int width = (int) padded.shape()[2];
    int total = spans.stream().mapToInt(Span::length).sum();
    float[] all = padded.floats();
    float[] frames = new float[total * width];
    int at = 0;
    for (Span span : spans) {
      int count = span.length() * width;
      System.arraycopy(all, (span.utterance * time + span.begin) * width, frames, at, count);
      at += count;
    }
    return new RaggedFeatures(
        Tensor.of(frames, total, width), spans.stream().mapToLong(Span::length).toArray());
  }

  @TestFactory
  Stream<DynamicTest> raggedCallsEqualSingleOnesAndTheRecordedResults() {
    return tests(
        json -> true,
        recorded -> {
          List<Span> valid = spans(recorded);
          if (valid == null) {
            return; // no ragged input is the same as a mask with a hole
          }
          SafetensorsReader.Entry padded = recorded.input("input_features");
          try (AnyModel model = recorded.load(LoadOptions.DEFAULT)) {
            List<Span> spans =
                valid.stream().filter(span -> fills(model.get().config(), span.length())).toList();
            List<Result> together;
            try (RaggedFeatures all = ragged(padded, spans)) {
              together = model.encode(all, EVERYTHING);
            }
            for (int u = 0; u < spans.size(); u++) {
              try (RaggedFeatures one = ragged(padded, spans.subList(u, u + 1))) {
                assertSame(model.encode(one, EVERYTHING).get(0), together.get(u));
              }
            }
            Wav2Vec2BertConfig config = model.get().config();
            // An adapter's convolutions read the padding of a padded batch; encode() cannot mask.
            boolean masksTime =
                recorded.input("mask_time_indices") != null && config.applySpecAugment();
            if (!config.addAdapter() && !masksTime) {
              for (int u = 0; u < spans.size(); u++) {
                assertRecorded(recorded, spans.get(u), together.get(u));
                assertPaddedAlone(recorded, spans.get(u), model, together.get(u));
              }
            }
          }
        });
  }

  /** Whether an utterance has enough frames for every layer of the adapter. */
  private static boolean fills(Wav2Vec2BertConfig config, int frames) {
    int stride = config.adapterStride();
    int left = frames;
    for (int layer = 0; config.addAdapter() && layer < config.numAdapterLayers(); layer++) {
      int room = left + 2 * (stride / 2) - config.adapterKernelSize();
      left = room < 0 ? 0 : room / stride + 1;
    }
    return left > 0;
  }

  private static void assertSame(Result alone, Result among) {
    assertEquals(alone.values().keySet(), among.values().keySet());
    assertEquals(alone.lengths(), among.lengths());
    alone
        .values()
        .forEach(
            (name, expected) -> {
              Values actual = among.values().get(name);
              assertArrayEquals(expected.shape(), actual.shape(), name);
              double difference =
                  Compare.assertClose(name, expected.numbers(), actual.numbers(), RAGGED_TOLERANCE);
              largestNeighbourEffect = Math.max(largestNeighbourEffect, difference);
            });
  }

  /** Compares with the valid part of what the padded call returned. */
  private static void assertRecorded(Case recorded, Span span, Result actual) {
    assertEquals(List.of((long) span.length()), actual.lengths());
    TreeSet<String> compared = new TreeSet<>();
    actual
        .values()
        .forEach(
            (name, values) -> {
              SafetensorsReader.Entry padded = recorded.output(name);
              if (padded != null && padded.shape().length == 2) {
                // One row for the utterance. The reference pools the first frames even of a row
                // that
                // is padded on the left, and for x-vectors frames that padding has influenced.
                boolean leaks = recorded.json.get("class").textValue().endsWith("ForXVector");
                if (span.begin == 0 && !(leaks && recorded.input("attention_mask") != null)) {
                  int width = (int) padded.shape()[1];
                  double[] expected =
                      Arrays.copyOfRange(
                          padded.doubles(), span.utterance * width, (span.utterance + 1) * width);
                  Compare.assertClose(name, expected, values.numbers(), recorded.tolerance(name));
                }
                compared.add(name);
              } else if (padded != null) {
                double[] expected =
                    name.startsWith("attentions.") ? square(padded, span) : rows(padded, span);
                Compare.assertClose(name, expected, values.numbers(), recorded.tolerance(name));
                compared.add(name);
              }
            });
    assertFalse(compared.isEmpty());
  }

  /** A batch of this utterance alone has no padding: the recorded path must give the same. */
  private static void assertPaddedAlone(Case recorded, Span span, AnyModel model, Result actual) {
    try (RaggedFeatures one = ragged(recorded.input("input_features"), List.of(span));
        Features features =
            new Features(
                Tensor.of(
                    one.frames().toFloatArray(), 1, one.frames().size(0), one.frames().size(1)),
                null)) {
      model
          .forward(features, null, null, OutputOptions.NONE)
          .values()
          .forEach(
              (name, values) ->
                  Compare.assertClose(
                      name,
                      values.numbers(),
                      actual.values().get(name).numbers(),
                      RAGGED_TOLERANCE));
    }
  }

  private static double[] rows(SafetensorsReader.Entry padded, Span span) {
    int time = (int) padded.shape()[1];
    int width = (int) padded.shape()[2];
    int first = span.utterance * time;
    return Arrays.copyOfRange(
        padded.doubles(), (first + span.begin) * width, (first + span.end) * width);
  }

  private static double[] square(SafetensorsReader.Entry padded, Span span) {
    int heads = (int) padded.shape()[1];
    int time = (int) padded.shape()[2];
    double[] all = padded.doubles();
    double[] valid = new double[heads * span.length() * span.length()];
    int at = 0;
    for (int head = 0; head < heads; head++) {
      for (int query = span.begin; query < span.end; query++) {
        int row = ((span.utterance * heads + head) * time + query) * time;
        System.arraycopy(all, row + span.begin, valid, at, span.length());
        at += span.length();
      }
    }
    return valid;
  }

  private static List<String> fieldNames(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @AfterAll
  static void printLargestNeighbourEffect() {
    System.out.printf(
        "utterances alone and among others differ by at most %.2g%n", largestNeighbourEffect);
  }
}
