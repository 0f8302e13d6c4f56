package io.github.w2vbert;

import io.github.w2vbert.decoding.AlignOptions;
import io.github.w2vbert.decoding.BeamSearchDecoder;
import io.github.w2vbert.decoding.CtcDecoder;
import io.github.w2vbert.decoding.ForcedAligner;
import io.github.w2vbert.decoding.GreedyDecoder;
import io.github.w2vbert.decoding.Hypothesis;
import io.github.w2vbert.decoding.LogProbabilities;
import io.github.w2vbert.hub.HubClient;
import io.github.w2vbert.internal.Spacing;
import io.github.w2vbert.transcript.Transcript;
import io.github.w2vbert.transcript.Word;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Speech to text with times: a processor and a model for CTC, put together for recordings of any
 * length.
 *
 * <pre>{@code
 * try (Transcriber transcriber = Transcriber.fromPretrained(Path.of("my-model"))) {
 *   Transcript transcript = transcriber.transcribe(Audio.read(Path.of("call.flac")));
 *   TranscriptFormat.SRT.write(transcript, Path.of("call.srt"));
 * }
 * }</pre>
 *
 * <p>Recordings are resampled to the model's rate; of several channels one has to be chosen before
 * ({@link Audio#channel}, {@link Audio#mixToMono}). Times count from the beginning of the recording
 * and follow the model's frames: hop and stride of the extractor times the stride of the adapter
 * (20 ms each without adapter, 40 ms with the usual one). A recording that is too short for a frame
 * gives an empty transcript. Scores are kept for a whole recording, or, with a search for speech,
 * for one stretch of speech at a time: without it a recording may have 9 hours at 16,000 samples
 * per second, and 2<sup>31</sup> scores (frames times tokens).
 *
 * <p>May be shared between threads, like what it consists of.
 */
public final class Transcriber implements AutoCloseable {
  private final Wav2Vec2BertProcessor processor;
  private final Wav2Vec2BertForCTC model;
  private final boolean owned;
  private final BeamSearchDecoder beamSearch;
  private final CtcDecoder decoder;

  private Transcriber(
      Wav2Vec2BertProcessor processor,
      Wav2Vec2BertForCTC model,
      boolean owned,
      BeamSearchDecoder beamSearch) {
    this.processor = processor;
    this.model = model;
    this.owned = owned;
    this.beamSearch = beamSearch;
    decoder =
        beamSearch.hasModel()
            ? beamSearch
            : GreedyDecoder.of(processor.tokenizer(), model.config().vocabSize());
  }

  /**
   * Loads a checkpoint folder as {@link #fromPretrained(Path, LoadOptions)} does, with the default
   * options.
   */
  public static Transcriber fromPretrained(Path directory) {
    return fromPretrained(directory, LoadOptions.DEFAULT);
  }

  /**
   * Loads a checkpoint folder with its processor and, if there is one, its language model ({@link
   * BeamSearchDecoder#fromPretrained}); closing the transcriber closes what has to be closed.
   *
   * @throws IllegalArgumentException if a file is missing, malformed, or does not fit
   * @throws W2vBertException if a file cannot be read or native libraries cannot be loaded
   */
  public static Transcriber fromPretrained(Path directory, LoadOptions options) {
    try (Closing made = new Closing()) {
      Wav2Vec2BertProcessor processor = made.add(Wav2Vec2BertProcessor.fromPretrained(directory));
      Wav2Vec2BertForCTC model = made.add(Wav2Vec2BertForCTC.fromPretrained(directory, options));
      BeamSearchDecoder beamSearch =
          BeamSearchDecoder.fromPretrained(
              directory, processor.tokenizer(), model.config().vocabSize());
      return made.keep(new Transcriber(processor, model, true, beamSearch));
    }
  }

  /**
   * Loads a checkpoint folder, or a checkpoint of the Hugging Face hub, with its processor; a
   * folder with its language model, too, which is not downloaded from the hub.
   *
   * @param folderOrRepository an existing folder, or a repository of the hub as {@code org/name} or
   *     {@code org/name@revision}
   * @throws IllegalArgumentException as {@link #fromPretrained(Path)}, or if there is neither such
   *     a folder nor such a repository
   * @throws W2vBertException also if it cannot be downloaded
   */
  public static Transcriber fromPretrained(String folderOrRepository) {
    return fromPretrained(new HubClient().resolve(folderOrRepository));
  }

  /**
   * Puts together what the caller has and closes; closing the transcriber does nothing. It has no
   * language model.
   *
   * @throws IllegalArgumentException if the tokenizer's padding token is not one of the model's
   */
  public static Transcriber of(Wav2Vec2BertProcessor processor, Wav2Vec2BertForCTC model) {
    return new Transcriber(
        processor,
        model,
        false,
        BeamSearchDecoder.of(processor.tokenizer(), model.config().vocabSize()));
  }

  /** The processor. */
  public Wav2Vec2BertProcessor processor() {
    return processor;
  }

  /** The model. */
  public Wav2Vec2BertForCTC model() {
    return model;
  }

  /** From one frame of scores to the next. */
  public double secondsPerFrame() {
    FeatureExtractor extractor = processor.featureExtractor();
    return (double) extractor.hopLength()
        * extractor.stride()
        * model.config().outputStride()
        / extractor.samplingRate();
  }

  /**
   * What decodes unless {@link TranscribeOptions#decoder} says otherwise: the beam search with the
   * language model that came with the model, or the best path if none did.
   */
  public CtcDecoder decoder() {
    return decoder;
  }

  /**
   * A beam search over this model's tokens, with the language model that came with the model if one
   * did; to be given options, another language model, hot words.
   */
  public BeamSearchDecoder beamSearch() {
    return beamSearch;
  }

  /** The best path over this model's tokens, which uses no language model. */
  public GreedyDecoder bestPath() {
    return GreedyDecoder.of(processor.tokenizer(), model.config().vocabSize());
  }

  /**
   * Transcribes a recording with the default options.
   *
   * @throws IllegalArgumentException if it is not mono
   * @throws IllegalStateException if the model is closed
   */
  public Transcript transcribe(Audio recording) {
    return transcribe(recording, TranscribeOptions.DEFAULT);
  }

  /**
   * The text alone of a recording, as {@link #transcribe(Audio)} finds it. Without a language
   * model, hardly anything is left on the Java heap between the samples and the text: for a stream
   * of short clips.
   *
   * @throws IllegalArgumentException if it is not mono
   * @throws IllegalStateException if the model is closed
   */
  public String text(Audio recording) {
    if (decoder == beamSearch) {
      return transcribe(recording).text();
    }
    Audio audio = atModelRate(recording);
    FeatureExtractor extractor = processor.featureExtractor();
    if (model.config().outputLength(extractor.frames(audio)) == 0) {
      return "";
    }
    return processor.tokenizer().decode(model.bestPath(extractor, audio));
  }

  /**
   * Transcribes a recording.
   *
   * @throws IllegalArgumentException if it is not mono, or an option does not fit the model
   * @throws IllegalStateException if the model is closed
   */
  public Transcript transcribe(Audio recording, TranscribeOptions options) {
    return transcribe(List.of(recording), options).get(0);
  }

  /**
   * Transcribes recordings; short ones share calls of the model, which changes no result.
   *
   * @return one transcript per recording, in order
   * @throws IllegalArgumentException if one is not mono, or an option does not fit the model
   * @throws IllegalStateException if the model is closed
   */
  public List<Transcript> transcribe(List<Audio> recordings, TranscribeOptions options) {
    CtcDecoder chosen = options.decoder() == null ? decoder : options.decoder();
    List<Stretch> stretches = new ArrayList<>();
    for (int i = 0; i < recordings.size(); i++) {
      stretches.addAll(stretches(i, recordings.get(i), options));
    }
    List<List<Word>> words = new ArrayList<>();
    List<List<String>> texts = new ArrayList<>();
    for (int i = 0; i < recordings.size(); i++) {
      words.add(new ArrayList<>());
      texts.add(new ArrayList<>());
    }
    score(
        stretches,
        options,
        (stretch, scores) -> {
          Hypothesis best = chosen.best(scores);
          double duration = seconds(recordings.get(stretch.recording()));
          for (Word word : best.toWords(secondsPerFrame())) {
            words.get(stretch.recording()).add(word.shifted(stretch.start()).until(duration));
          }
          if (!best.text().isEmpty()) {
            texts.get(stretch.recording()).add(best.text());
          }
        });
    List<Transcript> transcripts = new ArrayList<>();
    for (int i = 0; i < recordings.size(); i++) {
      Transcript transcript =
          Transcript.of(words.get(i), seconds(recordings.get(i)), options.segments());
      // The tokenizer may have joined or cleaned up what the words hold as it was found.
      transcripts.add(
          new Transcript(Spacing.join(texts.get(i)), transcript.duration(), transcript.segments()));
    }
    return transcripts;
  }

  /**
   * The log-probabilities of all tokens in all frames of a recording: what the decoders take. A
   * search for speech among the options has no effect.
   *
   * @throws IllegalArgumentException if it is not mono, or an option does not fit the model
   * @throws IllegalStateException if the model is closed
   */
  public LogProbabilities score(Audio recording, TranscribeOptions options) {
    List<LogProbabilities> scores = new ArrayList<>();
    Audio samples = atModelRate(recording);
    score(List.of(new Stretch(0, 0, samples)), options, (stretch, result) -> scores.add(result));
    return scores.get(0);
  }

  /**
   * Finds out when each word of a text is said in a recording ({@link ForcedAligner}).
   *
   * @param text what is said; characters that the tokenizer does not know match any sound
   * @throws IllegalArgumentException if the recording is not mono, the text is empty, or it is too
   *     long for the recording
   * @throws IllegalStateException if the model is closed
   */
  public Transcript align(
      Audio recording, String text, AlignOptions alignment, TranscribeOptions options) {
    LogProbabilities scores = score(recording, options);
    List<Word> words =
        ForcedAligner.of(processor.tokenizer(), model.config().vocabSize())
            .align(scores, text, alignment)
            .toWords(secondsPerFrame())
            .stream()
            .map(word -> word.until(seconds(recording)))
            .toList();
    return Transcript.of(words, seconds(recording), options.segments());
  }

  private static double seconds(Audio recording) {
    return (double) recording.length() / recording.sampleRate();
  }

  /** Audio at the model's rate, and where in its recording it begins, in seconds. */
  private record Stretch(int recording, double start, Audio audio) {}

  private interface Sink {
    void accept(Stretch stretch, LogProbabilities scores);
  }

  private Audio atModelRate(Audio recording) {
    if (!recording.isMono()) {
      throw new IllegalArgumentException(
          "the recording has "
              + recording.channels()
              + " channels; choose one with channel(int) or mix them with mixToMono()");
    }
    return recording.resample(processor.featureExtractor().samplingRate());
  }

  private List<Stretch> stretches(int index, Audio recording, TranscribeOptions options) {
    Audio audio = atModelRate(recording);
    if (options.voiceActivity() == null) {
      return List.of(new Stretch(index, 0, audio));
    }
    return new SpeechSegmenter(options.voiceActivity())
        .segment(audio).stream()
            .map(
                span ->
                    new Stretch(
                        index,
                        (double) span.from() / audio.sampleRate(),
                        audio.slice(span.from(), span.to())))
            .toList();
  }

  /** A stretch whose features are divided into windows, and what has been computed of it. */
  private final class Job {
    private final Stretch stretch;
    private final Tensor features; // [frames, width]; null if there is no frame
    private final List<FrameWindow> windows;
    private final float[] logits;
    private int open;

    Job(Stretch stretch, WindowOptions options) {
      this.stretch = stretch;
      Wav2Vec2BertConfig config = model.config();
      FeatureExtractor extractor = processor.featureExtractor();
      long frames = 0;
      Tensor rows = null;
      if (stretch.audio().length() >= FeatureExtractor.FRAME_LENGTH) {
        RaggedFeatures extracted = extractor.extractRagged(List.of(stretch.audio()));
        rows = extracted.frames();
        frames = extracted.lengths()[0];
      }
      if (config.outputLength(frames) == 0) {
        Closing.all(rows);
        features = null;
        windows = List.of();
        logits = new float[0];
        return;
      }
      features = rows;
      double perSecond =
          (double) extractor.samplingRate() / extractor.hopLength() / extractor.stride();
      try {
        windows =
            options == null
                ? List.of(new FrameWindow(0, frames, 0, config.outputLength(frames), 0))
                : FrameWindow.plan(
                    frames, options.seconds() * perSecond, options.context() * perSecond, config);
        long size = config.outputLength(frames) * config.vocabSize();
        if (size > Integer.MAX_VALUE) {
          throw new IllegalArgumentException(
              "a stretch of "
                  + config.outputLength(frames)
                  + " frames has "
                  + size
                  + " scores for "
                  + config.vocabSize()
                  + " tokens, expected at most "
                  + Integer.MAX_VALUE
                  + "; look for speech (withVoiceActivity) or divide the recording");
        }
        logits = new float[(int) size];
      } catch (RuntimeException | Error e) {
        rows.close();
        throw e;
      }
      open = windows.size();
    }

    void take(FrameWindow window, CtcOutput output) {
      int vocabulary = model.config().vocabSize();
      int from = Math.toIntExact((window.keepBegin() - window.offset()) * vocabulary);
      int to = Math.toIntExact(window.keepBegin() * vocabulary);
      int count = Math.toIntExact((window.keepEnd() - window.keepBegin()) * vocabulary);
      output
          .logits()
          .read(
              bytes -> {
                FloatBuffer scores = bytes.asFloatBuffer();
                return scores.get(from, logits, to, count);
              });
      open--;
    }

    boolean done() {
      return open == 0;
    }

    LogProbabilities scores() {
      int vocabulary = model.config().vocabSize();
      return LogProbabilities.ofLogits(logits, logits.length / vocabulary, vocabulary);
    }
  }

  /** A window of a job, waiting for its call. */
  private record Pending(Job job, FrameWindow window) {}

  /** Computes all stretches in order; windows of short ones share calls. */
  private void score(List<Stretch> stretches, TranscribeOptions options, Sink sink) {
    FeatureExtractor extractor = processor.featureExtractor();
    double mostFrames =
        options.batchSeconds()
            * extractor.samplingRate()
            / extractor.hopLength()
            / extractor.stride();
    List<Job> jobs = new ArrayList<>(); // begun and not yet given to the sink
    List<Pending> batch = new ArrayList<>();
    long frames = 0;
    try {
      for (Stretch stretch : stretches) {
        Job job = new Job(stretch, options.windows());
        jobs.add(job);
        for (FrameWindow window : job.windows) {
          long size = window.end() - window.begin();
          if (!batch.isEmpty() && frames + size > mostFrames) {
            compute(batch);
            batch.clear();
            frames = 0;
            deliver(jobs, sink);
          }
          batch.add(new Pending(job, window));
          frames += size;
        }
      }
      compute(batch);
      deliver(jobs, sink);
    } finally {
      jobs.forEach(job -> Closing.all(job.features));
    }
  }

  private static void deliver(List<Job> jobs, Sink sink) {
    while (!jobs.isEmpty() && jobs.get(0).done()) {
      Job job = jobs.remove(0);
      Closing.all(job.features);
      sink.accept(job.stretch, job.scores());
    }
  }

  private void compute(List<Pending> batch) {
    if (batch.isEmpty()) {
      return;
    }
    long[] lengths =
        batch.stream().mapToLong(next -> next.window.end() - next.window.begin()).toArray();
    int width = model.config().featureProjectionInputDim();
    float[] rows =
        new float[Math.toIntExact(Math.multiplyExact(Arrays.stream(lengths).sum(), width))];
    int at = 0;
    for (int i = 0; i < lengths.length; i++) {
      Pending next = batch.get(i);
      int begin = Math.toIntExact(next.window.begin() * width);
      int count = Math.toIntExact(lengths[i] * width);
      int target = at;
      next.job.features.read(bytes -> bytes.asFloatBuffer().get(begin, rows, target, count));
      at += count;
    }
    try (Tensor frames = Tensor.of(rows, rows.length / width, width);
        RaggedFeatures features = new RaggedFeatures(frames, lengths);
        OutputList<CtcOutput> outputs = model.encode(features)) {
      for (int i = 0; i < lengths.length; i++) {
        Pending next = batch.get(i);
        next.job.take(next.window, outputs.get(i));
      }
    }
  }

  /** Closes the processor and the model if this transcriber loaded them. */
  @Override
  public void close() {
    if (owned) {
      Closing.all(List.of(model, processor));
    }
  }
}
