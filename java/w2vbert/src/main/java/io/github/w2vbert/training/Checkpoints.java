package io.github.w2vbert.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Folders from which a run can go on: each is complete or not there. */
final class Checkpoints {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern NAME = Pattern.compile("step-\\d{10}");
  private static final String MODEL = "state.safetensors";
  private static final String TRAINER = "trainer.json";

  private final Path folder;
  private final int kept;

  /**
   * @param output of the run
   * @param kept the number of checkpoints; older ones are deleted
   */
  Checkpoints(Path output, int kept) {
    this.folder = output.resolve("checkpoints");
    this.kept = kept;
  }

  /** The newest one, if any. */
  Optional<Path> newest() {
    List<Path> all = all();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  private List<Path> all() {
    return list(path -> NAME.matcher(path.getFileName().toString()).matches());
  }

  private List<Path> list(Predicate<Path> filter) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(filter).sorted().toList();
    } catch (IOException e) {
      throw new W2vBertException("cannot read " + folder + ": " + e, e);
    }
  }

  static TrainerState state(Path checkpoint) {
    Path file = checkpoint.resolve(TRAINER);
    try {
      return JSON.readValue(file.toFile(), TrainerState.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          file + " is not the state of a trainer: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new W2vBertException("cannot read " + file + ": " + e, e);
    }
  }

  static Path model(Path checkpoint) {
    return checkpoint.resolve(MODEL);
  }

  /** Writes a checkpoint, then deletes those that are too old or were never completed. */
  void save(TrainerState state, Learner learner) {
    Path target = folder.resolve(String.format("step-%010d", state.step()));
    try {
      Files.createDirectories(folder);
      Path draft = Files.createDirectory(folder.resolve("." + UUID.randomUUID() + ".tmp"));
      learner.saveState(draft.resolve(MODEL));
      JSON.writeValue(draft.resolve(TRAINER).toFile(), state);
      if (Files.exists(target)) { // the position may differ, though the step does not
        Files.move(target, folder.resolve("." + UUID.randomUUID() + ".tmp"));
      }
      Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
      List<Path> all = all();
      for (Path old : all.subList(0, Math.max(0, all.size() - kept))) {
        delete(old);
      }
      for (Path draftOfOthers : list(path -> path.getFileName().toString().endsWith(".tmp"))) {
        delete(draftOfOthers);
      }
    } catch (IOException e) {
      throw new W2vBertException("cannot write " + target + ": " + e, e);
    }
  }

  private static void delete(Path folder) throws IOException {
    List<Path> tree;
    try (Stream<Path> walk = Files.walk(folder)) {
      tree = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : tree) {
      Files.delete(path);
    }
  }
}
