package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.Audio;
import io.github.w2vbert.CtcOutput;
import io.github.w2vbert.DecodedText;
import io.github.w2vbert.FeatureExtractor;
import io.github.w2vbert.OutputList;
import io.github.w2vbert.RaggedFeatures;
import io.github.w2vbert.Tokenizer;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertForCTC;
import io.github.w2vbert.WordOffset;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speech to text. */
@Command(
    name = "transcribe",
    description = "Prints what is said in audio files: one line per file, in order.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert transcribe call.wav --model my-model",
      "  w2vbert transcribe *.wav --model my-model --json > words.jsonl",
      "  w2vbert transcribe stereo.wav --model my-model --channel 0"
    })
final class TranscribeCommand extends FilesCommand {
  private static final double HOP = 160; // samples from one mel frame to the next

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "Folder with config.json, model.safetensors, preprocessor_config.json and vocab.json of a"
              + " model for CTC. Without it a built-in test model prints nonsense.")
  private Path model;

  @Option(
      names = "--json",
      description =
          "One JSON object per file: its text, duration and words with their start and end, in"
              + " seconds.")
  private boolean json;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files computed together (${DEFAULT-VALUE}); memory grows with it.")
  private int batch;

  @Override
  public Integer call() throws IOException {
    requireOptions(batch);
    if (model != null) {
      return transcribe(model);
    }
    err()
        .println(
            "w2vbert: no --model given: using the built-in test model, which prints nonsense until a"
                + " trained default model ships");
    try (GoldenCase builtIn = GoldenCase.extract()) {
      return transcribe(builtIn.folder());
    }
  }

  private int transcribe(Path folder) throws IOException {
    Tokenizer tokenizer = Tokenizer.fromPretrained(folder);
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(folder);
        Wav2Vec2BertForCTC ctc = Wav2Vec2BertForCTC.fromPretrained(folder)) {
      double frameSamples = HOP * extractor.stride() * adapterStride(ctc.config());
      return process(
          extractor.samplingRate(),
          batch,
          clips -> decode(clips, extractor, ctc, tokenizer),
          (clip, text) -> {
            if (json) {
              out().println(toJson(clip, text, frameSamples, extractor.samplingRate()));
            } else {
              out().println((files().size() > 1 ? clip.file() + ": " : "") + text.text());
            }
            if (out().checkError()) { // nobody reads on: spare the computation
              throw new IOException("standard output cannot be written");
            }
          });
    }
  }

  private static List<DecodedText> decode(
      List<Audio> clips, FeatureExtractor extractor, Wav2Vec2BertForCTC ctc, Tokenizer tokenizer) {
    try (RaggedFeatures features = extractor.extractRagged(clips);
        OutputList<CtcOutput> outputs = ctc.encode(features)) {
      return outputs.stream()
          .map(output -> tokenizer.decodeWithOffsets(output.bestPath(0)))
          .toList();
    }
  }

  /** Encoder steps per step of the head. */
  private static double adapterStride(Wav2Vec2BertConfig config) {
    return config.addAdapter() ? Math.pow(config.adapterStride(), config.numAdapterLayers()) : 1;
  }

  private static ObjectNode toJson(Clip clip, DecodedText text, double frameSamples, int rate) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("file", clip.file().toString());
    node.put("text", text.text());
    node.put("duration", clip.seconds());
    ArrayNode words = node.putArray("words");
    for (WordOffset word : text.wordOffsets()) {
      words
          .addObject()
          .put("word", word.word())
          .put("start", word.startOffset() * frameSamples / rate)
          .put("end", word.endOffset() * frameSamples / rate);
    }
    return node;
  }
}
