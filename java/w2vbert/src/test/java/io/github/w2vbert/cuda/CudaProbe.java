package io.github.w2vbert.cuda;

import io.github.w2vbert.W2vBertException;

/** Uses the package in a process of its own and tells what came of it. */
public final class CudaProbe {
  private CudaProbe() {}

  /** Prints what it finds, and "refused: message" if that ends with one. */
  public static void main(String[] args) {
    try {
      CudaDevices.list().forEach(System.out::println);
      CudaMemory before = CudaDevices.memory(1);
      System.out.println(before);
      try (PinnedBuffer buffer = PinnedBuffer.allocate(1, 16);
          CudaStream stream = CudaStream.create(1);
          CudaStream same = CudaStream.of(1, stream.handle());
          CudaEvent begin = CudaEvent.create(1);
          CudaEvent end = CudaEvent.create(1)) {
        System.out.println("created " + (before.freeBytes() - CudaDevices.memory(1).freeBytes()));
        begin.record(same);
        end.record(stream);
        stream.waitFor(end);
        stream.synchronize();
        end.synchronize();
        System.out.println("done " + stream.isDone() + " " + end.isDone());
        System.out.println(end.millisecondsSince(begin) + " ms");
        System.out.println("float " + buffer.asFloatBuffer().put(3, 7).get(3));
      }
      // A view of the buffer was made: it is freed with that.
      System.out.println("kept " + (before.freeBytes() - CudaDevices.memory(1).freeBytes()));
      try (PinnedBuffer large = PinnedBuffer.allocate(0, Integer.MAX_VALUE)) {
        System.out.println(large);
      }
    } catch (W2vBertException e) {
      System.out.println("refused: " + e.getMessage());
    }
  }
}
