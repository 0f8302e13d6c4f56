/**
 * Fine-tuning: manifests, augmentation, schedules, metrics, and the {@link
 * io.github.w2vbert.training.Trainer} that puts them together.
 */
package io.github.w2vbert.training;
