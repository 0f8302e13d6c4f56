package io.github.w2vbert;

import java.util.List;

/**
 * One parameter of a model.
 *
 * @param name as in checkpoints
 * @param shape sizes of all axes
 * @param mapped whether it lies in the mapped file and takes no other memory
 */
public record ParameterInfo(String name, List<Long> shape, boolean mapped) {
  /** The number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
