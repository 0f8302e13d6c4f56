package io.github.w2vbert.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which files are fetched, from where, and what happens if they are not to be had. */
class HubClientTest extends HubTestCase {
  private static final String COMMIT = FakeHub.COMMIT;
  private static final String OTHER_COMMIT = "f".repeat(40);

  // The cache

  @Test
  void snapshotHasTheFilesOfACheckpointAndNoOthers() throws IOException {
    Path folder = client().snapshot("org/name");

    assertEquals(folder().resolve("snapshots").resolve(COMMIT), folder);
    assertEquals(List.of("config.json", WEIGHTS, "vocab.json"), names(folder));
    assertArrayEquals(WEIGHT_BYTES, Files.readAllBytes(folder.resolve(WEIGHTS)));
  }

  @Test
  void layoutIsThatOfPython() throws IOException {
    client().file("org/name", "main", WEIGHTS);
    client().file("org/name", "main", "onnx/model.onnx");

    assertEquals(COMMIT, Files.readString(folder().resolve("refs/main")));
    assertEquals(
        Path.of("../../blobs", hub.etag(WEIGHTS)), Files.readSymbolicLink(snapshotFile(WEIGHTS)));
    assertEquals(
        Path.of("../../../blobs", hub.etag("onnx/model.onnx")),
        Files.readSymbolicLink(snapshotFile("onnx/model.onnx")));
    assertTrue(Files.isRegularFile(blob(WEIGHTS)));
    Path locks = cache.resolve(".locks/models--org--name");
    assertTrue(Files.exists(locks.resolve(hub.etag(WEIGHTS) + ".lock")), names(cache).toString());
    assertEquals(
        List.of(
                "blobs/" + hub.etag(WEIGHTS),
                "blobs/" + hub.etag("onnx/model.onnx"),
                "refs/main",
                "snapshots/" + COMMIT + "/" + WEIGHTS,
                "snapshots/" + COMMIT + "/onnx/model.onnx")
            .stream()
            .sorted()
            .toList(),
        names(folder()));
  }

  @Test
  void repositoryWithoutOwner() {
    assertRefused("has no repository gpt2", () -> client().snapshot("gpt2"));
    assertEquals(List.of("GET /api/models/gpt2/revision/main"), hub.requests);
  }

  @Test
  void cachedFilesAreNotRequestedAgain() throws IOException {
    client().snapshot("org/name");
    hub.requests.clear();
    hub.cdnRequests.clear();

    client().snapshot("org/name");
    assertEquals(List.of("GET /api/models/org/name/revision/main"), hub.allRequests());
  }

  @Test
  void pinnedRevisionNeedsNoRequestOnceItIsCached() throws IOException {
    Path folder = client().snapshot("org/name@" + COMMIT);
    assertFalse(Files.exists(folder().resolve("refs")), "a commit is no ref");
    client().file("org/name", COMMIT, "config.json");
    hub.requests.clear();
    hub.cdnRequests.clear();

    assertEquals(folder, client().snapshot("org/name", COMMIT));
    assertEquals(folder, client().snapshotWithoutWeights("org/name@" + COMMIT));
    client().file("org/name", COMMIT, "config.json");
    assertEquals(List.of(), hub.allRequests());
  }

  @Test
  void cacheOfPythonIsFoundWithoutRequests() throws IOException {
    hub.writePythonCache(cache, "config.json", "vocab.json", WEIGHTS);
    assertEquals(snapshotFile("vocab.json"), offline().file("org/name", "main", "vocab.json"));
    assertEquals(folder().resolve("snapshots").resolve(COMMIT), offline().snapshot("org/name"));
    assertEquals(snapshotFile("vocab.json"), client().file("org/name", COMMIT, "vocab.json"));

    for (String name :
        List.of(
            "preprocessor_config.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json")) {
      Files.createFile(folder().resolve(".no_exist").resolve(COMMIT).resolve(name));
    }
    client().snapshot("org/name", COMMIT);
    assertEquals(List.of(), hub.allRequests());
  }

