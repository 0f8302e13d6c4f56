package io.github.w2vbert;

import java.util.AbstractList;
import java.util.List;

/**
 * The outputs of a call, one per utterance, in order. Closing the list closes them all; each may
 * also be closed on its own before. Unmodifiable.
 *
 * <pre>{@code
 * try (OutputList<CtcOutput> outputs = model.encode(features)) {
 *   for (CtcOutput output : outputs) { ... }
 * }
 * }</pre>
 *
 * @param <T> the kind of output
 */
public final class OutputList<T extends AutoCloseable> extends AbstractList<T>
    implements AutoCloseable {
  private final List<T> outputs;

  OutputList(List<T> outputs) {
    this.outputs = List.copyOf(outputs);
  }

  @Override
  public T get(int index) {
    return outputs.get(index);
  }

  @Override
  public int size() {
    return outputs.size();
  }

  /** Closes all outputs. Closing again does nothing. */
  @Override
  public void close() {
    Closing.all(outputs);
  }
}
