package io.github.w2vbert.hub;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;

/**
 * Where the hub and its cache are, and how files are fetched.
 *
 * <pre>{@code
 * HubOptions.fromEnvironment().withProgress((file, done, total) -> System.err.println(file + done))
 * }</pre>
 *
 * @param endpoint the hub or a mirror of it, such as {@code https://huggingface.co}
 * @param cache the folder that holds {@code models--org--name} folders
 * @param token to be sent to the endpoint, or null
 * @param offline whether only the cache is used
 * @param etagTimeout how long to wait for a connection, and for facts about a file
 * @param downloadTimeout how long to wait for the next bytes of a file; the list of a repository's
 *     files may take 6 times as long
 * @param connections how many ranges of a big file are fetched at a time; 1 to 32
 * @param rangeBytes the size of such a range, 1 to 256 MiB; {@code connections + 1} of them may be
 *     in memory
 * @param retries how often a request is repeated after status 408, 429 or 5xx, and a download after
 *     the connection broke with less than 1 MiB gained; 0 to 100
 * @param retryDelay the wait before the first repetition, doubled each time; a server's {@code
 *     Retry-After} comes first
 * @param progress is told how far downloads are
 */
public record HubOptions(
    URI endpoint,
    Path cache,
    String token,
    boolean offline,
    Duration etagTimeout,
    Duration downloadTimeout,
    int connections,
    int rangeBytes,
    int retries,
    Duration retryDelay,
    HubProgress progress) {
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);
  private static final int MOST_RANGE_BYTES = 256 << 20;

  /**
   * Checks the options.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public HubOptions {
    Objects.requireNonNull(endpoint, "endpoint");
    Objects.requireNonNull(cache, "cache");
    Objects.requireNonNull(progress, "progress");
    String scheme = endpoint.getScheme();
    if (!("https".equalsIgnoreCase(scheme) || "http".equalsIgnoreCase(scheme))
        || endpoint.getHost() == null
        || endpoint.getPort() > 65_535
        || endpoint.getRawUserInfo() != null
        || endpoint.getRawQuery() != null
        || endpoint.getRawFragment() != null) {
      throw new IllegalArgumentException(
          "endpoint is '" + endpoint + "'; expected a URL such as " + DEFAULT_ENDPOINT);
    }
    if (token != null && !token.matches("[!-~]+")) {
      throw new IllegalArgumentException(
          "the token has "
              + token.length()
              + " characters; expected one or more, all visible ASCII (it is not shown here)");
    }
    requirePositive("etagTimeout", etagTimeout);
    requirePositive("downloadTimeout", downloadTimeout);
    requireRange("connections", connections, 1, 32);
    requireRange("rangeBytes", rangeBytes, 1, MOST_RANGE_BYTES);
    requireRange("retries", retries, 0, 100);
    requirePositive("retryDelay", retryDelay);
  }

  private static void requirePositive(String name, Duration value) {
    Objects.requireNonNull(value, name);
    if (value.isNegative() || value.isZero() || value.compareTo(Duration.ofDays(1)) > 0) {
      throw new IllegalArgumentException(
          name + " is " + value + "; expected more than 0, and at most a day");
    }
  }

  private static void requireRange(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " is " + value + "; expected " + least + " to " + most);
    }
  }

  /**
   * The options of this process: its environment variables, overridden by system properties, as the
   * package documentation says.
   *
   * @throws IllegalArgumentException if a variable is malformed
   */
  public static HubOptions fromEnvironment() {
    return of(Environment.ofProcess());
  }

  /**
   * The options of other environment variables than those of this process.
   *
   * @throws IllegalArgumentException if a variable is malformed
   */
  public static HubOptions fromEnvironment(Map<String, String> variables) {
    return of(new Environment(Map.copyOf(variables)));
  }

  private static HubOptions of(Environment environment) {
    String endpoint = environment.text("HF_ENDPOINT");
    URI uri;
    try {
      uri = URI.create(endpoint == null ? DEFAULT_ENDPOINT : endpoint.strip());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "HF_ENDPOINT is '" + endpoint + "'; expected a URL such as " + DEFAULT_ENDPOINT, e);
    }
    return new HubOptions(
        uri,
        environment.cache(),
        environment.token(),
        environment.isTrue(
            environment.text("HF_HUB_OFFLINE") != null ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE"),
        environment.seconds("HF_HUB_ETAG_TIMEOUT", DEFAULT_TIMEOUT),
        environment.seconds("HF_HUB_DOWNLOAD_TIMEOUT", DEFAULT_TIMEOUT),
        4,
        8 << 20,
        5,
        Duration.ofMillis(500),
        HubProgress.NONE);
  }

  /** These options with another hub. */
  public HubOptions withEndpoint(URI other) {
    return new HubOptions(
        other,
        cache,
        token,
        offline,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options with another cache. */
  public HubOptions withCache(Path other) {
    return new HubOptions(
        endpoint,
        other,
        token,
        offline,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options with another token; null for none. */
  public HubOptions withToken(String other) {
    return new HubOptions(
        endpoint,
        cache,
        other,
        offline,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options, with or without a network. */
  public HubOptions withOffline(boolean other) {
    return new HubOptions(
        endpoint,
        cache,
        token,
        other,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options with other timeouts. */
  public HubOptions withTimeouts(Duration otherEtagTimeout, Duration otherDownloadTimeout) {
    return new HubOptions(
        endpoint,
        cache,
        token,
        offline,
        otherEtagTimeout,
        otherDownloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options with other ranges of big files. */
  public HubOptions withRanges(int otherConnections, int otherRangeBytes) {
    return new HubOptions(
        endpoint,
        cache,
        token,
        offline,
        etagTimeout,
        downloadTimeout,
        otherConnections,
        otherRangeBytes,
        retries,
        retryDelay,
        progress);
  }

  /** These options with other repetitions. */
  public HubOptions withRetries(int otherRetries, Duration otherRetryDelay) {
    return new HubOptions(
        endpoint,
        cache,
        token,
        offline,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        otherRetries,
        otherRetryDelay,
        progress);
  }

  /** These options with another listener. */
  public HubOptions withProgress(HubProgress other) {
    return new HubOptions(
        endpoint,
        cache,
        token,
        offline,
        etagTimeout,
        downloadTimeout,
        connections,
        rangeBytes,
        retries,
        retryDelay,
        other);
  }

  /** The options without the token. */
  @Override
  public String toString() {
    return "HubOptions[endpoint="
        + endpoint
        + ", cache="
        + cache
        + ", token="
        + (token == null ? "none" : "hidden")
        + ", offline="
        + offline
        + ", etagTimeout="
        + etagTimeout
        + ", downloadTimeout="
        + downloadTimeout
        + ", connections="
        + connections
        + ", rangeBytes="
        + rangeBytes
        + ", retries="
        + retries
        + ", retryDelay="
        + retryDelay
        + "]";
  }
}
