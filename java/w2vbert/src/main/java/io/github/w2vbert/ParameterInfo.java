package io.github.w2vbert;

import java.util.List;

/**
 * One parameter of a model.
 *
 * @param name as in checkpoints
 * @param shape sizes of all axes
 * @param dtype how its elements are stored
 * @param mapped whether it lies in the mapped file and takes no other memory
 */
public record ParameterInfo(String name, List<Long> shape, DType dtype, boolean mapped) {
  /** The number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** The memory of the elements; integers and float8 have a scale of 4 bytes per row beside. */
  public long bytes() {
    return elements() * dtype.bytes();
  }
}
