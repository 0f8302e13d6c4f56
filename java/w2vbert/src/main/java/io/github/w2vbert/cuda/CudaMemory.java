package io.github.w2vbert.cuda;

/**
 * The memory of a device.
 *
 * @param freeBytes what nobody on this machine uses
 * @param totalBytes what CUDA can give out
 */
public record CudaMemory(long freeBytes, long totalBytes) {}
