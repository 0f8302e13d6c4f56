package io.github.w2vbert;

import java.util.ArrayList;
import java.util.List;

/**
 * One window of a long utterance: input frames to compute, and the frames of its result to keep.
 * Windows begin at multiples of the output stride, so that the frames of their results fall on
 * those of the whole.
 *
 * @param begin first input frame
 * @param end one past the last input frame
 * @param keepBegin first frame of the whole result that is taken from this window
 * @param keepEnd one past the last such frame
 * @param offset the frame of the whole result that is the window's first
 */
record FrameWindow(long begin, long end, long keepBegin, long keepEnd, long offset) {
  /**
   * Divides an utterance; what the windows keep follows each other from the first frame of the
   * result to its last.
   *
   * @param frames input frames of the utterance
   * @param length input frames of a window
   * @param context input frames at each end that are not kept
   * @throws IllegalArgumentException if nothing would be kept
   */
  static List<FrameWindow> plan(
      long frames, double length, double context, Wav2Vec2BertConfig config) {
    long stride = config.outputStride();
    long total = config.outputLength(frames);
    long width = (long) (length / stride); // of a window, in frames of the result
    // Convolutions without enough padding give fewer frames than the stride promises.
    long missing = Math.max(0, width - config.outputLength(width * stride));
    long margin = Math.max((long) Math.ceil(context / stride), missing);
    if (frames <= width * stride) {
      return List.of(new FrameWindow(0, frames, 0, total, 0));
    }
    long step = width - 2 * margin;
    if (step < 1) {
      throw new IllegalArgumentException(
          "a window has "
              + width
              + " frames and "
              + margin
              + " of context at each end, which leaves none; expected longer windows");
    }
    List<FrameWindow> windows = new ArrayList<>();
    long kept = 0;
    for (long first = 0; ; first += step) {
      if ((first + width) * stride >= frames) {
        // The last one is as long as the others: it begins earlier instead.
        long last = Math.max(0, (frames - width * stride) / stride);
        windows.add(new FrameWindow(last * stride, frames, kept, total, last));
        return List.copyOf(windows);
      }
      long end = first + width - margin;
      windows.add(new FrameWindow(first * stride, (first + width) * stride, kept, end, first));
      kept = end;
    }
  }
}
