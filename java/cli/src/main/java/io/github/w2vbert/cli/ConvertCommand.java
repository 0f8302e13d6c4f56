package io.github.w2vbert.cli;

import io.github.w2vbert.DType;
import io.github.w2vbert.LoadOptions;
import io.github.w2vbert.SaveOptions;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.Wav2Vec2BertPreTrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.channels.Channels;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A model folder to another one. */
@Command(
    name = "convert",
    description = {
      "Writes a model with weights of another type or in files of another size.",
      "The files of its feature extractor, tokenizer and language model are copied.",
      "Either library, this or transformers, can open the result."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert convert --model my-model -o my-model-bf16 --dtype bfloat16",
      "  w2vbert convert --model my-model -o my-shards --shard-size 500MB",
      "  w2vbert convert --model my-ctc-model -o encoder --class Wav2Vec2BertModel"
    })
final class ConvertCommand implements Callable<Integer> {
  private static final List<String> PROCESSOR_FILES =
      List.of(
          "preprocessor_config.json",
          "processor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "alphabet.json"); // without which transformers opens no language model

  private static final String LANGUAGE_MODEL = "language_model";

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = ModelFolder.LABEL,
      required = true,
      description = ModelFolder.WHAT + "config.json and model.safetensors (or its shards).")
  private String model;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "Folder to write; a new one appears when all is done.")
  private Path output;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      converter = Words.WeightTypes.class,
      completionCandidates = Words.WeightTypes.class,
      description =
          "Type of the weights: ${COMPLETION-CANDIDATES}. Without it: that of the model, or float32"
              + " if it has several.")
  private DType dtype;

  @Option(
      names = "--shard-size",
      paramLabel = "SIZE",
      defaultValue = "5GB",
      converter = ByteSize.class,
      description = "Larger weights are divided into several files (${DEFAULT-VALUE}); 0: never.")
  private long shardSize;

  @Option(
      names = "--class",
      paramLabel = "CLASS",
      converter = Words.Classes.class,
      completionCandidates = Words.Classes.class,
      description =
          "What the model is: ${COMPLETION-CANDIDATES}. Without it: what its configuration names"
              + " under architectures. With Wav2Vec2BertModel the head is left out.")
  private ModelClass type;

  @Option(
      names = "--force",
      description = "Replace the model in OUT if there is one; other files in it stay.")
  private boolean force;

  private Path modelFolder;

  @Override
  public Integer call() throws IOException {
    boolean exists = requireOutput();
    modelFolder = ModelFolder.of(model, spec.commandLine().getErr());
    ModelClass chosen = type == null ? namedClass() : type;
    if (exists) {
      requireFree();
    }
    try (Wav2Vec2BertPreTrainedModel loaded = chosen.load(modelFolder, LoadOptions.DEFAULT)) {
      WeightFiles before = WeightFiles.of(modelFolder);
      SaveOptions options =
          SaveOptions.DEFAULT
              .withDtype(dtype == null ? dtypeOf(before) : dtype)
              .withMaxShardBytes(shardSize);
      List<String> copied = exists ? write(loaded, options, output) : writeAtOnce(loaded, options);
      print(chosen, before, copied);
    }
    return 0;
  }

  private ModelClass namedClass() {
    Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(modelFolder);
    return ModelClass.of(config)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    modelFolder.resolve("config.json")
                        + " has the architectures "
                        + config.architectures()
                        + "; expected one of "
                        + String.join(", ", new Words.Classes())
                        + "; choose one with --class"));
  }

  /** Whether the folder exists. */
  private boolean requireOutput() throws IOException {
    if (!Files.exists(output)) {
      Path parent = output.toAbsolutePath().getParent();
      if (!Files.isDirectory(parent)) {
        throw new NoSuchFileException(parent.toString());
      }
      return false;
    }
    if (!Files.isDirectory(output)) {
      throw new FileSystemException(output.toString(), null, "is a file; expected a folder");
    }
    return true;
  }

  /** Refuses a folder that holds something, or the model itself. */
  private void requireFree() throws IOException {
    if (Files.isSameFile(modelFolder, output)) {
      throw new IllegalArgumentException(
          output + " is the folder of the model itself; expected another one");
    }
    boolean empty;
    try (Stream<Path> entries = Files.list(output)) {
      empty = entries.findAny().isEmpty();
    }
    if (!empty && !force) {
      throw new IllegalArgumentException(
          output + " is not empty; replace the model in it with --force");
    }
  }

  private static DType dtypeOf(WeightFiles weights) {
    return Stream.of(DType.FLOAT16, DType.BFLOAT16)
        .filter(half -> weights.types().equals(Set.of(half.toString())))
        .findFirst()
        .orElse(DType.FLOAT32);
  }

  /** Writes a new folder under another name first. */
  private List<String> writeAtOnce(Wav2Vec2BertPreTrainedModel loaded, SaveOptions options)
      throws IOException {
    Path temporary = PendingFile.temporarySibling(output.toAbsolutePath());
    try {
      List<String> copied = write(loaded, options, Files.createDirectory(temporary));
      Files.move(temporary, output, StandardCopyOption.ATOMIC_MOVE);
      return copied;
    } finally {
      deleteFolder(temporary);
    }
  }

  private static void deleteFolder(Path folder) throws IOException {
    if (Files.exists(folder)) {
      List<Path> files;
      try (Stream<Path> entries = Files.walk(folder)) {
        files = entries.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  /** The files in the model folder that convert copies if they are there. */
  private static List<String> copiedFiles(Path folder) throws IOException {
    List<String> names = new ArrayList<>(PROCESSOR_FILES);
    if (Files.isDirectory(folder.resolve(LANGUAGE_MODEL))) {
      try (Stream<Path> files = Files.list(folder.resolve(LANGUAGE_MODEL))) {
        files
            .filter(Files::isRegularFile)
            .map(file -> LANGUAGE_MODEL + "/" + file.getFileName())
            .sorted()
            .forEach(names::add);
      }
    }
    return names;
  }

  /** Returns the names of the files that were copied; those that this model does not have go. */
  private List<String> write(Wav2Vec2BertPreTrainedModel loaded, SaveOptions options, Path folder)
      throws IOException {
    loaded.savePretrained(folder, options);
    List<String> copied = new ArrayList<>();
    Set<String> names = new LinkedHashSet<>(copiedFiles(modelFolder));
    names.addAll(copiedFiles(folder));
    for (String name : names) {
      Path source = modelFolder.resolve(name);
      if (Files.isRegularFile(source)) {
        Files.createDirectories(folder.resolve(name).getParent());
        try (PendingFile target = new PendingFile(folder.resolve(name))) {
          Files.copy(source, Channels.newOutputStream(target.channel()));
          target.commit();
        }
        copied.add(name);
      } else {
        Files.deleteIfExists(folder.resolve(name));
      }
    }
    return copied;
  }

  private void print(ModelClass chosen, WeightFiles before, List<String> copied)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("class   %s%n", chosen);
    out.printf("before  %s%n", before);
    out.printf("after   %s%n", WeightFiles.of(output));
    out.printf("copied  %s%n", copied.isEmpty() ? "nothing" : String.join(", ", copied));
  }
}
