package io.github.w2vbert;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Text to ids and back, for random texts of the recorded vocabularies. */
class TokenizerPropertyTest {
  private static final List<String> LANGUAGES = List.of("en", "mn", "tr", "ar");

  private record Sample(Tokenizer tokenizer, String text) {}

  @Provide
  Arbitrary<Sample> samples() {
    return Arbitraries.of(LANGUAGES)
        .flatMap(
            language -> {
              Tokenizer tokenizer =
                  Tokenizer.fromPretrained(Golden.dir().resolve("tokenizer").resolve(language));
              List<String> letters =
                  tokenizer.vocabulary().keySet().stream()
                      .filter(token -> token.codePointCount(0, token.length()) == 1)
                      .filter(token -> !token.equals(tokenizer.wordDelimiterToken()))
                      .filter(token -> token.codePoints().allMatch(Character::isLetter))
                      .sorted()
                      .toList();
              Arbitrary<String> words =
                  Arbitraries.of(letters)
                      .list()
                      .ofMinSize(1)
                      .ofMaxSize(12)
                      .map(l -> String.join("", l));
              return words
                  .list()
                  .ofMinSize(1)
                  .ofMaxSize(8)
                  .map(list -> new Sample(tokenizer, String.join(" ", list)));
            });
  }

  @Property(tries = 300)
  void decodingWhatWasEncodedGivesTheText(@ForAll("samples") Sample sample) {
    Tokenizer tokenizer = sample.tokenizer;
    int[] ids = tokenizer.encode(sample.text);
    // Without the collapse of CTC the ids are the text as they are.
    assertEquals(
        sample.text,
        tokenizer.decode(
            ids,
            DecodeOptions.DEFAULT.withGroupTokens(false).withCleanUpTokenizationSpaces(false)));
    // With it they are once a blank stands between equal neighbours, as a model writes them.
    List<Integer> path = new ArrayList<>();
    for (int id : ids) {
      if (!path.isEmpty() && path.get(path.size() - 1) == id) {
        path.add(tokenizer.padTokenId());
      }
      path.add(id);
    }
    assertEquals(
        sample.text,
        tokenizer.decode(
            path.stream().mapToInt(Integer::intValue).toArray(),
            DecodeOptions.DEFAULT.withCleanUpTokenizationSpaces(false)));
  }
}
