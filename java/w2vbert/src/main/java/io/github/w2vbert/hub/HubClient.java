package io.github.w2vbert.hub;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.hub.HubApi.Listing;
import io.github.w2vbert.hub.HubApi.Metadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Finds models of the Hugging Face hub in the hub's cache, and downloads what is not there.
 *
 * <pre>{@code
 * HubClient hub = new HubClient(HubOptions.fromEnvironment().withToken(token));
 * Path folder = hub.snapshot("org/name", "v1.0");
 * }</pre>
 *
 * <p>A branch or tag is looked up on the hub with each call, in one request; files that are in the
 * cache are not requested again. If the hub cannot be reached, what the cache has of the revision
 * is used, with a warning. A revision that is a full commit never changes, and needs no request
 * once its files are in the cache. Offline, nothing is requested at all.
 *
 * <p>Any number of threads may share a client, and any number of processes a cache. An interrupt
 * ends a download with a {@link W2vBertException}; the next call continues it.
 *
 * <p>All methods throw {@link IllegalArgumentException} if a repository, revision or file is
 * malformed or does not exist, and {@link W2vBertException} if access is refused, the hub cannot be
 * reached and the cache does not help, a file arrives damaged, or the cache cannot be written.
 */
public final class HubClient {
  private static final System.Logger LOG = System.getLogger(HubClient.class.getName());
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The files of a checkpoint that are not weights. */
  private static final List<String> SMALL_FILES =
      List.of(
          "config.json",
          "preprocessor_config.json",
          "vocab.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json");

  private static final String SINGLE_FILE = "model.safetensors";
  private static final String INDEX_FILE = "model.safetensors.index.json";
  private static final long MOST_INDEX_BYTES = 20_000_000;
  private static final String A_FILE = "a file of the repository";

  /** What is asked, and how. */
  private record Hub(HubOptions options, HubHttp http, HubApi api) {
    static Hub of(HubOptions options) {
      HubHttp http = new HubHttp(options);
      return new Hub(options, http, new HubApi(options, http));
    }
  }

  private Hub hub; // null: that of this process, not needed so far

  /**
   * A client with the options of this process, see {@link HubOptions#fromEnvironment()}. They are
   * read, and refused if they are malformed, when the hub or its cache is first needed.
   */
  public HubClient() {}

  /** A client with the given options. */
  public HubClient(HubOptions options) {
    hub = Hub.of(Objects.requireNonNull(options, "options"));
  }

  private synchronized Hub hub() {
    if (hub == null) {
      hub = Hub.of(HubOptions.fromEnvironment());
    }
    return hub;
  }

  private HubOptions options() {
    return hub().options();
  }

  /**
   * An existing folder of that name, or else the folder of a checkpoint of the hub. For the former,
   * neither the hub's options nor its cache matter.
   *
   * @param folderOrRepository an existing folder, or a repository as for {@link #snapshot(String)}
   */
  public Path resolve(String folderOrRepository) {
    return resolve(folderOrRepository, this::snapshot);
  }

  /**
   * The same without weights.
   *
   * @param folderOrRepository an existing folder, or a repository as for {@link #snapshot(String)}
   */
  public Path resolveWithoutWeights(String folderOrRepository) {
    return resolve(folderOrRepository, this::snapshotWithoutWeights);
  }

  private static Path resolve(String given, Function<String, Path> fetch) {
    Objects.requireNonNull(given, "folderOrRepository");
    try {
      Path folder = Path.of(given);
      if (!given.isEmpty() && Files.isDirectory(folder)) {
        return folder;
      }
    } catch (InvalidPathException e) {
      // no folder has this name; it may still be a repository
    }
    try {
      return fetch.apply(given);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(noFolder(given) + e.getMessage(), e);
    } catch (W2vBertException e) {
      throw new W2vBertException(noFolder(given) + e.getMessage(), e);
    }
  }

  private static String noFolder(String given) {
    return "'" + given + "' is not an existing folder, and as a repository of the hub: ";
  }

