package io.github.w2vbert.cli;

import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.WindowOptions;
import picocli.CommandLine.Option;

/** How long recordings are divided. */
final class WindowArguments {
  @Option(
      names = "--window",
      paramLabel = "S",
      description =
          "Computes windows of S seconds and joins their scores, for recordings that are too long"
              + " for memory. Without it each recording is computed whole, which is exact and takes"
              + " time in proportion to the square of its length.")
  private Double seconds;

  @Option(
      names = "--context",
      paramLabel = "S",
      description =
          "Seconds at each end of a window that its neighbours answer for (4, but no more than a"
              + " quarter of the window).")
  private Double context;

  /** Options of the library with these windows. */
  TranscribeOptions in(TranscribeOptions options, FilesCommand command) {
    command.requireEffect("--context", context, seconds != null, "--window");
    if (seconds == null) {
      return options;
    }
    double around =
        context == null ? Math.min(WindowOptions.DEFAULT.context(), seconds / 4) : context;
    WindowOptions windows =
        command.usage(
            "--window " + seconds + (context == null ? "" : " --context " + context),
            () -> new WindowOptions(seconds, around));
    return options.withWindows(windows);
  }
}
