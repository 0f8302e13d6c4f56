package io.github.w2vbert.training;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.w2vbert.W2vBertException;
import java.util.ArrayList;
import java.util.List;

/** One run of a {@link Trainer}: its position, and what happens at which step. */
final class TrainingRun implements AutoCloseable {
  private static final long NOT_YET = -1;

  private final Trainer.Builder settings;
  private final TrainerOptions options;
  private final TrainingListener listener;
  private final Setup setup;
  private final Learner learner;
  private final Checkpoints checkpoints;
  private final TrainingLog log;
  private final Corpus corpus;
  private final Corpus evaluationCorpus; // null: none
  private final BatchLoader loader;
  private final Workers workers;

  private int epoch;
  private int batch;
  private long step;
  private double loss;
  private long bestStep;
  private double bestError;
  private double bestLoss;
  private int badBatches;
  private TrainerState last; // as it was saved

  private Schedule schedule;
  private Evaluation best; // of this process
  private long evaluatedStep = NOT_YET;
  private double audioSeconds;
  private long firstStep;
  private long begun;

  TrainingRun(
      Trainer.Builder settings,
      Setup setup,
      Learner learner,
      Checkpoints checkpoints,
      TrainingLog log,
      TrainerState state) {
    this.settings = settings;
    this.setup = setup;
    this.learner = learner;
    this.checkpoints = checkpoints;
    this.log = log;
    options = settings.options;
    listener = settings.listener;
    epoch = state.epoch();
    batch = state.batch();
    step = state.step();
    loss = state.loss();
    bestStep = state.bestStep();
    bestError = state.bestError();
    bestLoss = state.bestLoss();
    badBatches = state.badBatches();
    last = state;
    corpus = read("training", settings.train, setup.training(), options.batchSeconds());
    evaluationCorpus =
        settings.evaluation.isEmpty()
            ? null
            : read("evaluation", settings.evaluation, setup.evaluation(), Double.MAX_VALUE);
    loader =
        new BatchLoader(corpus, setup.training(), setup.extractor(), options, learner.workers());
    workers = new Workers(learner, options.seed());
  }

  private Corpus read(String what, List<Utterance> utterances, Targets targets, double seconds) {
    Corpus read =
        Corpus.read(
            utterances,
            targets,
            setup.extractor().samplingRate(),
            seconds,
            options.badAudio(),
            done -> listener.advanced("reading " + what + " data", done, utterances.size()));
    if (last.step() == 0) {
      for (SkippedUtterance skipped : read.skipped()) {
        log.write(
            TrainingLog.event("skipped")
                .put("data", what)
                .put("utterance", skipped.name())
                .put("source", skipped.source())
                .put("reason", skipped.reason()));
      }
    }
    for (SkippedUtterance skipped : read.skipped()) {
      listener.warned(skipped.source() + ": left out " + skipped.name() + ": " + skipped.reason());
    }
    return read;
  }

  TrainingResult run() {
    long total = totalSteps();
    schedule =
        new Schedule(
            options.schedule(),
            options.learningRate(),
            Math.round(options.warmup() * total),
            total);
    firstStep = step;
    begun = System.nanoTime();
    begin(total);
    setup.save(settings.output);
    while (step < total && (options.epochs() == 0 || epoch < options.epochs())) {
      runEpoch(total);
    }
    finish();
    return new TrainingResult(
        settings.output,
        step,
        loss,
        bestStep,
        evaluationCorpus == null ? Double.NaN : bestError,
        skipped(),
        badBatches);
  }

  private List<SkippedUtterance> skipped() {
    List<SkippedUtterance> all = new ArrayList<>(corpus.skipped());
    if (evaluationCorpus != null) {
      all.addAll(evaluationCorpus.skipped());
    }
    return all;
  }

  /** Steps of all epochs, exactly: batches differ from epoch to epoch. */
  private long totalSteps() {
    long limit = options.maxSteps() == 0 ? Long.MAX_VALUE : options.maxSteps();
    if (options.epochs() == 0) {
      return limit;
    }
    long total = 0;
    for (int e = 0; e < options.epochs() && total < limit; e++) {
      long batches = loader.plan(e).size();
      total += (batches + options.accumulation() - 1) / options.accumulation();
    }
    return Math.min(total, limit);
  }

  private void begin(long total) {
    ObjectNode event =
        TrainingLog.event(step == 0 && batch == 0 ? "begin" : "resume")
            .put("task", settings.task.name())
            .put("step", step)
            .put("totalSteps", total)
            .put("parameters", learner.parameters())
            .put("utterances", corpus.items().size())
            .put("audioSeconds", corpus.seconds());
    if (evaluationCorpus != null) {
      event
          .put("evaluationUtterances", evaluationCorpus.items().size())
          .put("evaluationSeconds", evaluationCorpus.seconds());
    }
    ArrayNode drawn = event.putArray("drawnParameters");
    learner.drawn().forEach(drawn::add);
    log.write(event);
  }

  /** The rest of an epoch, or as much of it as there are steps. */
  private void runEpoch(long total) {
    loader.begin(epoch, batch);
    int batches = loader.batches();
    int current = epoch;
    while (epoch == current && step < total) {
      int group = Math.min(options.accumulation(), batches - batch);
      boolean moved = learn(group, total);
      batch += group;
      boolean ends = batch == batches;
      if (ends) {
        epoch++;
        batch = 0;
      }
      boolean evaluates = isDue(options.evaluateEvery(), moved, ends);
      if (evaluates) {
        evaluate();
      }
      boolean saves =
          options.checkpointEvery() == 0
              ? evaluates
              : isDue(options.checkpointEvery(), moved, ends);
      if (saves) {
        saveCheckpoint();
      }
    }
    loader.drop();
  }

