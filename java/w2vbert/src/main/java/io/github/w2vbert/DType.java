package io.github.w2vbert;

import java.util.Locale;

/** Element types of a {@link Tensor}. */
public enum DType {
  /** Unsigned bytes. */
  UINT8(0, 1),
  /** Signed bytes. */
  INT8(1, 1),
  /** 16-bit integers. */
  INT16(2, 2),
  /** 32-bit integers. */
  INT32(3, 4),
  /** 64-bit integers. */
  INT64(4, 8),
  /** IEEE half precision. */
  FLOAT16(5, 2),
  /** IEEE single precision. */
  FLOAT32(6, 4),
  /** IEEE double precision. */
  FLOAT64(7, 8),
  /** Truth values, one byte each: 0 or 1. */
  BOOL(11, 1),
  /** The upper half of a single-precision number. */
  BFLOAT16(15, 2),
  /** Eight bits: four of exponent, three of mantissa; up to 448, no infinity (e4m3fn). */
  FLOAT8(24, 1);

  private final int number;
  private final int bytes;

  DType(int number, int bytes) {
    this.number = number;
    this.bytes = bytes;
  }

  /** Bytes per element. */
  public int bytes() {
    return bytes;
  }

  /** LibTorch's number of this type. */
  int number() {
    return number;
  }

  static DType ofNumber(int number) {
    for (DType type : values()) {
      if (type.number == number) {
        return type;
      }
    }
    throw new W2vBertException("LibTorch's element type " + number + " is not supported");
  }

  /** The name: {@code float32} and so on. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
