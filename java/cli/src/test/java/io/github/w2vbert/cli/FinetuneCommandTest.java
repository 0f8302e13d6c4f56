package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.Wav2Vec2BertConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FinetuneCommandTest {
  @TempDir private Path folder;
  private Path manifest;
  private Path output;

  @BeforeEach
  void writeManifest() throws IOException {
    manifest = folder.resolve("train.tsv");
    output = folder.resolve("out");
    Files.write(
        manifest,
        List.of(
            "audio\ttext\tlabel",
            Cli.PLAIN.resolve("audio_0.wav") + "\tGo forward!\tgo",
            Cli.ADAPTER.resolve("audio_0.wav") + "\tstop\tstop",
            Cli.ADAPTER.resolve("audio_1.wav") + "\tgo\tgo"));
  }

  private Cli.Result finetune(Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("finetune", "--train", manifest));
    arguments.addAll(List.of("--out", output));
    arguments.addAll(Arrays.asList(options));
    return Cli.run(arguments.toArray());
  }

  private Path config() throws IOException {
    return Files.writeString(folder.resolve("config.json"), Models.config().build().toJson());
  }

  @Test
  void aModelBeginsWithChanceAndTranscribes() throws IOException {
    Cli.Result result =
        finetune(
            "--config",
            config(),
            "--task",
            "ctc",
            "--eval",
            manifest,
            "--epochs",
            2,
            "--ignore",
            "!",
            "--set",
            "mask_time_prob=0",
            "--set",
            "layerdrop=0.25",
            "--licence",
            "mit");

    assertEquals(0, result.status(), result.err());
    assertTrue(result.err().startsWith("step 1: WER "), result.err());
    assertTrue(result.err().lines().findFirst().orElse("").endsWith(", the best so far"));
    assertTrue(result.out().startsWith("model    " + output + ", after step "), result.out());
    Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(output);
    assertEquals(0, config.maskTimeProb());
    assertEquals(0.25, config.layerdrop());
    assertEquals(
        List.of(
            "README.md",
            "checkpoints",
            "config.json",
            "curves.html",
            "log.jsonl",
            "model.safetensors",
            "preprocessor_config.json"),
        Cli.names(output).stream().filter(name -> !name.matches(".*(token|vocab).*")).toList());
    String vocabulary = Files.readString(output.resolve("vocab.json"));
    assertTrue(vocabulary.contains("\"f\"") && !vocabulary.contains("\"!\""), vocabulary);
    String card = Files.readString(output.resolve("README.md"));
    assertTrue(card.contains("license: \"mit\""), card);
    assertTrue(card.contains("w2vbert finetune --train " + manifest), card);
    assertTrue(card.contains("--ignore '!'"), card);
    assertTrue(card.contains("| training.beta1 | 0.9 |"), card);

    assertEquals(
        0, Cli.run("transcribe", Cli.PLAIN.resolve("audio_0.wav"), "--model", output).status());
    Cli.Result judged = Cli.run("evaluate", "--model", output, "--data", manifest, "--ignore", "!");
    assertTrue(judged.out().contains("WER"), judged.err());
  }

  @Test
  void aModelIsTunedFurtherAndResumed() throws IOException {
    Path first = folder.resolve("first");
    assertEquals(
        0,
        Cli.run(
                "finetune",
                "--train",
                manifest,
                "--out",
                first,
                "--config",
                config(),
                "--task",
                "classification",
                "--epochs",
                1)
            .status());
    assertEquals(
        List.of("go", "stop"),
        List.copyOf(Wav2Vec2BertConfig.fromPretrained(first).id2label().values()));

    Object[] options = {
      "--model",
      first,
      "--task",
      "classification",
      "--eval",
      manifest,
      "--schedule",
      "constant",
      "--speeds",
      "0.9,1,1.1",
      "--noise",
      "0.5",
      "--telephone",
      "0.5",
      "--reverb",
      "0.5",
      "--average",
      "0.5",
      "--autocast",
      "bfloat16",
      "--epochs",
      1
    };
    assertEquals(0, finetune(options).status());
    String card = Files.readString(output.resolve("README.md"));
    assertTrue(card.contains("base_model: \"" + first + "\""), card);
    assertTrue(card.contains("| training.autocast | bfloat16 |"), card);
    Cli.Result again = finetune(options);
    assertEquals(
        "w2vbert: "
            + output
            + " is not empty; expected a new folder, or one with a run that is to be resumed\n",
        again.err());
    options[options.length - 1] = 3;
    List<Object> resumed = new ArrayList<>(Arrays.asList(options));
    resumed.add("--resume");
    Cli.Result result = finetune(resumed.toArray());
    assertEquals(0, result.status(), result.err());
    assertTrue(result.out().matches("(?s)model .* of 3\\R.*"), result.out());
    resumed.addAll(List.of("--seed", 4));
    result = finetune(resumed.toArray());
    assertEquals(1, result.status());
    assertTrue(result.err().contains("whose seed is 0, now it is 4"), result.err());
  }

  @Test
  void speakersAndFramesAreLearnt() throws IOException {
    assertEquals(0, finetune("--config", config(), "--task", "frames", "--epochs", 1).status());
    assertEquals(
        List.of("none", "go", "stop"),
        List.copyOf(Wav2Vec2BertConfig.fromPretrained(output).id2label().values()));
    assertEquals(
        0, Cli.run("frames", Cli.PLAIN.resolve("audio_0.wav"), "--model", output).status());
    output = folder.resolve("speakers");
    Cli.Result result =
        finetune("--config", config(), "--task", "xvector", "--epochs", 1, "--eval", manifest);
    assertEquals(0, result.status(), result.err());
    assertTrue(result.err().contains("EER "), result.err());
  }

  @Test
  void wrongConfigurationsAreNamed() throws IOException {
    Cli.Result result =
        finetune("--config", config(), "--task", "ctc", "--set", "no_such_option=1");
    assertEquals("w2vbert: --set no_such_option: config.json has no such option\n", result.err());
    Path none = folder.resolve("none.json");
    result = finetune("--config", none, "--task", "ctc");
    assertEquals("w2vbert: " + none + ": no such file or folder\n", result.err());
    assertEquals(List.of("config.json", "train.tsv"), Cli.names(folder));
  }
}
