package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.w2vbert.Audio;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlotDataTest {
  private static final PlotData SMALL = PlotSamples.small();

  private static String refused(Audio audio, Matrix mel, int vocabulary, double frame) {
    return assertThrows(
            IllegalArgumentException.class,
            () ->
                new PlotData(
                    "a.wav",
                    "",
                    audio,
                    mel,
                    PlotSamples.certain(vocabulary, 0),
                    PlotSamples.VOCABULARY,
                    frame,
                    List.of()))
        .getMessage();
  }

  @Test
  void refusesWhatDoesNotFit() {
    assertEquals(
        "audio has 2 channels; expected the one that the model heard",
        refused(Audio.ofInterleaved(new float[4], 2, 8000), SMALL.mel(), 5, 0.02));
    assertEquals(
        "mel has 7 values for 2 frames of 4 mel bins",
        refused(SMALL.audio(), new Matrix(2, 4, new float[7]), 5, 0.02));
    assertEquals(
        "posteriors are of 4 tokens; expected the 5 of the vocabulary",
        refused(SMALL.audio(), SMALL.mel(), 4, 0.02));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.02, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesFramesWithoutLength(double seconds) {
    assertEquals(
        "secondsPerFrame is " + seconds + "; expected a finite number above 0",
        refused(SMALL.audio(), SMALL.mel(), 5, seconds));
  }
}
