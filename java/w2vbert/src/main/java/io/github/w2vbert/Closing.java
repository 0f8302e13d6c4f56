package io.github.w2vbert;

import java.util.ArrayList;
import java.util.List;

/**
 * Closes what a method makes if the method fails before it returns it:
 *
 * <pre>{@code
 * try (Closing made = new Closing()) {
 *   Tensor a = made.add(new Tensor(...));
 *   Tensor b = made.add(new Tensor(...));
 *   return made.keep(new Features(a, b));
 * }
 * }</pre>
 */
final class Closing implements AutoCloseable {
  private final List<AutoCloseable> made = new ArrayList<>();

  <T extends AutoCloseable> T add(T item) {
    if (item != null) {
      made.add(item);
    }
    return item;
  }

  /** The result, which now is the caller's to close. */
  <T> T keep(T result) {
    made.clear();
    return result;
  }

  @Override
  public void close() {
    all(made);
  }

  /** Closes all that are not null. */
  static void all(Tensor... tensors) {
    for (Tensor tensor : tensors) {
      if (tensor != null) {
        tensor.close();
      }
    }
  }

  /** Closes all. */
  static void all(List<? extends AutoCloseable> items) {
    for (AutoCloseable item : items) {
      try {
        item.close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new W2vBertException("an output could not be closed: " + e.getMessage(), e);
      }
    }
  }
}
