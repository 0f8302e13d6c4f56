package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** A command that works through audio files: one that fails is reported, the others continue. */
abstract class FilesCommand implements Callable<Integer> {
  private static final Path STANDARD_INPUT = Path.of("-");
  private static final int AS_RECORDED = 0; // instead of a sampling rate

  @Spec private CommandSpec spec;

  @ParentCommand private Main main;

  @Parameters(
      paramLabel = "FILE",
      arity = "1..*",
      description =
          "WAV, FLAC, MP3 or Ogg (Vorbis, Opus) files of any sampling rate, or - for the standard"
              + " input; what is not mono needs --channel or --mix.")
  private List<Path> files;

  @ArgGroup private Downmix downmix;

  private static final class Downmix {
    @Option(
        names = "--channel",
        paramLabel = "N",
        description = "Take one channel, counted from 0.")
    private Integer channel;

    @Option(names = "--mix", description = "Take the mean of all channels.")
    private boolean mix;
  }

  /** One file: its length in seconds as recorded, and its samples, one channel of them. */
  record Clip(Path file, double seconds, Audio audio) {}

  /** Computes one result per clip, or throws an exception if any of the clips is at fault. */
  interface Work<R> {
    List<R> apply(List<Clip> clips) throws IOException;
  }

  /** Takes the result of one clip. */
  interface Sink<R> {
    void accept(Clip clip, R result) throws IOException;
  }

  final List<Path> files() {
    return files;
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  final PrintWriter err() {
    return spec.commandLine().getErr();
  }

  final ParameterException wrongUsage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** What a file is called without its folder. */
  static String name(Path file) {
    return file.equals(STANDARD_INPUT)
        ? "stdin"
        : Objects.toString(file.getFileName(), file.toString());
  }

  /** What a file is called without its folder and ending. */
  static String stem(Path file) {
    String name = name(file);
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }

  /**
   * Makes options of the library from arguments.
   *
   * @param given the arguments, for the message if the library refuses them
   */
  final <T> T usage(String given, Supplier<T> made) {
    try {
      return made.get();
    } catch (IllegalArgumentException e) {
      throw wrongUsage(given + ": " + e.getMessage());
    }
  }

  /** Changes options of the library by an argument if it is given. */
  final <O, V> O change(O options, String name, V value, BiFunction<O, V, O> change) {
    return value == null ? options : usage(name + " " + value, () -> change.apply(options, value));
  }

  /** Refuses an argument without what it concerns. */
  final void requireEffect(String name, Object value, boolean hasEffect, String needed) {
    if (value != null && !hasEffect) {
      throw wrongUsage(name + " has no effect without " + needed);
    }
  }

  /** Checks what can be checked without a file. */
  final void requireOptions(int batch) {
    if (Collections.frequency(files, STANDARD_INPUT) > 1) {
      throw wrongUsage("- is given twice; the standard input can be read once");
    }
    if (downmix != null && downmix.channel != null && downmix.channel < 0) {
      throw wrongUsage("--channel is " + downmix.channel + "; expected 0 or more");
    }
    if (batch < 1) {
      throw wrongUsage("--batch is " + batch + "; expected 1 or more");
    }
  }

  /**
   * Computes results for all files, up to `batch` at a time, and hands them on in order.
   *
   * @param rate to which clips are resampled
   * @param work one result per clip, or an exception if any of the clips is at fault
   * @return the exit status
   * @throws IOException if the sink fails, which ends the work
   */
  final <R> int process(int rate, int batch, Function<List<Audio>, List<R>> work, Sink<R> sink)
      throws IOException {
    return run(rate, batch, clips -> work.apply(clips.stream().map(Clip::audio).toList()), sink);
  }

  /** The same for clips at the rates at which they were recorded. */
  final <R> int process(int batch, Work<R> work, Sink<R> sink) throws IOException {
    return run(AS_RECORDED, batch, work, sink);
  }

  private <R> int run(int rate, int batch, Work<R> work, Sink<R> sink) throws IOException {
    Progress progress = Progress.of(err(), files.size());
    int failures = 0;
    for (int begin = 0; begin < files.size(); begin += batch) {
      List<Clip> clips = new ArrayList<>();
      for (Path file : files.subList(begin, Math.min(begin + batch, files.size()))) {
        try {
          clips.add(read(file, rate));
        } catch (IOException | RuntimeException e) {
          progress.clear();
          Failures.report(err(), file, e, main.verbose());
          failures++;
        }
      }
      failures += compute(clips, work, sink, progress);
      progress.advance(Math.min(begin + batch, files.size()));
    }
    progress.clear();
    return failures == 0 ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  private <R> int compute(List<Clip> clips, Work<R> work, Sink<R> sink, Progress progress)
      throws IOException {
    if (clips.isEmpty()) {
      return 0;
    }
    List<R> results;
    try {
      results = work.apply(clips);
    } catch (IOException | RuntimeException e) {
      progress.clear();
      if (clips.size() == 1) {
        Failures.report(err(), clips.get(0).file(), e, main.verbose());
        return 1;
      }
      int failures = 0; // each alone, so that the others are done and the message names the file
      for (Clip clip : clips) {
        failures += compute(List.of(clip), work, sink, progress);
      }
      return failures;
    }
    progress.clear();
    for (int i = 0; i < clips.size(); i++) {
      sink.accept(clips.get(i), results.get(i));
    }
    return 0;
  }

  private Clip read(Path file, int rate) throws IOException {
    Audio audio = file.equals(STANDARD_INPUT) ? Audio.read(System.in) : Audio.read(file);
    Audio mono = audio;
    if (downmix != null) {
      mono = downmix.mix ? audio.mixToMono() : audio.channel(downmix.channel);
    } else if (!audio.isMono()) {
      throw new IllegalArgumentException(
          file
              + " has "
              + audio.channels()
              + " channels; choose one with --channel N or take their mean with --mix");
    }
    double seconds = (double) audio.length() / audio.sampleRate();
    return new Clip(file, seconds, rate == AS_RECORDED ? mono : mono.resample(rate));
  }
}
