package io.github.w2vbert;

import io.github.w2vbert.internal.NativeLibrary;
import io.github.w2vbert.internal.NativeTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A dense array of numbers in native memory, elements in C order.
 *
 * <p>The creator closes it. Closing does not disturb a call that uses the tensor on another thread,
 * nor buffers from {@link #asByteBuffer}, which keep the memory until they are garbage collected.
 * Threads may read one tensor together; whoever writes through a buffer must synchronise with them.
 *
 * <pre>{@code
 * try (Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2)) {
 *   x.shape();        // [2, 2]
 *   x.toFloatArray(); // [1, 2, 3, 4]
 * }
 * }</pre>
 */
public final class Tensor implements AutoCloseable {
  private final NativeHandle<NativeTensor> handle;
  private final DType dtype;
  private final long[] shape;

  Tensor(NativeTensor pointer) {
    handle = new NativeHandle<>(this, pointer);
    dtype = DType.ofNumber(pointer.dtype());
    shape = new long[pointer.dimensions()];
    pointer.shape(shape);
  }

  /** The native tensor for a call that takes it, or null for null. */
  static NativeHandle.Lease<NativeTensor> lease(Tensor tensor) {
    return tensor == null ? NativeHandle.Lease.ofNull() : tensor.handle.lease();
  }

  /** A tensor for a native result that may be absent. */
  static Tensor ofNullable(NativeTensor pointer) {
    return pointer == null || pointer.isNull() ? null : new Tensor(pointer);
  }

  /**
   * A tensor of zeros.
   *
   * @throws IllegalArgumentException if a size is negative or the tensor would be too large
   */
  public static Tensor zeros(DType dtype, long... shape) {
    return allocate(
        bytes -> {
          while (bytes.remaining() >= Long.BYTES) {
            bytes.putLong(0);
          }
          while (bytes.hasRemaining()) {
            bytes.put((byte) 0);
          }
        },
        dtype,
        shape);
  }

  /**
   * A {@link DType#FLOAT32} tensor with a copy of {@code values}.
   *
   * @throws IllegalArgumentException if {@code shape} does not have as many elements
   */
  public static Tensor of(float[] values, long... shape) {
    requireCount(values.length, shape);
    return allocate(bytes -> bytes.asFloatBuffer().put(values), DType.FLOAT32, shape);
  }

  /**
   * An {@link DType#INT64} tensor with a copy of {@code values}.
   *
   * @throws IllegalArgumentException if {@code shape} does not have as many elements
   */
  public static Tensor of(long[] values, long... shape) {
    requireCount(values.length, shape);
    return allocate(bytes -> bytes.asLongBuffer().put(values), DType.INT64, shape);
  }

  /**
   * An {@link DType#INT32} tensor with a copy of {@code values}.
   *
   * @throws IllegalArgumentException if {@code shape} does not have as many elements
   */
  public static Tensor of(int[] values, long... shape) {
    requireCount(values.length, shape);
    return allocate(bytes -> bytes.asIntBuffer().put(values), DType.INT32, shape);
  }

  /**
   * A {@link DType#BOOL} tensor with a copy of {@code values}.
   *
   * @throws IllegalArgumentException if {@code shape} does not have as many elements
   */
  public static Tensor of(boolean[] values, long... shape) {
    requireCount(values.length, shape);
    return allocate(
        bytes -> {
          for (boolean value : values) {
            bytes.put((byte) (value ? 1 : 0));
          }
        },
        DType.BOOL,
        shape);
  }

