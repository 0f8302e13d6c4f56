package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Whoever creates closes; who forgets is cleaned up after; who closes too early is told so. */
class LifecycleTest {
  private static final Path CTC = Golden.dir().resolve("models/ctc_mean");
  private static final String EXTRACTOR = "{\"padding_value\": 1}";

  private static Features features(long batch, long time) {
    return new Features(Tensor.zeros(DType.FLOAT32, batch, time, Checkpoints.WIDTH), null);
  }

  private static RaggedFeatures ragged(long... lengths) {
    long total = Arrays.stream(lengths).sum();
    return new RaggedFeatures(Tensor.zeros(DType.FLOAT32, total, Checkpoints.WIDTH), lengths);
  }

  private static Audio second() {
    return Audio.of(new float[16_000], 16_000);
  }

  private static void assertClosed(String name, Executable call) {
    Exception error = assertThrows(IllegalStateException.class, call);
    assertEquals("this " + name + " is closed", error.getMessage());
  }

  @Test
  void closingReturnsEveryNativeObject() throws InterruptedException {
    long before = LiveObjects.settled();
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Features features = features(2, 10);
        Tensor labels = Tensor.of(new long[] {1, 2}, 2, 1);
        CtcOutput output = model.forward(features, labels, new OutputOptions(true, true));
        RaggedFeatures ragged = ragged(3, 4);
        FeatureExtractor extractor = FeatureExtractor.parse(EXTRACTOR);
        Features extracted = extractor.extract(List.of(second()));
        RaggedFeatures raggedExtracted = extractor.extractRagged(List.of(second()));
        FbankStream stream = extractor.stream()) {
      stream.push(new float[500]);
      for (CtcOutput utterance : model.encode(ragged, new OutputOptions(true, true))) {
        utterance.close();
      }
      for (BaseModelOutput utterance : model.encode(ragged, 1)) {
        utterance.close();
      }
      // Of the output: logits, loss, hidden state, features, three hidden states, two attentions.
      long tensors = 1 + 1 + 9 + 1 + 2 + 1;
      assertEquals(before + tensors + 3, W2vBert.liveObjects());
      assertEquals(1, raggedExtracted.utterances());
      assertEquals(3, extracted.inputFeatures().dimensions());
      assertEquals(2, output.base().attentions().size());
    }
    assertEquals(before, W2vBert.liveObjects());
  }

  @Test
  void failedCallsLeaveNothingBehind() throws InterruptedException {
    long before = LiveObjects.settled();
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Features narrow = new Features(Tensor.zeros(DType.FLOAT32, 1, 5, 39), null);
        FeatureExtractor extractor = FeatureExtractor.parse(EXTRACTOR)) {
      long open = W2vBert.liveObjects();
      assertThrows(IllegalArgumentException.class, () -> model.forward(narrow));
      assertThrows(IllegalArgumentException.class, () -> extractor.extract(List.of()));
      assertThrows(IllegalArgumentException.class, () -> extractor.extractRagged(List.of()));
      assertThrows(IllegalArgumentException.class, () -> model.parameter("none"));
      assertThrows(
          IllegalArgumentException.class, () -> Wav2Vec2BertForCTC.fromPretrained(Path.of("none")));
      assertEquals(open, W2vBert.liveObjects());
    }
    assertEquals(before, W2vBert.liveObjects());
  }

  @Test
  void closingAgainDoesNothing() throws InterruptedException {
    long before = LiveObjects.settled();
    Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
    Features features = features(1, 5);
    CtcOutput output = model.forward(features);
    FeatureExtractor extractor = FeatureExtractor.parse(EXTRACTOR);
    FbankStream stream = extractor.stream();
    RaggedFeatures ragged = ragged(3);
    for (int i = 0; i < 3; i++) {
      model.close();
      features.close();
      output.close();
      extractor.close();
      stream.close();
      ragged.close();
      assertEquals(before, W2vBert.liveObjects());
    }
  }

  @Test
  void closedObjectsAreRefusedByName() {
    Wav2Vec2BertForCTC ctc = Wav2Vec2BertForCTC.fromPretrained(CTC);
    Wav2Vec2BertModel model = Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1);
    FeatureExtractor extractor = FeatureExtractor.parse(EXTRACTOR);
    FbankStream stream = extractor.stream();
    ctc.close();
    model.close();
    extractor.close();
    stream.close();
    try (Features features = features(1, 5);
        RaggedFeatures ragged = ragged(5)) {
      assertClosed("Wav2Vec2BertForCTC", () -> ctc.forward(features));
      assertClosed("Wav2Vec2BertForCTC", () -> ctc.encode(ragged));
      assertClosed("Wav2Vec2BertForCTC", () -> ctc.encode(ragged, 1));
      assertClosed("Wav2Vec2BertForCTC", ctc::parameters);
      assertClosed("Wav2Vec2BertForCTC", () -> ctc.parameter("lm_head.bias"));
      assertClosed("Wav2Vec2BertModel", () -> model.forward(features));
      assertClosed("Wav2Vec2BertModel", () -> model.encode(ragged));
    }
    assertClosed("FeatureExtractor", () -> extractor.extract(List.of(second())));
    assertClosed("FeatureExtractor", () -> extractor.extractRagged(List.of(second())));
    assertClosed("FeatureExtractor", () -> extractor.fbank(second()));
    assertClosed("FeatureExtractor", extractor::toJson);
    assertClosed("FbankStream", () -> stream.push(new float[1]));
    assertClosed("FbankStream", stream::finish);
    // What was read before stays.
    assertEquals(20, ctc.config().vocabSize());
    assertEquals(80, extractor.numMelBins());
  }

  @Test
  void closedTensorsAreRefusedAsArguments() {
    Tensor closed = Tensor.zeros(DType.FLOAT32, 1, 5, Checkpoints.WIDTH);
    Tensor closedMask = Tensor.of(new long[5], 1, 5);
    closed.close();
    closedMask.close();
    assertClosed("Tensor", closed::asByteBuffer);
    assertClosed("Tensor", closed::toFloatArray);
    assertClosed("Tensor", closedMask::toLongArray);
    assertClosed("Tensor", closed::asLibTorch);
    assertArrayEquals(new long[] {1, 5, Checkpoints.WIDTH}, closed.shape());
    try (Wav2Vec2BertForCTC ctc = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Wav2Vec2BertModel model =
            Wav2Vec2BertModel.initialize(Checkpoints.smallConfig().build(), 1);
        Features open = features(1, 5)) {
      assertClosed("Tensor", () -> ctc.forward(new Features(closed, null)));
      assertClosed("Tensor", () -> ctc.forward(new Features(open.inputFeatures(), closedMask)));
      assertClosed("Tensor", () -> ctc.forward(open, closedMask, OutputOptions.NONE));
      assertClosed("Tensor", () -> model.forward(open, closedMask, OutputOptions.NONE));
      assertClosed("Tensor", () -> ctc.encode(new RaggedFeatures(closed, new long[] {5})));
      CtcOutput output = ctc.forward(open);
      output.close();
      assertClosed("Tensor", () -> output.bestPath(0));
    }
  }

  @Test
  void forgottenObjectsAreFreed() throws InterruptedException {
    long before = LiveObjects.settled();
    forget();
    LiveObjects.awaitAtMost(before);
  }

  private static void forget() {
    Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
    CtcOutput output = model.forward(features(1, 5));
    List<CtcOutput> utterances = model.encode(ragged(2, 3));
    FeatureExtractor extractor = FeatureExtractor.parse(EXTRACTOR);
    Features features = extractor.extract(List.of(second()));
    FbankStream stream = extractor.stream();
    assertEquals(3, output.logits().dimensions());
    assertEquals(2, utterances.size());
    assertEquals(0, stream.push().length);
    assertEquals(3, features.inputFeatures().dimensions());
  }

  @Test
  void buffersKeepTheMemoryOfAClosedTensor() throws InterruptedException {
    long before = LiveObjects.settled();
    FloatBuffer view = viewOfClosedTensor();
    for (int i = 0; i < 5; i++) { // whoever frees too early gets a chance to
      System.gc();
      Thread.sleep(10);
      Tensor.zeros(DType.FLOAT32, 100_000).close();
    }
    assertEquals(before + 1, W2vBert.liveObjects());
    for (int i = 0; i < view.capacity(); i++) {
      assertEquals(i, view.get(i));
    }
    view = null;
    LiveObjects.awaitAtMost(before);
  }

  /** A view of a view: the first buffer is forgotten. */
  private static FloatBuffer viewOfClosedTensor() {
    float[] values = new float[100_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    Tensor tensor = Tensor.of(values, values.length);
    FloatBuffer view = tensor.asByteBuffer().slice().order(ByteOrder.nativeOrder()).asFloatBuffer();
    tensor.close();
    return view;
  }

  @Test
  void buffersShareTheMemoryOfTheTensor() {
    try (Tensor tensor = Tensor.of(new float[] {1, 2, 3}, 3)) {
      ByteBuffer buffer = tensor.asByteBuffer();
      assertEquals(12, buffer.capacity());
      buffer.putFloat(4, 9);
      assertArrayEquals(new float[] {1, 9, 3}, tensor.toFloatArray());
      assertEquals(9, tensor.asByteBuffer().getFloat(4));
    }
  }

  @Test
  void libTorchSharesTheMemoryAndKeepsItAfterClosing() {
    Tensor tensor = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    try (org.bytedeco.pytorch.Tensor torch = tensor.asLibTorch()) {
      assertEquals(2, torch.dim());
      assertEquals(3, torch.size(1));
      tensor.asByteBuffer().putFloat(0, 7);
      tensor.close();
      assertThrows(IllegalStateException.class, tensor::asLibTorch);
      float[] values = new float[6];
      try (FloatPointer data = torch.data_ptr_float()) {
        data.get(values);
      }
      assertArrayEquals(new float[] {7, 2, 3, 4, 5, 6}, values);
      try (org.bytedeco.pytorch.Tensor sum = torch.sum()) {
        assertEquals(27, sum.item_float());
      }
    }
    try (Tensor longs = Tensor.of(new long[] {1L << 40, -1}, 2)) {
      longs.asLibTorch().close();
      assertArrayEquals(new long[] {1L << 40, -1}, longs.toLongArray());
    }
  }

  @Test
  void closingDuringACallLetsItEnd() throws Exception {
    float[] expected;
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Features features = features(2, 60);
        CtcOutput output = model.forward(features)) {
      expected = output.logits().toFloatArray();
    }
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      for (int round = 0; round < 4; round++) {
        long before = LiveObjects.settled();
        Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Features features = features(2, 60);
        CountDownLatch running = new CountDownLatch(4);
        List<Future<Integer>> calls = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          calls.add(threads.submit(() -> callUntilClosed(model, features, expected, running)));
        }
        assertTrue(running.await(1, TimeUnit.MINUTES));
        model.close();
        if (round % 2 == 0) {
          features.close();
        }
        for (Future<Integer> call : calls) {
          assertTrue(call.get() > 0);
        }
        features.close();
        assertEquals(before, W2vBert.liveObjects());
      }
    } finally {
      threads.shutdown();
    }
  }

  /** Returns how many calls ended well. */
  private static int callUntilClosed(
      Wav2Vec2BertForCTC model, Features features, float[] expected, CountDownLatch running) {
    for (int done = 0; ; done++) {
      try (CtcOutput output = model.forward(features)) {
        assertArrayEquals(expected, output.logits().toFloatArray());
      } catch (IllegalStateException e) {
        assertTrue(e.getMessage().endsWith(" is closed"), e.getMessage());
        return done;
      }
      if (done == 0) {
        running.countDown();
      }
    }
  }

  @Test
  void modelsOutliveTheFolderTheyWereLoadedFrom(@TempDir Path folder) throws IOException {
    Path copy = folder.resolve("model");
    float[] expected;
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Features features = features(1, 9);
        CtcOutput output = model.forward(features)) {
      expected = output.logits().toFloatArray();
      Checkpoints.save(model, copy);
    }
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(copy);
        Features features = features(1, 9)) {
      Files.delete(copy.resolve("model.safetensors"));
      Files.delete(copy.resolve("config.json"));
      try (CtcOutput output = model.forward(features)) {
        assertArrayEquals(expected, output.logits().toFloatArray());
      }
    }
  }

  @Test
  void parametersAreCopies() {
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CTC);
        Tensor bias = model.parameter("lm_head.bias")) {
      float first = bias.toFloatArray()[0];
      bias.asByteBuffer().putFloat(0, first + 1);
      try (Tensor again = model.parameter("lm_head.bias")) {
        assertEquals(first, again.toFloatArray()[0]);
        assertNotEquals(first, bias.toFloatArray()[0]);
      }
    }
  }
}
