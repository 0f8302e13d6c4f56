package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.training.TrainingProgress;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TrainingMonitorTest {
  @Test
  void aTerminalShowsLossRateSpeedAndTimeLeft() {
    StringWriter terminal = new StringWriter();
    try (TrainingMonitor monitor = TrainingMonitor.onTerminal(new PrintWriter(terminal))) {
      monitor.advanced("reading training data", 1, 2);
      monitor.advanced("reading training data", 2, 2);
      monitor.stepped(new TrainingProgress(5, 20, 2, 1.25, 3e-5, 0.7, 12.34, 3725));
      monitor.warned("one\ntwo");
    }
    String shown = terminal.toString();
    assertTrue(shown.contains("reading training data"), shown);
    assertTrue(shown.contains("epoch 2"), shown);
    assertTrue(shown.contains("5/20"), shown);
    assertTrue(
        shown.contains("loss 1.250, rate 3.0e-05, 12.3 s of audio/s, 1 h 02 min left"), shown);
    assertTrue(shown.endsWith(Progress.ERASE_LINE + "w2vbert: warning: one; two\n"), shown);
  }

  @Test
  void timesAreShort() {
    assertEquals("0:00 min", TrainingMonitor.time(0.2));
    assertEquals("2:05 min", TrainingMonitor.time(125));
    assertEquals("59:59 min", TrainingMonitor.time(3599));
    assertEquals("1 h 00 min", TrainingMonitor.time(3600));
  }
}
