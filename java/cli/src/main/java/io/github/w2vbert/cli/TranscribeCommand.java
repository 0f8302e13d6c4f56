package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.TranscribeOptions;
import io.github.w2vbert.Transcriber;
import io.github.w2vbert.VadOptions;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.CtcDecoder;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.TranscriptFormat;
import io.github.w2vbert.transcript.Word;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech to text. */
@Command(
    name = "transcribe",
    description =
        "Writes what is said in audio files: as text, one line per file, or with times as subtitles,"
            + " tables or JSON.",
    abbreviateSynopsis = true,
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert transcribe command.wav",
      "  w2vbert transcribe call.wav --model my-model",
      "  w2vbert transcribe *.mp3 --model org/name --format srt -o subtitles",
      "  w2vbert transcribe *.wav --model my-model --json > words.jsonl",
      "  w2vbert transcribe talk.flac --model my-model --lm 4-gram.arpa.gz",
      "  w2vbert transcribe talk.flac --model my-model --hotword kubernetes",
      "  w2vbert transcribe day.ogg --model my-model --vad --window 30 -o day.vtt",
      "  ffmpeg -i film.mkv -f wav - | w2vbert transcribe - --mix --model my-model"
    })
final class TranscribeCommand extends CtcCommand {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @Option(
      names = "--json",
      description =
          "One JSON object per file, each in a line: its name, text, duration and words with their"
              + " start and end, in seconds.")
  private boolean json;

