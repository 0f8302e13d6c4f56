package io.github.w2vbert;

/**
 * What a call returns besides the last hidden state.
 *
 * @param hiddenStates whether the input of the first layer and the output of every layer are kept
 * @param attentions whether attention weights are kept: {@code time * time} numbers per head and
 *     layer
 */
public record OutputOptions(boolean hiddenStates, boolean attentions) {
  /** Nothing else. */
  public static final OutputOptions NONE = new OutputOptions(false, false);
}
