package io.github.w2vbert.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A hub on the loopback interface whose repository org/name is a folder; this process uses it. */
final class ModelHub implements AutoCloseable {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final String FILES = "/org/name/resolve/" + COMMIT + "/";
  private static final List<String> PROPERTIES =
      List.of("w2vbert.hub.endpoint", "w2vbert.hub.cache", "w2vbert.hub.offline");

  /** Requests so far. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  private final HttpServer server;
  private final Path folder;

  ModelHub(Path folder, Path cache) throws IOException {
    this.folder = folder;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
    System.setProperty("w2vbert.hub.endpoint", "http://127.0.0.1:" + server.getAddress().getPort());
    System.setProperty("w2vbert.hub.cache", cache.toString());
    System.setProperty("w2vbert.hub.offline", "0");
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      requests.add(exchange.getRequestMethod() + " " + path);
      if (path.matches("/api/models/org/name/revision/(main|v1)")) {
        ObjectNode listing = Cli.JSON.createObjectNode().put("sha", COMMIT);
        var siblings = listing.putArray("siblings");
        Cli.names(folder).forEach(name -> siblings.addObject().put("rfilename", name));
        reply(exchange, 200, listing.toString().getBytes(StandardCharsets.UTF_8));
      } else if (path.startsWith(FILES)) {
        String name = path.substring(FILES.length());
        exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
        exchange.getResponseHeaders().set("ETag", "\"etag-of-" + name + "\"");
        reply(exchange, 200, Files.readAllBytes(folder.resolve(name)));
      } else {
        exchange.getResponseHeaders().set("X-Error-Code", "RepoNotFound");
        reply(exchange, 404, new byte[0]);
      }
    }
  }

  private static void reply(HttpExchange exchange, int status, byte[] body) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(status, -1);
    } else {
      exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }

  @Override
  public void close() {
    PROPERTIES.forEach(System::clearProperty);
    server.stop(0);
  }
}
