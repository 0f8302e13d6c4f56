package io.github.w2vbert.training;

import java.io.IOException;
import java.nio.file.Path;

/** Trains in a process of its own, which {@link TrainerTest} kills. */
public final class TrainerProbe {
  private TrainerProbe() {}

  /**
   * Begins or goes on. Prints the number of each step.
   *
   * @param arguments the folder of the recordings and the result; "linear", "model", or the number
   *     of batches that make a step of a model
   */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Trainer.Builder trainer =
        arguments[1].equals("linear") ? TrainerTest.trainer(folder) : FinetuneTest.drawing(folder);
    if (arguments[1].matches("\\d+")) {
      trainer.options(trainer.options.withAccumulation(Integer.parseInt(arguments[1])));
    }
    trainer
        .options(trainer.options.withCheckpointEvery(3))
        .listener(
            new TrainingListener() {
              @Override
              public void stepped(TrainingProgress progress) {
                System.out.println(progress.step());
                try {
                  Thread.sleep(100); // to be killed in time
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              }
            })
        .resume(true)
        .build()
        .run();
  }
}
