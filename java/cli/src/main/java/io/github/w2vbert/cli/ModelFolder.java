package io.github.w2vbert.cli;

import io.github.w2vbert.DefaultModel;
import io.github.w2vbert.hub.HubClient;
import io.github.w2vbert.hub.HubOptions;
import java.io.File;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** Finds the folder of the checkpoint that an option names. */
final class ModelFolder {
  /** How an option's value is called in help. */
  static final String LABEL = "MODEL";

  /** How an option's description begins. */
  static final String WHAT =
      "A folder, or a checkpoint of the Hugging Face hub (org/name or org/name@revision), with ";

  private ModelFolder() {}

  /**
   * An existing folder, or that of a checkpoint of the hub, which is downloaded if it is not there.
   *
   * @param given as {@link HubClient#resolve} takes it
   * @param err where progress is drawn if it is a terminal
   */
  static Path of(String given, PrintWriter err) {
    return resolve(given, DownloadProgress.of(err, System.getenv()), HubClient::resolve);
  }

  /** The same, or the folder of the default model for null. */
  static Path orDefault(String given, PrintWriter err) {
    return given == null ? DefaultModel.directory() : of(given, err);
  }

  /** As {@link #of} without weights. */
  static Path withoutWeights(String given, PrintWriter err) {
    return resolve(
        given, DownloadProgress.of(err, System.getenv()), HubClient::resolveWithoutWeights);
  }

  /** Closes the progress before anyone can report a failure. */
  static Path resolve(
      String given, DownloadProgress progress, BiFunction<HubClient, String, Path> how) {
    if (new File(given).isDirectory()) { // whatever the hub's settings are
      return Path.of(given);
    }
    try (progress) {
      HubOptions options = HubOptions.fromEnvironment().withProgress(progress);
      return how.apply(new HubClient(options), given);
    }
  }
}
