package io.github.w2vbert.training;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A folder of recordings with texts beside them; see {@link Manifest}. */
final class TextFolder {
  private static final Set<String> AUDIO = Set.of("wav", "flac", "mp3", "ogg", "oga", "opus");
  private static final Set<String> LISTS = Set.of("transcripts.txt", "trans.txt");

  /** A text and where it stands. */
  private record Text(String text, String source) {}

  private TextFolder() {}

  static List<Utterance> read(Path folder) throws IOException {
    Map<Path, List<Path>> files = new TreeMap<>(); // by folder
    try (Stream<Path> tree = Files.walk(folder)) {
      tree.filter(Files::isRegularFile)
          .sorted()
          .forEach(
              file -> files.computeIfAbsent(file.getParent(), f -> new ArrayList<>()).add(file));
    }
    List<Utterance> utterances = new ArrayList<>();
    for (List<Path> neighbours : files.values()) {
      readOne(neighbours, utterances);
    }
    return utterances;
  }

  /** The recordings of one folder. */
  private static void readOne(List<Path> files, List<Utterance> utterances) throws IOException {
    Map<String, Text> texts = new LinkedHashMap<>(); // by name of the recording
    Map<String, Path> texted = new HashMap<>(); // files with one text
    for (Path file : files) {
      String name = file.getFileName().toString();
      if (LISTS.contains(name) || name.endsWith(".trans.txt")) {
        readList(file, texts);
      } else if (name.endsWith(".txt")) {
        texted.put(stem(file), file);
      }
    }
    Set<String> used = new HashSet<>();
    for (Path file : files) {
      if (!isAudio(file)) {
        continue;
      }
      String name = file.getFileName().toString();
      Text text = texts.containsKey(name) ? texts.get(name) : texts.get(stem(file));
      used.add(texts.containsKey(name) ? name : stem(file));
      if (text == null && texted.containsKey(stem(file))) {
        Path source = texted.get(stem(file));
        text = new Text(String.join(" ", lines(source)).strip(), source.toString());
      }
      if (text == null) {
        throw new IllegalArgumentException(
            file
                + " has no text; expected it in "
                + stem(file)
                + ".txt, or in a line of transcripts.txt beside it");
      }
      utterances.add(
          new Utterance(
              file.toAbsolutePath().normalize(),
              0,
              Double.POSITIVE_INFINITY,
              text.text,
              null,
              List.of(),
              null,
              text.source));
    }
    texts.keySet().removeAll(used);
    for (Map.Entry<String, Text> lost : texts.entrySet()) {
      throw new IllegalArgumentException(
          lost.getValue().source + ": there is no recording named '" + lost.getKey() + "'");
    }
  }

  private static void readList(Path file, Map<String, Text> texts) throws IOException {
    List<String> lines = lines(file);
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty()) {
        continue;
      }
      String source = file + ":" + (i + 1);
      String[] parts = line.split("\\s+", 2);
      if (parts.length < 2) {
        throw new IllegalArgumentException(
            source + ": '" + Manifest.shown(line) + "' has no text; expected a name and a text");
      }
      if (texts.put(parts[0], new Text(parts[1], source)) != null) {
        throw new IllegalArgumentException(source + ": '" + parts[0] + "' has a text already");
      }
    }
  }

  private static List<String> lines(Path file) throws IOException {
    try {
      return Files.readAllLines(file, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(file + " is not UTF-8 text", e);
    }
  }

  /** Whether the name is that of a format that {@link io.github.w2vbert.Audio} reads. */
  static boolean isAudio(Path file) {
    String name = file.getFileName().toString();
    return AUDIO.contains(name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
  }

  private static String stem(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }
}
