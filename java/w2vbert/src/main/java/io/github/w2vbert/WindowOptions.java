package io.github.w2vbert;

/**
 * How long recordings are divided: into windows that overlap, so that every frame is computed with
 * some context on both sides.
 *
 * @param seconds length of a window
 * @param context how much of a window at each end is there for its neighbours' sake: the frames in
 *     it are taken from the neighbours
 */
public record WindowOptions(double seconds, double context) {
  /** Windows of 30 seconds with 4 seconds of context at each end. */
  public static final WindowOptions DEFAULT = new WindowOptions(30, 4);

  /**
   * @throws IllegalArgumentException if the context leaves nothing of a window
   */
  public WindowOptions {
    if (!(seconds > 0 && seconds <= 86_400)) {
      throw new IllegalArgumentException(
          "seconds is " + seconds + "; expected more than 0 and at most 86400");
    }
    if (!(context >= 0 && 2 * context < seconds)) {
      throw new IllegalArgumentException(
          "context is "
              + context
              + "; expected at least 0 and less than half of the window of "
              + seconds
              + " seconds");
    }
  }

  /** These options with windows of another length. */
  public WindowOptions withSeconds(double value) {
    return new WindowOptions(value, context);
  }

  /** These options with another context. */
  public WindowOptions withContext(double value) {
    return new WindowOptions(seconds, value);
  }
}
