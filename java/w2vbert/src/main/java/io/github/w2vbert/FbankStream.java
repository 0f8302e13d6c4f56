package io.github.w2vbert;

import io.github.w2vbert.NativeHandle.Lease;
import io.github.w2vbert.internal.NativeFbankStream;
import io.github.w2vbert.internal.NativeTensor;
import java.util.Arrays;

/**
 * Log-mel frames of audio that arrives in pieces. A frame comes out as soon as its samples are in,
 * with the same bits as {@link FeatureExtractor#fbank} of the whole clip. (Input features are
 * normalised over the whole clip, so they cannot be streamed.)
 *
 * <p>Calls from several threads are made one after the other.
 */
public final class FbankStream implements AutoCloseable {
  private final NativeHandle<NativeFbankStream> handle;

  FbankStream(int numMelBins, int samplingRate) {
    handle =
        new NativeHandle<>(
            this, NativeHandle.create(() -> NativeFbankStream.create(numMelBins, samplingRate)));
  }

  /**
   * Takes the next samples and returns the frames that they complete.
   *
   * @param samples any number of them, about -1 to 1
   * @return frames one after the other, {@code numMelBins} natural logarithms each; may be empty
   * @throws IllegalStateException if this stream is closed or {@link #finish} was called
   */
  public synchronized float[] push(float... samples) {
    try (Tensor piece = Tensor.of(samples, samples.length);
        Lease<NativeTensor> all = Tensor.lease(piece);
        Tensor frames = handle.call(stream -> new Tensor(stream.push(all.pointer())))) {
      return frames.toFloatArray();
    }
  }

  /**
   * The same for a part of an array.
   *
   * @throws IndexOutOfBoundsException if the part lies outside the array
   * @throws IllegalStateException if this stream is closed or {@link #finish} was called
   */
  public float[] push(float[] samples, int offset, int count) {
    java.util.Objects.checkFromIndexSize(offset, count, samples.length);
    return push(Arrays.copyOfRange(samples, offset, offset + count));
  }

  /**
   * Ends the clip.
   *
   * @return the number of samples at its end that no frame covers
   * @throws IllegalStateException if this stream is closed
   */
  public synchronized long finish() {
    return handle.call(NativeFbankStream::finish);
  }

  /** Frees the native memory once no running call uses it. Closing again does nothing. */
  @Override
  public void close() {
    handle.close();
  }
}