  @Test
  void cacheOfPythonIsCompleted() throws IOException {
    hub.writePythonCache(cache, "config.json");
    client().snapshot("org/name");
    assertTrue(hub.requests.stream().noneMatch(r -> r.endsWith("config.json")), "" + hub.requests);
    assertArrayEquals(WEIGHT_BYTES, Files.readAllBytes(snapshotFile(WEIGHTS)));
  }

  @Test
  void unchangedFilesOfANewCommitAreLinkedNotDownloaded() throws IOException {
    client().snapshot("org/name");
    hub.revision("main", OTHER_COMMIT);
    hub.put("vocab.json", "{\"b\": 0}");
    hub.requests.clear();
    hub.cdnRequests.clear();

    Path folder = client().snapshot("org/name");
    assertEquals(OTHER_COMMIT, folder.getFileName().toString());
    assertEquals(OTHER_COMMIT, Files.readString(folder().resolve("refs/main")));
    assertEquals("{\"b\": 0}", Files.readString(folder.resolve("vocab.json")));
    assertEquals(List.of(), hub.cdnRequests);
    assertEquals(1, hub.requests.stream().filter(r -> r.contains("GET /org/")).count());
    assertEquals("{\"a\": 0}", Files.readString(snapshotFile("vocab.json")), "the old commit's");
  }

  @Test
  void danglingLinksAreReplaced() throws IOException {
    client().file("org/name", "main", "vocab.json");
    Files.delete(blob("vocab.json"));
    Path file = client().file("org/name", "main", "vocab.json");
    assertEquals("{\"a\": 0}", Files.readString(file));
  }

  @Test
  void revisionsWithSlashesAreEncoded() throws IOException {
    hub.revision("refs/pr/1", OTHER_COMMIT);
    client().file("org/name", "refs/pr/1", "vocab.json");
    assertEquals("HEAD /org/name/resolve/refs%2Fpr%2F1/vocab.json", hub.requests.get(0));
    assertEquals(OTHER_COMMIT, Files.readString(folder().resolve("refs/refs/pr/1")));
    assertEquals(
        OTHER_COMMIT,
        client().snapshotWithoutWeights("org/name@refs/pr/1").getFileName().toString());
  }

  @Test
  void missingFilesAreRemembered() throws IOException {
    assertRefused("no file 'no.json'", () -> client().file("org/name", COMMIT, "no.json"));
    assertTrue(Files.exists(folder().resolve(".no_exist").resolve(COMMIT).resolve("no.json")));
    hub.requests.clear();
    assertRefused("no file 'no.json'", () -> client().file("org/name", COMMIT, "no.json"));
    assertEquals(List.of(), hub.requests);
  }

  @Test
  void withoutWeightsFetchesSmallFilesOnly() throws IOException {
    Path folder = client().snapshotWithoutWeights("org/name");
    assertEquals(List.of("config.json", "vocab.json"), names(folder));
    assertEquals(List.of(), hub.cdnRequests);
  }

  @Test
  void chosenFiles() throws IOException {
    Path folder = client().snapshot("org/name", "main", name -> name.endsWith(".onnx"));
    assertEquals(List.of("onnx/model.onnx"), names(folder));
    assertRefused("none is chosen", () -> client().snapshot("org/name", "main", name -> false));
  }

  // Weights

