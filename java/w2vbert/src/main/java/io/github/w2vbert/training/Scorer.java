package io.github.w2vbert.training;

import io.github.w2vbert.RaggedFeatures;
import java.util.List;

/** A model that is asked, not taught. */
interface Scorer extends AutoCloseable {
  /** What it says of each utterance. */
  List<Scores> score(RaggedFeatures features);

  @Override
  void close();
}
