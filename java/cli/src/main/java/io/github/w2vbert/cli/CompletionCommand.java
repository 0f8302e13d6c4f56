package io.github.w2vbert.cli;

import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints a completion script. */
@Command(
    name = "completion",
    description = "Prints a script with which bash (or zsh with bashcompinit) completes w2vbert.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  source <(w2vbert completion)",
      "  w2vbert completion > ~/.local/share/bash-completion/completions/w2vbert"
    })
final class CompletionCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    CommandLine root = spec.root().commandLine();
    spec.commandLine().getOut().print(AutoComplete.bash(root.getCommandName(), root));
    spec.commandLine().getOut().flush();
  }
}