  /** Whether something is to happen after a step, or without a distance after an epoch. */
  private boolean isDue(long every, boolean moved, boolean epochEnds) {
    return every == 0 ? epochEnds : moved && step % every == 0;
  }

  /** Learns from so many batches; false if there was no step. */
  private boolean learn(int group, long total) {
    double sum = 0;
    int good = 0;
    double seconds = 0;
    List<String> names = new ArrayList<>();
    for (int first = 0; first < group; first += workers.count()) {
      List<BatchLoader.Batch> batches = new ArrayList<>();
      try {
        for (int i = first; i < Math.min(first + workers.count(), group); i++) {
          batches.add(loader.next());
        }
        double[] losses = workers.accumulate(batches, epoch, batch + first, 1.0 / group);
        for (int i = 0; i < losses.length; i++) {
          BatchLoader.Batch learnt = batches.get(i);
          if (!Double.isFinite(losses[i])) {
            reportBad("loss", losses[i], learnt.names());
            continue;
          }
          sum += losses[i];
          good++;
          seconds += learnt.seconds();
          names.addAll(learnt.names());
        }
      } finally {
        batches.forEach(BatchLoader.Batch::close);
      }
    }
    if (good == 0) {
      return false;
    }
    double rate = schedule.rate(step);
    Learner.Step made = learner.step(rate);
    if (made.overflowed()) {
      log.write(TrainingLog.event("overflow").put("step", step).put("lossScale", made.lossScale()));
      return false;
    }
    if (!made.applied()) {
      reportBad("gradient norm", made.gradientNorm(), names);
      return false;
    }
    step++;
    loss = sum / good;
    audioSeconds += seconds;
    log.write(
        TrainingLog.event("step")
            .put("step", step)
            .put("epoch", epoch + 1)
            .put("loss", loss)
            .put("learningRate", rate)
            .put("gradientNorm", made.gradientNorm())
            .put("audioSeconds", seconds));
    double elapsed = (System.nanoTime() - begun) / 1e9;
    listener.stepped(
        new TrainingProgress(
            step,
            total,
            epoch + 1,
            loss,
            rate,
            made.gradientNorm(),
            audioSeconds / elapsed,
            elapsed / (step - firstStep) * (total - step)));
    return true;
  }

  private void reportBad(String what, double value, List<String> names) {
    badBatches++;
    ObjectNode event = TrainingLog.event("badBatch").put("step", step).put(what, value);
    ArrayNode files = event.putArray("utterances");
    names.forEach(files::add);
    log.write(event);
    String message =
        "the "
            + what
            + " is "
            + value
            + " after step "
            + step
            + " for the batch of "
            + String.join(", ", names);
    if (badBatches > options.maxBadBatches()) {
      throw new W2vBertException(
          message
              + "; it is bad batch number "
              + badBatches
              + ", expected at most "
              + options.maxBadBatches());
    }
    listener.warned(message + "; it is left out");
  }

  private void evaluate() {
    evaluatedStep = step;
    if (evaluationCorpus == null) {
      saveModel();
      return;
    }
    Evaluation evaluation;
    int count = evaluationCorpus.items().size();
    try (Scorer scorer = learner.scorer()) {
      evaluation =
          Judge.judge(
              evaluationCorpus,
              setup.evaluation(),
              setup.extractor(),
              scorer,
              null,
              done -> listener.advanced("evaluating", done, count));
    }
    boolean isBest =
        evaluation.error() < bestError
            || (evaluation.error() == bestError && evaluation.loss() < bestLoss);
    ObjectNode event =
        TrainingLog.event("evaluation")
            .put("step", step)
            .put("epoch", (double) epoch + (double) batch / Math.max(1, loader.batches()))
            .put("metric", settings.task.metric())
            .put("error", evaluation.error())
            .put("loss", evaluation.loss())
            .put("best", isBest);
    if (settings.task == TrainingTask.CTC) {
      event.put("characterError", evaluation.characters().rate());
    }
    log.write(event);
    if (isBest) {
      best = evaluation;
      bestError = evaluation.error();
      bestLoss = evaluation.loss();
      saveModel();
    }
    Curves.write(settings.output);
    listener.evaluated(step, evaluation, isBest);
  }

  private void saveModel() {
    bestStep = step;
    learner.savePretrained(settings.output);
    ModelCard.write(settings, setup, corpus, evaluationCorpus, best, step);
  }

  private void saveCheckpoint() {
    last =
        new TrainerState(
            epoch,
            batch,
            step,
            loss,
            bestStep,
            bestError,
            bestLoss,
            badBatches,
            log.bytes(),
            last.settings());
    checkpoints.save(last, learner);
  }

  /** The last model is judged, too, and the run can be prolonged. */
  private void finish() {
    if (evaluatedStep != step && bestStep != step) {
      evaluate();
    }
    if (last.step() != step) {
      saveCheckpoint();
    }
    log.write(TrainingLog.event("end").put("step", step).put("bestStep", bestStep));
    Curves.write(settings.output);
  }

  @Override
  public void close() {
    workers.close();
    loader.close();
  }
}
