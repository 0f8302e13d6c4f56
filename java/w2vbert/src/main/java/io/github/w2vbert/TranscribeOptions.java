package io.github.w2vbert;

import io.github.w2vbert.decoding.CtcDecoder;
import io.github.w2vbert.transcript.SegmentOptions;
import java.util.Objects;

/**
 * How a {@link Transcriber} works.
 *
 * @param decoder turns scores into text; null for the transcriber's own, {@link
 *     Transcriber#decoder}
 * @param windows how long stretches of speech are divided; null to compute each in one call, which
 *     is exact and takes memory in proportion to its length, and time to its square
 * @param voiceActivity how speech is found, of which each stretch is then transcribed on its own;
 *     null to transcribe recordings whole
 * @param segments how words are grouped in the transcript
 * @param batchSeconds seconds of audio that are computed in one call, unless a single stretch or
 *     window is longer: bounds the memory of many short ones
 */
public record TranscribeOptions(
    CtcDecoder decoder,
    WindowOptions windows,
    VadOptions voiceActivity,
    SegmentOptions segments,
    double batchSeconds) {
  /** The transcriber's own decoder, in one call, for the whole recording. */
  public static final TranscribeOptions DEFAULT =
      new TranscribeOptions(null, null, null, SegmentOptions.DEFAULT, 60);

  /**
   * @throws IllegalArgumentException if {@code batchSeconds} is not a finite number above 0
   */
  public TranscribeOptions {
    Objects.requireNonNull(segments, "segments");
    if (!(batchSeconds > 0 && Double.isFinite(batchSeconds))) {
      throw new IllegalArgumentException(
          "batchSeconds is " + batchSeconds + "; expected a finite number above 0");
    }
  }

  /**
   * These options with another decoder, see {@link Transcriber#beamSearch} and {@link
   * Transcriber#bestPath}.
   */
  public TranscribeOptions withDecoder(CtcDecoder value) {
    return new TranscribeOptions(value, windows, voiceActivity, segments, batchSeconds);
  }

  /** These options with windows, or with null without. */
  public TranscribeOptions withWindows(WindowOptions value) {
    return new TranscribeOptions(decoder, value, voiceActivity, segments, batchSeconds);
  }

  /** These options with a search for speech, or with null without. */
  public TranscribeOptions withVoiceActivity(VadOptions value) {
    return new TranscribeOptions(decoder, windows, value, segments, batchSeconds);
  }

  /** These options with other segments. */
  public TranscribeOptions withSegments(SegmentOptions value) {
    return new TranscribeOptions(decoder, windows, voiceActivity, value, batchSeconds);
  }

  /** These options with another size of the calls. */
  public TranscribeOptions withBatchSeconds(double value) {
    return new TranscribeOptions(decoder, windows, voiceActivity, segments, value);
  }
}
