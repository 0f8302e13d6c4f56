package io.github.w2vbert.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The spectrogram of a plot, low frequencies at the bottom.
 *
 * @param low the energy (natural logarithm) of the first colour
 * @param high the energy of the last colour
 * @param secondsPerColumn 0 if there is no frame
 */
record MelPanel(Raster raster, double low, double high, double secondsPerColumn, double highestHz) {
  static final double LOWEST_HZ = 20;

  private static final int[] TICKS_HZ = {100, 500, 1000, 2000, 4000, 8000, 16_000};

  // Outliers at both ends, such as the floor of digital silence, share a colour.
  private static final double FAINTEST = 0.02;
  private static final double LOUDEST = 0.999;

  static MelPanel of(PlotData data) {
    Matrix mel = data.mel();
    int frames = (int) mel.rows();
    int bins = (int) mel.columns();
    int columns = Math.min(frames, Raster.MAX_COLUMNS);
    float[] means = means(mel, columns);
    float[] sorted = finite(means);
    Arrays.sort(sorted);
    double low = quantile(sorted, FAINTEST, 0);
    double high = Math.max(quantile(sorted, LOUDEST, 1), low + 1e-3);
    byte[] pixels = new byte[means.length];
    for (int i = 0; i < means.length; i++) {
      pixels[i] = ColorMap.index((means[i] - low) / (high - low));
    }
    return new MelPanel(
        new Raster(bins, columns, pixels, ColorMap.MAGMA),
        low,
        high,
        columns == 0 ? 0 : frames * PlotData.MEL_SECONDS / columns,
        data.audio().sampleRate() / 2.0);
  }

  /** The mean of the finite numbers of each column, {@code [bins, columns]}, highest bin first. */
  private static float[] means(Matrix mel, int columns) {
    int frames = (int) mel.rows();
    int bins = (int) mel.columns();
    float[] means = new float[bins * columns];
    for (int c = 0; c < columns; c++) {
      int begin = Raster.begin(c, columns, frames);
      int end = Raster.begin(c + 1, columns, frames);
      for (int b = 0; b < bins; b++) {
        double sum = 0;
        int count = 0;
        for (int f = begin; f < end; f++) {
          float value = mel.values()[f * bins + b];
          if (Float.isFinite(value)) {
            sum += value;
            count++;
          }
        }
        means[(bins - 1 - b) * columns + c] = count == 0 ? Float.NaN : (float) (sum / count);
      }
    }
    return means;
  }

  private static float[] finite(float[] values) {
    float[] finite = new float[values.length];
    int count = 0;
    for (float value : values) {
      if (Float.isFinite(value)) {
        finite[count++] = value;
      }
    }
    return Arrays.copyOf(finite, count);
  }

  private static double quantile(float[] sorted, double place, double ifNone) {
    return sorted.length == 0 ? ifNone : sorted[(int) (place * (sorted.length - 1))];
  }

  String lowLabel() {
    return label(low);
  }

  String highLabel() {
    return label(high);
  }

  private static String label(double energy) {
    return Plot.format("%.1f", energy).replace('-', '\u2212');
  }

  /** A frequency at the side of the panel; its place is 0 at the bottom and 1 at the top. */
  record Tick(double place, String label) {}

  /** Round frequencies, in hertz. */
  List<Tick> ticks() {
    List<Tick> ticks = new ArrayList<>();
    for (int hz : TICKS_HZ) {
      double place = place(hz);
      if (hz <= highestHz) {
        ticks.add(new Tick(Math.min(place, 1), hz < 1000 ? hz + " Hz" : hz / 1000 + " kHz"));
      }
    }
    return ticks;
  }

  /** Where a frequency lies: 0 at the bottom, 1 at the top. Kaldi's mel scale. */
  private double place(double hz) {
    int bins = raster.rows();
    double step = (mel(highestHz) - mel(LOWEST_HZ)) / (bins + 1);
    double bin = (mel(hz) - mel(LOWEST_HZ)) / step - 1; // centre of bin b: lowest + (b + 1) step
    return (bin + 0.5) / bins;
  }

  private static double mel(double hz) {
    return 1127 * Math.log(1 + hz / 700);
  }
}
