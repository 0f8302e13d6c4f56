package io.github.w2vbert.training;

/**
 * An utterance that was read once and can be used.
 *
 * @param begin in samples at the model's rate
 * @param length in samples
 * @param target token ids for CTC; one label for an utterance; empty for frames
 */
record Item(Utterance utterance, int begin, int length, int[] target) {
  String name() {
    return utterance.name();
  }
}
