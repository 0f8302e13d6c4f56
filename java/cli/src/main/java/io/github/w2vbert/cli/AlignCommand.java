package io.github.w2vbert.cli;

import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.decoding.AlignOptions;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.TranscriptFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech and its text to times. */
@Command(
    name = "align",
    description = {
      "Finds out when each word of a text is said in an audio file.",
      "As text, a line per word: start, end, confidence and the word, with tabs between them."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert align command.wav --text \"go forward\"",
      "  w2vbert align call.wav --text \"good morning\" --model my-model",
      "  w2vbert align talk.mp3 --text-file talk.txt --model my-model -o talk.srt",
      "  w2vbert align *.wav --text-dir texts --model my-model --format ctm",
      "  w2vbert align *.wav --text-dir . --model my-model --format textgrid -o grids"
    })
final class AlignCommand extends CtcCommand {
  @ArgGroup(multiplicity = "1")
  private Text text;

  private static final class Text {
    @Option(names = "--text", paramLabel = "TEXT", description = "What is said in the only file.")
    private String given;

    @Option(
        names = "--text-file",
        paramLabel = "FILE",
        description = "What is said in the only file, as UTF-8.")
    private Path file;

    @Option(
        names = "--text-dir",
        paramLabel = "DIR",
        description = "A folder with DIR/call.txt for call.wav, and so on for every file.")
    private Path folder;
  }

  @Option(
      names = "--speech-around",
      description = "The audio may hold more speech, before and after the text.")
  private boolean speechAround;

  @Option(
      names = "--speech-between-words",
      description = "The audio may hold more speech, between the words of the text.")
  private boolean speechBetweenWords;

  @Option(
      names = "--band",
      paramLabel = "S",
      description =
          "Most seconds between a word and its place in an even spread of the text: saves time in"
              + " long recordings, but words further away are not found.")
  private Double band;

  @ArgGroup(exclusive = false, heading = "%nOutput:%n")
  private TranscriptArguments transcripts = new TranscriptArguments();

  @ArgGroup(exclusive = false, heading = "%nLong recordings:%n")
  private WindowArguments windows = new WindowArguments();

  private TranscribeOptions options = TranscribeOptions.DEFAULT;
  private TranscriptFormat format;
  private Output output;
  private String onlyText; // null: each file has its own

  @Override
  void prepare() throws IOException {
    requireOptions(1);
    if (text.folder == null && files().size() > 1) {
      throw wrongUsage(
          (text.given != null ? "--text" : "--text-file")
              + " is for one file, but "
              + files().size()
              + " files are given; use --text-dir");
    }
    if (band != null && !(band > 0 && band <= Double.MAX_VALUE)) {
      throw wrongUsage("--band is " + band + "; expected a finite number above 0");
    }
    options = windows.in(options, this);
    format = transcripts.format(this);
    options = transcripts.in(options, this);
    if (text.folder == null) {
      onlyText = text.file == null ? text.given : Utf8.read(text.file);
    }
    output = transcripts.open(this, false);
  }

  @Override
  int run(Transcriber transcriber) throws IOException {
    AlignOptions alignment =
        new AlignOptions(speechAround, speechBetweenWords, frames(transcriber));
    return process(
        1,
        clips -> {
          List<Transcript> aligned = new ArrayList<>();
          for (Clip clip : clips) {
            String said =
                onlyText != null
                    ? onlyText
                    : Utf8.read(text.folder.resolve(stem(clip.file()) + ".txt"));
            aligned.add(transcriber.align(clip.audio(), said, alignment, options));
          }
          return aligned;
        },
        (clip, transcript) -> {
          if (format == TranscriptFormat.TEXT) {
            output.writeLines(clip.file(), TranscriptArguments.wordLines(transcript));
          } else {
            output.write(clip.file(), format.format(transcript, stem(clip.file())));
          }
        });
  }

  /** The band in frames, at least one. */
  private Integer frames(Transcriber transcriber) {
    return band == null ? null : (int) Math.ceil(band / transcriber.secondsPerFrame());
  }
}
