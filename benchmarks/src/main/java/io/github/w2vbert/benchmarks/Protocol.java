package io.github.w2vbert.benchmarks;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What all benchmarks share: how they are timed, and as many threads for LibTorch's operators as
 * for this library.
 *
 * <p>A method whose name ends in {@code LibTorch}, or has it before a variant's name, answers the
 * same question as the method of the name in front, with LibTorch's operators: {@link Table} pairs
 * them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public abstract class Protocol {
  /** Before every iteration, since OpenMP's number of threads belongs to the calling thread. */
  @Setup(Level.Iteration)
  public void useEqualThreads() {
    LibTorch.useEqualThreads();
  }
}
