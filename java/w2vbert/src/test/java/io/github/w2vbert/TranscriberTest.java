package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.w2vbert.decoding.AlignOptions;
import io.github.w2vbert.decoding.CtcDecoder;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.Word;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Recordings of any length to transcripts, on the recorded end-to-end models. */
class TranscriberTest {
  private static final Path PLAIN = Golden.dir().resolve("e2e/ctc_plain");
  private static final Path ADAPTER = Golden.dir().resolve("e2e/ctc_adapter_batch");

  private static Transcriber plain;
  private static Transcriber adapter;
  private static Audio clip;

  @BeforeAll
  static void open() throws IOException {
    plain = Transcriber.fromPretrained(PLAIN);
    adapter = Transcriber.fromPretrained(ADAPTER);
    clip = Audio.read(PLAIN.resolve("audio_0.wav"));
  }

  @AfterAll
  static void close() {
    plain.close();
    adapter.close();
    assertThrows(IllegalStateException.class, () -> plain.transcribe(clip));
  }

  private static Audio repeated(Audio audio, int times) {
    float[] once = audio.samples();
    float[] all = new float[once.length * times];
    for (int i = 0; i < times; i++) {
      System.arraycopy(once, 0, all, i * once.length, once.length);
    }
    return Audio.of(all, audio.sampleRate());
  }

  private static float[] values(LogProbabilities scores) {
    float[] values = new float[scores.time() * scores.vocabulary()];
    for (int i = 0; i < values.length; i++) {
      values[i] = scores.get(i / scores.vocabulary(), i % scores.vocabulary());
    }
    return values;
  }

  @Test
  void theTextIsTheRecordedOne() throws IOException {
    JsonNode recorded = Golden.json(PLAIN.resolve("case.json"));
    String expected = null;
    for (JsonNode text : recorded.findValues("text")) {
      expected = text.isArray() ? text.get(0).textValue() : text.textValue();
    }
    if (expected == null) { // decoded by the processor, which has a golden test of its own
      try (RaggedFeatures features = plain.processor().extractRagged(List.of(clip));
          OutputList<CtcOutput> outputs = plain.model().encode(features)) {
        expected = plain.processor().decode(outputs.get(0).bestPath(0));
      }
    }
    assertEquals(expected, plain.transcribe(clip).text());
  }

  @Test
  void timesFollowTheFramesOfTheModel() {
    assertEquals(0.02, plain.secondsPerFrame(), 1e-12);
    assertEquals(0.04, adapter.secondsPerFrame(), 1e-12);
    Transcript transcript = plain.transcribe(clip);
    assertEquals((double) clip.length() / clip.sampleRate(), transcript.duration(), 1e-12);
    assertFalse(transcript.words().isEmpty());
    double last = 0;
    for (Word word : transcript.words()) {
      assertTrue(word.start() >= last && word.end() <= transcript.duration(), word.toString());
      assertEquals(Math.rint(word.start() / 0.02), word.start() / 0.02, 1e-9);
      last = word.end();
    }
    // The same words at the frames that the tokenizer counts.
    LogProbabilities scores = plain.score(clip, TranscribeOptions.DEFAULT);
    List<WordOffset> offsets =
        plain.processor().tokenizer().decodeWithOffsets(scores.bestPath()).wordOffsets();
    assertEquals(offsets.size(), transcript.words().size());
    for (int i = 0; i < offsets.size(); i++) {
      assertEquals(offsets.get(i).startOffset() * 0.02, transcript.words().get(i).start(), 1e-9);
      assertEquals(offsets.get(i).endOffset() * 0.02, transcript.words().get(i).end(), 1e-9);
    }
  }

  @Test
  void theTextAloneIsThatOfTheTranscript() {
    for (Transcriber transcriber : List.of(plain, adapter)) {
      for (int length : new int[] {0, 200, 399, 400, 719, 720, 9001, clip.length()}) {
        Audio recording = clip.slice(0, length);
        assertEquals(transcriber.transcribe(recording).text(), transcriber.text(recording));
      }
      assertEquals(
          transcriber.transcribe(clip.resample(8000)).text(),
          transcriber.text(clip.resample(8000)));
    }
    assertFalse(plain.text(clip).isEmpty());
    Audio stereo = Audio.ofInterleaved(new float[2000], 2, 16_000);
    assertThrows(IllegalArgumentException.class, () -> plain.text(stereo));
  }

