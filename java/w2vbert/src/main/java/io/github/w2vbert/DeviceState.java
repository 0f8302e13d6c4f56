package io.github.w2vbert;

/**
 * What a model has on its CUDA device; on the CPU there is nothing of it.
 *
 * @param sessions that calls have opened so far, see {@link DeviceOptions#withSessions}
 * @param graphs that are captured in all sessions together, see {@link
 *     DeviceOptions#withGraphBuckets}
 * @param memoryBytes what counts against {@link DeviceOptions#withMemoryLimit}: parameters,
 *     workspaces of graphs, what calls compute, and results that are not closed
 * @param graphProblem why the first graph that could not be captured could not; calls that it was
 *     for are computed without, and it is tried again after some. Empty if there is no such graph
 */
public record DeviceState(int sessions, int graphs, long memoryBytes, String graphProblem) {}
