package io.github.w2vbert.transcript;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Objects;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/**
 * The formats in which a transcript is written.
 *
 * <pre>{@code
 * TranscriptFormat.ofFile(file).write(transcript, file);
 * }</pre>
 *
 * <p>Times are rounded to milliseconds and lie within the recording. Where a format lists intervals
 * (all but {@link #TEXT} and {@link #JSON}) they last at least one millisecond and do not overlap:
 * an interval ends where the next begins, and those of equal start follow each other. Only a
 * recording of fewer milliseconds than intervals becomes longer that way. Intervals without text
 * are left out. Lines end in line feeds.
 */
public enum TranscriptFormat {
  /** The text and nothing else, in one line. */
  TEXT("txt", (transcript, name) -> text(transcript)),

  /**
   * An object with {@code text}, {@code duration}, {@code segments} ({@code id}, {@code start},
   * {@code end}, {@code text}, {@code confidence}, {@code words}) and {@code words} ({@code word},
   * {@code start}, {@code end}, {@code confidence}), in seconds: the names of OpenAI's {@code
   * verbose_json}.
   */
  JSON("json", (transcript, name) -> TranscriptJson.json(transcript)),

  /** SubRip subtitles, one per segment. */
  SRT("srt", (transcript, name) -> Subtitles.srt(transcript)),

  /** WebVTT subtitles, one per segment. */
  VTT("vtt", (transcript, name) -> Subtitles.vtt(transcript)),

  /**
   * A table of segments: start and end in milliseconds, and text with {@code \t} for tabs and
   * {@code \\} for backslashes.
   */
  TSV("tsv", (transcript, name) -> Tables.tsv(transcript)),

  /**
   * NIST's time-marked words: recording, channel 1, start, duration, word, confidence. Spaces
   * within a name or a word become underscores.
   */
  CTM("ctm", Tables::ctm),

  /** A Praat TextGrid in the long format, with the tiers segments, words and tokens. */
  TEXTGRID("TextGrid", (transcript, name) -> TextGrid.textGrid(transcript));

  private final String extension;
  private final BiFunction<Transcript, String, String> formatter;

  TranscriptFormat(String extension, BiFunction<Transcript, String, String> formatter) {
    this.extension = extension;
    this.formatter = formatter;
  }

  /** How the names of such files end, without a dot. */
  public String extension() {
    return extension;
  }

  /**
   * A format by its name or extension, in any case.
   *
   * @throws IllegalArgumentException if there is no such format
   */
  public static TranscriptFormat fromName(String name) {
    Objects.requireNonNull(name, "name");
    for (TranscriptFormat format : values()) {
      if (format.name().equalsIgnoreCase(name) || format.extension.equalsIgnoreCase(name)) {
        return format;
      }
    }
    throw new IllegalArgumentException(
        "there is no transcript format '" + name + "'; expected one of " + extensions());
  }

  /**
   * A format by the extension of a file.
   *
   * @throws IllegalArgumentException if there is no such format
   */
  public static TranscriptFormat ofFile(Path file) {
    Objects.requireNonNull(file, "file");
    String name = fileName(file);
    int dot = name.lastIndexOf('.');
    if (dot < 0) {
      throw new IllegalArgumentException(
          file + " has no extension; expected one of " + extensions());
    }
    return fromName(name.substring(dot + 1));
  }

  /**
   * A transcript in this format.
   *
   * @param name of the recording; used by {@link #CTM} only
   * @throws IllegalArgumentException if {@code name} is blank
   */
  public String format(Transcript transcript, String name) {
    Objects.requireNonNull(transcript, "transcript");
    Objects.requireNonNull(name, "name");
    if (name.isBlank()) {
      throw new IllegalArgumentException(
          "name is '" + name + "'; expected the name of a recording");
    }
    return formatter.apply(transcript, name);
  }

  /**
   * Writes a transcript as UTF-8; the name of the recording is that of the file, without its
   * extension. The file appears complete or not at all: it is written under another name in the
   * same folder and renamed, replacing what was there. A symbolic link stays one: what it leads to
   * is replaced.
   *
   * @throws IOException if writing fails
   */
  public void write(Transcript transcript, Path file) throws IOException {
    Objects.requireNonNull(transcript, "transcript");
    Objects.requireNonNull(file, "file");
    String name = fileName(file);
    int dot = name.lastIndexOf('.');
    byte[] bytes =
        format(transcript, dot > 0 ? name.substring(0, dot) : name)
            .getBytes(StandardCharsets.UTF_8);
    Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
    Path temporary = target.resolveSibling("." + UUID.randomUUID()); // short enough beside any name
    try {
      Files.write(temporary, bytes, StandardOpenOption.CREATE_NEW);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static String fileName(Path file) {
    Path name = file.getFileName();
    if (name == null || name.toString().isEmpty()) {
      throw new IllegalArgumentException("'" + file + "' is no file name");
    }
    return name.toString();
  }

  private static String extensions() {
    return Arrays.stream(values())
        .map(format -> format.extension)
        .collect(Collectors.joining(", "));
  }

  private static String text(Transcript transcript) {
    String text = Timeline.oneLine(transcript.text());
    return text.isEmpty() ? "" : text + "\n";
  }
}