  @Test
  void theBestPathOfAClipIsThatOfTheModelsOutput() {
    for (Transcriber transcriber : List.of(plain, adapter)) {
      FeatureExtractor extractor = transcriber.processor().featureExtractor();
      for (int length : new int[] {5000, 9001, clip.length()}) {
        Audio recording = clip.slice(0, length);
        try (RaggedFeatures features = extractor.extractRagged(List.of(recording));
            OutputList<CtcOutput> outputs = transcriber.model().encode(features)) {
          assertArrayEquals(
              outputs.get(0).bestPath(0), transcriber.model().bestPath(extractor, recording));
        }
      }
    }
  }

  @Test
  void theBestPathsOfClipsAreThoseOfEach() {
    List<Audio> clips = List.of(clip.slice(0, 5000), clip, clip.slice(0, 9001));
    for (Transcriber transcriber : List.of(plain, adapter)) {
      FeatureExtractor extractor = transcriber.processor().featureExtractor();
      Wav2Vec2BertForCTC model = transcriber.model();
      List<int[]> paths = model.bestPaths(extractor, clips);
      assertEquals(clips.size(), paths.size());
      for (int i = 0; i < clips.size(); i++) {
        assertArrayEquals(model.bestPath(extractor, clips.get(i)), paths.get(i));
      }
    }
  }

  @Test
  void theBestPathsOfClipsRefuseWhatOneDoes() {
    FeatureExtractor extractor = plain.processor().featureExtractor();
    Audio slow = Audio.of(new float[2000], 8000);
    for (List<Audio> refused :
        List.of(List.<Audio>of(), List.of(clip, slow), List.of(clip, clip.slice(0, 399)))) {
      assertThrows(
          IllegalArgumentException.class, () -> plain.model().bestPaths(extractor, refused));
    }
  }

