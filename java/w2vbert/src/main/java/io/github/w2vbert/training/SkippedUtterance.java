package io.github.w2vbert.training;

/**
 * An utterance that was left out.
 *
 * @param name its file, and the part that was meant
 * @param source the line of the manifest
 * @param reason why it cannot be used
 */
public record SkippedUtterance(String name, String source, String reason) {}
