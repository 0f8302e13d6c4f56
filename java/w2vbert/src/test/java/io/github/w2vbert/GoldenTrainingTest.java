package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.SafetensorsReader.Entry;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Losses, gradients and five steps of AdamW as the reference recorded them. */
class GoldenTrainingTest {
  private static final double LOSS_TOLERANCE = 1e-5; // of the loss itself
  private static final double LOGITS_TOLERANCE = 1e-4;
  private static final double GRADIENT_TOLERANCE = 1e-4; // of the largest element
  private static final double PARAMETER_TOLERANCE = 1e-5;
  private static final double ROUNDINGS = 2; // ours and the recorded ones

  /** A recorded training; the tensors are closed with it. */
  private record Case(
      Path folder, JsonNode json, Map<String, Entry> inputs, Map<String, Entry> outputs) {
    static Case read(Path folder) {
      return new Case(
          folder,
          Golden.json(folder.resolve("case.json")),
          SafetensorsReader.read(folder.resolve("inputs.safetensors")),
          SafetensorsReader.read(folder.resolve("outputs.safetensors")));
    }

    Features features() {
      Entry mask = inputs.get("attention_mask");
      return new Features(
          inputs.get("input_features").tensor(), mask == null ? null : mask.tensor());
    }

    TrainingOptions options() {
      JsonNode optimizer = json.get("optimizer");
      assertEquals("AdamW", optimizer.get("name").textValue());
      return TrainingOptions.DEFAULT
          .withBetas(
              optimizer.get("betas").get(0).doubleValue(),
              optimizer.get("betas").get(1).doubleValue())
          .withEpsilon(optimizer.get("eps").doubleValue())
          .withWeightDecay(optimizer.get("weight_decay").doubleValue())
          .withDecayBiasesAndNorms(true)
          .withMaxGradNorm(0);
    }

    /** The names after a prefix of the outputs. */
    Set<String> names(String prefix) {
      Set<String> names = new TreeSet<>();
      for (String name : outputs.keySet()) {
        if (name.startsWith(prefix)) {
          names.add(name.substring(prefix.length()));
        }
      }
      assertFalse(names.isEmpty(), prefix);
      return names;
    }

    Set<String> listed(String field) {
      Set<String> names = new TreeSet<>();
      StreamSupport.stream(json.get(field).spliterator(), false)
          .forEach(name -> names.add(name.textValue()));
      return names;
    }

    /** What was recorded in float64 where it was, else in float32. */
    Entry truth(String prefix, String name) {
      Entry wide = outputs.get(prefix + "_f64." + name);
      return wide == null ? outputs.get(prefix + "." + name) : wide;
    }
  }

  private static Stream<DynamicTest> tests(boolean checkpointing) {
    List<Case> cases =
        Golden.cases("training").stream()
            .filter(
                folder ->
                    Golden.json(folder.resolve("case.json"))
                        .get("kind")
                        .textValue()
                        .equals("training"))
            .map(Case::read)
            .toList();
    assertFalse(cases.isEmpty());
    return cases.stream()
        .map(
            recorded ->
                dynamicTest(
                    recorded.folder.getFileName().toString(),
                    () -> train(recorded, checkpointing)));
  }

  @TestFactory
  Stream<DynamicTest> fiveStepsAreTheRecordedOnes() {
    return tests(false);
  }

  @TestFactory
  Stream<DynamicTest> layersThatAreComputedAgainGiveTheSame() {
    return tests(true);
  }