  /** A new tensor whose memory `fill` writes. */
  static Tensor allocate(Consumer<ByteBuffer> fill, DType dtype, long... shape) {
    long bytes = checkedProduct(shape, dtype.bytes());
    if (bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          dtype
              + " "
              + Arrays.toString(shape)
              + " has "
              + bytes
              + " bytes; expected less than 2 GiB");
    }
    try (Closing made = new Closing()) {
      Tensor tensor =
          made.add(
              new Tensor(
                  NativeHandle.create(
                      () -> NativeTensor.create(shape, shape.length, dtype.number()))));
      tensor.read(
          memory -> {
            fill.accept(memory);
            return null;
          });
      return made.keep(tensor);
    }
  }

  private static long elements(long[] shape) {
    return checkedProduct(shape, 1);
  }

  /** The product of the sizes, times {@code factor}. */
  private static long checkedProduct(long[] shape, long factor) {
    long count = factor;
    boolean empty = false;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException(
            "shape is " + Arrays.toString(shape) + "; expected no negative size");
      }
      if (size == 0) {
        empty = true; // hides no overflow among the others: strides would overflow too
        continue;
      }
      try {
        count = Math.multiplyExact(count, size);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("shape " + Arrays.toString(shape) + " is too large", e);
      }
    }
    return empty ? 0 : count;
  }

  private static void requireCount(int count, long[] shape) {
    if (elements(shape) != count) {
      throw new IllegalArgumentException(
          "shape "
              + Arrays.toString(shape)
              + " has "
              + elements(shape)
              + " elements, but "
              + count
              + " values are given");
    }
  }

  /** The element type. */
  public DType dtype() {
    return dtype;
  }

  /** The sizes of all axes; empty for a scalar. */
  public long[] shape() {
    return shape.clone();
  }

  /** The number of axes. */
  public int dimensions() {
    return shape.length;
  }

  /**
   * The size of one axis.
   *
   * @param axis 0 for the first; negative numbers count from the end
   * @throws IllegalArgumentException if there is no such axis
   */
  public long size(int axis) {
    int index = axis < 0 ? axis + shape.length : axis;
    if (index < 0 || index >= shape.length) {
      throw new IllegalArgumentException("axis " + axis + " does not exist in " + this);
    }
    return shape[index];
  }

  /** The number of elements. */
  public long elements() {
    return elements(shape);
  }

  /**
   * The memory of this tensor, without a copy, in native byte order. Writing to it changes the
   * tensor.
   *
   * @throws IllegalStateException if this tensor is closed
   * @throws IllegalArgumentException if it has 2 GiB or more
   */
  public ByteBuffer asByteBuffer() {
    ByteBuffer buffer = handle.call(this::view);
    handle.keepFor(buffer);
    return buffer;
  }

  /**
   * Runs `body` on the memory, which it must not keep: unlike asByteBuffer this leaves no trace.
   */
  <R> R read(Function<ByteBuffer, R> body) {
    return handle.call(pointer -> body.apply(view(pointer)));
  }

  private ByteBuffer view(NativeTensor pointer) {
    long bytes = pointer.byte_size();
    if (bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          this + " has " + bytes + " bytes; a buffer holds less than 2 GiB");
    }
    ByteBuffer buffer =
        bytes == 0 ? ByteBuffer.allocateDirect(0) : pointer.data().capacity(bytes).asByteBuffer();
    return buffer.order(ByteOrder.nativeOrder());
  }

  /**
   * A copy of the elements.
   *
   * @throws IllegalStateException if this tensor is closed or not {@link DType#FLOAT32}
   * @throws IllegalArgumentException if it has 2 GiB or more
   */
  public float[] toFloatArray() {
    if (dtype != DType.FLOAT32) {
      throw new IllegalStateException("expected float32, got " + this);
    }
    return read(
        bytes -> {
          float[] values = new float[bytes.remaining() / Float.BYTES];
          bytes.asFloatBuffer().get(values);
          return values;
        });
  }

  /**
   * A copy of the elements.
   *
   * @throws IllegalStateException if this tensor is closed or neither {@link DType#INT64} nor
   *     {@link DType#INT32} nor {@link DType#BOOL}
   */
  public long[] toLongArray() {
    if (dtype != DType.INT64 && dtype != DType.INT32 && dtype != DType.BOOL) {
      throw new IllegalStateException("expected int64, int32 or bool, got " + this);
    }
    return read(
        bytes -> {
          long[] values = new long[bytes.remaining() / dtype.bytes()];
          switch (dtype) {
            case INT64 -> bytes.asLongBuffer().get(values);
            case INT32 -> Arrays.setAll(values, i -> bytes.getInt(i * Integer.BYTES));
            default -> Arrays.setAll(values, bytes::get);
          }
          return values;
        });
  }

  /**
   * This tensor as one of JavaCPP's PyTorch preset, sharing the memory: for callers who use
   * LibTorch themselves. The preset's native library is loaded on the first call. The result is a
   * reference of its own, closed or garbage collected independently of this object.
   *
   * @throws IllegalStateException if this tensor is closed
   */
  public org.bytedeco.pytorch.Tensor asLibTorch() {
    NativeLibrary.loadPreset();
    // detach() makes a tensor object of its own on the same memory: reshaping it leaves ours alone.
    return handle.call(pointer -> new org.bytedeco.pytorch.Tensor(pointer.handle()).detach());
  }

  /** For example {@code float32 [2, 100, 160]}. */
  @Override
  public String toString() {
    return dtype + " " + Arrays.toString(shape);
  }

  /** Frees the native memory once no running call uses it. Closing again does nothing. */
  @Override
  public void close() {
    handle.close();
  }
}
