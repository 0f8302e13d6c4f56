#!/usr/bin/env python3
"""Converts the human recordings and writes the manifests of the data set.

usage: manifests.py --texts texts.tsv --out DIR --asterisk FOLDER --pocketsphinx FOLDER

--asterisk is the folder of the English prompts (*.g722), --pocketsphinx the folder `test/data` of
pocketsphinx-testdata. Writes DIR/asterisk, DIR/human, and train, train-weighted, dev, test-asterisk,
test-human and test-synthetic.jsonl: one JSON object a line with `audio` (relative to the manifest),
`text` and `speaker`. Lines of test-human.jsonl also say whether all words are numbers or commands
(`inVocabulary`). train-weighted.jsonl is train.jsonl and its prompts three more times. A missing or
implausible recording is an error, not a gap.
"""

import argparse
import collections
import json
import os
import pathlib
import sys
import wave

import synthesize

SAMPLE_RATE = 16000
PROMPT_WEIGHT = 4  # how often the weighted manifest has each prompt of the training data
SLOWEST, FASTEST = 0.6, 32.0  # characters a second; outside, text and sound do not belong together

# recording: text, speaker, in vocabulary. README.md says where each text comes from.
HUMAN = {
    "goforward.raw": ("go forward ten meters", "goforward", True),
    "numbers.raw": ("thirty three four six ninety two", "numbers", True),
    "something.raw": ("go somewhere and do something", "something", False),
    "tidigits/dhd.2934z.raw": ("two nine three four zero", "dhd", True),
    "cards/001.wav": ("ten of clubs", "cards", True),
    "cards/002.wav": ("four queen of clubs", "cards", True),
    "cards/003.wav": ("seven of clubs", "cards", True),
    "cards/004.wav": ("five five", "cards", True),
    "cards/005.wav": ("eight of spades four of clubs seven of hearts", "cards", True),
}
NOVEL = "librivox/sense_and_sensibility_01_austen_64kb-{}.wav"
HUMAN |= {
    NOVEL.format(part): (text, "librivox-sense-and-sensibility", False)
    for part, text in {
        "0870": "and mister john dashwood had then leisure to consider how much there might be"
        " prudently in his power to do for them",
        "0880": "he was not an ill disposed young man",
        "0890": "unless to be rather cold hearted and rather selfish is to be ill disposed",
        "0920": "had he married a more amiable woman he might have been made still more respectable"
        " than he was",
        "0930": "he might even have been made amiable himself",
    }.items()
}


def seconds_of(path):
    with wave.open(str(path)) as audio:
        shape = audio.getframerate(), audio.getnchannels(), audio.getsampwidth()
        if shape != (SAMPLE_RATE, 1, 2):
            expected = (SAMPLE_RATE, 1, 2)
            raise ValueError(f"{path}: rate, channels, bytes are {shape}, expected {expected}")
        return audio.getnframes() / SAMPLE_RATE


def convert(source, target):
    """Makes a 16 kHz mono 16-bit WAV of a recording, unless it is there."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    formats = {
        ".g722": ["-f", "g722"],
        ".raw": ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1"],
        ".wav": [],
    }
    part = target.with_suffix(".part")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *formats[source.suffix]]
    command += ["-i", str(source), "-ar", str(SAMPLE_RATE), "-ac", "1", "-bitexact", "-f", "wav"]
    synthesize.run(command + [str(part)])
    os.replace(part, target)


def asterisk(folder, out):
    """Yields (split, line) for each prompt of asterisk.tsv that is used."""
    listed = pathlib.Path(__file__).with_name("asterisk.tsv")
    for name, text, dropped in synthesize.read_lines(listed)[1:]:
        if dropped:
            continue
        audio = f"asterisk/{name}.wav"
        convert(folder / f"{name}.g722", out / audio)
        draw = synthesize.share_of(name)
        split = "test-asterisk" if draw < 0.1 else "dev" if draw < 0.15 else "train"
        yield split, {"audio": audio, "text": text, "speaker": "asterisk-allison"}


def human(folder, out):
    for source, (text, speaker, in_vocabulary) in HUMAN.items():
        audio = pathlib.PurePath("human", source).with_suffix(".wav").as_posix()
        convert(folder / source, out / audio)
        line = {"audio": audio, "text": text, "speaker": speaker, "inVocabulary": in_vocabulary}
        yield "test-human", line


def synthetic(texts, seed):
    for item in synthesize.plan(synthesize.read_lines(texts), seed):
        split = "test-synthetic" if item.split == "test" else item.split
        yield split, {"audio": item.path, "text": item.text, "speaker": item.speaker}


def weighted(lines):
    """The lines of train.jsonl, and those of people again."""
    prompts = [line for line in lines if line["audio"].startswith("asterisk/")]
    return lines + prompts * (PROMPT_WEIGHT - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", required=True, help="output of texts.py")
    parser.add_argument("--seed", type=int, default=2026, help="that of synthesize.py")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the data set")
    parser.add_argument("--asterisk", type=pathlib.Path, required=True, help="folder of prompts")
    parser.add_argument("--pocketsphinx", type=pathlib.Path, required=True, help="test/data")
    arguments = parser.parse_args()
    out = arguments.out

    manifests = collections.defaultdict(list)
    totals = collections.defaultdict(lambda: [0, 0.0, set()])
    sources = (
        asterisk(arguments.asterisk, out),
        human(arguments.pocketsphinx, out),
        synthetic(arguments.texts, arguments.seed),
    )
    for source in sources:
        for split, line in source:
            seconds = seconds_of(out / line["audio"])
            if not SLOWEST < len(line["text"]) / seconds < FASTEST:
                raise ValueError(
                    f"{line['audio']}: {seconds:.2f} s for {line['text']!r}, expected"
                    f" {SLOWEST} to {FASTEST} characters a second"
                )
            manifests[split].append(line)
            kind = line["audio"].partition("/")[0]
            engine = line["speaker"].partition("-")[0]
            total = totals[split, kind if kind != "synthetic" else engine]
            total[0] += 1
            total[1] += seconds
            total[2].add(line["speaker"])

    manifests["train-weighted"] = weighted(manifests["train"])
    for split, lines in manifests.items():
        part = out / f"{split}.part"
        part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(part, out / f"{split}.jsonl")
    print(f"{'manifest':16}{'source':12}{'utterances':>10}{'speakers':>10}{'hours':>8}")
    for (split, source), (count, seconds, speakers) in sorted(totals.items()):
        print(f"{split:16}{source:12}{count:10}{len(speakers):10}{seconds / 3600:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
