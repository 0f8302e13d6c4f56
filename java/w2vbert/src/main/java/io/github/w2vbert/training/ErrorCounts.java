package io.github.w2vbert.training;

import java.util.Arrays;
import java.util.List;

/**
 * The errors of a hypothesis beside its reference: those of an alignment with the fewest errors
 * (Levenshtein 1966) and, of these, with the most substitutions. Counts add up over a corpus.
 *
 * @param substitutions items of the reference that became others
 * @param deletions items of the reference that are missing
 * @param insertions items of the hypothesis that nothing in the reference stands for
 * @param reference items of the reference
 */
public record ErrorCounts(long substitutions, long deletions, long insertions, long reference) {
  /** No errors in nothing. */
  public static final ErrorCounts NONE = new ErrorCounts(0, 0, 0, 0);

  /** Errors in words, which white space divides. */
  public static ErrorCounts ofWords(String reference, String hypothesis) {
    return of(words(reference), words(hypothesis));
  }

  /** Errors in characters (Unicode code points), spaces among them. */
  public static ErrorCounts ofCharacters(String reference, String hypothesis) {
    return of(reference.codePoints().boxed().toList(), hypothesis.codePoints().boxed().toList());
  }

  private static List<String> words(String text) {
    return text.isBlank() ? List.of() : Arrays.asList(text.strip().split("\\s+"));
  }

  /** Errors in items of any kind; takes time {@code reference * hypothesis}. */
  public static ErrorCounts of(List<?> reference, List<?> hypothesis) {
    int columns = hypothesis.size();
    Object[] items = hypothesis.toArray();
    // The fewest errors and, with them, the most substitutions of each beginning of the hypothesis.
    int[] errors = new int[columns + 1];
    int[] substituted = new int[columns + 1];
    Arrays.setAll(errors, j -> j);
    for (int i = 1; i <= reference.size(); i++) {
      Object item = reference.get(i - 1);
      int diagonalErrors = errors[0];
      int diagonalSubstituted = substituted[0];
      errors[0] = i;
      for (int j = 1; j <= columns; j++) {
        int wrong = item.equals(items[j - 1]) ? 0 : 1;
        int best = diagonalErrors + wrong;
        int substitutions = diagonalSubstituted + wrong;
        diagonalErrors = errors[j];
        diagonalSubstituted = substituted[j];
        if (isBetter(errors[j] + 1, substituted[j], best, substitutions)) { // a deletion
          best = errors[j] + 1;
          substitutions = substituted[j];
        }
        if (isBetter(errors[j - 1] + 1, substituted[j - 1], best, substitutions)) { // an insertion
          best = errors[j - 1] + 1;
          substitutions = substituted[j - 1];
        }
        errors[j] = best;
        substituted[j] = substitutions;
      }
    }
    // Both differ by the lengths, and with the substitutions make all errors.
    int lost = reference.size() - columns;
    int unpaired = errors[columns] - substituted[columns];
    return new ErrorCounts(
        substituted[columns], (unpaired + lost) / 2, (unpaired - lost) / 2, reference.size());
  }

  private static boolean isBetter(int errors, int substituted, int best, int bestSubstituted) {
    return errors < best || (errors == best && substituted > bestSubstituted);
  }

  /** All errors. */
  public long errors() {
    return substitutions + deletions + insertions;
  }

  /**
   * Errors per item of the reference: the word or character error rate, which may be above 1. Of an
   * empty reference 0 if there are no errors, else infinity.
   */
  public double rate() {
    return errors() == 0 ? 0 : (double) errors() / reference;
  }

  /** The sums of both counts. */
  public ErrorCounts plus(ErrorCounts other) {
    return new ErrorCounts(
        substitutions + other.substitutions,
        deletions + other.deletions,
        insertions + other.insertions,
        reference + other.reference);
  }
}
