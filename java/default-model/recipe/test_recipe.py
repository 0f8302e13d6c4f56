"""Promises of the recipe that need no synthesiser: python3 -m unittest discover -s RECIPE"""

import collections
import pathlib
import random
import re
import unittest

import manifests
import synthesize
import texts

TEXT = re.compile(r"[a-z']+( [a-z']+)*")


class RecipeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = texts.sentences(3000, 7)
        cls.items = synthesize.plan(cls.lines, 7)

    def test_numbers_in_words(self):
        self.assertEqual(texts.cardinal(0), "zero")
        self.assertEqual(texts.cardinal(1_019_040), "one million nineteen thousand forty")
        self.assertEqual(texts.cardinal(1_001, with_and=True), "one thousand and one")
        self.assertEqual(texts.cardinal(342, with_and=True), "three hundred and forty two")
        self.assertEqual(texts.ordinal(23), "twenty third")
        self.assertEqual(texts.ordinal(112), "one hundred twelfth")
        self.assertEqual(texts.ordinal(40), "fortieth")
        self.assertEqual(texts.year(1907, random.Random(0)), "nineteen oh seven")
        self.assertEqual(texts.year(1800, random.Random(0)), "eighteen hundred")

    def test_same_seed_same_sentences(self):
        self.assertEqual(texts.sentences(3000, 7), self.lines)
        self.assertNotEqual(texts.sentences(3000, 8), self.lines)
        self.assertEqual(synthesize.plan(self.lines, 7), self.items)

    def test_sentences_are_normalised(self):
        for _, text, _ in self.lines:
            self.assertRegex(text, TEXT)
            self.assertTrue(TEXT.fullmatch(text), text)

    def test_capitals_are_letters_of_the_text(self):
        for item in self.items:
            self.assertEqual(texts.text_of(item.spoken), item.text)
        spoken = self.items[0]._replace(spoken="A as in alpha, Z")
        self.assertEqual(synthesize.letters(spoken, "ay", "zee"), "ay as in alpha, zee")

    def test_long_sentences_are_in_one_split(self):
        splits = collections.defaultdict(set)
        for item in self.items:
            if item.text.count(" ") > 2:
                splits[item.text].add(item.split)
        self.assertGreater(len(splits), 1000)
        self.assertEqual([text for text, used in splits.items() if len(used) > 1], [])

    def test_held_out_voices_are_never_trained(self):
        heard = {split: set() for split in ("train", "dev", "test")}
        for item in self.items:
            voice = item.voice.partition("+")[2] if item.engine == "espeak" else item.voice
            heard[item.split].add((item.engine, voice))
        self.assertEqual(heard["test"] & (heard["train"] | heard["dev"]), set())
        self.assertIn(("festival", "ked_diphone"), heard["test"])

    def test_every_prompt_has_a_text_or_a_reason(self):
        rows = synthesize.read_lines(pathlib.Path(__file__).with_name("asterisk.tsv"))
        self.assertEqual(rows[0], ("file", "text", "dropped"))
        self.assertEqual(len(rows) - 1, 568)
        self.assertEqual(len({row[0] for row in rows}), len(rows))
        for name, text, dropped in rows[1:]:
            self.assertTrue(bool(TEXT.fullmatch(text)) != bool(dropped), name)

    def test_prompts_weigh_more(self):
        lines = [{"audio": name} for name in ("asterisk/a.wav", "asterisk/b/c.wav", "synthetic/d.wav")]
        self.assertEqual(manifests.weighted(lines), lines + lines[:2] * 3)

    def test_human_texts_are_normalised(self):
        for source, (text, _, _) in manifests.HUMAN.items():
            self.assertTrue(TEXT.fullmatch(text), source)


if __name__ == "__main__":
    unittest.main()