  @Test
  void theBestPathOfAClipRefusesWhatTheModelDoes() {
    FeatureExtractor extractor = plain.processor().featureExtractor();
    Audio stereo = Audio.ofInterleaved(new float[2000], 2, 16_000);
    Audio slow = Audio.of(new float[2000], 8000);
    for (Audio refused : List.of(stereo, slow, clip.slice(0, 0), clip.slice(0, 399))) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> extractAndEncode(plain.model(), extractor, refused))
              .getMessage();
      assertEquals(
          message,
          assertThrows(
                  IllegalArgumentException.class, () -> plain.model().bestPath(extractor, refused))
              .getMessage());
    }
    FeatureExtractor closed = FeatureExtractor.parse("{}");
    closed.close();
    assertThrows(IllegalStateException.class, () -> plain.model().bestPath(closed, clip));
    Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(PLAIN);
    model.close();
    assertThrows(IllegalStateException.class, () -> model.bestPath(extractor, clip));
    try (FeatureExtractor unstacked = FeatureExtractor.parse("{\"stride\": 1}")) {
      assertThrows(IllegalArgumentException.class, () -> plain.model().bestPath(unstacked, clip));
    }
  }

  private static void extractAndEncode(
      Wav2Vec2BertForCTC model, FeatureExtractor extractor, Audio clip) {
    try (RaggedFeatures features = extractor.extractRagged(List.of(clip))) {
      model.encode(features).close();
    }
  }

  @Test
  void theTextAloneLeavesHardlyAnythingElseOnTheHeap() {
    Audio second = clip.slice(0, 16_000);
    var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    int calls = 100;
    long begin = 0;
    for (int i = 0; i < 2 * calls; i++) { // the first half links and loads what it needs
      if (i == calls) {
        begin = thread.getCurrentThreadAllocatedBytes();
      }
      plain.text(second);
    }
    long perCall = (thread.getCurrentThreadAllocatedBytes() - begin) / calls;
    // 50 numbers of tokens, the text and where it was built; the samples have 64,000 bytes.
    assertTrue(perCall <= 1000, perCall + " bytes");
  }

  @Test
  void recordingsShareCallsWithoutAnEffect() {
    List<Audio> clips =
        List.of(clip, clip.slice(0, 9000), clip.slice(0, 200), repeated(clip, 3), clip);
    for (double seconds : new double[] {0.1, 4, 1000}) {
      List<Transcript> together =
          adapter.transcribe(clips, TranscribeOptions.DEFAULT.withBatchSeconds(seconds));
      assertEquals(clips.size(), together.size());
      for (int i = 0; i < clips.size(); i++) {
        assertEquals(adapter.transcribe(clips.get(i)).text(), together.get(i).text());
      }
    }
  }

  @Test
  void windowsAreStitchedFromWhatEachGives() {
    Audio recording = repeated(clip, 6);
    for (Transcriber transcriber : List.of(plain, adapter)) {
      WindowOptions windows = new WindowOptions(2, 0.5);
      LogProbabilities scores =
          transcriber.score(recording, TranscribeOptions.DEFAULT.withWindows(windows));
      LogProbabilities whole = transcriber.score(recording, TranscribeOptions.DEFAULT);
      assertEquals(whole.time(), scores.time());
      // The first window is an utterance of its own, but for the features' statistics, which are
      // those of the whole recording.
      try (RaggedFeatures features = transcriber.processor().extractRagged(List.of(recording))) {
        int width = transcriber.model().config().featureProjectionInputDim();
        float[] rows = Arrays.copyOf(features.frames().toFloatArray(), 100 * width);
        try (RaggedFeatures first =
                new RaggedFeatures(Tensor.of(rows, 100, width), new long[] {100});
            OutputList<CtcOutput> outputs = transcriber.model().encode(first)) {
          int kept = (int) (75 / transcriber.model().config().outputStride());
          float[] expected = values(outputs.get(0).logProbabilities(0));
          int count = kept * scores.vocabulary();
          Compare.assertClose(
              "first window",
              Arrays.copyOf(expected, count),
              Arrays.copyOf(values(scores), count),
              1e-4);
        }
      }
      // A window as long as the recording is the exact way.
      LogProbabilities one =
          transcriber.score(
              recording, TranscribeOptions.DEFAULT.withWindows(new WindowOptions(60, 1)));
      Compare.assertClose("one window", values(whole), values(one), 1e-6);
      // And the transcript of the windows is that of the stitched scores.
      assertEquals(
          transcriber.processor().decode(scores.bestPath()),
          transcriber.transcribe(recording, TranscribeOptions.DEFAULT.withWindows(windows)).text());
    }
  }

  @Test
  void stretchesOfSpeechHaveTheirPlaceInTheRecording() {
    float[] speech = clip.samples();
    int gap = 3 * clip.sampleRate();
    float[] all = new float[2 * speech.length + 2 * gap];
    System.arraycopy(speech, 0, all, gap, speech.length);
    System.arraycopy(speech, 0, all, 2 * gap + speech.length, speech.length);
    Audio recording = Audio.of(all, clip.sampleRate());
    TranscribeOptions options = TranscribeOptions.DEFAULT.withVoiceActivity(VadOptions.DEFAULT);
    List<Span> spans = new SpeechSegmenter(VadOptions.DEFAULT).segment(recording);
    assertTrue(spans.size() >= 2, spans.toString());
    Transcript transcript = plain.transcribe(recording, options);
    List<String> texts = new ArrayList<>();
    for (Span span : spans) {
      Transcript alone = plain.transcribe(recording.slice(span.from(), span.to()));
      if (!alone.text().isEmpty()) {
        texts.add(alone.text());
      }
    }
    assertEquals(String.join(" ", texts), transcript.text());
    for (Word word : transcript.words()) {
      double from = word.start() * clip.sampleRate();
      double to = word.end() * clip.sampleRate();
      assertTrue(
          spans.stream().anyMatch(span -> from >= span.from() - 1 && to <= span.to() + 1),
          word + " is in none of " + spans);
    }
    // Silence alone.
    Transcript silence = plain.transcribe(Audio.of(new float[gap], clip.sampleRate()), options);
    assertEquals("", silence.text());
    assertEquals(List.of(), silence.segments());
    assertEquals(3, silence.duration(), 1e-9);
  }

  @Test
  void recordingsAreResampledAndMayBeTooShort() {
    Audio narrow = clip.resample(8000);
    assertEquals(plain.transcribe(narrow.resample(16000)).text(), plain.transcribe(narrow).text());
    for (int samples : new int[] {0, 1, 239, 399, 400, 559, 560, 720}) {
      Audio tiny = clip.slice(0, samples);
      assertTrue(adapter.transcribe(tiny).duration() == samples / 16000.0);
      assertTrue(plain.transcribe(tiny).words().size() <= 1);
    }
    for (int samples : new int[] {2, 600, 32000}) {
      Audio stereo = Audio.ofInterleaved(new float[samples], 2, 16000);
      Exception error =
          assertThrows(IllegalArgumentException.class, () -> plain.transcribe(stereo));
      assertEquals(
          "the recording has 2 channels; choose one with channel(int) or mix them with"
              + " mixToMono()",
          error.getMessage());
    }
  }

  /** Its frames of 160 ms reach beyond the end, and a shorter input has none at all. */
  @Test
  void wideFramesEndWithTheRecording() {
    Wav2Vec2BertConfig wide =
        plain.model().config().toBuilder()
            .addAdapter(true)
            .adapterKernelSize(8)
            .adapterStride(8)
            .build();
    try (Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.initialize(wide, 1)) {
      Transcriber transcriber = Transcriber.of(plain.processor(), model);
      assertEquals(0.16, transcriber.secondsPerFrame(), 1e-12);
      for (int samples : new int[] {0, 399, 400, 559, 720, 2000, 9000, 16000}) {
        Transcript transcript = transcriber.transcribe(clip.slice(0, samples));
        for (Word word : transcript.words()) {
          assertTrue(word.end() <= transcript.duration(), word.toString());
          assertTrue(word.tokens().stream().allMatch(t -> t.end() <= transcript.duration()));
        }
      }
      assertFalse(transcriber.transcribe(clip).words().isEmpty());
    }
  }

  @Test
  void aBeamOfOneIsTheBestPath() {
    TranscribeOptions beam =
        TranscribeOptions.DEFAULT.withDecoder(
            plain.beamSearch().withOptions(plain.beamSearch().options().withBeamWidth(1)));
    assertEquals(plain.transcribe(clip), plain.transcribe(clip, beam));
  }

  @Test
  void stretchesAreJoinedWithSpacesOnlyWhereTheScriptHasThem() {
    float[] speech = clip.samples();
    float[] all = new float[3 * speech.length + 6 * clip.sampleRate()];
    for (int i = 0; i < 3; i++) {
      int at = i * (speech.length + 3 * clip.sampleRate());
      System.arraycopy(speech, 0, all, at, speech.length);
    }
    Audio recording = Audio.of(all, clip.sampleRate());
    int stretches = new SpeechSegmenter(VadOptions.DEFAULT).segment(recording).size();
    assertTrue(stretches >= 3);
    for (List<String> text : List.of(List.of("你好。", ""), List.of("ok", " "))) {
      CtcDecoder decoder = scores -> new Hypothesis(text.get(0), 0, 0, 0, 0, List.of(), List.of());
      TranscribeOptions options =
          TranscribeOptions.DEFAULT.withVoiceActivity(VadOptions.DEFAULT).withDecoder(decoder);
      assertEquals(
          String.join(text.get(1), Collections.nCopies(stretches, text.get(0))),
          plain.transcribe(recording, options).text());
    }
  }

  @Test
  void aTextIsAlignedWithItsRecording() {
    String text = plain.transcribe(clip).text();
    Transcript aligned = plain.align(clip, text, AlignOptions.DEFAULT, TranscribeOptions.DEFAULT);
    assertEquals(List.of(text.split(" ")), aligned.words().stream().map(Word::text).toList());
    double last = 0;
    for (Word word : aligned.words()) {
      assertTrue(word.start() >= last && word.end() <= aligned.duration(), word.toString());
      last = word.start();
    }
    String tooLong = "abc ".repeat(200);
    assertThrows(
        IllegalArgumentException.class,
        () -> plain.align(clip, tooLong, AlignOptions.DEFAULT, TranscribeOptions.DEFAULT));
  }

  @Test
  void aTranscriberOfOthersPartsLeavesThemOpen() {
    try (Wav2Vec2BertProcessor processor = Wav2Vec2BertProcessor.fromPretrained(PLAIN);
        Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(PLAIN)) {
      String text;
      try (Transcriber transcriber = Transcriber.of(processor, model)) {
        text = transcriber.transcribe(clip).text();
      }
      assertEquals(text, Transcriber.of(processor, model).transcribe(clip).text());
    }
    assertThrows(
        IllegalArgumentException.class, () -> TranscribeOptions.DEFAULT.withBatchSeconds(0));
  }
}
