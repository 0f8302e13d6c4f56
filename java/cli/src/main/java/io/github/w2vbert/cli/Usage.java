package io.github.w2vbert.cli;

import java.util.List;
import java.util.function.BiFunction;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Makes options of the library from arguments; what it refuses is wrong usage. */
record Usage(CommandLine command) {
  ParameterException wrong(String message) {
    return new ParameterException(command, message);
  }

  /** Changes options by an argument if it is given. */
  <O, V> O change(O options, String name, V value, BiFunction<O, V, O> change) {
    if (value == null) {
      return options;
    }
    try {
      return change.apply(options, value);
    } catch (IllegalArgumentException e) {
      throw wrong(name + " " + value + ": " + e.getMessage());
    }
  }

  /** Refuses an argument without what it concerns. */
  void requireEffect(String name, Object value, boolean hasEffect, String needed) {
    if (value != null && !hasEffect) {
      throw wrong(name + " has no effect without " + needed);
    }
  }

  /** Two numbers, as given or by default. */
  List<Double> pair(String name, List<Double> given, double first, double second) {
    if (given != null && given.size() != 2) {
      throw wrong(name + " is " + given + "; expected two numbers with a comma between them");
    }
    return given == null ? List.of(first, second) : given;
  }
}
