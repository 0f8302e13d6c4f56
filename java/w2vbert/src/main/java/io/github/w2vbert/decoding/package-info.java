/**
 * From the scores of a model for connectionist temporal classification to text: beam search with
 * n-gram models and hot words, and forced alignment. Plain Java; every class may be shared between
 * threads unless it says otherwise.
 */
package io.github.w2vbert.decoding;
