package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Input that changes while it is used, or that is not what its type says. */
class HostileCallerTest {
  private static final Path CASE = Golden.dir().resolve("e2e/ctc_plain");

  @Test
  void aListThatGrowsIsReadOnce() throws Exception {
    Audio clip = Audio.read(CASE.resolve("audio_0.wav"));
    AtomicInteger calls = new AtomicInteger();
    List<Audio> growing =
        new AbstractList<>() {
          @Override
          public Audio get(int index) {
            return clip;
          }

          @Override
          public int size() {
            return calls.incrementAndGet() > 3 ? 1000 : 1;
          }
        };
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(CASE);
        RaggedFeatures features = extractor.extractRagged(growing)) {
      assertEquals(features.utterances(), features.frames().size(0) / 49);
    }
  }

  @Test
  void anyByteButZeroIsTrueInAMask() {
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CASE);
        Tensor input = Tensor.of(new float[2 * 12 * 160], 2, 12, 160);
        Tensor ones = mask((byte) 1);
        Tensor twos = mask((byte) 2);
        CtcOutput expected = model.forward(new Features(input, ones));
        CtcOutput actual = model.forward(new Features(input, twos))) {
      assertArrayEquals(expected.logits().toFloatArray(), actual.logits().toFloatArray());
      assertEquals(List.of(12L, 7L), actual.base().lengths());
    }
  }

  private static Tensor mask(byte valid) {
    Tensor mask = Tensor.zeros(DType.BOOL, 2, 12);
    ByteBuffer bytes = mask.asByteBuffer();
    for (int i = 0; i < 12 + 7; i++) {
      bytes.put(i, valid);
    }
    return mask;
  }

  @Test
  void reshapingTheTensorOfThePresetLeavesOursAlone() {
    try (Tensor tensor = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
        org.bytedeco.pytorch.Tensor shared = tensor.asLibTorch()) {
      shared.t_();
      shared.fill_(new org.bytedeco.pytorch.Scalar(7));
      assertArrayEquals(new long[] {2, 2}, tensor.shape());
      assertArrayEquals(new float[] {7, 7, 7, 7}, tensor.toFloatArray());
    }
  }

  @Test
  void manyShortUtterancesAreThoseAlone() {
    int utterances = 3000;
    float[] frames = new float[utterances * 160];
    for (int i = 0; i < frames.length; i++) {
      frames[i] = (i * 31 % 97) / 48f - 1;
    }
    long[] lengths = new long[utterances];
    java.util.Arrays.fill(lengths, 1);
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(CASE);
        RaggedFeatures all = new RaggedFeatures(Tensor.of(frames, utterances, 160), lengths);
        OutputList<CtcOutput> outputs = model.encode(all)) {
      for (int u : new int[] {0, 1, 1500, 2999}) {
        float[] frame = java.util.Arrays.copyOfRange(frames, u * 160, (u + 1) * 160);
        try (RaggedFeatures one = new RaggedFeatures(Tensor.of(frame, 1, 160), new long[] {1});
            OutputList<CtcOutput> alone = model.encode(one)) {
          assertArrayEquals(
              alone.get(0).logits().toFloatArray(), outputs.get(u).logits().toFloatArray(), 1e-5f);
        }
      }
    }
  }

  @Test
  void anEnormousMaxLengthIsRefused() throws Exception {
    Audio clip = Audio.read(CASE.resolve("audio_0.wav"));
    ExtractOptions options =
        ExtractOptions.DEFAULT
            .withPadding(ExtractOptions.Padding.MAX_LENGTH)
            .withMaxLength(2_000_000_000L);
    try (FeatureExtractor extractor = FeatureExtractor.fromPretrained(CASE)) {
      assertThrows(IllegalArgumentException.class, () -> extractor.extract(List.of(clip), options));
    }
  }

  @Test
  void aSavedProcessorAndConfigurationLoadAgain(@TempDir Path folder) {
    Wav2Vec2BertConfig config = Wav2Vec2BertConfig.fromPretrained(CASE);
    config.savePretrained(folder);
    assertEquals(config, Wav2Vec2BertConfig.fromPretrained(folder));
    try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(CASE)) {
      processor.savePretrained(folder);
      try (Wav2Vec2BertProcessor loaded = Wav2Vec2BertProcessor.fromPretrained(folder)) {
        assertEquals(processor.featureExtractor().toJson(), loaded.featureExtractor().toJson());
        assertEquals(processor.tokenizer().vocabulary(), loaded.tokenizer().vocabulary());
      }
    }
  }
}
