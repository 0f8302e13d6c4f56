package io.github.w2vbert.training;

/**
 * What a model made of one utterance.
 *
 * @param expected the text or label; empty for frames and speakers
 * @param recognised what the model says; empty for frames and speakers
 * @param errors words, labels or frames; {@link ErrorCounts#NONE} for speakers
 */
public record Judgement(
    Utterance utterance, String expected, String recognised, ErrorCounts errors) {}
