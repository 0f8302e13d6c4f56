package io.github.w2vbert.cli;

import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.transcript.SegmentOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.TranscriptFormat;
import io.github.w2vbert.transcript.Word;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** In which format transcripts are written, and where. */
final class TranscriptArguments {
  /** Formats without segments, several of which may follow each other. */
  private static final Set<TranscriptFormat> LINES =
      Set.of(TranscriptFormat.TEXT, TranscriptFormat.CTM);

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      converter = Formats.class,
      completionCandidates = Formats.class,
      description =
          "One of ${COMPLETION-CANDIDATES}. Without it: as the name of the output file ends, or"
              + " text.")
  private TranscriptFormat format;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      description =
          "A file; or a folder, for a file per recording, named by it with the format's ending; for"
              + " several recordings it is made if it is not there. Files appear complete or not at"
              + " all. Without it: the standard output.")
  private Path output;

  @Option(
      names = "--max-line",
      paramLabel = "N",
      description = "Most characters in a line of a subtitle (42).")
  private Integer maxLine;

  @Option(names = "--max-lines", paramLabel = "N", description = "Most lines of a subtitle (2).")
  private Integer maxLines;

  @Option(
      names = "--segment-seconds",
      paramLabel = "S",
      description = "Longest subtitle or segment, in seconds (7).")
  private Double segmentSeconds;

  /** The formats by the names that people give them. */
  static final class Formats implements ITypeConverter<TranscriptFormat>, Iterable<String> {
    @Override
    public TranscriptFormat convert(String name) {
      try {
        return TranscriptFormat.fromName(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }

    @Override
    public Iterator<String> iterator() {
      return Arrays.stream(TranscriptFormat.values()).map(TranscriptArguments::name).iterator();
    }
  }

  /** Whether the command line says anything about the format or the output. */
  boolean isGiven() {
    return format != null || output != null;
  }

  private boolean isFolder(FilesCommand command) {
    return output != null && (command.files().size() > 1 || Files.isDirectory(output));
  }

  /** The format that is asked for by its name or by the ending of the output. */
  TranscriptFormat format(FilesCommand command) {
    if (format == null) {
      format =
          output == null || isFolder(command)
              ? TranscriptFormat.TEXT
              : command.usage("--output without --format", () -> TranscriptFormat.ofFile(output));
    }
    return format;
  }

  /**
   * Checks that the output can be written.
   *
   * @param hasLines whether the command prints lines of its own, which are of any recording
   */
  Output open(FilesCommand command, boolean hasLines) throws IOException {
    TranscriptFormat written = format(command);
    if (output == null) {
      if (command.files().size() > 1 && !hasLines && !LINES.contains(written)) {
        throw command.wrongUsage(
            "--format "
                + name(written)
                + " holds one recording, but "
                + command.files().size()
                + " files are given; name a folder with --output");
      }
      return Output.standard(command);
    }
    return isFolder(command)
        ? Output.folder(command, output, written.extension())
        : Output.file(command, output);
  }

  static String name(TranscriptFormat format) {
    return format.name().toLowerCase(Locale.ROOT);
  }

  /** Options of the library with these segments. */
  TranscribeOptions in(TranscribeOptions options, FilesCommand command) {
    TranscriptFormat written = format(command);
    boolean hasSegments = !LINES.contains(written);
    String needed = "segments, and the format " + name(written) + " has none";
    command.requireEffect("--max-line", maxLine, hasSegments, needed);
    command.requireEffect("--max-lines", maxLines, hasSegments, needed);
    command.requireEffect("--segment-seconds", segmentSeconds, hasSegments, needed);
    SegmentOptions segments = options.segments();
    segments = command.change(segments, "--max-line", maxLine, SegmentOptions::withLineCharacters);
    segments = command.change(segments, "--max-lines", maxLines, SegmentOptions::withLines);
    segments =
        command.change(segments, "--segment-seconds", segmentSeconds, SegmentOptions::withSeconds);
    return options.withSegments(segments);
  }

  /** A line for each word: start, end, confidence and text, with tabs between them. */
  static String wordLines(Transcript transcript) {
    StringBuilder lines = new StringBuilder();
    for (Word word : transcript.words()) {
      lines.append(
          String.format(
              Locale.ROOT,
              "%.3f\t%.3f\t%.4f\t%s\n",
              word.start(),
              word.end(),
              word.confidence(),
              word.text()));
    }
    return lines.toString();
  }
}
