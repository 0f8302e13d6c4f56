package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.SequenceClassifierOutput;
import io.github.w2vbert.Wav2Vec2BertForSequenceClassification;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Speech to the labels of whole recordings. */
@Command(
    name = "classify",
    description =
        "Prints the most probable labels of audio files and their probabilities: one line per file,"
            + " in order.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert classify call.wav --model emotions",
      "  w2vbert classify *.wav --model languages --top 1",
      "  w2vbert classify *.wav --model languages --json > labels.jsonl"
    })
final class ClassifyCommand extends FilesCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description =
          ModelFolder.WHAT
              + "config.json, model.safetensors and preprocessor_config.json of a"
              + " Wav2Vec2BertForSequenceClassification.")
  private String model;

  @Mixin private LoadArguments loading;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "5",
      description = "The N most probable labels (${DEFAULT-VALUE}), or all if there are fewer.")
  private int top;

  @Option(
      names = "--json",
      description = "One JSON object per file: its duration and labels with their probabilities.")
  private boolean json;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  private record Score(String label, float probability) {}

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    if (top < 1) {
      throw wrongUsage("--top is " + top + "; expected 1 or more");
    }
    LoadOptions options = loading.options();
    Path folder = ModelFolder.of(model, err());
    ModelClass.SEQUENCE_CLASSIFICATION.require(folder);
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
        Wav2Vec2BertForSequenceClassification classifier =
            Wav2Vec2BertForSequenceClassification.fromPretrained(folder, options);
        LineOutput output = LineOutput.of(null, out())) {
      List<String> labels = ModelClass.labels(classifier.config());
      return process(
          extractor.samplingRate(),
          batch,
          clips -> classify(clips, extractor, classifier),
          (clip, probabilities) -> {
            List<Score> best = best(probabilities, labels);
            output.println(json ? toJson(clip, best).toString() : toText(clip, best));
          });
    }
  }

  private static List<float[]> classify(
      List<Audio> clips,
      FeatureExtractor extractor,
      Wav2Vec2BertForSequenceClassification classifier) {
    try (RaggedFeatures features = extractor.extractRagged(clips);
        OutputList<SequenceClassifierOutput> outputs = classifier.encode(features)) {
      return outputs.stream().map(output -> output.probabilities(0)).toList();
    }
  }

  private List<Score> best(float[] probabilities, List<String> labels) {
    return IntStream.range(0, probabilities.length)
        .mapToObj(label -> new Score(labels.get(label), probabilities[label]))
        .sorted(Comparator.comparingDouble(Score::probability).reversed())
        .limit(top)
        .toList();
  }

  private String toText(Clip clip, List<Score> best) {
    return (files().size() > 1 ? clip.file() + ": " : "")
        + best.stream()
            .map(score -> String.format(Locale.ROOT, "%s %.4f", score.label, score.probability))
            .collect(Collectors.joining(", "));
  }

  private static ObjectNode toJson(Clip clip, List<Score> best) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("file", clip.file().toString());
    node.put("duration", clip.seconds());
    ArrayNode labels = node.putArray("labels");
    for (Score score : best) {
      labels.addObject().put("label", score.label).put("probability", score.probability);
    }
    return node;
  }
}