  @Option(
      names = "--words",
      description =
          "One line per word instead of the text: start, end, confidence and the word, with tabs"
              + " between them.")
  private boolean words;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description =
          "Files read at a time (${DEFAULT-VALUE}), of which short ones are computed together;"
              + " memory grows with it.")
  private int batch;

  @ArgGroup(exclusive = false, heading = "%nOutput:%n")
  private TranscriptArguments transcripts = new TranscriptArguments();

  @ArgGroup(exclusive = false, heading = "%nSearch:%n")
  private DecodingArguments decoding = new DecodingArguments();

  @ArgGroup(exclusive = false, heading = "%nLong recordings:%n")
  private WindowArguments windows = new WindowArguments();

  @ArgGroup(exclusive = false, heading = "%nSpeech and silence:%n")
  private VoiceArguments voice = new VoiceArguments();

  private static final class VoiceArguments {
    @Option(
        names = "--vad",
        description = "Looks for speech first and transcribes each stretch of it on its own.")
    private boolean given;

    @Option(
        names = "--vad-threshold",
        paramLabel = "DB",
        description = "Decibels above the noise from which sound is speech (8).")
    private Double threshold;
  }

  private TranscribeOptions options = TranscribeOptions.DEFAULT;
  private TranscriptFormat format;
  private Output output;
  private DecodingArguments.Search search; // null: as the model's folder says

  /**
   * What is made of a recording.
   *
   * @param alternatives the best first; empty if they are not asked for
   */
  private record Result(Transcript transcript, List<Hypothesis> alternatives) {}

  /** Keeps all hypotheses of what it decodes. */
  private record Alternatives(BeamSearchDecoder decoder, List<List<Hypothesis>> found)
      implements CtcDecoder {
    @Override
    public Hypothesis best(LogProbabilities scores) {
      found.add(decoder.decode(scores));
      return found.get(found.size() - 1).get(0);
    }
  }

  @Override
  void prepare() throws IOException {
    requireOptions(batch);
    requireOneStyle();
    options = windows.in(options, this);
    requireEffect("--vad-threshold", voice.threshold, voice.given, "--vad");
    if (voice.given) {
      VadOptions vad = VadOptions.DEFAULT;
      vad = change(vad, "--vad-threshold", voice.threshold, VadOptions::withThreshold);
      options = options.withVoiceActivity(vad);
    }
    options = transcripts.in(options, this);
    decoding.check(this);
    output = transcripts.open(this, json);
    search = decoding.read(this);
  }

  /** Refuses options that ask for different things. */
  private void requireOneStyle() {
    if (json && transcripts.isGiven()) {
      throw wrongUsage(
          "--json prints lines to the standard output; use --format json with --output");
    }
    format = transcripts.format(this);
    String name = json ? "--json" : "the format " + TranscriptArguments.name(format);
    boolean isText = format == TranscriptFormat.TEXT;
    if (words && (json || !isText)) {
      throw wrongUsage("--words is for text, but " + name + " is asked for");
    }
    if (decoding.hasAlternatives() && !isText && format != TranscriptFormat.JSON) {
      throw wrongUsage("--n-best is for text and JSON, but " + name + " is asked for");
    }
    if (words && decoding.hasAlternatives()) {
      throw wrongUsage("--words and --n-best ask for different lines; expected one of them");
    }
    if (voice.given && decoding.hasAlternatives()) {
      throw wrongUsage("--n-best is for whole recordings, but --vad divides them");
    }
  }

  @Override
  int run(Transcriber transcriber) throws IOException {
    BeamSearchDecoder searching;
    try {
      searching = search == null ? null : search.over(transcriber);
    } catch (IllegalArgumentException e) { // a hot word that the model cannot spell
      throw wrongUsage(e.getMessage());
    }
    if (searching == null) {
      options = options.withDecoder(decoding.bestPath() ? transcriber.bestPath() : null);
    }
    return process(
        batch,
        clips -> transcribe(clips, transcriber, searching),
        (clip, result) -> {
          if (json) {
            output.write(clip.file(), toJson(clip, result) + "\n");
          } else {
            write(clip, result);
          }
        });
  }

  private List<Result> transcribe(
      List<Clip> clips, Transcriber transcriber, BeamSearchDecoder searching) {
    Alternatives alternatives = new Alternatives(searching, new ArrayList<>());
    TranscribeOptions chosen = options;
    if (searching != null) {
      chosen = options.withDecoder(decoding.hasAlternatives() ? alternatives : searching);
    }
    List<Transcript> transcripts =
        transcriber.transcribe(clips.stream().map(Clip::audio).toList(), chosen);
    List<Result> results = new ArrayList<>();
    for (int i = 0; i < transcripts.size(); i++) {
      results.add(
          new Result(
              transcripts.get(i),
              decoding.hasAlternatives() ? alternatives.found().get(i) : List.of()));
    }
    return results;
  }

  private void write(Clip clip, Result result) throws IOException {
    String text = format.format(result.transcript(), stem(clip.file()));
    if (format == TranscriptFormat.JSON) {
      output.write(clip.file(), withAlternatives(text, result));
    } else if (format != TranscriptFormat.TEXT) {
      output.write(clip.file(), text);
    } else if (words) {
      output.writeLines(clip.file(), TranscriptArguments.wordLines(result.transcript()));
    } else if (decoding.hasAlternatives()) {
      output.writeLines(clip.file(), alternativeLines(result.alternatives()));
    } else {
      // A line for each recording, even if nothing is said in it.
      output.writeLines(clip.file(), text.isEmpty() && output.isStandard() ? "\n" : text);
    }
  }

  private static String alternativeLines(List<Hypothesis> alternatives) {
    StringBuilder lines = new StringBuilder();
    for (Hypothesis alternative : alternatives) {
      lines.append(
          String.format(
              Locale.ROOT,
              "%.4f\t%s\n",
              alternative.score(),
              alternative.text().replaceAll("\\s+", " ")));
    }
    return lines.toString();
  }

  private static String withAlternatives(String json, Result result) throws IOException {
    if (result.alternatives().isEmpty()) {
      return json;
    }
    ObjectNode node = (ObjectNode) MAPPER.readTree(json);
    putAlternatives(node, result);
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
  }

  private static ObjectNode toJson(Clip clip, Result result) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("file", clip.file().toString());
    node.put("text", result.transcript().text());
    node.put("duration", clip.seconds());
    ArrayNode array = node.putArray("words");
    for (Word word : result.transcript().words()) {
      array
          .addObject()
          .put("word", word.text())
          .put("start", milliseconds(word.start()))
          .put("end", milliseconds(word.end()));
    }
    if (!result.alternatives().isEmpty()) {
      putAlternatives(node, result);
    }
    return node;
  }

  private static void putAlternatives(ObjectNode node, Result result) {
    ArrayNode array = node.putArray("alternatives");
    for (Hypothesis alternative : result.alternatives()) {
      array
          .addObject()
          .put("text", alternative.text())
          .put("score", alternative.score())
          .put("acousticScore", alternative.acousticScore())
          .put("languageScore", alternative.languageScore())
          .put("hotWordScore", alternative.hotWordScore());
    }
  }

  /** Seconds to three places: frames have no more. */
  private static double milliseconds(double seconds) {
    return Math.round(seconds * 1e3) / 1e3;
  }
}
