package io.github.w2vbert.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MatrixFileTest {
  @TempDir private Path folder;

  private static Matrix matrix(int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = i - 0.25f;
    }
    return new Matrix(rows, columns, values);
  }

  /** Sizes around the 65,536 numbers that are written at once. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 65_535, 65_536, 65_537, 200_000})
  void numpyFilesOfAllSizesReadBack(int rows) throws IOException {
    Path target = folder.resolve("out.npy");
    Matrix expected = matrix(rows, 1);
    try (MatrixFile file = MatrixFile.create(target, List.of("a"))) {
      file.put("a", expected);
      file.commit();
    }

    Matrix actual = Cli.readNpy(target);
    assertEquals(rows, actual.rows());
    assertEquals(1, actual.columns());
    assertArrayEquals(expected.values(), actual.values());
  }

  @Test
  void numpyFilesStackMatrices() throws IOException {
    Path target = folder.resolve("out.npy");
    try (MatrixFile file = MatrixFile.create(target, List.of("a", "b"))) {
      file.put("a", matrix(2, 3));
      file.put("b", matrix(1, 3));
      file.commit();
    }

    Matrix actual = Cli.readNpy(target);
    assertEquals(3, actual.rows());
    assertEquals(3, actual.columns());
    assertArrayEquals(
        new float[] {-0.25f, 0.75f, 1.75f, 2.75f, 3.75f, 4.75f, -0.25f, 0.75f, 1.75f},
        actual.values());
  }

  @Test
  void safetensorsFilesKeepOrderAndSizes() throws IOException {
    Path target = folder.resolve("out.SafeTensors");
    List<String> names = List.of("large", "absent", "empty", "small");
    try (MatrixFile file = MatrixFile.create(target, names)) {
      file.put("large", matrix(1000, 131));
      file.put("empty", matrix(0, 5));
      file.put("small", matrix(2, 3));
      file.commit();
    }

    Map<String, Matrix> tensors = Cli.readSafetensors(target);
    assertEquals(List.of("large", "empty", "small"), List.copyOf(tensors.keySet()));
    assertArrayEquals(matrix(1000, 131).values(), tensors.get("large").values());
    assertEquals(0, tensors.get("empty").rows());
    assertEquals(5, tensors.get("empty").columns());
    assertArrayEquals(matrix(2, 3).values(), tensors.get("small").values());
  }

  @Test
  void nothingRemainsWithoutCommit() throws IOException {
    Path target = folder.resolve("out.safetensors");
    assertThrows(
        IllegalStateException.class,
        () -> {
          try (MatrixFile file = MatrixFile.create(target, List.of("a"))) {
            file.put("a", matrix(2, 2));
            throw new IllegalStateException("a failure while writing");
          }
        });

    assertEquals(List.of(), Cli.names(folder));
  }
}
