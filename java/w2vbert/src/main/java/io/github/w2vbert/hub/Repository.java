package io.github.w2vbert.hub;

import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A repository of the hub at a revision.
 *
 * @param id {@code org/name} or {@code name}
 * @param revision a branch, a tag, or a commit
 */
record Repository(String id, String revision) {
  static final String DEFAULT_REVISION = "main";
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern ID = Pattern.compile("(?:[A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+");
  private static final int MOST_CHARACTERS = 96; // of a part

  Repository {
    requireId(id);
    requireRelative("revision", revision, "a branch, a tag or a commit, such as main");
  }

  /** Reads {@code org/name} or {@code org/name@revision}. */
  static Repository parse(String text) {
    Objects.requireNonNull(text, "repository");
    int at = text.indexOf('@');
    return at < 0
        ? new Repository(text, DEFAULT_REVISION)
        : new Repository(text.substring(0, at), text.substring(at + 1));
  }

  private static void requireId(String id) {
    Objects.requireNonNull(id, "repository");
    boolean valid = ID.matcher(id).matches();
    if (valid) {
      for (String part : id.split("/")) {
        valid &= part.length() <= MOST_CHARACTERS;
        valid &= !part.startsWith("-") && !part.startsWith(".");
        valid &= !part.endsWith("-") && !part.endsWith(".");
      }
      valid &= !id.contains("--") && !id.contains("..") && !id.endsWith(".git");
    }
    if (!valid) {
      throw new IllegalArgumentException(
          "repository is "
              + quoted(id)
              + "; expected org/name or org/name@revision: letters, digits, '_', '-' and '.', at"
              + " most "
              + MOST_CHARACTERS
              + " characters each, no '--' or '..', no '-' or '.' at an end, not ending in .git");
    }
  }

  /** Refuses a name that could lead out of the folder that it will be a file of. */
  static void requireRelative(String what, String name, String expected) {
    Objects.requireNonNull(name, what);
    boolean valid = !name.isEmpty() && name.length() <= 255;
    valid &= name.chars().noneMatch(c -> c < ' ' || c == 0x7f || c == '\\' || c == ':');
    for (String part : name.split("/", -1)) {
      valid &= !part.isEmpty() && !part.equals(".") && !part.equals("..");
    }
    if (!valid) {
      throw new IllegalArgumentException(
          what
              + " is "
              + quoted(name)
              + "; expected "
              + expected
              + ", without '..', '\\', ':' or control characters, and not absolute");
    }
  }

  /** A text of someone else in a message: one line, not endless. */
  static String quoted(String text) {
    String shown = text.length() <= 200 ? text : text.substring(0, 200) + "...";
    return "'" + shown.replaceAll("\\p{Cntrl}", "?") + "'";
  }

  static boolean isCommit(String revision) {
    return revision != null && COMMIT.matcher(revision).matches();
  }

  boolean isPinned() {
    return isCommit(revision);
  }

  Repository at(String other) {
    return new Repository(id, other);
  }

  @Override
  public String toString() {
    return id + "@" + revision;
  }
}
