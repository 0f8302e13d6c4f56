package io.github.w2vbert.benchmarks;

import io.github.w2vbert.W2vBert;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** LibTorch in this process, through JavaCPP's preset. */
public final class LibTorch {
  static {
    W2vBert.load(); // first: it knows where LibTorch's libraries are and registers our operators
    if (!W2vBert.registrationFailure().isEmpty()) {
      throw new IllegalStateException(W2vBert.registrationFailure());
    }
  }

  private LibTorch() {}

  /** Lets the calling thread's LibTorch use as many threads as this library. */
  public static void useEqualThreads() {
    torch.set_num_threads(W2vBert.threads());
    openblas_nolapack.blas_set_num_threads(W2vBert.threads());
  }

  /** A float32 tensor of normal numbers, the same for the same seed. */
  public static Tensor normal(long seed, long... shape) {
    torch.manual_seed(seed);
    return torch.randn(shape);
  }

  /** Runs without gradients, frees all tensors on the way, and tells how large the result was. */
  public static long run(Supplier<Tensor> body) {
    return inference(() -> body.get().numel());
  }

  /** Runs without gradients, frees all tensors, and copies the float32 result in C order. */
  public static float[] values(Supplier<Tensor> body) {
    return inference(
        () -> {
          Tensor result = body.get().contiguous();
          float[] values = new float[Math.toIntExact(result.numel())];
          FloatPointer data = result.data_ptr_float();
          data.get(values);
          return values;
        });
  }

  @SuppressWarnings("try") // the resources work by being open
  private static <R> R inference(Supplier<R> body) {
    try (PointerScope scope = new PointerScope();
        InferenceMode mode = new InferenceMode(true)) {
      return body.get();
    }
  }

  /** A registered operator, called like any other by its name. */
  static final class Operator {
    private final OperatorHandle handle;

    Operator(String name) {
      handle = Dispatcher.singleton().findSchemaOrThrow(name, "");
    }

    /** The first result. */
    Tensor call(IValue... arguments) {
      IValueVector stack = new IValueVector(arguments);
      handle.callBoxed(stack);
      return stack.get(0).toTensor();
    }
  }
}
