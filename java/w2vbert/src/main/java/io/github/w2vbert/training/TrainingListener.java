package io.github.w2vbert.training;

/** Is told how a run goes, on the thread that runs it. */
public interface TrainingListener {
  /** Listens to nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /**
   * Recordings are read, or a model is judged.
   *
   * @param what is done, such as "reading recordings"
   */
  default void advanced(String what, int done, int total) {}

  /** A step was made. */
  default void stepped(TrainingProgress progress) {}

  /**
   * The model was judged.
   *
   * @param isBest whether it is better than ever before, and therefore was saved
   */
  default void evaluated(long step, Evaluation evaluation, boolean isBest) {}

  /** Something was left out, or is not as it should be. */
  default void warned(String message) {}
}
