package io.github.w2vbert.cli;

import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.FrameClassifierOutput;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertForAudioFrameClassification;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Speech to labels of frames, such as who speaks when. */
@Command(
    name = "frames",
    description = {
      "Prints when labels are active in audio files, such as who speaks when.",
      "One line per interval: its start and end in seconds and its label.",
      "Labels are independent of each other: their intervals may overlap."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert frames call.wav --model diarizer",
      "  w2vbert frames *.wav --model diarizer --rttm --min-gap 0.3 -o calls.rttm",
      "  w2vbert frames *.wav --model diarizer --json | jq '.intervals[].label'"
    })
final class FramesCommand extends FilesCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description =
          ModelFolder.WHAT
              + "config.json, model.safetensors and preprocessor_config.json of a"
              + " Wav2Vec2BertForAudioFrameClassification.")
  private String model;

  @Mixin private LoadArguments loading;

  @Option(
      names = "--threshold",
      paramLabel = "P",
      defaultValue = "0.5",
      description =
          "A label is active in frames where its probability, the logistic function of its score,"
              + " is larger (${DEFAULT-VALUE}).")
  private double threshold;

  @Option(
      names = "--min-gap",
      paramLabel = "S",
      defaultValue = "0",
      description = "Shorter gaps between intervals of a label are closed, in seconds.")
  private double minGap;

  @Option(
      names = "--min-length",
      paramLabel = "S",
      defaultValue = "0",
      description = "Shorter intervals are dropped once gaps are closed, in seconds.")
  private double minLength;

  @ArgGroup private FormatOption formatOption;

  private static final class FormatOption {
    @Option(
        names = "--json",
        description =
            "One JSON object per file: its duration and intervals with their label, start, end and"
                + " mean probability.")
    private boolean json;

    @Option(
        names = "--rttm",
        description =
            "RTTM, as tools for diarization read it; recordings are named by their file without its"
                + " folder and ending, and spaces in names become _.")
    private boolean rttm;

    @Option(
        names = "--csv",
        description = "Comma-separated file, label, start, end and mean probability.")
    private boolean csv;
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      description =
          "Write into OUT instead of the standard output. It appears when all is done; files that"
              + " failed are not in it.")
  private Path output;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  private int computed;

  /** How long frames are: their samples, and samples per second. */
  private record Clock(long frameSamples, int rate) {
    static Clock of(FeatureExtractor extractor, Wav2Vec2BertForAudioFrameClassification model) {
      long inputFrame = (long) extractor.hopLength() * extractor.stride();
      return new Clock(
          Math.multiplyExact(inputFrame, model.config().outputStride()), extractor.samplingRate());
    }

    double seconds(int frames) {
      return (double) frameSamples * frames / rate;
    }

    /** The fewest frames that last so long. */
    int framesOf(double seconds) {
      double rounding = 1e-6; // what is 15 frames in decimals may be a little more in binary
      return (int) Math.ceil(seconds * rate / frameSamples - rounding);
    }
  }

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    if (!(threshold >= 0 && threshold <= 1)) {
      throw wrongUsage("--threshold is " + threshold + "; expected a number from 0 to 1");
    }
    requireSeconds("--min-gap", minGap);
    requireSeconds("--min-length", minLength);
    SpanFormat format = format();
    if (format == SpanFormat.RTTM) {
      requireDifferentRecordings();
    }
    LoadOptions options = loading.options();
    Path folder = ModelFolder.of(model, err());
    ModelClass.FRAME_CLASSIFICATION.require(folder);
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
        Wav2Vec2BertForAudioFrameClassification classifier =
            Wav2Vec2BertForAudioFrameClassification.fromPretrained(folder, options);
        LineOutput lines = LineOutput.of(output, out())) {
      return print(extractor, classifier, format, lines);
    }
  }

  private void requireSeconds(String option, double seconds) {
    if (!(seconds >= 0 && seconds < Double.POSITIVE_INFINITY)) {
      throw wrongUsage(option + " is " + seconds + "; expected 0 or more seconds");
    }
  }

  private SpanFormat format() {
    if (formatOption == null) {
      return SpanFormat.TEXT;
    }
    if (formatOption.json) {
      return SpanFormat.JSON;
    }
    return formatOption.rttm ? SpanFormat.RTTM : SpanFormat.CSV;
  }

  private void requireDifferentRecordings() {
    Set<String> seen = new HashSet<>();
    for (Path file : files()) {
      String recording = SpanFormat.recording(file);
      if (!seen.add(recording)) {
        throw wrongUsage(
            "two recordings are named "
                + recording
                + "; the recordings of one RTTM output need different names");
      }
    }
  }

  private int print(
      FeatureExtractor extractor,
      Wav2Vec2BertForAudioFrameClassification classifier,
      SpanFormat format,
      LineOutput lines)
      throws IOException {
    List<String> labels = ModelClass.labels(classifier.config());
    Clock clock = Clock.of(extractor, classifier);
    Interval.Options options =
        new Interval.Options(threshold, clock.framesOf(minGap), clock.framesOf(minLength));
    boolean named = format == SpanFormat.TEXT && files().size() > 1;
    for (String line : format.header()) {
      lines.println(line);
    }
    int status =
        process(
            extractor.samplingRate(),
            batch,
            clips -> intervals(clips, extractor, classifier, options),
            (clip, intervals) -> {
              for (String line :
                  format.lines(
                      clip.file(), clip.seconds(), spans(intervals, clip, labels, clock))) {
                lines.println((named ? clip.file() + ": " : "") + line);
              }
              computed++;
            });
    if (computed > 0) {
      lines.commit();
    }
    return status;
  }

  private static List<List<Interval>> intervals(
      List<Audio> clips,
      FeatureExtractor extractor,
      Wav2Vec2BertForAudioFrameClassification classifier,
      Interval.Options options) {
    try (RaggedFeatures features = extractor.extractRagged(clips);
        OutputList<FrameClassifierOutput> outputs = classifier.encode(features)) {
      int labels = classifier.config().numLabels();
      return outputs.stream()
          .map(output -> Interval.find(logistic(output.logits().toFloatArray()), labels, options))
          .toList();
    }
  }

  private static double[] logistic(float[] scores) {
    double[] probabilities = new double[scores.length];
    for (int i = 0; i < scores.length; i++) {
      probabilities[i] = 1 / (1 + Math.exp(-scores[i]));
    }
    return probabilities;
  }

  /** The last frame may end behind the recording, and with an adapter even begin there. */
  private static List<Span> spans(
      List<Interval> intervals, Clip clip, List<String> labels, Clock clock) {
    return intervals.stream()
        .filter(interval -> clock.seconds(interval.begin()) < clip.seconds())
        .map(
            interval ->
                new Span(
                    labels.get(interval.label()),
                    clock.seconds(interval.begin()),
                    Math.min(clock.seconds(interval.end()), clip.seconds()),
                    interval.probability()))
        .toList();
  }
}
