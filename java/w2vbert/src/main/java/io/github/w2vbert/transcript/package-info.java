/** Transcripts with times and confidences, and the formats in which they are written. */
package io.github.w2vbert.transcript;
