package io.github.w2vbert;

import java.util.List;

/**
 * What a checkpoint and a model did not share.
 *
 * @param missing parameters that the checkpoint lacks and that were drawn afresh
 * @param unexpected tensors of the checkpoint that the model does not have; they are not read
 * @param mismatched parameters of another shape, with both shapes, that were drawn afresh
 */
public record LoadReport(List<String> missing, List<String> unexpected, List<String> mismatched) {}
