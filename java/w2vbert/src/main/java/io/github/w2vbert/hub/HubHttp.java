package io.github.w2vbert.hub;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Set;
import javax.net.ssl.SSLHandshakeException;

/**
 * Requests with redirects, patience, and a token that only the endpoint sees. An {@link
 * IOException} means that the network or the hub is down; whatever else is wrong is a {@link
 * W2vBertException}.
 */
final class HubHttp {
  private static final int MOST_REDIRECTS = 10;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  private final HubOptions options;
  private HttpClient client; // made when needed: it has threads

  HubHttp(HubOptions options) {
    this.options = options;
  }

  private synchronized HttpClient client() {
    if (client == null) {
      client =
          HttpClient.newBuilder()
              // Connections side by side; HTTP/2 would squeeze all ranges through one.
              .version(HttpClient.Version.HTTP_1_1)
              .followRedirects(HttpClient.Redirect.NEVER) // they are followed below, without token
              .connectTimeout(options.etagTimeout())
              .build();
    }
    return client;
  }

  /**
   * An answer, to be closed.
   *
   * @param uri what answered, after redirects
   * @param location where it redirects to, if that was not followed; or null
   */
  record Answer(int status, HttpHeaders headers, URI uri, URI location, BodyStream body)
      implements AutoCloseable {
    /** A header; null if there is none. */
    String header(String name) {
      return headers.firstValue(name).orElse(null);
    }

    @Override
    public void close() {
      body.close();
    }
  }

  /**
   * Sends a request, and sends it again while the server is busy.
   *
   * @param range value of the header, or null
   * @param toOtherHosts whether redirects to other hosts are followed
   */
  Answer request(String method, URI uri, String range, Duration timeout, boolean toOtherHosts)
      throws IOException {
    for (int failures = 0; ; failures++) {
      Answer answer = follow(method, uri, range, timeout, toOtherHosts);
      int status = answer.status();
      if (status != 408 && status != 429 && status < 500) {
        return answer;
      }
      answer.body().discard(timeout);
      String problem = shown(answer.uri()) + " answers status " + status;
      if (failures == options.retries()) {
        throw new IOException(problem + ", " + (failures + 1) + " times in a row");
      }
      Duration wait = wait(failures, answer.header("Retry-After"));
      if (wait.compareTo(LONGEST_WAIT) > 0) {
        throw new IOException(problem + " and asks to come back in " + wait.toSeconds() + " s");
      }
      sleep(wait);
    }
  }

  /** Waits before a repetition. */
  void pause(int failures) {
    sleep(wait(failures, null));
  }

  private Answer follow(
      String method, URI start, String range, Duration timeout, boolean toOtherHosts)
      throws IOException {
    URI uri = start;
    for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
      HttpResponse<BodyStream> response = send(method, uri, range, timeout);
      URI location = null;
      if (REDIRECTS.contains(response.statusCode())) {
        location = location(uri, response);
      }
      if (location == null || (!toOtherHosts && !isSameOrigin(uri, location))) {
        return new Answer(
            response.statusCode(), response.headers(), uri, location, response.body());
      }
      response.body().discard(timeout);
      uri = location;
    }
    throw new W2vBertException(
        shown(start) + " redirects more than " + MOST_REDIRECTS + " times, last to " + shown(uri));
  }

  private HttpResponse<BodyStream> send(String method, URI uri, String range, Duration timeout)
      throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(timeout)
            .header("User-Agent", "w2vbert; java/" + Runtime.version().feature())
            .header("Accept-Encoding", "identity"); // sizes and ranges are those of the file
    if (range != null) {
      request.header("Range", range);
    }
    if (options.token() != null && isSameOrigin(uri, options.endpoint())) {
      request.header("Authorization", "Bearer " + options.token());
    }
    try {
      return client().send(request.build(), info -> new BodyStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new W2vBertException("interrupted while " + shown(uri) + " was asked", e);
    } catch (SSLHandshakeException e) {
      throw new W2vBertException(shown(uri) + " cannot be trusted: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IOException(shown(uri) + ": " + reason(e), e);
    }
  }

  private static String reason(IOException e) {
    String name = e.getClass().getSimpleName(); // a refused connection has no message
    return e.getMessage() == null ? name : name + ": " + e.getMessage();
  }

  private static URI location(URI from, HttpResponse<BodyStream> response) {
    String text = response.headers().firstValue("Location").orElse("");
    URI to;
    try {
      to = from.resolve(URI.create(text));
    } catch (IllegalArgumentException e) {
      to = null;
    }
    if (to == null
        || text.isEmpty()
        || to.getHost() == null
        || to.getPort() > 65_535
        || !("https".equalsIgnoreCase(to.getScheme()) || "http".equalsIgnoreCase(to.getScheme()))) {
      response.body().close();
      throw new W2vBertException(
          shown(from)
              + " redirects to "
              + Repository.quoted(text.replaceFirst("\\?.*", ""))
              + "; expected a URL");
    }
    if ("https".equalsIgnoreCase(from.getScheme()) && "http".equalsIgnoreCase(to.getScheme())) {
      response.body().close();
      throw new W2vBertException(
          shown(from) + " redirects to " + shown(to) + ", which is not encrypted; expected https");
    }
    return to;
  }

  static boolean isSameOrigin(URI a, URI b) {
    return a.getScheme().equalsIgnoreCase(b.getScheme())
        && a.getHost().equalsIgnoreCase(b.getHost())
        && port(a) == port(b);
  }

  private static int port(URI uri) {
    if (uri.getPort() >= 0) {
      return uri.getPort();
    }
    return "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
  }

  /** A URL for messages: without its query, which may hold a signature, and without a password. */
  static String shown(URI uri) {
    String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
    return uri.getScheme() + "://" + uri.getHost() + port + uri.getRawPath();
  }

  private Duration wait(int failures, String retryAfter) {
    if (retryAfter != null) {
      try {
        return Duration.ofSeconds(Math.max(0, Long.parseLong(retryAfter.trim())));
      } catch (NumberFormatException e) {
        try {
          Instant until =
              ZonedDateTime.parse(retryAfter.trim(), DateTimeFormatter.RFC_1123_DATE_TIME)
                  .toInstant();
          Duration wait = Duration.between(Instant.now(), until);
          return wait.isNegative() ? Duration.ZERO : wait;
        } catch (DateTimeException notADate) {
          return wait(failures, null);
        }
      }
    }
    Duration wait = options.retryDelay().multipliedBy(1L << Math.min(failures, 16));
    return wait.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait;
  }

  private static void sleep(Duration wait) {
    try {
      Thread.sleep(wait.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new W2vBertException("interrupted while waiting to ask the hub again", e);
    }
  }
}
