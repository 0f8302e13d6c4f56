package io.github.w2vbert.benchmarks;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The reference's front end in LibTorch's operators, strung together as torchaudio does for Kaldi's
 * filter bank, in float64 as the reference.
 */
final class LibTorchFrontEnd {
  private static final int FRAME = 400;
  private static final int HOP = 160;
  private static final int FFT = 512;
  private static final int BINS = FFT / 2 + 1;
  private static final int MELS = 80;
  private static final int STRIDE = 2;

  private final Tensor window = Tensor.create(povey(), FRAME);
  private final Tensor filters = Tensor.create(melFilters(), BINS, MELS);

  /** Log-mel frames {@code [frames, 80]} of float32 samples {@code [samples]}. */
  Tensor fbank(Tensor samples) {
    Tensor frames =
        samples.mul(new Scalar(32768.0f)).toType(ScalarType.Double).unfold(0, FRAME, HOP);
    Tensor centred = frames.sub(frames.mean(new long[] {1}, true, none()));
    Tensor previous =
        torch.cat(new TensorVector(centred.narrow(1, 0, 1), centred.narrow(1, 0, FRAME - 1)), 1);
    Tensor windowed = centred.sub(previous, new Scalar(0.97)).mul(window);
    Tensor spectrum = torch.fft_rfft(windowed, new LongOptional(FFT), 1, new StringViewOptional());
    // The reference rounds the spectrum, then goes on in float64.
    Tensor rounded =
        torch.view_as_real(spectrum).toType(ScalarType.Float).toType(ScalarType.Double);
    Tensor power = rounded.square().sum(new long[] {2}, false, none());
    return power.matmul(filters).clamp_min(new Scalar(0x1p-23)).log().toType(ScalarType.Float);
  }

  /** Features {@code [frames / 2, 160]} of a clip with an even number of frames. */
  Tensor extract(Tensor samples) {
    Tensor mels = fbank(samples);
    long[] overTime = {0};
    Tensor mean = mels.mean(overTime, true, none());
    Tensor variance = mels.var(overTime, true, true);
    return mels.sub(mean).div(variance.add(new Scalar(1e-7)).sqrt()).reshape(-1, STRIDE * MELS);
  }

  private static ScalarTypeOptional none() {
    return new ScalarTypeOptional();
  }

  private static double[] povey() {
    double[] window = new double[FRAME];
    for (int i = 0; i < FRAME; i++) {
      window[i] = Math.pow(0.5 - 0.5 * Math.cos(2 * Math.PI * i / (FRAME - 1)), 0.85);
    }
    return window;
  }

  /** Kaldi's triangles between 20 and 8000 Hz, {@code [257, 80]}; the last row is 0. */
  private static double[] melFilters() {
    double low = mel(20);
    double step = (mel(8000) - low) / (MELS + 1);
    double[] filters = new double[BINS * MELS];
    for (int bin = 0; bin < BINS - 1; bin++) {
      double at = (mel((double) bin * Synthetic.SAMPLE_RATE / FFT) - low) / step;
      for (int m = 0; m < MELS; m++) {
        filters[bin * MELS + m] = Math.max(0, 1 - Math.abs(at - (m + 1)));
      }
    }
    return filters;
  }

  private static double mel(double hertz) {
    return 1127 * Math.log(1 + hertz / 700);
  }
}
