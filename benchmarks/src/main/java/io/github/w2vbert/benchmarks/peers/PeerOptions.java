package io.github.w2vbert.benchmarks.peers;

import io.github.w2vbert.W2vBert;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What is measured.
 *
 * @param threads of every engine
 * @param cases seconds of audio; several are a batch of utterances
 * @param forks how often every engine's process is started
 * @param rounds how often every engine has its turn in each process
 * @param engines names, see {@link Engines}; the first one's logits are what the others' are
 *     compared with
 * @param commands of further engines, see {@link EngineMain}
 * @param work the folder for the checkpoint
 * @param results the folder for the tables
 */
record PeerOptions(
    int threads,
    List<List<Integer>> cases,
    int forks,
    int rounds,
    List<String> engines,
    List<String> commands,
    Path work,
    Path results) {

  private static final int LONGEST = 3600;

  static PeerOptions defaults() {
    return new PeerOptions(
        W2vBert.threads(),
        List.of(
            List.of(1), List.of(5), List.of(10), List.of(30), List.of(10, 8, 6, 4), List.of(120)),
        2,
        2,
        Engines.ALL.stream().map(Engines.Kind::name).toList(),
        commands(System.getenv("W2VBERT_PEER_COMMAND")),
        Path.of("target", "peers"),
        Path.of("results"));
  }

  /** One a line, or none. */
  private static List<String> commands(String variable) {
    return variable == null
        ? List.of()
        : variable.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
  }

  /**
   * Reads options of the command line.
   *
   * @throws IllegalArgumentException if there is one that is not known, or has no such value
   */
  static PeerOptions parse(String... arguments) {
    PeerOptions options = defaults();
    for (int i = 0; i < arguments.length; i += 2) {
      if (i + 1 == arguments.length) {
        throw new IllegalArgumentException(arguments[i] + " has no value");
      }
      options = options.with(arguments[i], arguments[i + 1]);
    }
    return options;
  }

  private PeerOptions with(String option, String value) {
    return switch (option) {
      case "--threads" ->
          new PeerOptions(
              number(option, value, 1024), cases, forks, rounds, engines, commands, work, results);
      case "--seconds" ->
          new PeerOptions(
              threads, cases(option, value), forks, rounds, engines, commands, work, results);
      case "--forks" ->
          new PeerOptions(
              threads, cases, number(option, value, 100), rounds, engines, commands, work, results);
      case "--rounds" ->
          new PeerOptions(
              threads, cases, forks, number(option, value, 100), engines, commands, work, results);
      case "--engines" ->
          new PeerOptions(threads, cases, forks, rounds, engines(value), commands, work, results);
      case "--work" ->
          new PeerOptions(
              threads, cases, forks, rounds, engines, commands, Path.of(value), results);
      case "--results" ->
          new PeerOptions(threads, cases, forks, rounds, engines, commands, work, Path.of(value));
      default ->
          throw new IllegalArgumentException(
              "option is "
                  + option
                  + "; expected --threads, --seconds, --forks, --rounds, --engines, --work or"
                  + " --results");
    };
  }

  private static List<String> engines(String value) {
    List<String> names = Arrays.asList(value.split(","));
    names.forEach(Engines::named);
    return names;
  }

  private static List<List<Integer>> cases(String option, String value) {
    List<List<Integer>> cases = new ArrayList<>();
    for (String batch : value.split(",")) {
      cases.add(
          Arrays.stream(batch.split("\\+"))
              .map(seconds -> number(option, seconds, LONGEST))
              .toList());
    }
    return cases;
  }

  private static int number(String option, String value, int most) {
    try {
      int number = Integer.parseInt(value);
      if (number >= 1 && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // the message below says it
    }
    throw new IllegalArgumentException(
        option + " is " + value + "; expected a whole number from 1 to " + most);
  }
}
