package io.github.w2vbert.cli;

import io.github.w2vbert.Tensor;

/** Float32 numbers of one audio file, {@code [rows, columns]} in C order. */
record Matrix(long rows, long columns, float[] values) {
  static Matrix of(Tensor tensor) {
    return new Matrix(tensor.size(0), tensor.size(1), tensor.toFloatArray());
  }

  static Matrix row(float[] values) {
    return new Matrix(1, values.length, values);
  }
}
