package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoadOptionsTest {
  private static final Path MODEL = Golden.dir().resolve("models/ctc_sum");

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "cuda", "cuda:0", "cuda:10", "cuda:127"})
  void takesTheNameOfADevice(String name) {
    assertEquals(name, LoadOptions.DEFAULT.withDevice(name).device().name());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:128", "cuda:1x", "cuda:1\n", "cpu:0"})
  void refusesOtherNames(String name) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> LoadOptions.DEFAULT.withDevice(name));
    assertEquals(
        "the device is '" + name + "'; expected 'cpu', 'cuda', or 'cuda:0' to 'cuda:127'",
        refusal.getMessage());
  }

  @Test
  void otherOptionsKeepTheDevice() {
    LoadOptions options =
        LoadOptions.DEFAULT
            .withDevice(DeviceOptions.of("cuda:1").withSessions(4))
            .withWeights(WeightType.BFLOAT16)
            .withCopiedWeights()
            .withMissingInitialized(1)
            .withMismatchedSizesIgnored(1)
            .withLayer(2)
            .withConfig(Wav2Vec2BertConfig.fromPretrained(MODEL));
    assertEquals(DeviceOptions.of("cuda:1").withSessions(4), options.device());
    assertEquals(WeightType.BFLOAT16, options.weights());
  }

  @Test
  void aModelSaysWhereItComputes() {
    try (var model = Wav2Vec2BertForCTC.fromPretrained(MODEL, LoadOptions.DEFAULT)) {
      assertEquals("cpu", model.device());
    }
  }

  @Test
  void aDeviceIsUsedOrNamedWithTheReasonWhyNot() {
    String problem = W2vBert.cudaProblem();
    LoadOptions onDevice = LoadOptions.DEFAULT.withDevice("cuda");
    if (problem.isEmpty()) { // a machine with a GPU
      try (var model = Wav2Vec2BertForCTC.fromPretrained(MODEL, onDevice)) {
        assertEquals("cuda:0", model.device());
      }
      return;
    }
    W2vBertException failure =
        assertThrows(
            W2vBertException.class, () -> Wav2Vec2BertForCTC.fromPretrained(MODEL, onDevice));
    assertTrue(
        failure.getMessage().startsWith("the device cuda cannot be used: "), failure.getMessage());
    assertTrue(failure.getMessage().contains(problem), failure.getMessage());
  }

  @Test
  void aDeviceThatIsNotThereIsNamedWithTheirNumber() {
    Wav2Vec2BertPreTrainedModel.requireIndex(DeviceOptions.of("cuda"), 1);
    Wav2Vec2BertPreTrainedModel.requireIndex(DeviceOptions.of("cuda:11"), 12);
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> Wav2Vec2BertPreTrainedModel.requireIndex(DeviceOptions.of("cuda:2"), 2));
    assertEquals(
        "there is no device cuda:2: this machine has 2, counted from 0", refusal.getMessage());
  }
}
