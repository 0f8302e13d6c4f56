package io.github.w2vbert;

/**
 * A failure that is not the caller's mistake: native libraries that cannot be loaded, files that
 * are damaged, memory that runs out, an operator that fails. Mistakes of the caller are {@link
 * IllegalArgumentException} and {@link IllegalStateException}.
 */
public class W2vBertException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * Creates an exception.
   *
   * @param message what failed, with which value, and what was expected
   */
  public W2vBertException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what failed, with which value, and what was expected
   * @param cause why
   */
  public W2vBertException(String message, Throwable cause) {
    super(message, cause);
  }
}
