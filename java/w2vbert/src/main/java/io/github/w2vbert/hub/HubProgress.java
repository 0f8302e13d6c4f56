package io.github.w2vbert.hub;

/** Is told how far downloads are. */
@FunctionalInterface
public interface HubProgress {
  /** Does nothing. */
  HubProgress NONE = (file, done, total) -> {};

  /**
   * Is called when a download begins, whenever bytes have arrived, and when all have; never for a
   * file that is in the cache. It runs in the thread that called {@link HubClient}, one file after
   * the other, and what it throws ends the download. It must not ask a client for the file that is
   * being downloaded.
   *
   * @param file its name in the repository
   * @param done bytes on disk, those of an earlier attempt included; less than before if the server
   *     made the download start again
   * @param total bytes of the file, or -1 if the server does not say
   */
  void advance(String file, long done, long total);
}
