package io.github.w2vbert.benchmarks.peers;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;

/**
 * How fast is the real shape from features to logits, and how much memory does it take, beside
 * other engines with the same weights, the same input and the same number of threads?
 */
public final class Peers {
  private Peers() {}

  /** The arguments are options, see the README. */
  public static void main(String[] arguments) throws IOException {
    PeerOptions options = PeerOptions.parse(arguments);
    ObjectNode results = new PeerRun(options, FormulaCheckpoint.realShape()).run();
    String table = PeerTable.markdown(results);
    Files.createDirectories(options.results());
    String name =
        PeerRun.processor().replaceAll("[^A-Za-z0-9]+", "-")
            + DateTimeFormatter.ofPattern("-yyyy-MM-dd-HHmm").format(LocalDateTime.now())
            + "-peers-"
            + options.threads()
            + "-threads";
    Path json = options.results().resolve(name + ".json");
    Files.writeString(
        json,
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(results) + "\n");
    Path markdown = options.results().resolve(name + ".md");
    Files.writeString(markdown, table);
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    out.println(table);
    out.println("written: " + json);
    out.println("written: " + markdown);
  }
}