  /**
   * The folder of a checkpoint: configuration, tokenizer and weights.
   *
   * @param repository {@code org/name}, {@code name}, or with a revision {@code org/name@revision}
   */
  public Path snapshot(String repository) {
    return snapshot(Repository.parse(repository), Contents.ALL);
  }

  /**
   * The folder of a checkpoint: configuration, tokenizer and weights.
   *
   * @param repository {@code org/name} or {@code name}
   * @param revision a branch, a tag or a commit
   */
  public Path snapshot(String repository, String revision) {
    return snapshot(new Repository(repository, revision), Contents.ALL);
  }

  /**
   * The folder of a checkpoint without its weights.
   *
   * @param repository {@code org/name}, {@code name}, or with a revision {@code org/name@revision}
   */
  public Path snapshotWithoutWeights(String repository) {
    return snapshot(Repository.parse(repository), Contents.SMALL);
  }

  /**
   * The folder of a revision with chosen files. From the cache alone, the folder may lack some.
   *
   * @param repository {@code org/name} or {@code name}
   * @param revision a branch, a tag or a commit
   * @param names which files, such as {@code name -> name.endsWith(".json")}
   * @throws IllegalArgumentException also if no file is chosen
   */
  public Path snapshot(String repository, String revision, Predicate<String> names) {
    Objects.requireNonNull(names, "names");
    return snapshot(new Repository(repository, revision), new Contents(false, names));
  }

  /**
   * One file.
   *
   * @param repository {@code org/name} or {@code name}
   * @param revision a branch, a tag or a commit
   * @param name its path in the repository
   * @return its path in the cache
   */
  public Path file(String repository, String revision, String name) {
    Repository wanted = new Repository(repository, revision);
    Repository.requireRelative("file", name, A_FILE);
    HubCache cache = cache(wanted);
    if (wanted.isPinned()) {
      Path file = cache.file(revision, name);
      if (Files.isRegularFile(file)) {
        return file;
      }
      if (cache.isKnownAbsent(revision, name)) {
        throw new IllegalArgumentException(
            wanted + " has no file " + Repository.quoted(name) + ", says " + cache.folder());
      }
    }
    if (options().offline()) {
      return cachedFile(wanted, name, null);
    }
    try {
      return fetch(wanted, name);
    } catch (IOException e) {
      return cachedFile(wanted, name, e);
    }
  }

  private HubCache cache(Repository repository) {
    return new HubCache(options().cache(), repository.id());
  }

  // Snapshots

  /**
   * What a snapshot must hold.
   *
   * @param weights whether a checkpoint's weights are wanted beside its small files
   * @param names which files are wanted instead; null: those of a checkpoint
   */
  private record Contents(boolean weights, Predicate<String> names) {
    static final Contents SMALL = new Contents(false, null);
    static final Contents ALL = new Contents(true, null);

    /** Whether the cache is better than nothing. */
    boolean isUsable(HubCache cache, String commit) {
      return !weights || hasWeights(cache, commit);
    }

    /** Whether the hub could not add anything. */
    boolean isComplete(HubCache cache, String commit) {
      return names == null && hasSmall(cache, commit) && isUsable(cache, commit);
    }
  }

  private Path snapshot(Repository wanted, Contents contents) {
    HubCache cache = cache(wanted);
    if (wanted.isPinned() && contents.isComplete(cache, wanted.revision())) {
      return cache.snapshot(wanted.revision());
    }
    if (options().offline()) {
      return cachedSnapshot(wanted, contents, null);
    }
    Listing listing;
    try {
      listing = hub().api().list(wanted);
    } catch (IOException e) {
      return cachedSnapshot(wanted, contents, e);
    }
    if (!wanted.isPinned()) {
      cache.saveRevision(wanted.revision(), listing.commit());
    }
    Repository commit = wanted.at(listing.commit());
    if (contents.names() != null) {
      fetchChosen(commit, listing, contents.names());
    } else {
      fetchSmall(commit, listing);
      if (contents.weights()) {
        fetchWeights(commit, listing);
      }
    }
    return cache.snapshot(listing.commit());
  }