  @Test
  void shardsOfAnIndexAreFetched() throws IOException {
    try (FakeHub sharded = new FakeHub()) {
      sharded.put("config.json", "{}");
      sharded.put("a.safetensors", bytes(1000, 1));
      sharded.put("b.safetensors", bytes(1000, 2));
      sharded.put("c.safetensors", "of another model");
      sharded.put(
          "model.safetensors.index.json",
          "{\"weight_map\": {\"x\": \"a.safetensors\", \"y\": \"b.safetensors\"}}");
      HubClient client = new HubClient(options().withEndpoint(sharded.endpoint()));
      Path folder = client.snapshot("org/name");
      assertEquals(
          List.of("a.safetensors", "b.safetensors", "config.json", "model.safetensors.index.json"),
          names(folder));

      // Without one of them the cache alone is not enough.
      assertEquals(folder, offline().snapshot("org/name"));
      Files.delete(folder.resolve("b.safetensors"));
      assertFails("does not have all of its weights", () -> offline().snapshot("org/name"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "../a.safetensors | a file in weight_map is '../a.safetensors'",
        "/etc/passwd | a file in weight_map is '/etc/passwd'",
        "a\\\\b | a file in weight_map is 'a\\b'",
        "d/../../x | a file in weight_map is 'd/../../x'",
        "no.safetensors | names the file 'no.safetensors', which org/name@",
      })
  void indexWithAForeignShardIsRefused(String shard, String expected) throws IOException {
    try (FakeHub sharded = new FakeHub()) {
      sharded.put("model.safetensors.index.json", "{\"weight_map\": {\"x\": \"" + shard + "\"}}");
      HubClient client = new HubClient(options().withEndpoint(sharded.endpoint()));
      assertRefused(expected, () -> client.snapshot("org/name"));
      assertEquals(
          List.of("cache"), names(temp).stream().map(n -> n.split("/")[0]).distinct().toList());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"not JSON", "[]", "{}", "{\"weight_map\": {}}"})
  void malformedIndexIsRefused(String index) throws IOException {
    try (FakeHub sharded = new FakeHub()) {
      sharded.put("model.safetensors.index.json", index);
      HubClient client = new HubClient(options().withEndpoint(sharded.endpoint()));
      assertRefused("model.safetensors.index.json ", () -> client.snapshot("org/name"));
    }
  }

  @Test
  void picklesAreRefusedWithAWayOut() throws IOException {
    try (FakeHub pickled = new FakeHub()) {
      pickled.put("config.json", "{}").put("pytorch_model.bin", "x").put("training_args.bin", "x");
      HubClient client = new HubClient(options().withEndpoint(pickled.endpoint()));
      assertRefused("found 'pytorch_model.bin', but pickles", () -> client.snapshot("org/name"));
      assertRefused(
          "AutoModel.from_pretrained(\"org/name\").save_pretrained",
          () -> client.snapshot("org/name"));
      assertEquals(List.of("config.json"), names(client.snapshotWithoutWeights("org/name")));
    }
  }

  // Hostile names

  @ParameterizedTest
  @ValueSource(strings = {"../x.json", "/tmp/x.json", "a\\x.json", "a/../../x.json", "c:x.json"})
  void listedNamesThatLeaveTheFolderAreRefused(String name) throws IOException {
    hub.put(name, "{}");
    assertRefused(
        "is '" + name + "'; expected a file of the repository, without '..'",
        () -> client().snapshot("org/name", "main", n -> n.endsWith("x.json")));
    assertRefused("file is '" + name, () -> client().file("org/name", "main", name));
    assertEquals(List.of(), names(folder().resolve("snapshots")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a/b/c",
        "../name",
        "org/..",
        "org/.name",
        "-org/name",
        "org/name-",
        "org/na--me",
        "org/name.git",
        "org /name",
        "/name",
        "name/",
        "org/näme",
        "org/name@",
        "org/name@../x",
        "org/name@/x",
        "org/name@a//b",
        "org/name@a\\b",
        "org/name@a\nb",
        "org/name@a/../../b"
      })
  void malformedRepositoriesAreRefused(String repository) {
    assertRefused("; expected ", () -> client().snapshot(repository));
    assertRefused("; expected ", () -> client().snapshot("a".repeat(97)));
    assertRefused("; expected ", () -> client().snapshot("a".repeat(97) + "/b"));
    assertEquals(List.of(), hub.requests);
  }

  @Test
  void ownerAndNameMayEachBeLong() {
    String id = "a".repeat(96) + "/" + "b".repeat(96);
    assertRefused("has no repository " + id, () -> client().snapshot(id));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../../etag",
        "a/b",
        "..",
        ".hidden",
        "a b",
        "x.incomplete",
        "x.w2vbert.incomplete"
      })
  void etagsThatAreNoFileNamesAreRefused(String etag) throws IOException {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
          exchange.getResponseHeaders().set("ETag", '"' + etag + '"');
          FakeHub.reply(exchange, 200, new byte[1]);
          return true;
        };
    assertFails("has ETag '" + etag, () -> client().file("org/name", "main", "vocab.json"));
    assertEquals(List.of(), names(cache));
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../x", "main", "ABCDEF", ""})
  void commitsThatAreNoneAreRefused(String commit) throws IOException {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("X-Repo-Commit", commit);
          exchange.getResponseHeaders().set("ETag", "\"e\"");
          String list = "{\"sha\": \"" + commit + "\", \"siblings\": []}";
          FakeHub.reply(exchange, 200, list.getBytes(StandardCharsets.UTF_8));
          return true;
        };
    assertFails("expected a commit", () -> client().file("org/name", "main", "vocab.json"));
    assertFails("expected a commit", () -> client().snapshot("org/name"));
    assertEquals(List.of(), names(cache));
  }

  @ParameterizedTest
  @ValueSource(strings = {"<html>", "[]", "{\"sha\": 1}", ""})
  void answersThatAreNoListAreRefused(String body) {
    hub.intercept =
        exchange -> {
          FakeHub.reply(exchange, 200, body.getBytes(StandardCharsets.UTF_8));
          return true;
        };
    assertFails("/api/models/org/name/revision/main", () -> client().snapshot("org/name"));
  }

  @Test
  void endlessListIsRefused() {
    byte[] megabyte = " ".repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
    hub.intercept =
        exchange -> {
          exchange.sendResponseHeaders(200, 0); // chunked
          for (int i = 0; i < 64; i++) {
            exchange.getResponseBody().write(megabyte);
          }
          return true;
        };
    assertFails("longer than 33554432 bytes", () -> client().snapshot("org/name"));
  }

  // Redirects

  @Test
  void listThatTricklesInIsGivenUp() {
    hub.intercept =
        exchange -> {
          exchange.sendResponseHeaders(200, 0);
          try {
            for (int i = 0; i < 200; i++) { // 4 s, never 100 ms without a byte
              exchange.getResponseBody().write(' ');
              exchange.getResponseBody().flush();
              Thread.sleep(20);
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the test is over
          }
          return true;
        };
    HubOptions hasty = options().withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(200));
    assertFails("not complete after 1.2 s", () -> new HubClient(hasty).snapshot("org/name"));
  }

  @Test
  void renamedRepositoriesAreFollowed() throws IOException {
    hub.intercept =
        exchange -> {
          String path = exchange.getRequestURI().getRawPath();
          if (!path.contains("old/name")) {
            return false;
          }
          exchange.getResponseHeaders().set("Location", path.replace("old/name", "org/name"));
          FakeHub.reply(exchange, 307, "elsewhere".getBytes(StandardCharsets.UTF_8));
          return true;
        };
    Path folder = client().snapshot("old/name");
    assertEquals("models--old--name", folder.getParent().getParent().getFileName().toString());
    assertArrayEquals(WEIGHT_BYTES, Files.readAllBytes(folder.resolve(WEIGHTS)));
  }

  @Test
  void redirectLoopsEnd() {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("Location", exchange.getRequestURI().getRawPath());
          FakeHub.reply(exchange, 302, new byte[0]);
          return true;
        };
    assertFails("redirects more than 10 times", () -> client().snapshot("org/name"));
    assertEquals(11, hub.requests.size());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "ftp://host/x", "file:///etc/passwd", "http://", "http://host:99999/", "::"})
  void redirectsToNowhereAreRefused(String location) {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("Location", location);
          FakeHub.reply(exchange, 302, new byte[0]);
          return true;
        };
    assertFails("; expected a URL", () -> client().snapshot("org/name"));
  }

  @Test
  void serversThatAreNoHubAreNamed() {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("Location", hub.cdn() + "/login?secret");
          FakeHub.reply(exchange, 302, new byte[0]);
          return true;
        };
    W2vBertException error =
        assertFails(
            "redirects to " + hub.cdn() + "/login; is HF_ENDPOINT the URL of a hub?",
            () -> client().file("org/name", "main", "vocab.json"));
    assertFalse(error.getMessage().contains("secret"), error.getMessage());
    assertEquals(List.of(), hub.cdnRequests);
  }

  // Access

  @Test
  void tokenGoesToTheHubOnly() throws IOException {
    hub.token = "hf_secret";
    new HubClient(options().withToken("hf_secret")).snapshot("org/name");
    assertEquals(1, hub.cdnRequests.size());
    assertEquals(List.of(), hub.leaks);
  }

  @Test
  void gatedRepositoryTellsToAskForAccess() {
    hub.token = "hf_secret";
    assertFails(
        "org/name: it is gated. Ask for access at "
            + hub.endpoint()
            + "/org/name, then set HF_TOKEN",
        () -> client().snapshot("org/name"));
    W2vBertException error =
        assertFails(
            "does not accept the token",
            () -> new HubClient(options().withToken("hf_wrong")).snapshot("org/name"));
    assertFalse(error.getMessage().contains("hf_wrong"), error.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "403 | GatedRepo | it is gated",
        "403 | DisabledRepo | has disabled org/name",
        "403 | '' | forbids access to org/name: set HF_TOKEN",
        "418 | '' | has status 418; expected 200",
      })
  void refusalsDiffer(int status, String code, String expected) {
    hub.intercept =
        exchange -> {
          FakeHub.error(exchange, status, code.isEmpty() ? null : code, "No");
          return true;
        };
    assertFails(expected, () -> client().snapshot("org/name"));
    assertFails(expected, () -> client().file("org/name", "main", "vocab.json"));
    assertEquals(2, hub.requests.size(), "not repeated");
  }

  @Test
  void whatDoesNotExistIsNamed() {
    assertRefused(
        "has no repository org/other, or it is private: set HF_TOKEN",
        () -> client().snapshot("org/other"));
    assertRefused(
        "has org/name, but no revision 'v9'; expected a branch, a tag or a commit",
        () -> client().snapshot("org/name@v9"));
    assertRefused(
        "has org/name@main, but in it no file 'no.json'",
        () -> client().file("org/name", "main", "no.json"));
    hub.intercept =
        exchange -> {
          FakeHub.reply(exchange, 401, new byte[0]); // what strangers are told
          return true;
        };
    assertRefused(
        "has no repository org/name, or it is private", () -> client().snapshot("org/name"));
    hub.intercept =
        exchange -> {
          FakeHub.reply(exchange, 404, new byte[0]);
          return true;
        };
    assertRefused("has not found org/name@main", () -> client().snapshot("org/name"));
  }

  // A hub that is busy, down or not wanted

  @ParameterizedTest
  @ValueSource(ints = {408, 429, 500, 503})
  void busyHubIsAskedAgain(int status) throws IOException {
    AtomicInteger refusals = new AtomicInteger();
    hub.intercept =
        exchange -> {
          if (refusals.incrementAndGet() > 2) {
            return false;
          }
          exchange.getResponseHeaders().set("Retry-After", "0");
          FakeHub.reply(exchange, status, new byte[0]);
          return true;
        };
    Path file = client().file("org/name", "main", "vocab.json");
    assertEquals("{\"a\": 0}", Files.readString(file));
    assertEquals(4, hub.requests.size(), hub.requests.toString());
  }

  @Test
  void hubThatStaysBrokenIsReportedUnlessTheCacheHelps() throws IOException {
    hub.intercept =
        exchange -> {
          FakeHub.reply(exchange, 500, new byte[0]);
          return true;
        };
    assertFails("answers status 500, 3 times in a row", () -> client().snapshot("org/name"));
    assertEquals(3, hub.requests.size());

    hub.writePythonCache(cache, "config.json", WEIGHTS);
    assertEquals(folder().resolve("snapshots").resolve(COMMIT), client().snapshot("org/name"));
    assertEquals(snapshotFile("config.json"), client().file("org/name", "main", "config.json"));
    assertFails(
        "does not have its 'vocab.json'", () -> client().file("org/name", "main", "vocab.json"));
  }

  @Test
  void longRetryAfterIsNotWaitedFor() {
    hub.intercept =
        exchange -> {
          exchange.getResponseHeaders().set("Retry-After", "3600");
          FakeHub.reply(exchange, 429, new byte[0]);
          return true;
        };
    assertFails("status 429 and asks to come back in 3600 s", () -> client().snapshot("org/name"));
    assertEquals(1, hub.requests.size());
  }

  @Test
  void silentHubTimesOut() {
    hub.intercept =
        exchange -> {
          try {
            Thread.sleep(3000);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the test is over
          }
          return true;
        };
    HubOptions hasty = options().withTimeouts(Duration.ofMillis(200), Duration.ofMillis(200));
    assertFails("timed out", () -> new HubClient(hasty).snapshot("org/name"));
  }

  @Test
  void cacheIsUsedIfTheNetworkIsDown() throws IOException {
    hub.writePythonCache(cache, "config.json", WEIGHTS);
    HubOptions down = options().withEndpoint(URI.create("http://127.0.0.1:1"));
    assertEquals(
        folder().resolve("snapshots").resolve(COMMIT), new HubClient(down).snapshot("org/name"));
    assertFails(
        "127.0.0.1:1 cannot be reached",
        () -> new HubClient(down.withCache(temp.resolve("empty"))).snapshot("org/name"));
  }

  @Test
  void offlineAsksNobody() throws IOException {
    assertFails("is wanted offline (HF_HUB_OFFLINE)", () -> offline().snapshot("org/name"));
    assertFails("HF_HUB_OFFLINE", () -> offline().file("org/name", "main", "vocab.json"));
    assertFails("HF_HUB_OFFLINE", () -> offline().snapshot("org/name@" + COMMIT));
    assertEquals(List.of(), hub.requests);
    assertEquals(List.of(), names(cache));

    client().snapshotWithoutWeights("org/name");
    hub.requests.clear();
    assertEquals(
        List.of("config.json", "vocab.json"), names(offline().snapshotWithoutWeights("org/name")));
    assertFails("does not have all of its weights", () -> offline().snapshot("org/name"));
    assertEquals(List.of(), hub.requests);
  }

  @Test
  void cacheThatCannotBeWrittenIsNamed() throws IOException {
    Path file = Files.createFile(temp.resolve("file"));
    HubClient client = new HubClient(options().withCache(file));
    assertFails("set HF_HUB_CACHE to another folder", () -> client.snapshot("org/name"));
    assertEquals(List.of(), hub.cdnRequests);
  }

  @Test
  void progressEndsWithTheWholeFile() {
    List<String> calls = new ArrayList<>();
    HubOptions options =
        options().withProgress((n, done, all) -> calls.add(n + " " + done + " " + all));
    new HubClient(options).file("org/name", "main", WEIGHTS);
    assertEquals(WEIGHTS + " 0 100000", calls.get(0));
    assertEquals(WEIGHTS + " 100000 100000", calls.get(calls.size() - 1));
    calls.clear();
    new HubClient(options).file("org/name", "main", WEIGHTS);
    assertEquals(List.of(), calls);
  }
}
