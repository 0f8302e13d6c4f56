package io.github.w2vbert.cli;

import io.github.w2vbert.hub.HubProgress;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** A line on the terminal for each file that is downloaded; silent anywhere else. */
final class DownloadProgress implements HubProgress, AutoCloseable {
  private static final int WIDTH = 30; // of the bar, in characters
  private static final String DISABLED = "HF_HUB_DISABLE_PROGRESS_BARS";
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");

  private final PrintWriter terminal; // null: silent
  private String file = "";
  private String line = ""; // as it stands on the terminal; empty: nothing stands there

  private DownloadProgress(PrintWriter terminal) {
    this.terminal = terminal;
  }

  /**
   * Progress if both ends of this process are a terminal and the variable {@value #DISABLED} does
   * not forbid it.
   */
  static DownloadProgress of(PrintWriter err, Map<String, String> environment) {
    boolean disabled =
        TRUE.contains(environment.getOrDefault(DISABLED, "").toUpperCase(Locale.ROOT));
    return disabled || !Progress.isTerminal() ? new DownloadProgress(null) : onTerminal(err);
  }

  static DownloadProgress onTerminal(PrintWriter terminal) {
    return new DownloadProgress(terminal);
  }

  @Override
  public void advance(String name, long done, long total) {
    if (terminal == null) {
      return;
    }
    if (!name.equals(file)) {
      close();
      file = name;
    }
    String next = name + " " + describe(done, total);
    if (!next.equals(line)) { // bytes arrive more often than the line changes
      terminal.print(Progress.ERASE_LINE + next);
      line = next;
    }
    if (done == total) {
      terminal.println();
      line = "";
      file = "";
    }
    terminal.flush();
  }

  private static String describe(long done, long total) {
    if (total < 0) {
      return ByteSize.text(done);
    }
    int filled = total == 0 ? WIDTH : (int) ((double) WIDTH * done / total);
    return "["
        + "#".repeat(filled)
        + " ".repeat(WIDTH - filled)
        + "] "
        + ByteSize.text(done)
        + " of "
        + ByteSize.text(total);
  }

  /** Ends a line that is not complete, so that other output does not follow it. */
  @Override
  public void close() {
    if (!line.isEmpty()) {
      terminal.println();
      terminal.flush();
      line = "";
    }
  }
}
