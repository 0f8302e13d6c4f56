package io.github.w2vbert.benchmarks.peers;

import io.github.w2vbert.W2vBert;
import io.github.w2vbert.Wav2Vec2BertConfig;
import io.github.w2vbert.benchmarks.LibTorch;
import io.github.w2vbert.benchmarks.LibTorchModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** LibTorch's operators through JavaCPP's preset: see {@link LibTorchModel}. */
final class LibTorchEngine implements Engine {
  private final Map<String, Tensor> parameters = new HashMap<>();
  private Safetensors weights; // the mapped memory of the parameters
  private LibTorchModel model;

  @Override
  public Opened open(Path checkpoint, int threads) {
    LibTorch.useEqualThreads();
    try {
      weights = Safetensors.open(checkpoint.resolve(FormulaCheckpoint.WEIGHTS));
      for (String name : weights.names()) {
        FloatPointer values = new FloatPointer(weights.map(name).asFloatBuffer());
        parameters.put(name, torch.from_blob(values, weights.shape(name)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    model = new LibTorchModel(Wav2Vec2BertConfig.fromPretrained(checkpoint), parameters);
    return new Opened("LibTorch " + W2vBert.libTorchVersion(), weights.bytes(), Opened.FLOAT32);
  }

  @Override
  public Run prepare(Batch batch) {
    int utterances = batch.lengths().length;
    int longest = batch.longest();
    Tensor features = torch.empty(utterances, longest, batch.width());
    features.data_ptr_float().put(batch.padded());
    Tensor mask = torch.empty(utterances, longest);
    long[] valid = batch.mask();
    float[] values = new float[valid.length];
    for (int i = 0; i < valid.length; i++) {
      values[i] = valid[i];
    }
    mask.data_ptr_float().put(values);
    return new Run() {
      private float[] logits;

      @Override
      public void compute() {
        logits = LibTorch.values(() -> model.logits(features, mask));
      }

      @Override
      public float[] logits() {
        return batch.unpadded(logits);
      }

      @Override
      public void close() {
        features.close();
        mask.close();
      }
    };
  }

  @Override
  public void close() {
    parameters.values().forEach(Tensor::close);
  }
}
