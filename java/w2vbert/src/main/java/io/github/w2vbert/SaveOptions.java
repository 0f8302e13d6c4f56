package io.github.w2vbert;

import java.util.Objects;
import java.util.Set;

/**
 * How a model is written.
 *
 * @param dtype {@link DType#FLOAT32}, {@link DType#FLOAT16} or {@link DType#BFLOAT16}: numbers are
 *     rounded to the nearest; what is too large for float16 (65,520 and more) becomes infinite
 * @param maxShardBytes weights of more bytes are written as several files, a larger tensor alone; 0
 *     for one file
 */
public record SaveOptions(DType dtype, long maxShardBytes) {
  /** float32, in files of at most 5 GB like those of the reference. */
  public static final SaveOptions DEFAULT = new SaveOptions(DType.FLOAT32, 5_000_000_000L);

  /**
   * @throws IllegalArgumentException if weights cannot have this type, or the size is negative
   */
  public SaveOptions {
    Objects.requireNonNull(dtype, "dtype");
    if (!Set.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16).contains(dtype)) {
      throw new IllegalArgumentException(
          "dtype is " + dtype + "; expected float32, float16 or bfloat16");
    }
    if (maxShardBytes < 0) {
      throw new IllegalArgumentException(
          "maxShardBytes is " + maxShardBytes + "; expected at least 0");
    }
  }

  /** The name that safetensors files give the type. */
  String safetensorsDtype() {
    return switch (dtype) {
      case FLOAT16 -> "F16";
      case BFLOAT16 -> "BF16";
      default -> "F32";
    };
  }

  /** These options with another type. */
  public SaveOptions withDtype(DType other) {
    return new SaveOptions(other, maxShardBytes);
  }

  /** These options with another size of the files. */
  public SaveOptions withMaxShardBytes(long bytes) {
    return new SaveOptions(dtype, bytes);
  }
}
