package io.github.w2vbert;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.cuda.CudaStream;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Where a model computes, and how it uses a CUDA device; for {@link
 * LoadOptions#withDevice(DeviceOptions)}. Immutable.
 *
 * <pre>{@code
 * DeviceOptions gpu =
 *     DeviceOptions.of("cuda:0").withSessions(4).withGraphBuckets(100, 200).withWarmUp();
 * Wav2Vec2BertForCTC.fromPretrained(directory, LoadOptions.DEFAULT.withDevice(gpu));
 * }</pre>
 *
 * <p>All but the name is about CUDA devices and has its default on the CPU; whatever else is asked
 * for there is refused. No option changes a result but in its last bits: within a graph products
 * have more rows, and may be summed in another order.
 *
 * @param name {@code cpu}, {@code cuda} (the first device) or {@code cuda:1}
 * @param sessions calls that the model computes at the same time
 * @param graphBuckets lengths in input frames up to which single utterances are computed by CUDA
 *     graphs, ascending; empty for none
 * @param warmUp whether all graphs are captured when the model is opened
 * @param memoryLimit bytes of the device's memory that the model may take, or 0 for no limit
 * @param stream the caller's own, in which calls compute; or null
 */
public record DeviceOptions(
    String name,
    int sessions,
    List<Integer> graphBuckets,
    boolean warmUp,
    long memoryLimit,
    CudaStream stream) {

  /** The most sessions of a model. */
  public static final int MAX_SESSIONS = 16;

  /** The sessions of a model that has no stream of the caller's. */
  public static final int DEFAULT_SESSIONS = 2;

  /** From 1 to 30 seconds with the extractor's usual 50 frames per second. */
  public static final List<Integer> DEFAULT_GRAPH_BUCKETS =
      List.of(50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500);

  private static final Pattern NAME =
      Pattern.compile("cpu|cuda(:([0-9]{1,2}|1[01][0-9]|12[0-7]))?");

  /** On the CPU. */
  public static final DeviceOptions CPU = of("cpu");

  /** The longest graph, in frames: a minute with the extractor's usual 50 frames per second. */
  public static final int MAX_GRAPH_FRAMES = 3000;

  /** Handles that CUDA gives a meaning of their own: of the default stream, in its two kinds. */
  private static final long LAST_DEFAULT_STREAM = 2;

  /**
   * Checks everything.
   *
   * @throws IllegalArgumentException if {@code name} is not the name of a device, a value is out of
   *     range, values do not fit each other, or there are any for the CPU
   * @throws IllegalStateException if {@code stream} is closed
   */
  public DeviceOptions {
    Objects.requireNonNull(name, "name");
    graphBuckets = List.copyOf(graphBuckets);
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "the device is '" + name + "'; expected 'cpu', 'cuda', or 'cuda:0' to 'cuda:127'");
    }
    if (sessions < 1 || sessions > MAX_SESSIONS) {
      throw new IllegalArgumentException(
          "sessions is " + sessions + "; expected 1 to " + MAX_SESSIONS);
    }
    int longest = 0;
    for (int frames : graphBuckets) {
      if (frames <= longest) {
        throw new IllegalArgumentException(
            "graphBuckets is " + graphBuckets + "; expected ascending numbers of at least 1");
      }
      longest = frames;
    }
    if (longest > MAX_GRAPH_FRAMES) {
      throw new IllegalArgumentException(
          "graphBuckets is " + graphBuckets + "; expected at most " + MAX_GRAPH_FRAMES + " frames");
    }
    if (memoryLimit < 0) {
      throw new IllegalArgumentException(
          "memoryLimit is " + memoryLimit + "; expected a number of bytes, or 0 for no limit");
    }
    if (name.equals("cpu")) {
      requireDefault("sessions", sessions, DEFAULT_SESSIONS);
      requireDefault("graphBuckets", graphBuckets, DEFAULT_GRAPH_BUCKETS);
      requireDefault("warmUp", warmUp, false);
      requireDefault("memoryLimit", memoryLimit, 0L);
      requireDefault("stream", stream, null);
    }
    if (stream != null) {
      checkStream(stream, index(name), sessions);
    }
  }

  private static void requireDefault(String option, Object value, Object expected) {
    if (!Objects.equals(value, expected)) {
      throw new IllegalArgumentException(
          option
              + " is "
              + value
              + ", but the device is 'cpu'; expected a device such as 'cuda:0'");
    }
  }

  private static void checkStream(CudaStream stream, int index, int sessions) {
    if (stream.device() != index) {
      throw new IllegalArgumentException(
          "the stream is on cuda:" + stream.device() + "; expected one on cuda:" + index);
    }
    if (stream.handle() >= 0 && stream.handle() <= LAST_DEFAULT_STREAM) {
      throw new IllegalArgumentException(
          "the stream is a default stream of CUDA's, of which graphs cannot be captured; expected"
              + " one that was created");
    }
    if (sessions != 1) {
      throw new IllegalArgumentException(
          "sessions is " + sessions + ", but work of one stream is done in order; expected 1");
    }
  }

  /**
   * A device, with the defaults: two sessions, the {@link #DEFAULT_GRAPH_BUCKETS}, no warm-up, no
   * limit of memory, streams of the model's own.
   *
   * @param name {@code cpu}, {@code cuda} (the first device) or {@code cuda:1}
   * @throws IllegalArgumentException if it is none of these
   */
  public static DeviceOptions of(String name) {
    return new DeviceOptions(name, DEFAULT_SESSIONS, DEFAULT_GRAPH_BUCKETS, false, 0, null);
  }

  /**
   * These options with another number of calls that the model computes at the same time. Each has a
   * session, with a stream, a workspace and graphs of its own; further calls wait in line. The
   * calls of such a model do not count against {@code w2vbert.concurrency}. More sessions keep the
   * device busy while others wait for the host, and take more of its memory: LibTorch keeps what a
   * session has freed for that session, and cuBLAS keeps a workspace (32 MiB on a Hopper GPU) for
   * every session that a thread has computed in, so that few threads should call.
   *
   * @param count 1 to {@link #MAX_SESSIONS}
   * @throws IllegalArgumentException if it is out of range, or not 1 where there is a stream
   */
  public DeviceOptions withSessions(int count) {
    return new DeviceOptions(name, count, graphBuckets, warmUp, memoryLimit, stream);
  }

  /**
   * These options with other CUDA graphs. A single utterance that is not longer than the longest
   * bucket is computed by replaying a graph that was captured for the shortest bucket that holds
   * it: one launch instead of hundreds. What fills the bucket is computed and thrown away. Longer
   * utterances and batches are computed without a graph, and so is {@link WeightType#FLOAT8} but on
   * compute capability 9.0. Each graph takes memory of the device, and its first use in a session
   * the time to capture it, unless there is {@link #withWarmUp}.
   *
   * @param frames lengths in input frames, as {@link RaggedFeatures#lengths} has them (50 per
   *     second with the usual extractor), ascending from 1 to {@link #MAX_GRAPH_FRAMES}; none for
   *     no graphs
   * @throws IllegalArgumentException if they are not
   */
  public DeviceOptions withGraphBuckets(int... frames) {
    List<Integer> buckets = IntStream.of(frames).boxed().toList();
    return new DeviceOptions(name, sessions, buckets, warmUp, memoryLimit, stream);
  }

  /** These options, but nothing is computed by CUDA graphs, which saves their memory. */
  public DeviceOptions withoutGraphs() {
    return withGraphBuckets();
  }

  /**
   * These options, but all graphs of all sessions are captured when the model is opened, which
   * takes longer then, so that no later call pays for it. Without graphs it does nothing.
   *
   * @throws IllegalArgumentException if the device is the CPU
   */
  public DeviceOptions withWarmUp() {
    return new DeviceOptions(name, sessions, graphBuckets, true, memoryLimit, stream);
  }

  /**
   * These options with a limit of the device's memory that the model may hold at a time: for its
   * parameters, workspaces, and what is computed and not closed. A call that would need more throws
   * {@link W2vBertException}, which names the limit, and the model can be used again; so does
   * opening a model whose parameters need more. Beside it are CUDA's context and libraries, and
   * what LibTorch keeps for later calls of what has been freed.
   *
   * @param bytes or 0 for no limit but the device's own
   * @throws IllegalArgumentException if it is negative
   */
  public DeviceOptions withMemoryLimit(long bytes) {
    return new DeviceOptions(name, sessions, graphBuckets, warmUp, bytes, stream);
  }

  /**
   * These options, but calls of the model compute in the caller's own stream, in the order of the
   * calls, behind what is in it; they return when their results are there all the same. Loading,
   * training, capturing graphs and reading results use other streams. The model then has one
   * session, which a number of sessions other than the default must agree with. A model keeps the
   * stream: one that is closed meanwhile is freed when the last such model is closed, too. One made
   * elsewhere ({@link CudaStream#of}) must be valid until then.
   *
   * @param other created on the same device; opening a model throws {@link IllegalStateException}
   *     if it was closed before
   * @throws IllegalArgumentException if it is on another device or a default stream of CUDA's, or
   *     if the number of sessions is neither 1 nor the default
   * @throws IllegalStateException if it is closed
   */
  public DeviceOptions withStream(CudaStream other) {
    Objects.requireNonNull(other, "stream");
    int single = sessions == DEFAULT_SESSIONS ? 1 : sessions;
    return new DeviceOptions(name, single, graphBuckets, warmUp, memoryLimit, other);
  }

  /** Whether this is a CUDA device. */
  boolean isCuda() {
    return !name.equals("cpu");
  }

  /** The number of a CUDA device. */
  int index() {
    return index(name);
  }

  private static int index(String name) {
    return name.equals("cuda") ? 0 : Integer.parseInt(name.substring("cuda:".length()));
  }

  /**
   * What the native library reads.
   *
   * @param held the stream, or a share of it; or null
   */
  String toJson(CudaStream held) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("device", name);
    json.put("stream", held == null ? 0 : held.handle());
    json.put("memory_limit", memoryLimit);
    json.put("sessions", sessions);
    ArrayNode frames = json.putArray("graph_frames");
    graphBuckets.forEach(frames::add);
    json.put("warm_up", warmUp);
    return json.toString();
  }
}
