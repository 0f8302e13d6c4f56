package io.github.w2vbert.training;

/** What happens to recordings that cannot be used. */
public enum BadAudio {
  /** The first one ends the run. */
  FAIL,
  /** They are left out, and listed in the log and the result. */
  SKIP
}