  private void fetchChosen(Repository commit, Listing listing, Predicate<String> names) {
    List<String> chosen = listing.names().stream().filter(names).toList();
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(
          commit + " has " + listing.names().size() + " files, and none is chosen");
    }
    fetchAll(commit, chosen);
  }

  private void fetchSmall(Repository commit, Listing listing) {
    HubCache cache = cache(commit);
    for (String name : SMALL_FILES) {
      if (listing.names().contains(name)) {
        fetchAll(commit, List.of(name));
      } else {
        cache.saveAbsence(commit.revision(), name);
      }
    }
    prepareFolder(cache.snapshot(commit.revision()));
  }

  /** A repository may have none of the files; its folder exists all the same. */
  private static void prepareFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw HubCache.unwritable(folder, e);
    }
  }

  private void fetchWeights(Repository commit, Listing listing) {
    Set<String> names = listing.names();
    if (names.contains(SINGLE_FILE)) {
      fetchAll(commit, List.of(SINGLE_FILE));
    } else if (names.contains(INDEX_FILE)) {
      fetchAll(commit, List.of(INDEX_FILE));
      Path index = cache(commit).file(commit.revision(), INDEX_FILE);
      List<String> shards = shards(index);
      for (String shard : shards) {
        if (!names.contains(shard)) {
          throw new IllegalArgumentException(
              index
                  + " names the file "
                  + Repository.quoted(shard)
                  + ", which "
                  + commit
                  + " does not have");
        }
      }
      fetchAll(commit, shards);
    } else {
      throw noWeights(commit, names);
    }
  }

  private static IllegalArgumentException noWeights(Repository commit, Set<String> names) {
    String message = commit + " has no " + SINGLE_FILE + " and no " + INDEX_FILE;
    String pickle =
        names.stream()
            .filter(name -> name.matches(".*\\.(bin|pt|pth|pkl|ckpt)"))
            .filter(name -> !name.endsWith("training_args.bin"))
            .findFirst()
            .orElse(null);
    if (pickle != null) {
      message +=
          "; found "
              + Repository.quoted(pickle)
              + ", but pickles are not read, since a pickle can run any program. Convert it once in"
              + " Python: transformers.AutoModel.from_pretrained(\""
              + commit.id()
              + "\").save_pretrained(\"...\", safe_serialization=True), with the class that"
              + " config.json names under architectures, such as AutoModelForCTC, in place of"
              + " AutoModel";
    }
    return new IllegalArgumentException(message);
  }

  private static List<String> shards(Path index) {
    JsonNode map;
    try {
      long size = Files.size(index);
      if (size > MOST_INDEX_BYTES) {
        throw new IllegalArgumentException(
            index + " has " + size + " bytes; expected at most " + MOST_INDEX_BYTES);
      }
      map = JSON.readTree(Files.readAllBytes(index)).path("weight_map");
    } catch (JacksonException e) {
      throw new IllegalArgumentException(index + " is not JSON: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new W2vBertException(index + " cannot be read: " + e, e);
    }
    if (!map.isObject() || map.isEmpty()) {
      throw new IllegalArgumentException(
          index + " has no \"weight_map\" from tensor names to file names");
    }
    Set<String> shards = new TreeSet<>();
    for (JsonNode shard : map) {
      Repository.requireRelative(index + ": a file in weight_map", shard.asText(), A_FILE);
      shards.add(shard.asText());
    }
    return List.copyOf(shards);
  }

  private static boolean hasSmall(HubCache cache, String commit) {
    return Files.isDirectory(cache.snapshot(commit))
        && SMALL_FILES.stream()
            .allMatch(
                name ->
                    Files.isRegularFile(cache.file(commit, name))
                        || cache.isKnownAbsent(commit, name));
  }

  private static boolean hasWeights(HubCache cache, String commit) {
    if (Files.isRegularFile(cache.file(commit, SINGLE_FILE))) {
      return true;
    }
    Path index = cache.file(commit, INDEX_FILE);
    return Files.isRegularFile(index)
        && shards(index).stream().allMatch(s -> Files.isRegularFile(cache.file(commit, s)));
  }

  // The cache alone

  /**
   * @param reason why the hub is not asked; null if that is wanted
   */
  private Path cachedSnapshot(Repository wanted, Contents contents, IOException reason) {
    HubCache cache = cache(wanted);
    String commit = cache.commit(wanted.revision());
    if (commit == null || !Files.isDirectory(cache.snapshot(commit))) {
      throw notCached(wanted, "it", cache, reason);
    }
    if (!contents.isUsable(cache, commit)) {
      throw notCached(wanted, "all of its weights", cache, reason);
    }
    return used(wanted, cache.snapshot(commit), reason);
  }

  private Path cachedFile(Repository wanted, String name, IOException reason) {
    HubCache cache = cache(wanted);
    String commit = cache.commit(wanted.revision());
    if (commit == null || !Files.isRegularFile(cache.file(commit, name))) {
      throw notCached(wanted, "its " + Repository.quoted(name), cache, reason);
    }
    return used(wanted, cache.file(commit, name), reason);
  }

  private static Path used(Repository wanted, Path path, IOException reason) {
    if (reason != null) {
      LOG.log(
          System.Logger.Level.WARNING,
          "{0} may have changed: the hub cannot be reached ({1}); using {2}",
          wanted,
          reason.getMessage(),
          path);
    }
    return path;
  }

  private W2vBertException notCached(
      Repository wanted, String what, HubCache cache, IOException reason) {
    String where = "the cache " + cache.folder() + " does not have " + what;
    return reason == null
        ? new W2vBertException(wanted + " is wanted offline (HF_HUB_OFFLINE), and " + where)
        : new W2vBertException(
            wanted
                + " is wanted, but "
                + options().endpoint()
                + " cannot be reached ("
                + reason.getMessage()
                + "), and "
                + where,
            reason);
  }

  // Downloads

  private void fetchAll(Repository commit, List<String> names) {
    for (String name : names) {
      Repository.requireRelative("a file of " + commit, name, A_FILE);
    }
    for (String name : names) {
      if (!Files.isRegularFile(cache(commit).file(commit.revision(), name))) {
        try {
          fetch(commit, name);
        } catch (IOException e) {
          throw new W2vBertException(
              name + " of " + commit + " cannot be downloaded: " + e.getMessage(), e);
        }
      }
    }
  }

  private Metadata metadata(Repository wanted, String name) throws IOException {
    try {
      return hub().api().metadata(wanted, name);
    } catch (HubApi.NoSuchFile e) {
      if (e.commit() != null) {
        cache(wanted).saveAbsence(e.commit(), name);
      }
      throw e;
    }
  }

  /** Makes sure that the cache has the file that the hub has now. */
  private Path fetch(Repository wanted, String name) throws IOException {
    HubCache cache = cache(wanted);
    Metadata metadata = metadata(wanted, name);
    if (!wanted.isPinned()) {
      cache.saveRevision(wanted.revision(), metadata.commit());
    }
    Path file = cache.file(metadata.commit(), name);
    if (Files.isRegularFile(file)) {
      return file;
    }
    String etag = metadata.etag();
    cache.whileLocked(
        etag,
        () -> {
          if (Files.isRegularFile(file)) {
            return; // the one that held the lock has made it
          }
          Path blob = cache.blob(etag);
          boolean isNew = !Files.isRegularFile(blob);
          if (isNew) {
            cache.prepare();
            HubApi api = hub().api();
            new Download(hub().http(), options(), name, metadata, () -> api.metadata(wanted, name))
                .run(blob);
          }
          cache.publish(etag, metadata.commit(), name, isNew);
        });
    return file;
  }
}
