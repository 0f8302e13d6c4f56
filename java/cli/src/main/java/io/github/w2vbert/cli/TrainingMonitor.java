package io.github.w2vbert.cli;

import io.github.w2vbert.training.Evaluation;
import io.github.w2vbert.training.TrainingListener;
import io.github.w2vbert.training.TrainingProgress;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows on a terminal how a run goes; elsewhere only warnings and evaluations, line by line. */
final class TrainingMonitor implements TrainingListener, AutoCloseable {
  private static final int WIDTH = 110; // of the line, in characters
  private static final int INTERVAL_MILLIS = 500;

  private final PrintWriter err;
  private final boolean draws;
  private ProgressBar bar; // null: none stands on the terminal
  private String task = "";

  private TrainingMonitor(PrintWriter err, boolean draws) {
    this.err = err;
    this.draws = draws;
  }

  static TrainingMonitor of(PrintWriter err) {
    return new TrainingMonitor(err, Progress.isTerminal());
  }

  static TrainingMonitor onTerminal(PrintWriter err) {
    return new TrainingMonitor(err, true);
  }

  @Override
  public void advanced(String what, int done, int total) {
    show(what, done, total, "");
    if (done == total) {
      clear();
    }
  }

  @Override
  public void stepped(TrainingProgress progress) {
    show(
        "epoch " + progress.epoch(),
        progress.step(),
        progress.totalSteps(),
        String.format(
            Locale.ROOT,
            "loss %.3f, rate %.1e, %.1f s of audio/s, %s left",
            progress.loss(),
            progress.learningRate(),
            progress.audioRate(),
            time(progress.secondsLeft())));
  }

  /** Hours and minutes, or minutes and seconds. */
  static String time(double seconds) {
    long whole = Math.round(seconds);
    return whole >= 3600
        ? String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole / 60 % 60)
        : String.format(Locale.ROOT, "%d:%02d min", whole / 60, whole % 60);
  }

  private void show(String what, long done, long total, String message) {
    if (!draws) {
      return;
    }
    if (bar == null || !what.equals(task)) {
      clear();
      task = what;
      bar =
          new ProgressBarBuilder()
              .setTaskName(what)
              .setInitialMax(total)
              .startsFrom(done, Duration.ZERO)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(INTERVAL_MILLIS)
              .hideEta()
              .setConsumer(
                  new DelegatingProgressBarConsumer(
                      line -> {
                        err.print("\r" + line);
                        err.flush();
                      },
                      WIDTH))
              .build();
    }
    bar.setExtraMessage(message);
    bar.stepTo(done);
  }

  /** Makes room for other output. */
  private void clear() {
    if (bar != null) {
      bar.close();
      bar = null;
      err.print(Progress.ERASE_LINE);
      err.flush();
    }
  }

  @Override
  public void evaluated(long step, Evaluation evaluation, boolean isBest) {
    clear();
    err.printf(
        Locale.ROOT,
        "step %d: %s %s, loss %.4f%s%n",
        step,
        evaluation.task().metric(),
        EvaluateCommand.percent(evaluation.error()),
        evaluation.loss(),
        isBest ? ", the best so far" : "");
  }

  @Override
  public void warned(String message) {
    clear();
    err.println("w2vbert: warning: " + Failures.oneLine(message));
  }

  @Override
  public void close() {
    clear();
  }
}
