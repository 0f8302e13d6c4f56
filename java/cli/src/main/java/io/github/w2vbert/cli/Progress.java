package io.github.w2vbert.cli;

import java.io.PrintWriter;

/** A line on the terminal that says how many files are done; silent anywhere else. */
final class Progress {
  private static final int WIDTH = 30; // of the bar, in characters
  static final String ERASE_LINE = "\r\u001b[K";

  private final PrintWriter terminal; // null: silent
  private final int total;

  private Progress(PrintWriter terminal, int total) {
    this.terminal = terminal;
    this.total = total;
  }

  /** Progress for several files if both ends of this process are a terminal. */
  static Progress of(PrintWriter err, int total) {
    return total > 1 && isTerminal() ? onTerminal(err, total) : new Progress(null, total);
  }

  static Progress onTerminal(PrintWriter terminal, int total) {
    return new Progress(terminal, total);
  }

  static boolean isTerminal() {
    Object console = System.console();
    if (console == null) {
      return false;
    }
    try { // since Java 22 there may be a console without a terminal, and a method that tells
      return (boolean) console.getClass().getMethod("isTerminal").invoke(console);
    } catch (NoSuchMethodException e) {
      return true;
    } catch (ReflectiveOperationException e) {
      return false;
    }
  }

  void advance(int done) {
    if (terminal != null) {
      int filled = (int) ((long) WIDTH * done / total);
      terminal.print(
          ERASE_LINE
              + "["
              + "#".repeat(filled)
              + " ".repeat(WIDTH - filled)
              + "] "
              + done
              + " of "
              + total
              + " files");
      terminal.flush();
    }
  }

  /** Makes room for other output. */
  void clear() {
    if (terminal != null) {
      terminal.print(ERASE_LINE);
      terminal.flush();
    }
  }
}