  private static void train(Case recorded, boolean checkpointing) {
    String name = recorded.json.get("class").textValue();
    TrainingOptions options = recorded.options().withGradientCheckpointing(checkpointing);
    try (ModelTraining training =
            ModelTraining.fromPretrained(
                type(name), recorded.folder, LoadOptions.DEFAULT, options);
        Features features = recorded.features();
        Tensor labels = recorded.inputs.get("labels").tensor()) {
      assertLogits(recorded, training, features);
      double[] losses = recorded.outputs.get("losses_f64").doubles();
      double rate = recorded.json.get("optimizer").get("lr").doubleValue();
      int steps = recorded.json.get("optimizer").get("steps").intValue();
      for (int step = 0; step <= steps; step++) {
        double loss = training.accumulate(features, labels, 1).loss();
        double tolerance = LOSS_TOLERANCE * Math.max(1, Math.abs(losses[step]));
        assertEquals(losses[step], loss, tolerance, "loss before step " + (step + 1));
        if (step == 0) {
          assertGradients(recorded, training);
        }
        if (step < steps) {
          assertTrue(training.step(rate).applied());
        }
      }
      assertParameters(recorded, training);
    }
  }

  static Class<? extends Wav2Vec2BertPreTrainedModel> type(String name) {
    try {
      return Class.forName("io.github.w2vbert." + name)
          .asSubclass(Wav2Vec2BertPreTrainedModel.class);
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertLogits(Case recorded, ModelTraining training, Features features) {
    // Nothing is dropped in these cases: inference gives the logits of training.
    Wav2Vec2BertPreTrainedModel model =
        training.model(type(recorded.json.get("class").textValue()));
    try (AnyModel any = new AnyModel(model)) {
      Entry expected = recorded.outputs.get("logits");
      AnyModel.Values logits =
          any.forward(features, null, null, OutputOptions.NONE).values().get("logits");
      assertArrayEquals(expected.shape(), logits.shape());
      Compare.assertClose("logits", expected.doubles(), logits.numbers(), LOGITS_TOLERANCE);
    }
  }

  private static void assertGradients(Case recorded, ModelTraining training) {
    Set<String> expected = recorded.names("grad.");
    Set<String> noise = recorded.listed("zero_gradient_parameters");
    Set<String> without = recorded.listed("no_grad_parameters");
    for (ParameterInfo parameter : training.parameters()) {
      String name = parameter.name();
      try (Tensor gradient = training.gradient(name)) {
        if (!expected.contains(name)) {
          assertNull(gradient, name);
          assertTrue(without.contains(name), name);
          continue;
        }
        assertNotNull(gradient, name);
        Entry truth = recorded.truth("grad", name);
        assertArrayEquals(truth.shape(), gradient.shape(), name);
        double largest = Arrays.stream(truth.doubles()).map(Math::abs).max().orElseThrow();
        Compare.assertClose(
            "gradient of " + name,
            truth.doubles(),
            gradient.toFloatArray(),
            noise.contains(name) ? 1e-4 : GRADIENT_TOLERANCE * largest);
      }
    }
    assertEquals(training.parameters().size(), expected.size() + without.size());
  }

  private static void assertParameters(Case recorded, ModelTraining training) {
    JsonNode optimizer = recorded.json.get("optimizer");
    double farthest = optimizer.get("lr").doubleValue() * optimizer.get("steps").intValue();
    Set<String> noise = recorded.listed("zero_gradient_parameters");
    for (String name : recorded.names("final.")) {
      if (noise.contains(name)) {
        continue; // AdamW divides noise by noise
      }
      try (Tensor parameter = training.parameter(name)) {
        double[] expected = recorded.outputs.get("final." + name).doubles();
        double[] truth = recorded.truth("final", name).doubles();
        double[] gradient = recorded.truth("grad", name).doubles();
        double rounding =
            recorded
                .json
                .at("/gradient_scale_and_float32_error/" + name + "/f32_err")
                .doubleValue();
        float[] actual = parameter.toFloatArray();
        assertEquals(expected.length, actual.length, name);
        for (int i = 0; i < actual.length; i++) {
          // AdamW's steps are as long for gradients that float32 rounds away as for others: the
          // error of such a gradient, compared to itself, is the error of the way that is gone.
          double lost = ROUNDINGS * rounding / Math.abs(gradient[i]);
          double tolerance =
              PARAMETER_TOLERANCE + Math.abs(expected[i] - truth[i]) + farthest * Math.min(2, lost);
          assertEquals(truth[i], actual[i], tolerance, "element " + i + " of " + name);
        }
      }
    }
  }
}
