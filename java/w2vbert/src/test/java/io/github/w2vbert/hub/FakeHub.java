package io.github.w2vbert.hub;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A hub on the loopback interface with one repository: it lists files, answers for small ones
 * itself, and redirects to a second server for the others ({@code *.safetensors}).
 */
public final class FakeHub implements AutoCloseable {
  public static final String REPOSITORY = "org/name";
  public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private static final Pattern RESOLVE = Pattern.compile("/(.+)/resolve/([^/]+)/(.+)");
  private static final Pattern LIST = Pattern.compile("/api/models/(.+)/revision/([^/]+)");
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

  static {
    // The server writes headers and body apart; the delay between them would be 40 ms each time.
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  /** Answers a request instead of the hub; returns false to leave it to the hub. */
  interface Intercept {
    boolean handle(HttpExchange exchange) throws IOException;
  }

  private final HttpServer hub;
  private final HttpServer cdn;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, byte[]> files = new ConcurrentHashMap<>();
  private final Map<String, String> commits = new ConcurrentHashMap<>(Map.of("main", COMMIT));

  /** Requests so far, such as {@code HEAD /org/name/resolve/main/config.json}. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  /** The same on the second server. */
  final List<String> cdnRequests = new CopyOnWriteArrayList<>();

  /** Authorization headers that the second server saw. */
  final List<String> leaks = new CopyOnWriteArrayList<>();

  volatile Intercept intercept = exchange -> false;
  volatile Intercept cdnIntercept = exchange -> false;
  volatile boolean ignoresRanges;
  volatile String token; // required if not null

  public FakeHub() throws IOException {
    hub = start(this::serve);
    cdn = start(this::serveCdn);
  }

  private interface Handler {
    void handle(HttpExchange exchange) throws IOException;
  }

  private HttpServer start(Handler handler) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            handler.handle(exchange);
          }
        });
    server.start();
    return server;
  }

  /** The URL of the hub. */
  public URI endpoint() {
    return url(hub);
  }

  URI cdn() {
    return url(cdn);
  }

  private static URI url(HttpServer server) {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  FakeHub put(String name, byte[] content) {
    files.put(name, content);
    return this;
  }

  FakeHub put(String name, String content) {
    return put(name, content.getBytes(StandardCharsets.UTF_8));
  }

  /** Serves the files of a folder. */
  public FakeHub putAll(Path folder) throws IOException {
    try (Stream<Path> found = Files.list(folder)) {
      for (Path file : found.toList()) {
        put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return this;
  }

  void revision(String name, String commit) {
    commits.put(name, commit);
  }

  /** Both servers' requests so far. */
  public List<String> allRequests() {
    return Stream.concat(requests.stream(), cdnRequests.stream()).toList();
  }

  private void serve(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getRawPath();
    requests.add(exchange.getRequestMethod() + " " + path);
    if (intercept.handle(exchange)) {
      return;
    }
    String given = exchange.getRequestHeaders().getFirst("Authorization");
    if (token != null && !("Bearer " + token).equals(given)) {
      error(exchange, 401, given == null ? "GatedRepo" : null, "Invalid credentials");
      return;
    }
    Matcher list = LIST.matcher(path);
    Matcher resolve = RESOLVE.matcher(path);
    Matcher match = list.matches() ? list : resolve.matches() ? resolve : null;
    if (match == null || !match.group(1).equals(REPOSITORY)) {
      error(exchange, 404, "RepoNotFound", "Repository not found");
      return;
    }
    String revision = URLDecoder.decode(match.group(2), StandardCharsets.UTF_8);
    String commit = commits.containsValue(revision) ? revision : commits.get(revision);
    if (commit == null) {
      error(exchange, 404, "RevisionNotFound", "Invalid rev id");
    } else if (match == list) {
      ObjectNode answer = new ObjectMapper().createObjectNode().put("sha", commit);
      var siblings = answer.putArray("siblings");
      new TreeMap<>(files).keySet().forEach(n -> siblings.addObject().put("rfilename", n));
      reply(exchange, 200, answer.toString().getBytes(StandardCharsets.UTF_8));
    } else {
      exchange.getResponseHeaders().set("X-Repo-Commit", commit);
      serveFile(exchange, URLDecoder.decode(match.group(3), StandardCharsets.UTF_8));
    }
  }

  private void serveFile(HttpExchange exchange, String name) throws IOException {
    byte[] content = files.get(name);
    var headers = exchange.getResponseHeaders();
    if (content == null) {
      error(exchange, 404, "EntryNotFound", "Entry not found");
    } else if (isLarge(name)) {
      headers.set("X-Linked-Etag", "\"" + etag(name) + "\"");
      headers.set("X-Linked-Size", Integer.toString(content.length));
      headers.set("ETag", "\"an etag of the redirect\"");
      headers.set("Location", cdn() + "/" + name + "?signature=secret");
      reply(exchange, 302, "Found".getBytes(StandardCharsets.UTF_8));
    } else {
      headers.set("ETag", "W/\"" + etag(name) + "\"");
      content(exchange, content);
    }
  }

  private void serveCdn(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    String range = exchange.getRequestHeaders().getFirst("Range");
    cdnRequests.add(exchange.getRequestMethod() + " " + path + (range == null ? "" : " " + range));
    if (exchange.getRequestHeaders().containsKey("Authorization")) {
      leaks.add(exchange.getRequestHeaders().getFirst("Authorization"));
    }
    if (!cdnIntercept.handle(exchange)) {
      content(exchange, files.get(path.substring(1)));
    }
  }

  /** The whole content or the range that is asked for. */
  void content(HttpExchange exchange, byte[] content) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    if (range == null || ignoresRanges) {
      reply(exchange, 200, content);
      return;
    }
    Matcher match = RANGE.matcher(range);
    if (!match.matches() || Integer.parseInt(match.group(2)) >= content.length) {
      reply(exchange, 416, new byte[0]);
      return;
    }
    int first = Integer.parseInt(match.group(1));
    int last = Integer.parseInt(match.group(2));
    exchange
        .getResponseHeaders()
        .set("Content-Range", "bytes " + first + "-" + last + "/" + content.length);
    reply(exchange, 206, Arrays.copyOfRange(content, first, last + 1));
  }

  static void reply(HttpExchange exchange, int status, byte[] body) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(status, -1);
    } else {
      exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** Promises a body and closes the connection after a part of it. */
  static void truncated(HttpExchange exchange, int status, byte[] body, int sent)
      throws IOException {
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body, 0, sent);
    exchange.getResponseBody().flush();
    exchange.close();
  }

  static void error(HttpExchange exchange, int status, String code, String message)
      throws IOException {
    if (code != null) {
      exchange.getResponseHeaders().set("X-Error-Code", code);
    }
    exchange.getResponseHeaders().set("X-Error-Message", message);
    reply(exchange, status, message.getBytes(StandardCharsets.UTF_8));
  }

  private static boolean isLarge(String name) {
    return name.endsWith(".safetensors");
  }

  /** How the hub names the content of a file. */
  String etag(String name) {
    byte[] content = files.get(name);
    try {
      if (isLarge(name)) {
        return hex(MessageDigest.getInstance("SHA-256").digest(content));
      }
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      sha1.update(("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII));
      return hex(sha1.digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** A cache as Python leaves it behind, with the given files at the commit of main. */
  void writePythonCache(Path cache, String... names) {
    try {
      Path folder = cache.resolve("models--org--name");
      for (String part : List.of("blobs", "refs", "snapshots/" + COMMIT, ".no_exist/" + COMMIT)) {
        Files.createDirectories(folder.resolve(part));
      }
      Files.writeString(folder.resolve("refs/main"), COMMIT);
      for (String name : names) {
        Files.write(folder.resolve("blobs").resolve(etag(name)), files.get(name));
        Path link = folder.resolve("snapshots").resolve(COMMIT).resolve(name);
        Files.createSymbolicLink(link, Path.of("../../blobs", etag(name)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Stops both servers. */
  @Override
  public void close() {
    hub.stop(0);
    cdn.stop(0);
    threads.shutdownNow();
  }
}
