package io.github.w2vbert.cuda;

/**
 * A GPU.
 *
 * @param index its number
 * @param name as its maker calls it
 * @param computeCapability such as {@code 9.0}
 * @param memoryBytes all of its memory; see {@link CudaDevices#memory} for what is free
 * @param multiprocessors of which it has this many
 * @param pciBusId such as {@code 0000:65:00.0}
 */
public record CudaDevice(
    int index,
    String name,
    String computeCapability,
    long memoryBytes,
    int multiprocessors,
    String pciBusId) {}
