package io.github.w2vbert.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** The command {@code w2vbert}. */
@Command(
    name = "w2vbert",
    description = "Speech to text, labels, embeddings and features with Wav2Vec2-BERT.",
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      TranscribeCommand.class,
      AlignCommand.class,
      PlotCommand.class,
      EmbedCommand.class,
      FeaturesCommand.class,
      ClassifyCommand.class,
      SpeakersCommand.class,
      FramesCommand.class,
      FinetuneCommand.class,
      EvaluateCommand.class,
      ConvertCommand.class,
      InfoCommand.class,
      DoctorCommand.class,
      CompletionCommand.class
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  w2vbert doctor",
      "  w2vbert transcribe command.wav",
      "  w2vbert transcribe call.wav --model my-model",
      "  w2vbert plot call.wav --model my-model -o call.html",
      "  w2vbert transcribe --help",
      "",
      "Exit status: 0 success, 1 failure (of any file), 2 wrong usage."
    })
public final class Main {
  private static final Pattern REPEATED =
      Pattern.compile("expected only one match but got .*=\\{(-[^= }]+)[^{}]*\\}", Pattern.DOTALL);

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  private boolean version;

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Show the stack traces of failures.")
  private boolean verbose;

  private Main() {}

  /** Runs the command and exits with its status. */
  public static void main(String[] arguments) {
    // Warnings of the library on one line, like the errors of this program.
    System.setProperty("java.util.logging.SimpleFormatter.format", "w2vbert: %4$s: %5$s%n");
    // Transcripts and JSON are UTF-8 whatever the locale: a container often has none.
    PrintWriter out = utf8(FileDescriptor.out);
    PrintWriter err = utf8(FileDescriptor.err);
    CommandLine commandLine = commandLine().setOut(out).setErr(err);
    int status;
    try {
      status = commandLine.execute(arguments);
    } catch (OutOfMemoryError e) {
      err.println(
          "w2vbert: Java has too little memory (" + e.getMessage() + "); allow it more with -Xmx");
      status = CommandLine.ExitCode.SOFTWARE;
    }
    if (status == CommandLine.ExitCode.OK && out.checkError()) {
      err.println("w2vbert: standard output cannot be written");
      status = CommandLine.ExitCode.SOFTWARE;
    }
    System.exit(status);
  }

  private static PrintWriter utf8(FileDescriptor descriptor) {
    return new PrintWriter(
        new OutputStreamWriter(new FileOutputStream(descriptor), StandardCharsets.UTF_8), true);
  }

  /** The command and its subcommands; failures become one line on the error writer. */
  static CommandLine commandLine() {
    Main main = new Main();
    return new CommandLine(main)
        .setParameterExceptionHandler(Main::reportWrongUsage)
        .setExecutionExceptionHandler(
            (exception, command, parsed) -> {
              Failures.report(command.getErr(), exception, main.verbose);
              return command.getCommandSpec().exitCodeOnExecutionException();
            });
  }

  private static int reportWrongUsage(ParameterException exception, String[] arguments) {
    CommandLine command = exception.getCommandLine();
    command
        .getErr()
        .printf(
            "w2vbert: %s (see %s --help)%n",
            Failures.oneLine(message(exception)), command.getCommandSpec().qualifiedName());
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  /** Says of a repeated option of a group what picocli says of others, not the whole group. */
  private static String message(ParameterException exception) {
    String message = exception.getMessage().replaceFirst("^Error: ", "");
    Matcher repeated = REPEATED.matcher(message);
    return repeated.matches()
        ? "option '" + repeated.group(1) + "' should be specified only once"
        : message;
  }

  /** Whether the user wants stack traces. */
  boolean verbose() {
    return verbose;
  }
}
