package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.BaseModelOutput;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.Pooling;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForXVector;
import io.github.w2vbert.Wav2Vec2BertModel;
import io.github.w2vbert.XVectorOutput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Speech to vectors of speakers, and how similar they are. */
@Command(
    name = "speakers",
    description = {
      "Compares the speakers of audio files.",
      "Prints the cosine of the angle between the embeddings of every two files, 1 for the same"
          + " direction.",
      "A Wav2Vec2BertForXVector has embeddings of speakers. Of any other model, or with --pool or"
          + " --layer, hidden states are taken, which also reflect the words and the channel."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert speakers a.wav b.wav c.wav --model x-vectors",
      "  w2vbert speakers a.wav b.wav --model x-vectors --threshold 0.85",
      "  w2vbert speakers *.wav --model w2v-bert-2.0 --layer 6 --pool statistics --json",
      "  w2vbert speakers *.wav --model x-vectors -o embeddings.npy"
    })
final class SpeakersCommand extends MatrixCommand {
  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description =
          ModelFolder.WHAT + "config.json, model.safetensors and preprocessor_config.json.")
  private String model;

  @Mixin private LoadArguments loading;

  @Mixin private LayerOption layer;

  @Option(
      names = "--pool",
      paramLabel = "HOW",
      converter = Words.Poolings.class,
      completionCandidates = Words.Poolings.class,
      description =
          "How one vector is made of hidden states over time: ${COMPLETION-CANDIDATES} (the mean,"
              + " then the standard deviation). Without it: mean.")
  private Pooling pooling;

  @Option(
      names = "--threshold",
      paramLabel = "X",
      description =
          "List the pairs of files, with \"same\" where the cosine is at least X and \"different\""
              + " elsewhere. The value depends on the model: choose it on recordings whose speakers"
              + " are known.")
  private Double threshold;

  @ArgGroup private Format format;

  private static final class Format {
    @Option(
        names = "--json",
        description = "One JSON object: the files, their cosines, and which are the same.")
    private boolean json;

    @Option(names = "--tsv", description = "Tab-separated values in place of an aligned table.")
    private boolean tsv;
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      description =
          "Write the embeddings: OUT.safetensors with a tensor [1, size] per file,"
              + " named by the file's name without its folder, or OUT.npy with the rows of all"
              + " files in order. It appears when all is done; tensors of files that failed are not"
              + " in it, and rows are not written if any file failed.")
  private Path output;

  @Option(
      names = "--scores",
      description = "Print the cosines even with -o, as --threshold, --json and --tsv do.")
  private boolean scores;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  private LoadOptions options;
  private Path folder; // of the model
  private final List<Path> embedded = new ArrayList<>(); // files that did not fail
  private final List<float[]> embeddings = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    if (threshold != null && !(threshold >= -1 && threshold <= 1)) {
      throw wrongUsage("--threshold is " + threshold + "; expected a number from -1 to 1");
    }
    if (output != null) {
      requireOutput(output, true);
    }
    options = loading.options();
    folder = ModelFolder.of(model, err());
    boolean embedsSpeakers =
        Wav2Vec2BertConfig.fromPretrained(folder)
            .architectures()
            .contains(ModelClass.X_VECTOR.toString());
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder)) {
      int status =
          embedsSpeakers && pooling == null && layer.value() == null
              ? embeddings(extractor)
              : hiddenStates(extractor);
      boolean prints = output == null || scores || threshold != null || format != null;
      if (prints && !embedded.isEmpty()) {
        print(Pooling.cosines(embeddings));
      }
      return status;
    }
  }

  private Pooling pooling() {
    return pooling == null ? Pooling.MEAN : pooling;
  }

  private int embeddings(FeatureExtractor extractor) throws IOException {
    try (Wav2Vec2BertForXVector head = Wav2Vec2BertForXVector.fromPretrained(folder, options)) {
      say("the embeddings of " + ModelClass.X_VECTOR);
      return embed(
          extractor,
          features -> {
            try (OutputList<XVectorOutput> outputs = head.encode(features)) {
              return outputs.stream()
                  .map(output -> Matrix.row(output.embeddings().toFloatArray()))
                  .toList();
            }
          });
    }
  }

  private int hiddenStates(FeatureExtractor extractor) throws IOException {
    try (Wav2Vec2BertModel encoder = layer.open(folder, options)) {
      say(
          (pooling() == Pooling.MEAN ? "the mean of " : "the mean and standard deviation of ")
              + (layer.value() == null ? "the encoder's output" : "layer " + layer.value()));
      return embed(
          extractor,
          features -> {
            try (OutputList<BaseModelOutput> outputs = layer.encode(encoder, features)) {
              return outputs.stream().map(output -> Matrix.row(pooling().of(output, 0))).toList();
            }
          });
    }
  }

  private void say(String what) {
    err().println("w2vbert: comparing " + what);
  }

  private int embed(FeatureExtractor extractor, Function<RaggedFeatures, List<Matrix>> model)
      throws IOException {
    Function<List<Audio>, List<Matrix>> compute =
        clips -> {
          try (RaggedFeatures features = extractor.extractRagged(clips)) {
            return model.apply(features);
          }
        };
    return write(
        output,
        extractor.samplingRate(),
        batch,
        compute,
        (clip, row) -> {
          embedded.add(clip.file());
          embeddings.add(row.values());
        });
  }

  private void print(double[][] cosines) {
    boolean tsv = format != null && format.tsv;
    if (format != null && format.json) {
      out().println(toJson(cosines));
      return;
    }
    List<List<String>> rows = threshold == null ? matrix(cosines, tsv) : pairs(cosines, tsv);
    List<String> lines = tsv ? rows.stream().map(Table::tsv).toList() : Table.aligned(rows);
    lines.forEach(out()::println);
  }

  /** A row and a column per file; columns of the aligned table are numbered to be narrow. */
  private List<List<String>> matrix(double[][] cosines, boolean tsv) {
    List<List<String>> rows = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of(""));
    for (int i = 0; i < cosines.length; i++) {
      head.add(tsv ? embedded.get(i).toString() : String.format(Locale.ROOT, "%7d", i + 1));
    }
    rows.add(head);
    for (int i = 0; i < cosines.length; i++) {
      List<String> row = new ArrayList<>();
      row.add(tsv ? embedded.get(i).toString() : (i + 1) + " " + embedded.get(i));
      for (double cosine : cosines[i]) {
        row.add(text(cosine, tsv));
      }
      rows.add(row);
    }
    return rows;
  }

  private List<List<String>> pairs(double[][] cosines, boolean tsv) {
    List<List<String>> rows = new ArrayList<>();
    for (int i = 0; i < cosines.length; i++) {
      for (int j = i + 1; j < cosines.length; j++) {
        rows.add(
            List.of(
                embedded.get(i).toString(),
                embedded.get(j).toString(),
                text(cosines[i][j], tsv),
                cosines[i][j] >= threshold ? "same" : "different"));
      }
    }
    return rows;
  }

  private static String text(double cosine, boolean tsv) {
    return String.format(Locale.ROOT, tsv ? "%.4f" : "%7.4f", cosine);
  }

  private ObjectNode toJson(double[][] cosines) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ArrayNode files = node.putArray("files");
    embedded.forEach(file -> files.add(file.toString()));
    ArrayNode matrix = node.putArray("cosines");
    for (double[] row : cosines) {
      ArrayNode numbers = matrix.addArray();
      for (double cosine : row) {
        numbers.add(cosine);
      }
    }
    if (threshold != null) {
      node.put("threshold", threshold);
      ArrayNode same = node.putArray("same");
      for (double[] row : cosines) {
        ArrayNode marks = same.addArray();
        for (double cosine : row) {
          marks.add(cosine >= threshold);
        }
      }
    }
    return node;
  }
}
