package io.github.w2vbert.hub;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.W2vBertException;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What the hub says about repositories and files. An {@link IOException} means that it cannot be
 * reached.
 */
final class HubApi {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MOST_LIST_BYTES = 32 << 20;
  private static final Pattern ETAG = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._+=~-]{0,127}");

  private final HubOptions options;
  private final HubHttp http;

  HubApi(HubOptions options, HubHttp http) {
    this.options = options;
    this.http = http;
  }

  /** The files of a commit. */
  record Listing(String commit, Set<String> names) {}

  /**
   * A file.
   *
   * @param etag names its content
   * @param size in bytes; -1 if unknown
   * @param location where it is fetched
   */
  record Metadata(String commit, String etag, long size, URI location) {}

  /** The hub has the revision, but no such file. */
  static final class NoSuchFile extends IllegalArgumentException {
    private static final long serialVersionUID = 1;
    private final String commit;

    private NoSuchFile(String message, String commit) {
      super(message);
      this.commit = commit;
    }

    /** The commit that does not have it; null if the hub does not say. */
    String commit() {
      return commit;
    }
  }

  /** Lists a repository. */
  Listing list(Repository repository) throws IOException {
    URI uri = uri("/api/models/" + repository.id() + "/revision/" + encoded(repository.revision()));
    try (HubHttp.Answer answer =
        http.request("GET", uri, null, options.etagTimeout(), /* toOtherHosts= */ false)) {
      if (answer.status() != 200) {
        throw refusal(answer, repository, null);
      }
      JsonNode root;
      byte[] body = answer.body().readAll(MOST_LIST_BYTES, options.downloadTimeout());
      try {
        root = JSON.readTree(body);
      } catch (IOException e) {
        throw malformed(uri, "is not JSON: " + e.getMessage());
      }
      String commit = root.path("sha").asText();
      if (!Repository.isCommit(commit)) {
        throw malformed(uri, "has sha " + Repository.quoted(commit) + "; expected a commit");
      }
      JsonNode siblings = root.path("siblings");
      if (!siblings.isArray()) {
        throw malformed(uri, "has no list of siblings");
      }
      Set<String> names = new TreeSet<>();
      siblings.forEach(file -> names.add(file.path("rfilename").asText()));
      return new Listing(commit, names);
    }
  }

  /** Asks for the facts about a file. */
  Metadata metadata(Repository repository, String name) throws IOException {
    StringBuilder path = new StringBuilder("/" + repository.id() + "/resolve/");
    path.append(encoded(repository.revision()));
    for (String part : name.split("/")) {
      path.append('/').append(encoded(part));
    }
    URI uri = uri(path.toString());
    try (HubHttp.Answer answer =
        http.request("HEAD", uri, null, options.etagTimeout(), /* toOtherHosts= */ false)) {
      answer.body().discard(options.etagTimeout());
      if (answer.status() >= 400) {
        throw refusal(answer, repository, name);
      }
      String commit = answer.header("X-Repo-Commit");
      String linked = answer.header("X-Linked-Etag");
      String etag = normalized(linked != null ? linked : answer.header("ETag"));
      if (commit == null || etag == null) {
        throw malformed(
            uri,
            "has no X-Repo-Commit or no ETag"
                + (answer.location() == null
                    ? ""
                    : " and redirects to " + HubHttp.shown(answer.location()))
                + "; is HF_ENDPOINT the URL of a hub?");
      }
      if (!Repository.isCommit(commit)
          || (repository.isPinned() && !commit.equals(repository.revision()))) {
        throw malformed(
            uri,
            "has X-Repo-Commit "
                + Repository.quoted(commit)
                + "; expected "
                + (repository.isPinned() ? repository.revision() : "a commit"));
      }
      if (!ETAG.matcher(etag).matches() || etag.endsWith(".incomplete")) {
        throw malformed(
            uri, "has ETag " + Repository.quoted(etag) + "; expected a name without separators");
      }
      return new Metadata(
          commit,
          etag,
          size(answer, uri),
          answer.location() != null ? answer.location() : answer.uri());
    }
  }

  /** Without quotes and the mark of a weak tag. */
  private static String normalized(String etag) {
    return etag == null ? null : etag.replaceFirst("^W/", "").replaceAll("^\"|\"$", "");
  }

  private static long size(HubHttp.Answer answer, URI uri) {
    String linked = answer.header("X-Linked-Size");
    // A redirect's own length is not the file's.
    String text =
        linked != null || answer.location() != null ? linked : answer.header("Content-Length");
    if (text == null) {
      return -1;
    }
    try {
      long size = Long.parseLong(text.trim());
      if (size >= 0) {
        return size;
      }
    } catch (NumberFormatException e) {
      // the message below says it
    }
    throw malformed(uri, "has size " + Repository.quoted(text) + "; expected a number of bytes");
  }

  private static W2vBertException malformed(URI uri, String what) {
    return new W2vBertException("the answer of " + HubHttp.shown(uri) + " " + what);
  }

  private URI uri(String path) {
    return URI.create(options.endpoint().toString().replaceFirst("/+$", "") + path);
  }

  private static String encoded(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** What an answer of 4xx means. */
  private RuntimeException refusal(HubHttp.Answer answer, Repository repository, String name) {
    String id = repository.id();
    String where = options.endpoint() + " ";
    String code = answer.header("X-Error-Code");
    String message = answer.header("X-Error-Message");
    String said = message == null ? "" : " (the hub says " + Repository.quoted(message) + ")";
    int status = answer.status();
    boolean badToken = status == 401 && message != null && message.contains("Invalid credentials");
    switch (code == null ? "" : code) {
      case "GatedRepo":
        return new W2vBertException(
            where
                + "guards "
                + id
                + ": it is gated. Ask for access at "
                + uri("/" + id)
                + ", then "
                + tokenHint()
                + said);
      case "DisabledRepo":
        return new W2vBertException(where + "has disabled " + id + said);
      case "RevisionNotFound":
        return new IllegalArgumentException(
            where
                + "has "
                + id
                + ", but no revision "
                + Repository.quoted(repository.revision())
                + "; expected a branch, a tag or a commit");
      case "EntryNotFound":
        String commit = answer.header("X-Repo-Commit");
        return new NoSuchFile(
            where + "has " + repository + ", but in it no file " + Repository.quoted(name),
            Repository.isCommit(commit) ? commit : null);
      case "RepoNotFound":
        return noRepository(where, id);
      default:
        break;
    }
    if (badToken) {
      return new W2vBertException(where + "does not accept the token: " + tokenHint() + said);
    }
    if (status == 401) { // also for repositories that do not exist, to those who send no token
      return noRepository(where, id);
    }
    if (status == 403) {
      return new W2vBertException(where + "forbids access to " + id + ": " + tokenHint() + said);
    }
    if (status == 404) {
      return new IllegalArgumentException(
          where + "has not found " + (name == null ? repository : repository + "/" + name) + said);
    }
    return malformed(answer.uri(), "has status " + status + "; expected 200" + said);
  }

  private IllegalArgumentException noRepository(String where, String id) {
    return new IllegalArgumentException(
        where + "has no repository " + id + ", or it is private: " + tokenHint());
  }

  private String tokenHint() {
    return options.token() == null
        ? "set HF_TOKEN to a token that may read it"
        : "set HF_TOKEN to another token; the one that was sent may not read it";
  }
}
